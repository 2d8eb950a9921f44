//! cargo-deny, which judges dependencies by `deny.toml`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{installed, project};

const NAME: &str = "cargo-deny";
const VERSION: &str = "0.20.2";
const VARIABLE: &str = "CARGO_DENY_BIN";

/// The one that `CARGO_DENY_BIN` names, that is on `PATH`, or that was installed for tests.
///
/// # Errors
/// When `CARGO_DENY_BIN` names what is not a file.
pub fn find() -> anyhow::Result<Option<PathBuf>> {
    installed::find_or_here(NAME, VARIABLE)
}

/// The command that checks all packages of a workspace, whose manifest is given: of itself, it looks at the
/// dependencies of the package that stands at the root, and of no other.
pub fn check(program: &Path, manifest: &str, checks: &[&str]) -> Command {
    let mut deny = Command::new(program);
    deny.args(["--workspace", "--locked", "--config", "deny.toml"])
        .args(["--manifest-path", manifest, "check"])
        .args(checks)
        .current_dir(project::root());
    deny
}

/// As [`find`], installed from crates.io where there is none.
///
/// # Errors
/// When it cannot be installed.
pub fn ensure() -> anyhow::Result<PathBuf> {
    installed::ensure(NAME, VERSION, VARIABLE)
}
