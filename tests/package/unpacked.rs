//! Archives that `cargo xtask package` has made, and what is in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::harness::xtask;

/// A folder of archives.
pub struct Packed {
    folder: TempDir,
    /// What the command said.
    pub said: String,
}

/// A folder that was in an archive.
pub struct Unpacked {
    /// Its own name.
    pub name: String,
    path: PathBuf,
    _around: Option<TempDir>,
}

/// Packs what is built.
pub fn pack(arguments: &[&str]) -> Packed {
    Packed::into(TempDir::new().unwrap(), arguments)
}

/// `cargo xtask package`, with a date of the test's own.
pub fn command(into: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(xtask());
    command
        .args(["package", "--no-build", "--into"])
        .arg(into)
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "1000000000");
    command
}

impl Packed {
    pub fn into(folder: TempDir, arguments: &[&str]) -> Self {
        let output = command(folder.path(), arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let said = String::from_utf8(output.stdout).unwrap();
        Self { folder, said }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All but the checksums, by name. Nothing else is left.
    pub fn archives(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let mut archives: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        archives.retain(|path| !path.ends_with("SHA256SUMS"));
        for archive in &archives {
            assert_eq!(archive.extension().unwrap(), "gz", "{}", archive.display());
        }
        archives.sort();
        archives
    }

    fn only_one(&self) -> PathBuf {
        let [archive] = &self.archives()[..] else {
            panic!("not one archive");
        };
        archive.clone()
    }

    /// Each entry of the only archive on a line of its own: mode, owner, size, date in UTC, name.
    pub fn listing(&self) -> String {
        let mut tar = Command::new("tar");
        tar.args(["--list", "--verbose", "--numeric-owner", "--utc", "--file"]);
        let output = tar.arg(self.only_one()).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }

    /// The only archive's folder, which is alone in a folder that was empty.
    pub fn unpack_the_only_one(&self) -> Unpacked {
        let around = TempDir::new().unwrap();
        let mut tar = Command::new("tar");
        tar.arg("xf")
            .arg(self.only_one())
            .current_dir(around.path());
        assert!(tar.status().unwrap().success());
        let entries = fs::read_dir(around.path()).unwrap();
        let folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        let [folder] = &folders[..] else {
            panic!("not one folder: {folders:?}");
        };
        Unpacked {
            _around: Some(around),
            ..Unpacked::at(folder)
        }
    }
}

impl Unpacked {
    pub fn at(folder: &Path) -> Self {
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            path: folder.to_owned(),
            _around: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path.join(name)).unwrap()
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    /// Names from the folder on.
    pub fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&self.path).unwrap();
                    files.insert(name.to_str().unwrap().to_owned());
                }
            }
        }
        files
    }
}
