//! Images whose bytes a test can tell apart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// An image that a test makes up.
pub struct TestImage {
    pub id: Uuid,
    pub key: String,
    pub mime_type: String,
    pub bytes: Vec<u8>,
    /// What its record has in the place of its SHA-256.
    pub other_hash: Option<String>,
}

impl TestImage {
    /// `size` bytes that no other image has.
    pub fn of_size(size: usize) -> Self {
        let id = Uuid::new_v4();
        Self {
            id,
            key: format!("private/{}.png", id.as_simple()),
            mime_type: "image/png".into(),
            bytes: distinct_bytes(id, size),
            other_hash: None,
        }
    }

    /// These bytes, which others may have.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::of_size(0)
        }
    }

    /// Kept under this key.
    pub fn with_key(self, key: &str) -> Self {
        Self {
            key: key.into(),
            ..self
        }
    }

    /// Of this type.
    pub fn with_type(self, mime_type: &str) -> Self {
        Self {
            mime_type: mime_type.into(),
            ..self
        }
    }

    /// With a record that has this hash.
    pub fn with_hash(self, hash: &str) -> Self {
        Self {
            other_hash: Some(hash.into()),
            ..self
        }
    }

    /// Where the app serves it.
    pub fn path(&self) -> String {
        format!("/api/v1/images/{}/file", self.id.as_hyphenated())
    }

    /// Where the app takes its record.
    pub fn record_path(&self) -> String {
        format!("/api/v1/images/{}", self.id.as_hyphenated())
    }

    /// Its record, as the app takes it.
    pub fn record(&self) -> serde_json::Value {
        serde_json::json!({
            "storage_key": self.key,
            "mime_type": self.mime_type,
            "hash": self.hash(),
            "size_bytes": self.bytes.len(),
        })
    }

    /// What its record has: SHA-256 in hex, unless it was given another.
    pub fn hash(&self) -> String {
        let other = self.other_hash.clone();
        other.unwrap_or_else(|| hex(&Sha256::digest(&self.bytes)))
    }

    /// SHA-256 in base64.
    pub fn sha256_in_base64(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.bytes))
    }
}

/// An image of this length and no other's bytes: one pixel, and what no decoder looks at.
pub fn gif(name: &str, length: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0\
        \x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b"
        .to_vec();
    assert!(length >= bytes.len(), "too short for a pixel");
    let mut block = Sha256::digest(name);
    while bytes.len() < length {
        bytes.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    bytes.truncate(length);
    bytes
}

/// Two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A xorshift sequence that begins with the id.
fn distinct_bytes(id: Uuid, size: usize) -> Vec<u8> {
    let mut state = id.as_u64_pair().0 | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
