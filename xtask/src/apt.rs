//! Debian's packages, where this program may install them.

use std::process::Command;

use crate::process;

/// Whether [`install`] can be tried. Not by sudo: asking for a password is more than a build may do.
pub fn is_possible() -> bool {
    rustix::process::geteuid().is_root() && process::is_installed("apt-get")
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
