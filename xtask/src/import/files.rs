//! Which files an import is about.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A file to import, and how it was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The user named this very file.
    Named(PathBuf),
    /// It lies in a folder that the user named.
    InFolder(PathBuf),
}

impl Found {
    pub fn file(&self) -> &Path {
        match self {
            Self::Named(file) | Self::InFolder(file) => file,
        }
    }
}

/// The files of `paths`, folders searched to any depth in the order of their names.
///
/// Hidden files and folders are left out of a search, and links to folders are not followed.
pub fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in paths {
        if metadata(path)?.is_dir() {
            search(path, &mut found)?;
        } else {
            found.push(Found::Named(path.clone()));
        }
    }
    Ok(found)
}

fn search(folder: &Path, found: &mut Vec<Found>) -> anyhow::Result<()> {
    let cannot_list = || format!("cannot list the folder {}", folder.display());
    let mut entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(cannot_list)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if entry.file_type().with_context(cannot_list)?.is_dir() {
            search(&path, found)?;
        } else if metadata(&path)?.is_file() {
            found.push(Found::InFolder(path));
        }
    }
    Ok(())
}

fn metadata(path: &Path) -> anyhow::Result<std::fs::Metadata> {
    std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))
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

        let found = find(&[folder.path().to_owned(), at(".z")]).unwrap();

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
    fn a_path_that_does_not_exist_is_named() {
        let error = find(&["no/such/file".into()]).unwrap_err().to_string();

        assert!(error.contains("no/such/file"), "{error}");
    }
}
