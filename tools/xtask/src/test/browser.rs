//! What the browser tests of the gallery need: Node, Chromium, and what `tests/browser` pins.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::apt::ensure_installed;
use crate::{process, project};

/// Makes sure of everything.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure() -> anyhow::Result<()> {
    for (program, package) in [("node", "nodejs"), ("npm", "npm"), ("chromium", "chromium")] {
        ensure_installed(program, package)?;
    }
    ensure_modules(&project::root().join("tests/browser"))
}

// A copy of the lock file, made after it has been followed, tells whether it has changed since.
fn ensure_modules(folder: &Path) -> anyhow::Result<()> {
    let (lock, followed) = (
        folder.join("package-lock.json"),
        folder.join("node_modules/followed-lock.json"),
    );
    let wanted = std::fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    if std::fs::read(&followed).ok().as_ref() == Some(&wanted) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ])
    .arg(folder);
    process::run_announced(&mut npm)?;
    std::fs::write(&followed, &wanted)
        .with_context(|| format!("cannot write {}", followed.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_was_installed_by_the_same_lock_file_is_not_installed_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("node_modules")).unwrap();
        for file in ["package-lock.json", "node_modules/followed-lock.json"] {
            // As no npm would take it.
            std::fs::write(folder.path().join(file), "no lock file").unwrap();
        }

        ensure_modules(folder.path()).unwrap();
    }

    #[test]
    fn a_missing_lock_file_is_named() {
        let error = ensure_modules(Path::new("/nowhere")).unwrap_err();

        assert!(error.to_string().contains("/nowhere/package-lock.json"));
    }
}
