//! Images whose bytes a test can tell apart.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// An image that a test makes up.
pub struct TestImage {
    pub id: Uuid,
    pub key: String,
    pub mime_type: String,
    pub bytes: Vec<u8>,
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

    /// Where the app serves it.
    pub fn path(&self) -> String {
        format!("/api/v1/images/{}/file", self.id.as_hyphenated())
    }

    /// SHA-256 in hex.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }
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
