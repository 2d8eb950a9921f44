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
/// Hidden files and folders are left out of a search, and links to folders are not followed, nor are
/// links to files outside of the folder that is named: whoever may write into it could have any image
/// published that the importer may read.
pub fn find(paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => match path.canonicalize() {
                Ok(whole) => search(path, &whole, &mut found),
                Err(error) => found.push(unreadable(path, &error)),
            },
            Ok(_) => found.push(Found::Named(path.clone())),
            Err(error) => found.push(unreadable(path, &error)),
        }
    }
    found
}

/// Searches a folder within `whole`, the one that was named, free of links.
fn search(folder: &Path, whole: &Path, found: &mut Vec<Found>) {
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
        let kind = entry.file_type().ok();
        if kind.is_some_and(|kind| kind.is_dir()) {
            search(&path, whole, found);
            continue;
        }
        let is_link = kind.is_none_or(|kind| kind.is_symlink());
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => found.push(match path.canonicalize() {
                Ok(target) if is_link && !target.starts_with(whole) => leads_out(path),
                _ => Found::InFolder(path),
            }),
            Ok(_) => {}
            Err(error) => found.push(unreadable(&path, &error)),
        }
    }
}

fn leads_out(path: PathBuf) -> Found {
    let reason =
        "is a link that leads out of the folder: name it, or what it links to, to import it";
    Found::Unreadable(path, reason.to_owned())
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
    fn a_link_is_followed_within_the_folder_or_where_it_is_named_itself() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("given/deep")).unwrap();
        for name in ["secret", "given/deep/file"] {
            std::fs::write(at(name), "").unwrap();
        }
        for (link, target) in [
            ("given/a", "deep/file"),
            ("given/b", "../secret"),
            ("given/deep/c", "../../secret"),
            ("given/deep/d", "/etc/hosts"),
            ("given/deep/e", "../../given-not/../secret"),
            ("folder", "given"),
        ] {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
        }
        std::fs::create_dir(at("given-not")).unwrap();

        let found = find(&[at("folder"), at("given/b")]);

        let expected = [
            Found::InFolder(at("folder/a")),
            leads_out(at("folder/b")),
            leads_out(at("folder/deep/c")),
            leads_out(at("folder/deep/d")),
            leads_out(at("folder/deep/e")),
            Found::InFolder(at("folder/deep/file")),
            Found::Named(at("given/b")),
        ];
        assert_eq!(found, expected);
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
