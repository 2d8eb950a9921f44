//! Where the images' records are.

pub mod key_value;
#[cfg(target_family = "wasm")]
pub mod sqlite;

use crate::error::{ConfigError, MetadataError};
use crate::image::{Image, ImageId};
use crate::sha256::Sha256;

/// Gives the repository that the settings name, where a request needs one.
pub type Repository<'a> = &'a dyn Fn() -> Result<&'a dyn ImageRepository, ConfigError>;

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

    /// Takes the image's record away, usable or not; `None` where there was none.
    ///
    /// # Errors
    /// [`MetadataError`] when the store cannot be read or written.
    fn delete(&self, id: ImageId) -> Result<Option<Deleted>, MetadataError>;
}

/// A record that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// Its hash, where that was a SHA-256.
    pub sha256: Option<Sha256>,
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
