//! Records in Spin's key-value store (key `image:<id>`, value a JSON object).

use super::Put;
#[cfg(target_family = "wasm")]
use super::{Deleted, ImageRepository};
#[cfg(target_family = "wasm")]
use crate::error::MetadataError;
use crate::error::UnusableRecord;
use crate::image::{Image, ImageId, Record};
use crate::json::{self, Value};
#[cfg(target_family = "wasm")]
use crate::key_value::KeyValueStore;
#[cfg(target_family = "wasm")]
use crate::sha256::Sha256;

#[cfg(target_family = "wasm")]
impl ImageRepository for KeyValueStore {
    fn get_by_id(&self, id: ImageId) -> Result<Option<Image>, MetadataError> {
        let value = read(self, id)?;
        Ok(value.map(|value| image(&value)).transpose()?)
    }

    /// The interface has no compare-and-set: of two at once, the last one stays.
    fn insert(&self, id: ImageId, image: &Image) -> Result<bool, MetadataError> {
        let is_new = read(self, id)?.is_none();
        if is_new {
            write(self, id, &Record::from(image))?;
        }
        Ok(is_new)
    }

    /// As [`insert`](Self::insert).
    fn put(&self, id: ImageId, image: &Image) -> Result<Put, MetadataError> {
        let record = Record::from(image);
        let outcome = put(read(self, id)?.as_deref(), &record);
        if outcome != Put::Conflict {
            write(self, id, &record)?;
        }
        Ok(outcome)
    }

    fn delete(&self, id: ImageId) -> Result<Option<Deleted>, MetadataError> {
        let Some(value) = read(self, id)? else {
            return Ok(None);
        };
        self.remove(&key(id)).map_err(MetadataError::Unavailable)?;
        let hash = record(&value).map(|record| record.hash).unwrap_or_default();
        let sha256 = Sha256::of_hash(hash.as_bytes());
        Ok(Some(Deleted { sha256 }))
    }
}

#[cfg(target_family = "wasm")]
fn read(store: &KeyValueStore, id: ImageId) -> Result<Option<Vec<u8>>, MetadataError> {
    store.read(&key(id)).map_err(MetadataError::Unavailable)
}

#[cfg(target_family = "wasm")]
fn write(store: &KeyValueStore, id: ImageId, record: &Record) -> Result<(), MetadataError> {
    let value = serde_json::to_vec(record)
        .map_err(|error| MetadataError::Unavailable(error.to_string()))?;
    store
        .write(&key(id), &value)
        .map_err(MetadataError::Unavailable)
}

/// The key of an image's record.
#[must_use]
pub fn key(id: ImageId) -> String {
    format!("image:{id}")
}

/// The image that a record's value describes.
///
/// # Errors
/// [`UnusableRecord`] when the value is not a record, or the record breaks a rule.
pub fn image(value: &[u8]) -> Result<Image, UnusableRecord> {
    Image::try_from(record(value).map_err(UnusableRecord::Json)?)
}

/// `Err` with the reason in words.
fn record(value: &[u8]) -> Result<Record, String> {
    let mut object = json::parse(value).map_err(|error| error.to_string())?;
    if !matches!(object, Value::Object(_)) {
        return Err("it is not a JSON object".to_owned());
    }
    Record::from_fields(|name| object.take(name)).map_err(|rule| rule.to_string())
}

/// What becomes of `record` where its key has this value before.
#[must_use]
pub fn put(before: Option<&[u8]>, new: &Record) -> Put {
    let Some(before) = before else {
        return Put::Created;
    };
    let moved = record(before).map(|before| Record {
        storage_key: new.storage_key.clone(),
        ..before
    });
    match moved {
        Ok(moved) if moved == *new => Put::Kept,
        _ => Put::Conflict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_kept_under_the_lower_case_hyphenated_id() {
        let id = ImageId::parse("67E5504410B1426F9247BB680E5FE0C8").unwrap();

        assert_eq!(key(id), "image:67e55044-10b1-426f-9247-bb680e5fe0c8");
    }

    #[test]
    fn a_json_object_with_the_record_s_fields_is_an_image() {
        let value =
            br#"{"storage_key":"k","mime_type":"image/png","hash":"a","size_bytes":3,"id":"x"}"#;

        let image = image(value).unwrap();

        assert_eq!((image.storage_key.as_str(), image.size), ("k", 3));
    }

    #[test]
    fn any_other_value_is_unusable() {
        let values: [&[u8]; 10] = [
            b"",
            b"null",
            b"[]",
            br#"["k","image/png","a",3]"#,
            b"{}",
            b"\xff",
            br#"{"storage_key":"k","mime_type":"image/png","hash":"a"}"#,
            br#"{"storage_key":"k","mime_type":"image/png","hash":"a","size_bytes":"3"}"#,
            br#"{"storage_key":"k","mime_type":"image/png","hash":"a","size_bytes":3.5}"#,
            br#"{"storage_key":"k","mime_type":"image/png","hash":null,"size_bytes":3}"#,
        ];

        for value in values {
            let shown = String::from_utf8_lossy(value);
            assert!(
                matches!(image(value), Err(UnusableRecord::Json(_))),
                "{shown}"
            );
        }
    }

    #[test]
    fn why_a_value_is_unusable_is_told_without_the_notation_of_rust() {
        const RECORD: &str =
            r#"{"storage_key":"k","mime_type":"image/png","hash":"a","size_bytes":3}"#;
        for (value, expected) in [
            ("\"a\\nb\"".to_owned(), "it is not a JSON object"),
            (RECORD.replace("\"a\"", "[\"b\\n\"]"), "hash is not text"),
            (RECORD.replace("\"a\"", "null"), "hash is missing"),
            (
                RECORD.replace(":3", ":\"3\""),
                "size_bytes is not an integer",
            ),
        ] {
            let error = image(value.as_bytes()).unwrap_err().to_string();

            assert_eq!(error, format!("its value cannot be read: {expected}"));
        }
    }

    #[test]
    fn a_record_is_new_or_the_same_but_for_its_storage_key_or_a_conflict() {
        let new = Record {
            storage_key: "new".into(),
            mime_type: "image/png".into(),
            hash: "a".into(),
            size_bytes: 3,
        };
        let table: [(Option<&[u8]>, Put); 8] = [
            (None, Put::Created),
            (
                Some(br#"{"storage_key":"new","mime_type":"image/png","hash":"a","size_bytes":3}"#),
                Put::Kept,
            ),
            (
                Some(br#"{"storage_key":"old","mime_type":"image/png","hash":"a","size_bytes":3}"#),
                Put::Kept,
            ),
            (
                Some(br#"{"storage_key":"","mime_type":"image/png","hash":"a","size_bytes":3}"#),
                Put::Kept,
            ),
            (
                Some(br#"{"storage_key":"new","mime_type":"image/gif","hash":"a","size_bytes":3}"#),
                Put::Conflict,
            ),
            (
                Some(br#"{"storage_key":"new","mime_type":"image/png","hash":"b","size_bytes":3}"#),
                Put::Conflict,
            ),
            (
                Some(br#"{"storage_key":"new","mime_type":"image/png","hash":"a","size_bytes":4}"#),
                Put::Conflict,
            ),
            (Some(b"unreadable"), Put::Conflict),
        ];

        for (before, outcome) in table {
            assert_eq!(put(before, &new), outcome, "{before:?}");
        }
    }

    #[test]
    fn a_record_that_breaks_a_rule_is_unusable() {
        let value = br#"{"storage_key":"k","mime_type":"image/png","hash":"a","size_bytes":-3}"#;

        assert_eq!(image(value), Err(UnusableRecord::Size(-3)));
    }
}
