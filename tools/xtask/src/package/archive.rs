//! Files become archives, whose bytes tell nothing of who packed them and when, and get their checksums.
//!
//! GNU tar, gzip and sha256sum do it, and not crates: `cargo xtask up` waits for what this program is made of.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::{process, project};

/// The file of checksums, as `sha256sum --check` reads it.
const SUMS: &str = "SHA256SUMS";

/// Where files lie until they are packed; it goes with this value.
pub struct Staging(PathBuf);

impl Staging {
    /// An empty one within the folder of archives, on the same file system.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let staging = folder.join(".staging");
        if staging.exists() {
            fs::remove_dir_all(&staging)?;
        }
        fs::create_dir(&staging)?;
        Ok(Self(staging))
    }

    /// Copies a file, or a folder of files, to this place.
    ///
    /// # Errors
    /// Names the file that cannot be copied.
    pub fn copy(&self, from: &Path, to: &str) -> anyhow::Result<()> {
        let to = self.0.join(to);
        copy(from, &to).with_context(|| format!("cannot copy {}", project::shown(from)))
    }

    /// Writes a text to this place.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn write(&self, to: &str, text: &str) -> anyhow::Result<()> {
        let to = self.0.join(to);
        let write = || {
            make_folder_of(&to)?;
            fs::write(&to, text)
        };
        write().with_context(|| format!("cannot write {}", project::shown(&to)))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays is removed by the next one.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    make_folder_of(to)?;
    fs::copy(from, to).map(drop)
}

fn make_folder_of(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)
}

/// What packs, and the date that it gives to all files.
pub struct Packer {
    tar: &'static str,
    /// In seconds since 1970.
    date: u64,
}

impl Packer {
    /// Makes sure of what it needs.
    ///
    /// # Errors
    /// What to install, or to set.
    pub fn ensure() -> anyhow::Result<Self> {
        // The tar of macOS neither sorts nor sets dates.
        let tar = ["tar", "gtar"].into_iter().find(|program| is_gnu(program));
        let tar = tar.context(
            "GNU tar is missing: install it (on Debian: sudo apt-get install tar, on macOS: brew install gnu-tar)",
        )?;
        ensure!(process::is_installed("gzip"), "gzip is missing: install it");
        Ok(Self { tar, date: date()? })
    }

    /// Packs a staged folder as `NAME.tar.gz` beside the staging.
    ///
    /// # Errors
    /// When tar fails; its own words are above.
    pub fn pack(&self, staging: &Staging, name: &str) -> anyhow::Result<()> {
        let file = format!("{name}.tar.gz");
        let mut tar = Command::new(self.tar);
        tar.args(["--create", "--file", &file, "--sort=name", "--format=ustar"])
            .args(["--owner=0", "--group=0", "--numeric-owner"])
            .args(["--mode=u=rwX,go=rX", &format!("--mtime=@{}", self.date)])
            .args(["--use-compress-program=gzip -n", name])
            .env("LC_ALL", "C")
            // It would be options of gzip's.
            .env_remove("GZIP")
            .current_dir(&staging.0);
        process::run(&mut tar)?;
        // In one piece: an archive that is there is whole.
        let staged = staging.0.join(&file);
        let packed = staging.0.with_file_name(&file);
        fs::rename(staged, &packed)
            .with_context(|| format!("cannot write {}", project::shown(&packed)))
    }
}

fn is_gnu(tar: &str) -> bool {
    let output = Command::new(tar).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("GNU tar"))
}

/// `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>), else the commit's.
fn date() -> anyhow::Result<u64> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    if let Some(given) = std::env::var_os(NAME) {
        let seconds = given.to_str().and_then(|given| given.parse().ok());
        return seconds.with_context(|| format!("{NAME} must be a number of seconds since 1970"));
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(project::root());
    let output = git.output().ok().filter(|output| output.status.success());
    output
        .and_then(|output| String::from_utf8_lossy(&output.stdout).trim().parse().ok())
        .with_context(|| {
            format!(
                "git does not tell the date of the commit, which files in archives have: set {NAME} to a \
                 number of seconds since 1970"
            )
        })
}

/// The files of a folder that are for its reader, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", project::shown(folder));
    let entries = fs::read_dir(folder).with_context(cannot)?;
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut files = paths.with_context(cannot)?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// Writes the checksums of all files in a folder.
///
/// # Errors
/// When no program computes them, or the file cannot be written.
pub fn write_sums(folder: &Path) -> anyhow::Result<()> {
    let files = files(folder)?;
    let names = files.iter().filter_map(|file| file.file_name());
    let names: Vec<_> = names.filter(|name| *name != SUMS).collect();
    let mut sum = if process::is_installed("sha256sum") {
        Command::new("sha256sum")
    } else {
        let mut shasum = Command::new("shasum");
        shasum.args(["--algorithm", "256"]);
        shasum
    };
    sum.args(names).current_dir(folder);
    let output = sum.output().context(
        "neither sha256sum nor shasum is there: install one (on Debian: sudo apt-get install coreutils)",
    )?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        process::shown(&sum),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    let sums = folder.join(SUMS);
    fs::write(&sums, output.stdout)
        .with_context(|| format!("cannot write {}", project::shown(&sums)))
}
