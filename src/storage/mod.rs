//! Where the images' bytes are.

mod answer;
mod refusal;
mod retry;
mod retry_after;
pub mod s3;
mod sign;
pub mod transport;
#[cfg(target_family = "wasm")]
pub mod wasi_http;

use crate::error::StorageError;
use crate::image::{ByteRange, StorageKey};

/// Fetches objects.
pub trait StorageBackend {
    /// A byte stream that has begun.
    type Body;

    /// The object, or a range of it, once storage has promised exactly that of an object of
    /// `size` bytes.
    ///
    /// # Errors
    /// [`StorageError`] when storage does not answer with that.
    fn get(
        &self,
        key: &StorageKey,
        size: u64,
        range: Option<ByteRange>,
    ) -> Result<Self::Body, StorageError>;

    /// Confirms that there is an object of `size` bytes.
    ///
    /// # Errors
    /// [`StorageError`] when storage does not confirm it.
    fn head(&self, key: &StorageKey, size: u64) -> Result<(), StorageError>;
}
