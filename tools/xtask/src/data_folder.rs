//! Where the application on this machine keeps what it works with.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::project;

/// The folder of databases, stored objects and sample images; by default the checkout itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// `folder` may be relative to where the command was typed, and need not exist yet.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn at(folder: &Path) -> anyhow::Result<Self> {
        std::path::absolute(folder)
            .map(Self)
            .with_context(|| format!("cannot tell where {} is", folder.display()))
    }

    /// The folder of `--data`, or else the checkout.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn given(folder: Option<&Path>) -> anyhow::Result<Self> {
        Self::at(folder.unwrap_or(project::root()))
    }

    /// Where the host keeps its databases: Spin's own choice of name.
    pub fn state(&self) -> PathBuf {
        self.0.join(".spin")
    }

    /// Where embedded storage keeps its buckets.
    pub fn objects(&self) -> PathBuf {
        self.0.join(".image-proxy/storage")
    }

    /// What a gallery page shows: one entry for each imported image.
    pub fn gallery(&self) -> PathBuf {
        self.state().join("gallery.json")
    }

    /// What a running application says of itself.
    pub fn running(&self) -> PathBuf {
        self.0.join(".image-proxy/up.json")
    }

    /// Where sample images are drawn.
    pub fn sample_images(&self) -> PathBuf {
        self.0.join("examples/images")
    }
}
