//! The list of images that a gallery page shows: a JSON array in one file.

use std::collections::HashSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::content::Dimensions;

/// An image as the page shows it.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The id in its URL.
    pub id: Uuid,
    /// Name of the file that it came from, without its folder.
    pub name: String,
    /// Its media type.
    pub mime_type: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its size on a page, where it is known.
    pub dimensions: Option<Dimensions>,
}

/// One image of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: Uuid,
    /// Path on the application's own origin.
    url: String,
    name: String,
    mime_type: String,
    size_bytes: u64,
    /// In pixels; `null` where it is not known.
    width: Option<u32>,
    height: Option<u32>,
}

impl From<Picture> for Entry {
    fn from(picture: Picture) -> Self {
        Self {
            id: picture.id,
            url: format!("/api/v1/images/{}/file", picture.id.hyphenated()),
            name: picture.name,
            mime_type: picture.mime_type,
            size_bytes: picture.size_bytes,
            width: picture.dimensions.map(|dimensions| dimensions.width),
            height: picture.dimensions.map(|dimensions| dimensions.height),
        }
    }
}

/// Adds `pictures` to those in `file`: what is there keeps its place, what is new comes last. An image
/// that is there already, maybe under another name, is left as it is.
///
/// # Errors
/// When the file is something else than such a list, or cannot be written.
pub fn add(file: &Path, pictures: impl IntoIterator<Item = Picture>) -> anyhow::Result<()> {
    change(file, |entries| {
        let mut known: HashSet<Uuid> = entries.iter().map(|entry| entry.id).collect();
        let mut pictures = pictures.into_iter();
        let new = std::iter::from_fn(|| pictures.find(|picture| known.insert(picture.id)));
        entries.extend(new.map(Entry::from));
    })
}

/// Removes images from `file`.
///
/// # Errors
/// As [`add`].
pub fn remove(file: &Path, ids: &[Uuid]) -> anyhow::Result<()> {
    anyhow::ensure!(file.exists(), "there is no {}", file.display());
    change(file, |entries| {
        entries.retain(|entry| !ids.contains(&entry.id));
    })
}

/// The images of `file`, in its order.
///
/// # Errors
/// When it is not there, or something else than such a list.
pub fn ids(file: &Path) -> anyhow::Result<Vec<Uuid>> {
    anyhow::ensure!(file.exists(), "there is no {}", file.display());
    let entries = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(entries.into_iter().map(|entry| entry.id).collect())
}

/// Two commands at once change it one after the other.
fn change(file: &Path, change: impl FnOnce(&mut Vec<Entry>)) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(cannot_write)?;
    }
    let turn = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(file, "lock"))
        .with_context(cannot_write)?;
    turn.lock().with_context(cannot_write)?;
    let before = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut entries = before.clone();
    change(&mut entries);
    if entries == before && file.exists() {
        return Ok(());
    }
    write(file, &entries).with_context(cannot_write)
}

/// A hidden file of the list's own.
fn beside(file: &Path, what_for: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.{what_for}"))
}

fn read(file: &Path) -> anyhow::Result<Vec<Entry>> {
    match std::fs::read(file) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

// A page that is being looked at finds the old list or the new one.
fn write(file: &Path, entries: &[Entry]) -> anyhow::Result<()> {
    let unfinished = beside(file, &format!("{}.tmp", std::process::id()));
    std::fs::write(&unfinished, serde_json::to_vec_pretty(entries)?)?;
    std::fs::rename(&unfinished, file)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn image(id: u128, name: &str) -> Picture {
        Picture {
            id: Uuid::from_u128(id),
            name: name.to_owned(),
            mime_type: "image/png".to_owned(),
            size_bytes: 42,
            dimensions: None,
        }
    }

    fn names(file: &Path) -> Vec<String> {
        let entries = read(file).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn an_entry_says_what_a_page_needs_and_null_for_what_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("not/there/yet/gallery.json");
        let mut drawn = image(1, "a.png");
        drawn.dimensions = Some(Dimensions {
            width: 30,
            height: 20,
        });

        add(&file, [drawn, image(2, "b.svg")]).unwrap();

        let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(
            written,
            json!([
                {
                    "id": "00000000-0000-0000-0000-000000000001",
                    "url": "/api/v1/images/00000000-0000-0000-0000-000000000001/file",
                    "name": "a.png", "mime_type": "image/png", "size_bytes": 42,
                    "width": 30, "height": 20,
                },
                {
                    "id": "00000000-0000-0000-0000-000000000002",
                    "url": "/api/v1/images/00000000-0000-0000-0000-000000000002/file",
                    "name": "b.svg", "mime_type": "image/png", "size_bytes": 42,
                    "width": null, "height": null,
                },
            ])
        );
    }

    #[test]
    fn what_is_there_keeps_its_place_and_its_name_and_new_images_come_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");

        add(&file, [image(3, "c"), image(1, "a")]).unwrap();
        add(
            &file,
            [image(2, "b"), image(1, "copy of a"), image(2, "b again")],
        )
        .unwrap();

        assert_eq!(names(&file), ["c", "a", "b"]);
    }

    #[test]
    fn what_is_removed_is_gone_and_the_rest_keeps_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");
        add(&file, [image(3, "c"), image(1, "a"), image(2, "b")]).unwrap();

        remove(&file, &[Uuid::from_u128(1), Uuid::from_u128(9)]).unwrap();

        assert_eq!(names(&file), ["c", "b"]);
        assert_eq!(ids(&file).unwrap(), [3, 2].map(Uuid::from_u128));
    }

    #[test]
    fn a_list_that_is_not_there_is_not_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");

        assert!(ids(&file).is_err());
        assert!(remove(&file, &[]).is_err());
        assert!(!file.exists());
    }

    #[test]
    fn of_two_that_add_at_once_neither_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");

        std::thread::scope(|scope| {
            for id in 0..8 {
                let file = &file;
                scope.spawn(move || add(file, [image(id, "x")]).unwrap());
            }
        });

        assert_eq!(ids(&file).unwrap().len(), 8);
    }

    #[test]
    fn a_list_of_no_images_is_a_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");

        add(&file, []).unwrap();

        assert_eq!(std::fs::read_to_string(&file).unwrap(), "[]");
    }

    #[test]
    fn a_file_that_is_something_else_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");
        std::fs::write(&file, "{}").unwrap();

        let error = add(&file, [image(1, "a")]).unwrap_err().to_string();

        assert!(error.contains("gallery.json"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}");
    }
}
