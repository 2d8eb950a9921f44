//! The licences of what is linked into component and programs, whose texts go with them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::ensure;

use super::built;
use crate::steps::say;
use crate::{apt, installed, process, project};

const INSTALL: &str = "cargo install --locked --features cli cargo-about@0.9.3";

/// Has cargo-about gather them, as `about.toml` and `about.hbs` say, and tells where they are.
/// `as_they_are` takes those that were gathered before, if there are any.
///
/// # Errors
/// When cargo-about fails, or is missing in CI, whose archives are for others.
pub fn gather(as_they_are: bool) -> anyhow::Result<Option<PathBuf>> {
    let licences = built::folder().join("THIRD-PARTY-LICENSES.txt");
    if as_they_are {
        return Ok(licences.is_file().then_some(licences));
    }
    let Some(program) = installed::find("cargo-about", "CARGO_ABOUT_BIN")? else {
        ensure!(
            !apt::is_ci(),
            "cargo-about is missing, without which the licences of what is linked in cannot go with it: {INSTALL}"
        );
        say(&format!(
            "Without cargo-about, there is no THIRD-PARTY-LICENSES.txt. Before you give the archives to others: \
             {INSTALL}"
        ));
        return Ok(None);
    };
    let mut about = Command::new(program);
    about
        .args(["generate", "--workspace", "--locked", "--fail"])
        .arg("--output-file")
        .arg(&licences)
        .arg("about.hbs")
        .current_dir(project::root());
    process::run(&mut about)?;
    Ok(Some(licences))
}
