//! MinIO.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Endpoint, free_ports, server_command};
use crate::go;

/// The last of its versions that has a tag, as a Go module's version.
const MODULE: &str = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c";

/// Its program: the one on PATH (or that `MINIO_BIN` names), else one built by Go, as its own
/// documentation says. That takes minutes once.
///
/// # Errors
/// When there is neither.
pub fn ensure() -> anyhow::Result<PathBuf> {
    go::ensure("minio", "MINIO_BIN", MODULE)
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
