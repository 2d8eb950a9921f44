//! This project's component, on one of its hosts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::program::Program;
use crate::subject::{Served, Site, Subject};
use xtask::host::Kind;
use xtask::project;
use xtask::storage_server::free_ports;

/// The component on a host.
pub struct Component {
    host: Kind,
    program: PathBuf,
}

impl Component {
    /// # Errors
    /// When the host is not installed.
    pub fn on(host: Kind) -> anyhow::Result<Self> {
        Ok(Self {
            host,
            program: host.program()?,
        })
    }
}

/// What the component is called on a host.
pub fn name(host: Kind) -> &'static str {
    match host {
        Kind::Embedded => "image-proxy, embedded host",
        Kind::Spin => "image-proxy, Spin",
    }
}

impl Subject for Component {
    fn name(&self) -> &'static str {
        name(self.host)
    }

    fn is_peer(&self) -> bool {
        false
    }

    fn start(&self, site: &Site) -> anyhow::Result<Served> {
        let [port] = free_ports(site.address)?;
        let listen = SocketAddr::new(site.address, port);
        let state = site.folder.join("state");
        std::fs::create_dir_all(&state)?;
        site.record_in(&state.join("sqlite_db.db"))?;
        let storage = site.storage;
        let mut command = Command::new(&self.program);
        command
            .arg("up")
            .arg("--from")
            .arg(project::manifest())
            .args(["--listen", &listen.to_string()])
            .arg("--state-dir")
            .arg(&state)
            .arg("--quiet");
        for (name, value) in [
            ("s3_endpoint", &storage.endpoint),
            ("s3_region", &storage.region),
            ("s3_bucket", &storage.bucket),
            ("s3_access_key_id", &storage.access_key_id),
            ("s3_secret_access_key", &storage.secret_access_key),
        ] {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        Ok(Served {
            program: Some(Program::start(&mut command, site.folder)?),
            urls: site.image_urls(listen),
        })
    }
}
