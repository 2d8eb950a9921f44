//! The list of images that a gallery page shows: a JSON array in one file.

mod entry;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use uuid::Uuid;

use entry::Entry;

pub use entry::{Picture, SizeListed};

/// What the file says of an image that an import has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    pub sizes: Vec<SizeListed>,
    pub has_placeholder: bool,
}

/// Adds `pictures` to those in `file`: what is there keeps its place, what is new comes last. Of an image
/// that is there already, maybe under another name, only its sizes change, where it is told some, and
/// what was not known of it is added.
///
/// Gives the sizes that the file lists no more, neither as a size of another image nor as an image.
///
/// # Errors
/// When the file is something else than such a list, or cannot be written.
pub fn add(file: &Path, pictures: impl IntoIterator<Item = Picture>) -> anyhow::Result<Vec<Uuid>> {
    change(file, |entries| merge(entries, pictures))
}

/// What [`add`] would give, which changes nothing here.
///
/// # Errors
/// When the file is something else than such a list.
pub fn unlisted_by(
    file: &Path,
    pictures: impl IntoIterator<Item = Picture>,
) -> anyhow::Result<Vec<Uuid>> {
    let entries = read(file).with_context(|| format!("cannot read {}", file.display()));
    Ok(merge(&mut entries?, pictures))
}

fn merge(entries: &mut Vec<Entry>, pictures: impl IntoIterator<Item = Picture>) -> Vec<Uuid> {
    let before: Vec<Uuid> = sizes_of(entries).collect();
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    for (place, entry) in entries.iter().enumerate() {
        places.entry(entry.id).or_insert(place);
    }
    for picture in pictures {
        if let Some(place) = places.get(&picture.id) {
            entries[*place].learn(picture);
        } else {
            places.insert(picture.id, entries.len());
            entries.push(picture.into());
        }
    }
    unlisted(before, entries)
}

/// Removes images and sizes from `file`.
///
/// # Errors
/// As [`add`].
pub fn remove(file: &Path, ids: &[Uuid]) -> anyhow::Result<()> {
    anyhow::ensure!(file.exists(), "there is no {}", file.display());
    let gone: HashSet<&Uuid> = ids.iter().collect();
    change(file, |entries| {
        entries.retain(|entry| !gone.contains(&entry.id));
        for entry in entries {
            entry.sizes.retain(|size| !gone.contains(&size.id));
        }
    })
}

/// The images of `file`, in its order, each with its sizes.
///
/// # Errors
/// When it is not there, or something else than such a list.
pub fn ids(file: &Path) -> anyhow::Result<Vec<Uuid>> {
    let entries = existing(file)?;
    let mut seen = HashSet::new();
    let ids = entries.iter().flat_map(Entry::ids);
    Ok(ids.filter(|id| seen.insert(*id)).collect())
}

/// These images, each after its sizes that no image uses which stays.
///
/// # Errors
/// As [`ids`].
pub fn with_their_sizes(file: &Path, images: &[Uuid]) -> anyhow::Result<Vec<Uuid>> {
    let entries = existing(file)?;
    let (go, stay): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| images.contains(&entry.id));
    let used: HashSet<Uuid> = stay.into_iter().flat_map(Entry::ids).collect();
    let mut seen = HashSet::new();
    let all = images.iter().flat_map(|image| {
        let of_image = go.iter().filter(move |entry| entry.id == *image);
        let sizes = of_image.flat_map(|entry| entry.sizes.iter().map(|size| size.id));
        sizes.filter(|size| !used.contains(size)).chain([*image])
    });
    Ok(all.filter(|id| seen.insert(*id)).collect())
}

/// What `file` says of each image; nothing where there is none.
///
/// # Errors
/// When it is something else than such a list.
pub fn listed(file: &Path) -> anyhow::Result<HashMap<Uuid, Listed>> {
    let entries = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let listed = entries.into_iter().map(|entry| {
        let listed = Listed {
            has_placeholder: entry.placeholder.is_some(),
            sizes: entry.sizes,
        };
        (entry.id, listed)
    });
    Ok(listed.collect())
}

fn existing(file: &Path) -> anyhow::Result<Vec<Entry>> {
    anyhow::ensure!(file.exists(), "there is no {}", file.display());
    read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn sizes_of(entries: &[Entry]) -> impl Iterator<Item = Uuid> {
    entries
        .iter()
        .flat_map(|entry| entry.sizes.iter().map(|size| size.id))
}

/// Those of `ids` that nothing lists, each once.
fn unlisted(ids: Vec<Uuid>, entries: &[Entry]) -> Vec<Uuid> {
    let mut listed: HashSet<Uuid> = entries.iter().flat_map(Entry::ids).collect();
    let unlisted = ids.into_iter().filter(|id| listed.insert(*id));
    unlisted.collect()
}

/// Two commands at once change it one after the other.
fn change<T>(file: &Path, change: impl FnOnce(&mut Vec<Entry>) -> T) -> anyhow::Result<T> {
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
    let outcome = change(&mut entries);
    if entries != before || !file.exists() {
        write(file, &entries).with_context(cannot_write)?;
    }
    Ok(outcome)
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
    use crate::content::Dimensions;

    fn image(id: u128, name: &str) -> Picture {
        Picture {
            id: Uuid::from_u128(id),
            name: name.to_owned(),
            mime_type: "image/png".to_owned(),
            size_bytes: 42,
            dimensions: None,
            placeholder: None,
            sizes: None,
        }
    }

    fn sized(id: u128, sizes: &[u128]) -> Picture {
        let size = |id: &u128| SizeListed {
            id: Uuid::from_u128(*id),
            url: format!("/{id}"),
            mime_type: "image/jpeg".to_owned(),
            size_bytes: 7,
            width: 320,
            height: 200,
        };
        Picture {
            sizes: Some(sizes.iter().map(size).collect()),
            ..image(id, "sized")
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

    #[test]
    fn what_is_told_of_an_image_that_is_listed_is_added_and_its_sizes_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");
        add(&file, [image(1, "a"), sized(2, &[20])]).unwrap();

        let told = Picture {
            placeholder: Some("data:".to_owned()),
            ..sized(1, &[10, 11])
        };
        let gone = add(&file, [told, image(2, "b")]).unwrap();
        let listed = listed(&file).unwrap();

        let sizes = |id| {
            let sizes = &listed[&Uuid::from_u128(id)].sizes;
            sizes
                .iter()
                .map(|size| size.id.as_u128())
                .collect::<Vec<_>>()
        };
        assert_eq!((sizes(1), sizes(2)), (vec![10, 11], vec![20]));
        assert!(listed[&Uuid::from_u128(1)].has_placeholder);
        assert_eq!(names(&file), ["a", "sized"]);
        assert!(gone.is_empty());
    }

    #[test]
    fn a_size_is_gone_when_neither_an_image_nor_another_s_size_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");
        add(
            &file,
            [sized(1, &[10, 11, 3]), sized(2, &[11]), image(3, "c")],
        )
        .unwrap();

        let gone = add(&file, [sized(1, &[])]).unwrap();

        assert_eq!(gone, [Uuid::from_u128(10)]);
        assert_eq!(ids(&file).unwrap(), [1, 2, 11, 3].map(Uuid::from_u128));
    }

    #[test]
    fn an_image_goes_after_its_sizes_without_those_that_another_uses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");
        add(&file, [sized(1, &[10, 11]), sized(2, &[11, 12])]).unwrap();

        for (images, expected) in [
            (&[1][..], &[10, 1][..]),
            (&[1, 2], &[10, 11, 1, 12, 2]),
            (&[9], &[9]),
            (&[12], &[12]),
        ] {
            let images: Vec<Uuid> = images.iter().copied().map(Uuid::from_u128).collect();

            let all = with_their_sizes(&file, &images).unwrap();

            let all: Vec<u128> = all.iter().map(Uuid::as_u128).collect();
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn a_list_of_before_there_were_sizes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gallery.json");
        let old = json!([{
            "id": Uuid::from_u128(1), "url": "/x", "name": "a", "mime_type": "image/png",
            "size_bytes": 42, "width": null, "height": null,
        }]);
        std::fs::write(&file, old.to_string()).unwrap();

        let listed = listed(&file).unwrap();

        assert_eq!(listed[&Uuid::from_u128(1)], Listed::default());
    }
}
