//! Which program runs the application: this repository's own, or a real Spin.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::{installed, project};

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
            Self::Spin => installed::find("spin", "SPIN_BIN")?.context(
                "there is no `spin` on PATH: install it (https://spinframework.dev/install), \
                 name it by SPIN_BIN, or leave out `--host spin`",
            ),
        }
    }
}
