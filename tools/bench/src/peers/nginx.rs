//! nginx as a plain proxy, and with a cache: each image is a location that passes to the presigned URL.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::isolated;
use crate::program::Program;
use crate::served::Served;
use crate::subject::{Site, Subject};
use xtask::storage_server::free_ports;
use xtask::{apt, installed, process, project};

/// Where Debian installs it, which is not on the `PATH` of everyone.
const DEBIANS: &str = "/usr/sbin/nginx";

/// Debian's packages that bring it: the former in newer releases, the latter in older ones.
const PACKAGES: [&str; 2] = ["nginx", "nginx-light"];

/// The cache, and what is cached under which key: the path that was asked for, since what is signed
/// of the presigned URL is new in every run.
const CACHE: &str = "\
    proxy_cache_path cache keys_zone=images:1m max_size=1g inactive=1d use_temp_path=off;
    proxy_cache images;
    proxy_cache_key $uri;
    proxy_cache_valid 200 1y;";

/// One of its two forms.
pub struct Nginx {
    program: PathBuf,
    has_cache: bool,
}

impl Nginx {
    /// Name in the report of the form that asks storage each time.
    const PLAIN: &str = "nginx, plain proxy";
    /// Name in the report of the form that keeps what storage has answered, on its disk.
    const WITH_CACHE: &str = "nginx, proxy_cache";
    /// Both.
    pub const NAMES: [&str; 2] = [Self::PLAIN, Self::WITH_CACHE];

    /// Both forms of the program on `PATH` (or that `NGINX_BIN` names), else of one unpacked from
    /// Debian's packages.
    ///
    /// # Errors
    /// When there is neither; the text says what to do.
    pub fn ensure() -> anyhow::Result<[Self; 2]> {
        let program = program()?;
        Ok([false, true].map(|has_cache| Self {
            program: program.clone(),
            has_cache,
        }))
    }
}

fn program() -> anyhow::Result<PathBuf> {
    if let Some(program) = installed::find("nginx", "NGINX_BIN")? {
        return Ok(program);
    }
    let folder = project::root().join("target/nginx");
    let unpacked = folder.join(DEBIANS.trim_start_matches('/'));
    let is_there = |program: &Path| process::succeeds(Command::new(program).arg("-v"));
    for program in [Path::new(DEBIANS), &unpacked] {
        if is_there(program) {
            return Ok(program.to_owned());
        }
    }
    if apt::is_possible() {
        let mut update = Command::new("apt-get");
        process::run_announced(update.args(["update", "--quiet"]))?;
    }
    for package in PACKAGES {
        let outcome = unpack(package, &folder);
        if outcome.is_ok() && is_there(&unpacked) {
            return Ok(unpacked);
        }
    }
    anyhow::bail!(
        "nginx is missing: install it (on Debian: sudo apt-get install nginx-light), or name \
         one by NGINX_BIN"
    )
}

// Not installed: that would also start a web server on port 80, now and at each boot.
fn unpack(package: &str, folder: &Path) -> anyhow::Result<()> {
    let archives = folder.join(package);
    std::fs::create_dir_all(&archives).with_context(|| archives.display().to_string())?;
    let mut download = Command::new("apt-get");
    download
        .args(["download", "--quiet", package])
        .current_dir(&archives);
    process::run_announced(&mut download)?;
    for archive in std::fs::read_dir(&archives)? {
        let mut extract = Command::new("dpkg-deb");
        extract.arg("--extract").arg(archive?.path()).arg(folder);
        process::run_announced(&mut extract)?;
    }
    Ok(())
}

impl Subject for Nginx {
    fn name(&self) -> String {
        let name = if self.has_cache {
            Self::WITH_CACHE
        } else {
            Self::PLAIN
        };
        name.into()
    }

    fn start(&self, site: &Site) -> anyhow::Result<Served> {
        let [port] = free_ports(site.address)?;
        let listen = SocketAddr::new(site.address, port);
        let configuration = site.folder.join("nginx.conf");
        std::fs::write(&configuration, rendered(site, listen, self.has_cache)?)
            .with_context(|| configuration.display().to_string())?;
        let mut command = isolated(&self.program, site.folder);
        command
            .args(["-e", "stderr", "-p"])
            .arg(site.folder)
            .arg("-c")
            .arg(&configuration);
        let urls = site.objects.iter();
        Ok(Served {
            program: Some(Program::start(&mut command, site.folder)?),
            urls: urls
                .map(|object| format!("http://{listen}/{}", object.id))
                .collect(),
            unknown_path: None,
        })
    }
}

fn rendered(site: &Site, listen: SocketAddr, has_cache: bool) -> anyhow::Result<String> {
    let mut locations = Vec::new();
    for object in site.objects {
        let signed = site.presigned_path(object)?;
        // nginx takes `$` for a variable even in quotes, and has no way to write a plain one.
        ensure!(
            !signed.contains(['$', '"', '\\']),
            "nginx cannot pass {signed} on as it is"
        );
        locations.push(format!(
            "        location = /{} {{ proxy_pass \"http://storage{signed}\"; }}",
            object.id
        ));
    }
    Ok(include_str!("nginx.conf")
        .replace("{storage}", site.storage_authority())
        .replace("{listen}", &listen.to_string())
        .replace("{cache}", if has_cache { CACHE } else { "" })
        .replace("{locations}", &locations.join("\n")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::net::Ipv4Addr;

    use uuid::Uuid;

    use super::*;
    use crate::images::Object;
    use xtask::settings::Storage;

    fn rendered_for(key: &str, has_cache: bool) -> anyhow::Result<String> {
        let storage = Storage::read(&project::runtime_config())
            .unwrap()
            .at("http://192.0.2.1:9000/");
        let site = Site {
            address: Ipv4Addr::LOCALHOST.into(),
            folder: Path::new("/nowhere"),
            storage: &storage,
            objects: &[Object {
                id: Uuid::nil(),
                key: key.into(),
                bytes: 1,
                hash: String::new(),
            }],
        };
        rendered(&site, "127.0.0.1:8000".parse().unwrap(), has_cache)
    }

    #[test]
    fn an_image_is_passed_to_its_presigned_url_as_that_was_signed() {
        let configuration = rendered_for(r#"a $b"; é\/1.png"#, false).unwrap();

        let location = configuration
            .lines()
            .find(|line| line.contains("location"))
            .unwrap();
        let passed = "proxy_pass \"http://storage/images/a%20%24b%22%3B%20%C3%A9%5C/1.png?X-Amz-";
        assert!(location.contains(passed), "{location}");
        assert!(location.contains(&format!("location = /{} ", Uuid::nil())));
    }

    #[test]
    fn storage_sees_the_host_that_was_signed() {
        let configuration = rendered_for("1.png", false).unwrap();

        for line in [
            "server 192.0.2.1:9000;",
            "proxy_set_header Host 192.0.2.1:9000;",
            "listen 127.0.0.1:8000;",
        ] {
            assert!(configuration.contains(line), "{configuration}");
        }
    }

    #[test]
    fn what_is_cached_is_found_by_the_path_that_was_asked_for_whatever_was_signed() {
        for has_cache in [false, true] {
            let configuration = rendered_for("1.png", has_cache).unwrap();

            let key = configuration.contains("proxy_cache_key $uri;");
            assert_eq!(key, has_cache, "{configuration}");
            assert!(!configuration.contains("{cache}"), "{configuration}");
        }
    }
}
