//! What `cargo xtask test --all` needs beyond the Rust toolchain, installed where it is missing.

use std::path::PathBuf;
use std::process::Command;

use super::browser;
use crate::apt::{ensure_by, ensure_installed};
use crate::{cargo_deny, go, process, python};

/// The programs that stand for their users in the black-box tests.
const CLIENTS: [&str; 2] = ["curl", "wget"];

/// What reads the log as the deployment guide says.
const LOG_READER: &str = "jq";

/// actionlint, as a Go module: what `PyPI` and npm have of it is old, or fetched from elsewhere.
const ACTIONLINT: &str = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12";

/// What stands before the application on one machine, and what checks its unit.
const ONE_MACHINE: [(&str, &str); 3] = [
    ("nginx", "-v"),
    ("caddy", "version"),
    ("systemd-analyze", "--version"),
];

/// Where the programs of tests are that are installed for them.
pub struct Programs {
    /// Holds the `OpenAPI` document against the running application.
    pub schemathesis: PathBuf,
    /// The interpreter that the checks of `deploy/` run on, and `boto3`.
    pub python: PathBuf,
    /// Holds the workflows in `.github` against GitHub's grammar.
    pub actionlint: PathBuf,
    /// Looks for what makes a workflow unsafe.
    pub zizmor: PathBuf,
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
    cargo_deny::ensure()?;
    let bin = python::ensure_test_programs()?;
    Ok(Programs {
        schemathesis: bin.join("schemathesis"),
        python: bin.join("python3"),
        actionlint: go::ensure("actionlint", "ACTIONLINT_BIN", ACTIONLINT)?,
        zizmor: bin.join("zizmor"),
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
