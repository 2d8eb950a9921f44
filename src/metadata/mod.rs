//! Where the images' records are.

pub mod key_value;
#[cfg(target_family = "wasm")]
pub mod sqlite;

use crate::error::MetadataError;
use crate::image::{Image, ImageId};

/// Reads and writes images' records.
pub trait ImageRepository {
    /// The image's record, or `None` where there is none.
    ///
    /// # Errors
    /// [`MetadataError`] when the store cannot be read or the record is not usable.
    fn get_by_id(&self, id: ImageId) -> Result<Option<Image>, MetadataError>;

    /// Writes the image's record where there is none; `false` where there is one, usable or not.
    ///
    /// # Errors
    /// [`MetadataError`] when the store cannot be read or written.
    fn insert(&self, id: ImageId, image: &Image) -> Result<bool, MetadataError>;

    /// Writes the image's record. What is known under an id never changes, except where its object is.
    ///
    /// # Errors
    /// [`MetadataError`] when the store cannot be read or written.
    fn put(&self, id: ImageId, image: &Image) -> Result<Put, MetadataError>;

    /// Takes the image's record away, usable or not; `false` where there was none.
    ///
    /// # Errors
    /// [`MetadataError`] when the store cannot be written.
    fn delete(&self, id: ImageId) -> Result<bool, MetadataError>;
}

/// What became of a record that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// There was none, and there is one now.
    Created,
    /// There was one of the same hash, type and size; its storage key is the new one now.
    Kept,
    /// There is one of another hash, type or size, or one that nobody can read. It stays.
    Conflict,
}
