//! Debian's packages, where this program may install them.

use std::process::Command;

use anyhow::ensure;

use crate::process;

/// Whether [`install`] can be tried: on a machine of CI alone, since nobody else has asked for it.
#[must_use]
pub fn is_possible() -> bool {
    is_ci() && rustix::process::geteuid().is_root() && process::is_installed("apt-get")
}

/// Whether this machine is CI's, where everything has to be there.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// Installs `packages` and says so.
///
/// # Errors
/// When apt-get fails.
pub fn install(packages: &[&str]) -> anyhow::Result<()> {
    announced(&["update", "--quiet"])?;
    announced(
        &[
            &["install", "--yes", "--quiet", "--no-install-recommends"],
            packages,
        ]
        .concat(),
    )
}

fn announced(arguments: &[&str]) -> anyhow::Result<()> {
    let mut apt_get = Command::new("apt-get");
    apt_get
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(arguments);
    process::run_announced(&mut apt_get)
}

/// Makes sure of a program that a package of Debian brings.
///
/// # Errors
/// What to install, where that cannot be done from here.
pub fn ensure_installed(program: &str, package: &str) -> anyhow::Result<()> {
    ensure_by(package, program, || process::is_installed(program))
}

/// As [`ensure_installed`], for `what` is there as `is_there` says.
///
/// # Errors
/// As [`ensure_installed`].
pub fn ensure_by(package: &str, what: &str, is_there: impl Fn() -> bool) -> anyhow::Result<()> {
    if !is_there() && is_possible() {
        install(&[package])?;
    }
    ensure!(
        is_there(),
        "{what} is missing: install it (on Debian: sudo apt-get install {package})"
    );
    Ok(())
}
