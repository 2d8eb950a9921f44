//! Which files an import is about.

use std::io;
use std::path::{Path, PathBuf};

/// A file to import, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The user named this very file.
    Named(PathBuf),
    /// It lies in a folder that the user named.
    InFolder(PathBuf),
    /// It cannot be looked at, for this reason; it may be a folder.
    Unreadable(PathBuf, String),
}

impl Found {
    pub fn file(&self) -> &Path {
        match self {
            Self::Named(file) | Self::InFolder(file) | Self::Unreadable(file, _) => file,
        }
    }

    /// Its length, as far as it is known.
    pub fn size_bytes(&self) -> u64 {
        std::fs::metadata(self.file()).map_or(0, |metadata| metadata.len())
    }
}

/// The files of `paths`, folders searched to any depth in the order of their names.
///
/// Hidden files and folders are left out of a search, and links to folders are not followed.
pub fn find(paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => search(path, &mut found),
            Ok(_) => found.push(Found::Named(path.clone())),
            Err(error) => found.push(unreadable(path, &error)),
        }
    }
    found
}

fn search(folder: &Path, found: &mut Vec<Found>) {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return found.push(unreadable(folder, &error)),
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&path, found);
            continue;
        }
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => found.push(Found::InFolder(path)),
            Ok(_) => {}
            Err(error) => found.push(unreadable(&path, &error)),
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Found {
    Found::Unreadable(path.to_owned(), format!("cannot be read: {error}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_searched_in_the_order_of_names_without_what_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("b/deep")).unwrap();
        std::fs::create_dir_all(at(".hidden")).unwrap();
        for name in ["c", "a", "b/deep/x", ".hidden/y", ".z"] {
            std::fs::write(at(name), "").unwrap();
        }

        let found = find(&[folder.path().to_owned(), at(".z")]);

        assert_eq!(
            found,
            [
                Found::InFolder(at("a")),
                Found::InFolder(at("b/deep/x")),
                Found::InFolder(at("c")),
                Found::Named(at(".z")),
            ]
        );
    }

    #[test]
    fn what_cannot_be_looked_at_is_found_with_the_reason_among_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let (dangling, file) = (folder.path().join("a"), folder.path().join("b"));
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        std::fs::write(&file, "").unwrap();
        let reason = || "cannot be read: No such file or directory (os error 2)".to_owned();

        let found = find(&["no/such/file".into(), folder.path().to_owned()]);

        assert_eq!(
            found,
            [
                Found::Unreadable("no/such/file".into(), reason()),
                Found::Unreadable(dangling, reason()),
                Found::InFolder(file),
            ]
        );
    }
}
