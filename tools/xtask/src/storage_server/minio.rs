//! MinIO.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::{Endpoint, free_ports, server_command};
use crate::{installed, process, project};

/// The last of its versions that has a tag, as a Go module's version.
const MODULE: &str = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c";

/// Its program: the one on PATH (or that `MINIO_BIN` names), else one built by Go, as its own
/// documentation says. That takes minutes once.
///
/// # Errors
/// When there is neither.
pub fn ensure() -> anyhow::Result<PathBuf> {
    if let Some(program) = installed::find("minio", "MINIO_BIN")? {
        return Ok(program);
    }
    let folder = project::root().join("target/minio");
    let program = folder.join("minio");
    if program.is_file() {
        return Ok(program);
    }
    if !process::succeeds(Command::new("go").arg("version")) {
        bail!(
            "there is neither `minio` nor `go` on PATH: install one of them, or name a MinIO by MINIO_BIN"
        );
    }
    process::run_announced(
        Command::new("go")
            .env("GOBIN", &folder)
            .args(["install", MODULE]),
    )
    .context("MinIO cannot be built")?;
    Ok(program)
}

/// What runs it on `folder` and `address`, and how it is reached.
pub fn command(
    program: &Path,
    folder: &Path,
    address: IpAddr,
    endpoint: Endpoint,
) -> anyhow::Result<(Command, Endpoint)> {
    let [port] = free_ports(address)?;
    let address = SocketAddr::new(address, port).to_string();
    let mut command = server_command(program, &["server", "--quiet", "--address", &address]);
    command
        .arg(folder)
        .env("HOME", folder)
        .env("MINIO_ROOT_USER", &endpoint.access_key_id)
        .env("MINIO_ROOT_PASSWORD", &endpoint.secret_access_key)
        .env("MINIO_BROWSER", "off")
        .env("MINIO_UPDATE", "off");
    let endpoint = Endpoint {
        name: "minio",
        origin: format!("http://{address}"),
        ..endpoint
    };
    Ok((command, endpoint))
}
