//! The list of images that a gallery page shows: a JSON array in one file.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Imported;

/// One image of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: String,
    /// Path on the application's own origin.
    url: String,
    /// Of the file that it came from, without its folder.
    name: String,
    mime_type: String,
    size_bytes: u64,
    /// In pixels; `null` where it is not known.
    width: Option<u32>,
    height: Option<u32>,
}

impl Entry {
    fn of(image: &Imported) -> Self {
        let name = image.file.file_name().unwrap_or(image.file.as_os_str());
        Self {
            id: image.id.hyphenated().to_string(),
            url: image.path(),
            name: name.to_string_lossy().into_owned(),
            mime_type: image.mime_type.to_owned(),
            size_bytes: image.size_bytes,
            width: image.dimensions.map(|dimensions| dimensions.width),
            height: image.dimensions.map(|dimensions| dimensions.height),
        }
    }
}

/// Adds `images` to those in `file`: what is there keeps its place, what is new comes last. An image
/// that is there already, maybe under another name, is left as it is.
///
/// # Errors
/// When the file is something else than such a list, or cannot be written.
pub fn add<'a>(file: &Path, images: impl IntoIterator<Item = &'a Imported>) -> anyhow::Result<()> {
    let mut entries = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let before = entries.len();
    let mut known: HashSet<String> = entries.iter().map(|entry| entry.id.clone()).collect();
    for entry in images.into_iter().map(Entry::of) {
        if known.insert(entry.id.clone()) {
            entries.push(entry);
        }
    }
    if entries.len() == before && file.exists() {
        return Ok(());
    }
    write(file, &entries).with_context(|| format!("cannot write {}", file.display()))
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
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = file.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&unfinished, serde_json::to_vec_pretty(entries)?)?;
    std::fs::rename(&unfinished, file)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::super::content::Dimensions;
    use super::*;

    fn image(id: u128, file: &str) -> Imported {
        Imported {
            id: Uuid::from_u128(id),
            file: file.into(),
            mime_type: "image/png",
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
        let mut drawn = image(1, "in/some/folder/a.png");
        drawn.dimensions = Some(Dimensions {
            width: 30,
            height: 20,
        });

        add(&file, &[drawn, image(2, "b.svg")]).unwrap();

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

        add(&file, &[image(3, "c"), image(1, "a")]).unwrap();
        add(
            &file,
            &[image(2, "b"), image(1, "copy of a"), image(2, "b again")],
        )
        .unwrap();

        assert_eq!(names(&file), ["c", "a", "b"]);
    }

    #[test]
    fn a_list_of_no_images_is_a_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");

        add(&file, &[]).unwrap();

        assert_eq!(std::fs::read_to_string(&file).unwrap(), "[]");
    }

    #[test]
    fn a_file_that_is_something_else_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");
        std::fs::write(&file, "{}").unwrap();

        let error = add(&file, &[image(1, "a")]).unwrap_err().to_string();

        assert!(error.contains("gallery.json"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}");
    }
}
