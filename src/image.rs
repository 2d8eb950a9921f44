//! The image's record: what it holds, and what makes it usable.

use std::fmt;

use http::HeaderValue;
use serde::Serialize;
use uuid::Uuid;

use crate::error::UnusableRecord;
use crate::json::Value;
use crate::sha256::Sha256;

/// Longest object key that S3 accepts, in bytes of UTF-8
/// (Amazon S3 User Guide, "Naming Amazon S3 objects").
const MAX_STORAGE_KEY_BYTES: usize = 1024;

/// The id of an image: a UUID, shown lower-case and hyphenated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ImageId(Uuid);

impl ImageId {
    /// The one whose bits are all zero (RFC 9562 section 5.9).
    pub const NIL: Self = Self(Uuid::nil());

    /// Parses any form the `uuid` crate knows: hyphenated, simple, braced, URN, either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// A strong entity-tag made of the image's hash (RFC 9110 section 8.8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// `hash` must be non-empty and hold only `etagc` characters:
    /// `%x21 / %x23-7E / obs-text`, so neither a control character nor a space, a quote or DEL.
    pub(crate) fn from_hash(hash: &str) -> Option<Self> {
        let is_etagc = |byte: u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
        if hash.is_empty() || !hash.bytes().all(is_etagc) {
            return None;
        }
        HeaderValue::try_from(format!("\"{hash}\"")).ok().map(Self)
    }

    /// The field value, quotes included.
    #[must_use]
    pub fn as_header_value(&self) -> &HeaderValue {
        &self.0
    }

    /// The opaque-tag without its quotes.
    #[must_use]
    pub fn opaque(&self) -> &[u8] {
        let quoted = self.0.as_bytes();
        &quoted[1..quoted.len() - 1]
    }
}

/// A range of bytes that lies inside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    first: u64,
    last: u64,
    size: u64,
}

impl ByteRange {
    /// From the byte at `first` to that at `last`, both counted from zero and included, or to the
    /// end of an image of `size` bytes; `None` where that holds no byte.
    #[must_use]
    pub fn new(first: u64, last: u64, size: u64) -> Option<Self> {
        let last = last.min(size.checked_sub(1)?);
        (first <= last).then_some(Self { first, last, size })
    }

    /// Position of the first byte.
    #[must_use]
    pub fn first(self) -> u64 {
        self.first
    }

    /// Position of the last byte.
    #[must_use]
    pub fn last(self) -> u64 {
        self.last
    }

    /// How many bytes it holds; at least one.
    #[must_use]
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether it is the whole image.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.length() == self.size
    }

    /// Its bytes of those of the whole image; none where there are not so many.
    #[must_use]
    pub fn of(self, image: &[u8]) -> &[u8] {
        let position = |byte| usize::try_from(byte).ok();
        let part = position(self.first).zip(position(self.last));
        part.and_then(|(first, last)| image.get(first..=last))
            .unwrap_or_default()
    }

    /// The value of `Range` that asks for it (RFC 9110 section 14.2).
    #[must_use]
    pub fn to_range(self) -> String {
        format!("bytes={}-{}", self.first, self.last)
    }

    /// The value of `Content-Range` that announces it (RFC 9110 section 14.4).
    #[must_use]
    pub fn to_content_range(self) -> String {
        format!("bytes {}-{}/{}", self.first, self.last, self.size)
    }

    /// As [`to_content_range`](Self::to_content_range), where the size is left open.
    #[must_use]
    pub(crate) fn to_content_range_of_unknown_size(self) -> String {
        format!("bytes {}-{}/*", self.first, self.last)
    }
}

/// An object's key in storage, not percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageKey(String);

impl StorageKey {
    /// # Errors
    /// When the key is empty, longer than 1024 bytes, or holds a control character or a `.` or
    /// `..` segment, which HTTP clients and servers on the way may resolve.
    pub fn parse(key: String) -> Result<Self, UnusableRecord> {
        let broken_rule = if key.is_empty() {
            "is empty"
        } else if key.len() > MAX_STORAGE_KEY_BYTES {
            "is longer than 1024 bytes"
        } else if key.chars().any(char::is_control) {
            "holds a control character"
        } else if key.split('/').any(|segment| matches!(segment, "." | "..")) {
            "holds a '.' or '..' segment"
        } else {
            return Ok(Self(key));
        };
        Err(UnusableRecord::StorageKey(broken_rule))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A record as a metadata store holds it, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Key of the object in storage.
    pub storage_key: String,
    /// Media type of the image.
    pub mime_type: String,
    /// Hash of the bytes, in any notation an entity-tag may hold.
    pub hash: String,
    /// Length of the object in bytes.
    pub size_bytes: i64,
}

impl Record {
    /// A record of the values that `field` has by their names in JSON; one that is `null` is not
    /// there. Their types are looked at one by one, to be named.
    ///
    /// # Errors
    /// The first field that is missing or not of its type.
    pub(crate) fn from_fields(
        mut field: impl FnMut(&'static str) -> Option<Value>,
    ) -> Result<Self, UnusableRecord> {
        let mut present = |name| {
            let value = field(name).filter(|value| *value != Value::Null);
            value.ok_or(UnusableRecord::Missing(name))
        };
        let mut text = |field| match present(field)? {
            Value::Text(text) => Ok(text),
            _ => Err(UnusableRecord::FieldType {
                field,
                expected: "text",
            }),
        };
        let (storage_key, mime_type, hash) =
            (text("storage_key")?, text("mime_type")?, text("hash")?);
        let Value::Integer(size_bytes) = present("size_bytes")? else {
            return Err(UnusableRecord::FieldType {
                field: "size_bytes",
                expected: "an integer",
            });
        };
        Ok(Self {
            storage_key,
            mime_type,
            hash,
            size_bytes,
        })
    }
}

/// A usable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where storage keeps the bytes.
    pub storage_key: StorageKey,
    /// The media type, fit for a `Content-Type` field.
    pub mime_type: HeaderValue,
    /// The entity-tag made of the hash.
    pub etag: EntityTag,
    /// The hash, where it is a SHA-256.
    pub sha256: Option<Sha256>,
    /// Length in bytes.
    pub size: u64,
}

impl TryFrom<Record> for Image {
    type Error = UnusableRecord;

    fn try_from(record: Record) -> Result<Self, UnusableRecord> {
        Ok(Self {
            storage_key: StorageKey::parse(record.storage_key)?,
            mime_type: parse_image_type(&record.mime_type)
                .ok_or(UnusableRecord::MimeType(record.mime_type))?,
            sha256: Sha256::of_hash(record.hash.as_bytes()),
            etag: EntityTag::from_hash(&record.hash).ok_or(UnusableRecord::Hash(record.hash))?,
            size: u64::try_from(record.size_bytes)
                .map_err(|_| UnusableRecord::Size(record.size_bytes))?,
        })
    }
}

/// What a store keeps of a usable record: what it was made of.
impl From<&Image> for Record {
    fn from(image: &Image) -> Self {
        // Both were made of text, and the size of a positive i64.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            storage_key: image.storage_key.as_str().to_owned(),
            mime_type: text(image.mime_type.as_bytes()),
            hash: text(image.etag.opaque()),
            size_bytes: i64::try_from(image.size).unwrap_or(i64::MAX),
        }
    }
}

/// A concrete `image/*` media type as a field value (RFC 9110 section 8.3.1).
fn parse_image_type(text: &str) -> Option<HeaderValue> {
    let media_type: mime::Mime = text.parse().ok()?;
    let is_concrete = !matches!(media_type.subtype().as_str(), "" | "*");
    if media_type.type_() != mime::IMAGE || !is_concrete {
        return None;
    }
    HeaderValue::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            storage_key: "images/a.png".into(),
            mime_type: "image/png".into(),
            hash: "0a1b".into(),
            size_bytes: 3,
        }
    }

    #[test]
    fn an_image_id_is_read_in_every_uuid_form_and_shown_in_one() {
        let forms = [
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "67E55044-10B1-426F-9247-BB680E5FE0C8",
            "67e5504410b1426f9247bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
        ];

        for form in forms {
            let id = ImageId::parse(form).map(|id| id.to_string());
            assert_eq!(id.as_deref(), Some(forms[0]), "{form}");
        }
    }

    #[test]
    fn a_usable_record_becomes_an_image() {
        let image = Image::try_from(record()).unwrap();

        assert_eq!(image.storage_key.as_str(), "images/a.png");
        assert_eq!(image.mime_type, "image/png");
        assert_eq!(image.etag.as_header_value(), "\"0a1b\"");
        assert_eq!(image.size, 3);
    }

    #[test]
    fn an_image_becomes_the_record_that_it_was_made_of() {
        let record = Record {
            hash: "sha256:é+/=".into(),
            mime_type: "image/svg+xml; charset=utf-8".into(),
            size_bytes: i64::MAX,
            ..record()
        };

        let image = Image::try_from(record.clone()).unwrap();

        assert_eq!(Record::from(&image), record);
    }

    #[test]
    fn a_media_type_is_usable_when_it_is_a_concrete_image_type() {
        for usable in [
            "image/png",
            "image/svg+xml",
            "image/svg+xml; charset=utf-8",
            "IMAGE/PNG",
        ] {
            let image = Image::try_from(Record {
                mime_type: usable.into(),
                ..record()
            });
            assert_eq!(image.unwrap().mime_type, usable);
        }
        for broken in [
            "",
            "png",
            "text/html",
            "image/",
            "image/*",
            "image/png\r\nx: y",
            "image/p ng",
            " image/png",
        ] {
            let image = Image::try_from(Record {
                mime_type: broken.into(),
                ..record()
            });
            assert_eq!(
                image,
                Err(UnusableRecord::MimeType(broken.into())),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn a_hash_is_usable_when_an_entity_tag_may_hold_it() {
        for usable in ["a", "sha256:AbC+/=", "!#$%&'()", "é"] {
            assert!(EntityTag::from_hash(usable).is_some(), "{usable:?}");
        }
        for broken in ["", "a b", "a\"b", "a\tb", "a\u{7f}", "a\r\nb"] {
            let image = Image::try_from(Record {
                hash: broken.into(),
                ..record()
            });
            assert_eq!(
                image,
                Err(UnusableRecord::Hash(broken.into())),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn a_byte_range_lies_inside_the_image_and_holds_a_byte() {
        let range = ByteRange::new(2, u64::MAX, 10).unwrap();

        assert_eq!((range.first(), range.last(), range.length()), (2, 9, 8));
        assert_eq!(range.to_range(), "bytes=2-9");
        assert_eq!(range.to_content_range(), "bytes 2-9/10");
        assert_eq!(range.of(b"0123456789"), b"23456789");
        assert_eq!(range.of(b"012345678"), b"");
        for (first, last, size) in [
            (0, 0, 0),
            (10, 10, 10),
            (5, 4, 10),
            (u64::MAX, u64::MAX, 10),
        ] {
            assert_eq!(ByteRange::new(first, last, size), None);
        }
    }

    #[test]
    fn a_size_is_usable_when_it_is_not_negative() {
        let empty = Image::try_from(Record {
            size_bytes: 0,
            ..record()
        });
        let negative = Image::try_from(Record {
            size_bytes: -1,
            ..record()
        });

        assert_eq!(empty.unwrap().size, 0);
        assert_eq!(negative, Err(UnusableRecord::Size(-1)));
    }

    #[test]
    fn a_storage_key_is_usable_unless_it_breaks_a_named_rule() {
        for usable in [
            "a",
            "/a",
            "a//b/",
            "a/...",
            "a/.b",
            "כלב",
            "a b+c%2F",
            &"k".repeat(1024),
        ] {
            assert!(StorageKey::parse(usable.into()).is_ok(), "{usable:?}");
        }
        let broken = [
            (String::new(), "is empty"),
            ("k".repeat(1025), "is longer than 1024 bytes"),
            ("é".repeat(513), "is longer than 1024 bytes"),
            ("a\nb".into(), "holds a control character"),
            ("a\u{85}b".into(), "holds a control character"),
            (".".into(), "holds a '.' or '..' segment"),
            ("a/../b".into(), "holds a '.' or '..' segment"),
            ("a/.".into(), "holds a '.' or '..' segment"),
        ];
        for (key, rule) in broken {
            assert_eq!(
                StorageKey::parse(key),
                Err(UnusableRecord::StorageKey(rule))
            );
        }
    }
}
