//! nginx and Caddy before an app, started from the very files that `deploy/one-machine` has for them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::client::Error;
use super::process::signal;
use super::response::{self, Response};
use super::tls::AUTHORITY;
use super::{can_run, is_installed, root, wait_for};

/// What it shows to clients, and its key.
const CERTIFICATE: (&str, &str) = ("certificate.pem", "key.pem");

/// A proxy that runs; it ends with the test.
pub struct Front {
    process: Child,
    port: u16,
    folder: TempDir,
}

/// A file of `deploy/one-machine`, with what differs on this machine.
pub struct Site {
    text: String,
}

impl Site {
    /// The file of this name.
    pub fn of(file: &str) -> Self {
        let file = root().join("deploy/one-machine").join(file);
        let text = fs::read_to_string(file).unwrap();
        Self { text }
    }

    /// With something else in the place of what it has.
    #[track_caller]
    pub fn with(self, this: &str, other: &str) -> Self {
        assert!(self.text.contains(this), "the site has no {this}");
        let text = self.text.replace(this, other);
        Self { text }
    }
}

/// The nginx that is installed; without it, a test is skipped.
pub fn find_nginx() -> Option<&'static str> {
    // Debian has it where only root's PATH leads.
    let names = ["nginx", "/usr/sbin/nginx"];
    let found = names.into_iter().find(|name| is_installed(name));
    let what = "nginx, which `apt-get install nginx` installs,";
    can_run(found.is_some(), what);
    found
}

/// The Caddy that is installed; without it, a test is skipped.
pub fn find_caddy() -> Option<&'static str> {
    let found = is_installed("caddy").then_some("caddy");
    let what = "caddy, which `apt-get install caddy` installs,";
    can_run(found.is_some(), what);
    found
}

impl Front {
    /// nginx before `upstream`, an authority.
    pub fn nginx(upstream: &str) -> Option<Self> {
        Self::nginx_of(Site::of("nginx.conf"), upstream)
    }

    /// nginx of this site before `upstream`.
    pub fn nginx_of(site: Site, upstream: &str) -> Option<Self> {
        let program = find_nginx()?;
        let (port, folder) = (free_port(), prepared_folder());
        let configuration = nginx_configuration(site, upstream, port, folder.path());
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let mut nginx = Command::new(program);
        nginx
            .args(["-g", "daemon off;", "-e"])
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(file);
        Some(Self::started(nginx, port, folder))
    }

    /// nginx for another proxy that speaks TLS in its place, which is then the only client.
    pub fn nginx_without_tls(upstream: &str) -> Option<Self> {
        let site = Site::of("nginx.conf")
            .with("listen 443 ssl http2;", "listen 443 ;")
            .with("limit_conn image_proxy_clients 100;", "");
        Self::nginx_of(site, upstream)
    }

    /// Caddy before `upstream`.
    pub fn caddy(upstream: &str) -> Option<Self> {
        let program = find_caddy()?;
        let (port, folder) = (free_port(), prepared_folder());
        let file = folder.path().join("Caddyfile");
        fs::write(&file, caddyfile(upstream, port, folder.path())).unwrap();
        let mut caddy = Command::new(program);
        caddy
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(file)
            .env("HOME", folder.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME");
        Some(Self::started(caddy, port, folder))
    }

    fn started(mut command: Command, port: u16, folder: TempDir) -> Self {
        let said = fs::File::create(folder.path().join("said.log")).unwrap();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        wait_for("the proxy", || {
            if let Some(status) = process.try_wait().unwrap() {
                let said = fs::read_to_string(folder.path().join("said.log")).unwrap();
                panic!("the proxy ended by {status}: {said}");
            }
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            process,
            port,
            folder,
        }
    }

    /// `host:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where a path is.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address())
    }

    /// nginx's folder of what it keeps.
    pub fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    /// nginx's lines of requests.
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap()
    }

    /// One request. No answer may show what no app shows.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send(method, path, fields, b"")
    }

    /// One request with this content.
    #[track_caller]
    pub fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        content: &[u8],
    ) -> Response {
        self.try_send(method, path, fields, content).unwrap()
    }

    /// One request; the connection may end before the head.
    ///
    /// # Errors
    /// When it does.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        content: &[u8],
    ) -> Result<Response, Error> {
        response::request(method, &self.url(path), fields, content)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            signal(self.process.id(), "TERM");
            wait_for("the proxy's end", || self.process.try_wait().unwrap());
        }
    }
}

/// The site within what Debian's `nginx.conf` has around it, as far as that matters.
fn nginx_configuration(site: Site, upstream: &str, port: u16, folder: &Path) -> String {
    let live = "/etc/letsencrypt/live/images.example.com";
    let at = |name: &str| folder.join(name).display().to_string();
    let site = site
        .with(
            "listen 80;",
            &format!("listen unix:{};", at("redirects.socket")),
        )
        .with("listen [::]:80;", "")
        .with("listen 443 ", &format!("listen 127.0.0.1:{port} "))
        .with("listen [::]:443 ssl http2;", "")
        .with(&format!("{live}/fullchain.pem"), &at(CERTIFICATE.0))
        .with(&format!("{live}/privkey.pem"), &at(CERTIFICATE.1))
        .with("/var/lib/nginx/image-proxy", &at("kept"))
        .with("/var/log/nginx/image-proxy.log", &at("access.log"))
        .with("127.0.0.1:3001", &format!("127.0.0.1:{}", free_port()))
        .with("server 127.0.0.1:3000 ", &format!("server {upstream} "));
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
        .concat();
    format!(
        "user www-data;\npid {};\nevents {{}}\nhttp {{\ngzip on;\ngzip_types *;\naccess_log {};\n{temporary}{}\n}}\n",
        at("nginx.pid"),
        at("other.log"),
        site.text
    )
}

/// The site, with a certificate that nobody is asked for.
fn caddyfile(upstream: &str, port: u16, folder: &Path) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    let site = Site::of("Caddyfile")
        .with(
            "\nimages.example.com {\n",
            &format!(
                "\nhttps://127.0.0.1:{port} {{\n\ttls {} {}\n",
                at(CERTIFICATE.0),
                at(CERTIFICATE.1)
            ),
        )
        .with("127.0.0.1:3000", upstream);
    format!(
        "{{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}}\n{}",
        site.text
    )
}

/// With a certificate, and open to the user that nginx's workers become where root starts it.
fn prepared_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let permissions = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), permissions).unwrap();
    let identity = AUTHORITY.certify(&["127.0.0.1"]);
    identity.write(folder.path(), CERTIFICATE.0, CERTIFICATE.1);
    folder
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
