//! What `cargo xtask test --all` needs beyond the Rust toolchain, installed where it is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::browser;
use crate::apt::{ensure_by, ensure_installed};
use crate::cargo::cargo;
use crate::{installed, process, project, python};

/// The programs that stand for their users in the black-box tests.
const CLIENTS: [&str; 2] = ["curl", "wget"];

/// What reads the log as the deployment guide says.
const LOG_READER: &str = "jq";

/// What stands before the application on one machine, and what checks its unit.
const ONE_MACHINE: [(&str, &str); 3] = [
    ("nginx", "-v"),
    ("caddy", "version"),
    ("systemd-analyze", "--version"),
];

/// Where programs of cargo's are installed for tests.
pub const INSTALLED: &str = "target/installed";

/// The version of cargo-deny, from crates.io.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Where the Python programs of tests are.
pub struct Programs {
    /// Holds the `OpenAPI` document against the running application.
    pub schemathesis: PathBuf,
    /// The interpreter that the checks of `deploy/` run on, and `boto3`.
    pub python: PathBuf,
}

/// Makes sure of everything, and tells where it is.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure_all() -> anyhow::Result<Programs> {
    for client in CLIENTS {
        ensure_installed(client, client)?;
    }
    ensure_installed(LOG_READER, LOG_READER)?;
    for (program, asked) in ONE_MACHINE {
        // Debian has nginx where only root's PATH leads.
        let names = [program.to_owned(), format!("/usr/sbin/{program}")];
        let answers = |name| process::succeeds(Command::new(name).arg(asked));
        let package = program.trim_end_matches("-analyze");
        ensure_by(package, program, || names.iter().any(answers))?;
    }
    browser::ensure()?;
    ensure_cargo_deny()?;
    let bin = python::ensure_test_programs()?;
    Ok(Programs {
        schemathesis: bin.join("schemathesis"),
        python: bin.join("python3"),
    })
}

/// The cargo-deny on `PATH`, or the one that this has installed.
///
/// # Errors
/// When `CARGO_DENY_BIN` names what is not a file.
pub fn find_cargo_deny() -> anyhow::Result<Option<PathBuf>> {
    let here = project::root().join(INSTALLED).join("bin/cargo-deny");
    let on_path = installed::find("cargo-deny", "CARGO_DENY_BIN")?;
    Ok(on_path.or_else(|| here.is_file().then_some(here)))
}

fn ensure_cargo_deny() -> anyhow::Result<()> {
    if find_cargo_deny()?.is_some() {
        return Ok(());
    }
    let mut install = cargo();
    install
        .args(["install", "--locked", CARGO_DENY, "--root"])
        .arg(Path::new(INSTALLED))
        .current_dir(project::root());
    process::run_announced(&mut install)
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
