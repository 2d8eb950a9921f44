//! cargo-deny, which judges dependencies by `deny.toml`.

use std::path::PathBuf;

use crate::installed;

const NAME: &str = "cargo-deny";
const VERSION: &str = "0.20.2";

/// The one that `CARGO_DENY_BIN` names, that is on `PATH`, or that was installed for tests.
///
/// # Errors
/// When `CARGO_DENY_BIN` names what is not a file.
pub fn find() -> anyhow::Result<Option<PathBuf>> {
    installed::find_or_here(NAME, "CARGO_DENY_BIN")
}

/// As [`find`], installed from crates.io where there is none.
///
/// # Errors
/// When it cannot be installed.
pub fn ensure() -> anyhow::Result<PathBuf> {
    match find()? {
        Some(program) => Ok(program),
        None => installed::by_cargo(NAME, VERSION),
    }
}
