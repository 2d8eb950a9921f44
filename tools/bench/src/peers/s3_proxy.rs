//! <https://github.com/oxyno-zeta/s3-proxy>: a proxy in Go that does nothing else.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::isolated;
use crate::images::Object;
use crate::program::Program;
use crate::served::Served;
use crate::subject::{Site, Subject};
use xtask::settings::Storage;
use xtask::storage_server::free_ports;
use xtask::{installed, process, project};

/// Its version 5.1.0; as a Go module it has no number, since its path has none.
const MODULE: &str =
    "github.com/oxyno-zeta/s3-proxy/cmd/s3-proxy@v0.0.0-20260505195714-830281cdda4b";

/// Its program.
pub struct S3Proxy(PathBuf);

impl S3Proxy {
    /// Its name in the report.
    pub const NAME: &str = "s3-proxy";

    /// The program on `PATH` (or that `S3_PROXY_BIN` names), else one built by Go. That takes
    /// minutes once.
    ///
    /// # Errors
    /// When there is neither.
    pub fn ensure() -> anyhow::Result<Self> {
        if let Some(program) = installed::find("s3-proxy", "S3_PROXY_BIN")? {
            return Ok(Self(program));
        }
        let folder = project::root().join("target/s3-proxy");
        let program = folder.join("s3-proxy");
        if program.is_file() {
            return Ok(Self(program));
        }
        let built = process::run_announced(
            Command::new("go")
                .env("GOBIN", &folder)
                .args(["install", MODULE]),
        );
        if built.is_err() {
            bail!(
                "`go install {MODULE}` fails here: put s3-proxy on PATH, or name it by S3_PROXY_BIN"
            );
        }
        Ok(Self(program))
    }
}

impl Subject for S3Proxy {
    fn name(&self) -> String {
        Self::NAME.into()
    }

    fn start(&self, site: &Site) -> anyhow::Result<Served> {
        let ports = free_ports(site.address)?;
        // It reads every file of a folder, and would take its own log for one of them.
        let folder = site.folder.join("conf");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file = folder.join("config.yaml");
        std::fs::write(&file, rendered(site.storage, site.address, ports))
            .with_context(|| file.display().to_string())?;
        let mut command = isolated(&self.0, site.folder);
        command
            .arg("--config")
            .arg(&folder)
            .env("AWS_ACCESS_KEY_ID", &site.storage.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &site.storage.secret_access_key);
        let urls: anyhow::Result<_> = site
            .objects
            .iter()
            .map(|object| url(site, SocketAddr::new(site.address, ports[0]), object))
            .collect();
        Ok(Served {
            urls: urls?,
            unknown_path: None,
            program: Some(Program::start(&mut command, site.folder)?),
        })
    }
}

/// The key, percent-encoded as storage wants it, without the bucket.
fn url(site: &Site, listen: SocketAddr, object: &Object) -> anyhow::Result<String> {
    let signed = site.presigned_path(object)?;
    let key = signed
        .split('?')
        .next()
        .and_then(|path| path.strip_prefix(&format!("/{}/", site.storage.bucket)))
        .with_context(|| format!("{signed} is not within {}", site.storage.bucket))?;
    Ok(format!("http://{listen}/{key}"))
}

fn rendered(storage: &Storage, address: IpAddr, [port, internal_port]: [u16; 2]) -> String {
    // What is in quotes in JSON is the same in YAML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    include_str!("s3_proxy.yaml")
        .replace("{address}", &quoted(&address.to_string()))
        .replace("{port}", &port.to_string())
        .replace("{internal_port}", &internal_port.to_string())
        .replace("{bucket}", &quoted(&storage.bucket))
        .replace("{region}", &quoted(&storage.region))
        .replace("{endpoint}", &quoted(&storage.endpoint))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::net::Ipv4Addr;
    use std::path::Path;

    use uuid::Uuid;

    use super::*;

    fn storage() -> Storage {
        Storage::read(&project::runtime_config())
            .unwrap()
            .at("http://192.0.2.1:9000")
    }

    #[test]
    fn it_is_told_where_to_listen_and_what_to_read_but_no_secret() {
        let storage = storage();

        let configuration = rendered(&storage, Ipv4Addr::LOCALHOST.into(), [8000, 8001]);

        for line in [
            "  listenAddr: \"127.0.0.1\"\n  port: 8000\n",
            "  listenAddr: \"127.0.0.1\"\n  port: 8001\n",
            "      name: \"images\"\n",
            "      s3Endpoint: \"http://192.0.2.1:9000\"\n",
        ] {
            assert!(configuration.contains(line), "{configuration}");
        }
        assert!(!configuration.contains('{'), "{configuration}");
        assert!(!configuration.contains(&storage.secret_access_key));
    }

    #[test]
    fn an_image_is_asked_for_by_its_key_without_the_bucket_or_a_signature() {
        let object = Object {
            id: Uuid::nil(),
            key: "a b/é.png".into(),
            bytes: 1,
            hash: String::new(),
        };
        let listen = "127.0.0.1:8000".parse().unwrap();
        let storage = storage();
        let site = Site {
            address: Ipv4Addr::LOCALHOST.into(),
            folder: Path::new("/nowhere"),
            storage: &storage,
            objects: &[],
        };

        let url = url(&site, listen, &object).unwrap();

        assert_eq!(url, "http://127.0.0.1:8000/a%20b/%C3%A9.png");
    }
}
