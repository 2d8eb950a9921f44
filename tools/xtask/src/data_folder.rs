//! Where the application on this machine keeps what it works with.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

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

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Takes the folder for this process alone, until the value or the process ends.
    ///
    /// # Errors
    /// Who has it, or why it cannot be used.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        let path = self.lock_file();
        let cannot_use = || format!("cannot use {}", project::shown(&path));
        std::fs::create_dir_all(path.parent().unwrap_or(&self.0)).with_context(cannot_use)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).with_context(cannot_use)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)
                    .and_then(|()| writeln!(file, "{}", std::process::id()))
                    .with_context(cannot_use)?;
                Ok(Lock(file))
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot_use),
            Err(TryLockError::WouldBlock) => bail!(
                "{} is in use by another `cargo xtask up`, process {}: stop it, or give this one a \
                 folder of its own by --data",
                project::shown(&self.0),
                std::fs::read_to_string(&path).unwrap_or_default().trim()
            ),
        }
    }

    /// Whether somebody has it.
    pub fn is_in_use(&self) -> bool {
        File::open(self.lock_file())
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    fn lock_file(&self) -> PathBuf {
        self.0.join(".image-proxy/up.lock")
    }

    /// Where the host keeps its databases: Spin's own choice of name.
    pub fn state(&self) -> PathBuf {
        self.0.join(".spin")
    }

    /// What the application says of its requests: Spin's own choice of name.
    pub fn log(&self) -> PathBuf {
        self.state().join("logs/image-proxy_stderr.txt")
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

/// A data folder that no other process may use.
///
/// The system gives it back with the file, also at a `kill -9`.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // A child that is just being started holds the file, too, until it is another program.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_in_use_is_refused_with_who_has_it_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(&folder.path().join("new")).unwrap();
        assert!(!data.is_in_use());

        let lock = data.lock().unwrap();
        let refusal = data.lock().unwrap_err().to_string();

        assert!(data.is_in_use());
        let this = format!("process {}:", std::process::id());
        assert!(
            refusal.contains(&this) && refusal.contains("--data"),
            "{refusal}"
        );
        drop(lock);
        assert!(!data.is_in_use());
        data.lock().unwrap();
    }
}
