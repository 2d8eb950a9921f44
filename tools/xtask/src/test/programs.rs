//! What `cargo xtask test --all` needs beyond the Rust toolchain, installed where it is missing.

use std::path::PathBuf;

use super::browser;
use crate::apt::ensure_installed;
use crate::python;

/// The programs that stand for their users in the black-box tests.
const CLIENTS: [&str; 2] = ["curl", "wget"];

/// Where Python's programs for the black-box tests are.
pub struct PythonPrograms {
    /// Holds the `OpenAPI` document against the running application.
    pub schemathesis: PathBuf,
    /// The interpreter that the checks of `deploy/` run on, and `boto3`.
    pub python: PathBuf,
}

/// Makes sure of everything, and tells where Python's programs are.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure_all() -> anyhow::Result<PythonPrograms> {
    for client in CLIENTS {
        ensure_installed(client, client)?;
    }
    browser::ensure()?;
    let bin = python::ensure_test_programs()?;
    Ok(PythonPrograms {
        schemathesis: bin.join("schemathesis"),
        python: bin.join("python3"),
    })
}

/// Makes sure of a Redis server, and tells its name.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure_redis() -> anyhow::Result<&'static str> {
    let server = "redis-server";
    ensure_installed(server, server)?;
    Ok(server)
}
