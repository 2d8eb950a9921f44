//! Programs that Go builds.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::{installed, process, project};

/// The program that the environment variable `variable` names, else the first `name` on `PATH`, else the
/// one that Go builds of `module` (with its version) in `target/NAME`, which takes a while once.
///
/// # Errors
/// When there is none of them.
pub fn ensure(name: &str, variable: &str, module: &str) -> anyhow::Result<PathBuf> {
    if let Some(program) = installed::find(name, variable)? {
        return Ok(program);
    }
    let folder = project::root().join("target").join(name);
    let program = folder.join(name);
    if program.is_file() {
        return Ok(program);
    }
    ensure!(
        process::succeeds(Command::new("go").arg("version")),
        "there is neither `{name}` nor `go` on PATH: install one of them, or name a {name} by {variable}"
    );
    process::run_announced(
        Command::new("go")
            .env("GOBIN", &folder)
            .args(["install", module]),
    )
    .with_context(|| format!("{name} cannot be built"))?;
    Ok(program)
}
