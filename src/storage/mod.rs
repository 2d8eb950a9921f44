//! Where the images' bytes are.

pub mod s3;
mod sign;
#[cfg(target_family = "wasm")]
pub mod wasi_http;

use crate::error::StorageError;
use crate::image::StorageKey;

/// Fetches objects.
pub trait StorageBackend {
    /// A byte stream that has begun.
    type Body;

    /// The whole object, once storage has promised exactly `size` bytes.
    ///
    /// # Errors
    /// [`StorageError`] when storage does not answer with that.
    fn get(&self, key: &StorageKey, size: u64) -> Result<Self::Body, StorageError>;
}
