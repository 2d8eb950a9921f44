//! A service on `FastAPI` and aiobotocore, as one would write it: it reads the whole object, then
//! answers.

mod records;

use std::net::SocketAddr;
use std::path::PathBuf;

use super::isolated;
use crate::program::Program;
use crate::served::Served;
use crate::subject::{Site, Subject};
use xtask::storage_server::free_ports;
use xtask::{project, python};

/// The service.
const SOURCE: &str = "tools/bench/src/peers/fastapi";

/// How the service comes by its client of S3.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    PerRequest,
    Shared,
}

/// The service in one of its two forms.
pub struct FastApi {
    uvicorn: PathBuf,
    client: Client,
}

impl FastApi {
    /// Name in the report of the form that makes a client of S3 for each request.
    const PER_REQUEST: &str = "FastAPI, a client per request";
    /// Name in the report of the form that shares one.
    const SHARED: &str = "FastAPI, one shared client";
    /// Both.
    pub const NAMES: [&str; 2] = [Self::PER_REQUEST, Self::SHARED];

    /// Makes sure of what both forms run on.
    ///
    /// # Errors
    /// What to install, where that cannot be done from here.
    pub fn ensure() -> anyhow::Result<[Self; 2]> {
        let requirements = project::root().join(SOURCE).join("requirements.txt");
        let programs = python::ensure_environment("bench-venv", &requirements)?;
        Ok([Client::PerRequest, Client::Shared].map(|client| Self {
            uvicorn: programs.join("uvicorn"),
            client,
        }))
    }
}

impl Subject for FastApi {
    fn name(&self) -> String {
        let name = match self.client {
            Client::PerRequest => Self::PER_REQUEST,
            Client::Shared => Self::SHARED,
        };
        name.into()
    }

    fn start(&self, site: &Site) -> anyhow::Result<Served> {
        let [port] = free_ports(site.address)?;
        let listen = SocketAddr::new(site.address, port);
        let database = site.folder.join("images.db");
        records::write(site.objects, &database)?;
        let (storage, is_shared) = (site.storage, self.client == Client::Shared);
        let mut command = isolated(&self.uvicorn, site.folder);
        command
            .args(["app:app", "--loop", "uvloop", "--http", "httptools"])
            .args(["--host", &site.address.to_string()])
            .args(["--port", &port.to_string()])
            .arg("--app-dir")
            .arg(project::root().join(SOURCE))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("DATABASE", &database)
            .env("SHARED_CLIENT", is_shared.to_string())
            .env("S3_ENDPOINT", &storage.endpoint)
            .env("S3_BUCKET", &storage.bucket)
            .env("AWS_DEFAULT_REGION", &storage.region)
            .env("AWS_ACCESS_KEY_ID", &storage.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &storage.secret_access_key);
        Ok(Served {
            program: Some(Program::start(&mut command, site.folder)?),
            urls: site.image_urls(listen),
            unknown_path: None,
        })
    }
}
