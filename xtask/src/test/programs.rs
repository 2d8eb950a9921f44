//! What `cargo xtask test --all` needs beyond the Rust toolchain, installed where it is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::{apt, process, project};

/// The programs that stand for their users in the black-box tests.
const CLIENTS: [&str; 2] = ["curl", "wget"];

/// Holds the OpenAPI document against the running application.
const SCHEMATHESIS: &str = "schemathesis";
const SCHEMATHESIS_VERSION: &str = "4.32.5";

/// Makes sure of everything, and tells where schemathesis is.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure_all() -> anyhow::Result<PathBuf> {
    for client in CLIENTS {
        let is_there = || process::succeeds(Command::new(client).arg("--version"));
        ensure_by_apt(client, client, is_there)?;
    }
    ensure_schemathesis()
}

fn ensure_by_apt(program: &str, package: &str, is_there: impl Fn() -> bool) -> anyhow::Result<()> {
    if !is_there() && apt::is_possible() {
        apt::install(&[package])?;
    }
    ensure!(
        is_there(),
        "{program} is missing: install it (on Debian: sudo apt-get install {package})"
    );
    Ok(())
}

fn ensure_schemathesis() -> anyhow::Result<PathBuf> {
    let environment = project::root().join("target/venv");
    let program = environment.join("bin").join(SCHEMATHESIS);
    if version(&program).as_deref() != Some(SCHEMATHESIS_VERSION) {
        ensure_by_apt("Python with venv", "python3-venv", can_make_environments)?;
        make_environment(&environment)?;
        let installed = version(&program);
        ensure!(
            installed.as_deref() == Some(SCHEMATHESIS_VERSION),
            "{} does not run; remove {} and try again",
            program.display(),
            environment.display()
        );
    }
    println!("{SCHEMATHESIS} {SCHEMATHESIS_VERSION}");
    Ok(program)
}

// Debian packs `ensurepip`, without which an environment has no pip, apart from Python.
fn can_make_environments() -> bool {
    process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

fn make_environment(folder: &Path) -> anyhow::Result<()> {
    process::run_announced(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )?;
    process::run_announced(Command::new(folder.join("bin/python")).args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        &format!("{SCHEMATHESIS}=={SCHEMATHESIS_VERSION}"),
    ]))
    .with_context(|| format!("cannot install {SCHEMATHESIS} {SCHEMATHESIS_VERSION} from PyPI"))
}

/// The version that a program tells, if it runs at all.
fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| version_in(&text))?
}

/// `schemathesis, version 4.32.5`
fn version_in(text: &str) -> Option<String> {
    Some(text.split_whitespace().last()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_last_word_that_a_program_says_of_itself() {
        for (said, version) in [
            ("schemathesis, version 4.32.5\n", Some("4.32.5")),
            ("Schemathesis 4.32.5", Some("4.32.5")),
            ("", None),
        ] {
            assert_eq!(version_in(said).as_deref(), version, "{said:?}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_has_no_version() {
        assert_eq!(version(Path::new("/nowhere/schemathesis")), None);
    }
}
