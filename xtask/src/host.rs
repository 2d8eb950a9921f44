//! Which program runs the application: this repository's own, or a real Spin.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::project;

/// What runs the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The host in this repository, image-proxy-host
    Embedded,
    /// Spin itself
    Spin,
}

impl Kind {
    /// Its program.
    ///
    /// # Errors
    /// When Spin is asked for and not installed.
    pub fn program(self) -> anyhow::Result<PathBuf> {
        match self {
            Self::Embedded => Ok(project::host()),
            Self::Spin => spin(std::env::var_os("SPIN_BIN"), std::env::var_os("PATH")),
        }
    }
}

fn spin(spin_bin: Option<OsString>, path: Option<OsString>) -> anyhow::Result<PathBuf> {
    if let Some(named) = spin_bin
        .filter(|named| !named.is_empty())
        .map(PathBuf::from)
    {
        anyhow::ensure!(
            named.is_file(),
            "SPIN_BIN names {}, which is no file",
            named.display()
        );
        return Ok(named);
    }
    std::env::split_paths(&path.unwrap_or_default())
        .map(|folder| folder.join("spin"))
        .find(|program| program.is_file())
        .context(
            "there is no `spin` on PATH: install it (https://spinframework.dev/install), \
             name it by SPIN_BIN, or leave out `--host spin`",
        )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn spin_is_the_one_named_by_spin_bin_else_the_first_on_path() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("spin");
        std::fs::write(&program, "").unwrap();
        let path = std::env::join_paths([Path::new("/nowhere"), folder.path()]).unwrap();

        assert_eq!(spin(None, Some(path.clone())).unwrap(), program);
        assert_eq!(spin(Some(program.clone().into()), None).unwrap(), program);
        assert!(spin(Some("/nowhere/spin".into()), Some(path)).is_err());
        assert!(
            spin(None, None)
                .unwrap_err()
                .to_string()
                .contains("--host spin")
        );
    }
}
