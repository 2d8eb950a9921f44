//! What the targets share: requests and entity-tags made of whatever the fuzzer comes up with.

use http::{HeaderMap, HeaderName, HeaderValue};
use image_proxy::image::{EntityTag, Image, Record};

/// Adds a field line for each value that a field may hold at all (RFC 9110 section 5.5).
pub fn append(headers: &mut HeaderMap, name: &HeaderName, lines: &[Vec<u8>]) {
    let values = lines.iter().map(|line| HeaderValue::from_bytes(line));
    headers.extend(values.flatten().map(|value| (name.clone(), value)));
}

/// The characters of `text` that a hash may hold: `etagc` of RFC 9110 section 8.8.3.
#[must_use]
pub fn hash(text: &str) -> String {
    let is_etagc = |character: char| !matches!(character, '\0'..=' ' | '"' | '\x7f');
    text.chars()
        .filter(|character| is_etagc(*character))
        .collect()
}

/// The entity-tag of an image of this hash, where the hash is usable.
#[must_use]
pub fn entity_tag(hash: &str) -> Option<EntityTag> {
    let image = Image::try_from(Record {
        storage_key: "images/a.png".into(),
        mime_type: "image/png".into(),
        hash: hash.into(),
        size_bytes: 1,
    });
    image.ok().map(|image| image.etag)
}
