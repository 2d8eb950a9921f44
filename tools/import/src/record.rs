//! The record of an image: what the application knows of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::content::Content;

/// A record, in the form in which the application's records route takes and gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Object key in the bucket.
    pub storage_key: String,
    /// Media type.
    pub mime_type: String,
    /// Entity-tag, without quotes.
    pub hash: String,
    /// Length in bytes.
    pub size_bytes: u64,
}

impl Record {
    /// The id and the record of these bytes. Id and key follow from their SHA-256 alone, so that the
    /// same image is the same record on every machine and at every import.
    pub fn of(content: &Content) -> (Uuid, Self) {
        let Content {
            kind,
            sha256,
            size_bytes,
            ..
        } = content;
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("sha256:{sha256}").as_bytes());
        let record = Self {
            storage_key: format!("images/{sha256}.{}", kind.extension),
            mime_type: kind.mime_type.to_owned(),
            hash: sha256.clone(),
            size_bytes: *size_bytes,
        };
        (id, record)
    }

    /// Whether both are of the same image, wherever its object is.
    pub fn is_image_of(&self, other: &Self) -> bool {
        (&self.mime_type, &self.hash, self.size_bytes)
            == (&other.mime_type, &other.hash, other.size_bytes)
    }

    /// The SHA-256 of the bytes, where `hash` is one, `sha256:` before it or not.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        digest(self.hash.strip_prefix("sha256:").unwrap_or(&self.hash))
    }
}

/// The SHA-256 that is written so, in hex of either case.
pub fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(hex, &mut digest).ok()?;
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Kind;

    fn content() -> Content {
        Content {
            kind: Kind {
                mime_type: "image/png",
                extension: "png",
            },
            sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
            size_bytes: 42,
            dimensions: None,
        }
    }

    #[test]
    fn the_id_of_the_same_bytes_is_the_same_for_ever() {
        let (id, _) = Record::of(&content());

        assert_eq!(id.to_string(), "253e17a1-9e69-5be4-9366-ac08a9590b04");
    }

    #[test]
    fn the_id_does_not_depend_on_anything_but_the_bytes() {
        let mut other = content();
        other.kind.extension = "PNG";
        let mut different = content();
        different.sha256.replace_range(..1, "f");

        assert_eq!(Record::of(&other).0, Record::of(&content()).0);
        assert_ne!(Record::of(&different).0, Record::of(&content()).0);
    }

    #[test]
    fn a_hash_is_known_to_be_a_sha_256_by_its_form() {
        let (_, record) = Record::of(&content());
        let with_hash = |hash: String| Record {
            hash,
            ..record.clone()
        };
        let hex = content().sha256;

        for (hash, is_sha256) in [
            (hex.clone(), true),
            (format!("sha256:{hex}"), true),
            (hex.to_uppercase(), true),
            (format!("md5:{hex}"), false),
            (hex[1..].to_owned(), false),
            ("z".repeat(64), false),
        ] {
            let expected = is_sha256.then(|| digest(&hex).unwrap());
            assert_eq!(with_hash(hash.clone()).sha256(), expected, "{hash}");
        }
    }
}
