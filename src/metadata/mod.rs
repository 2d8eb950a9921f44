//! Where the images' records are.

pub mod key_value;
#[cfg(target_family = "wasm")]
pub mod sqlite;

use crate::error::MetadataError;
use crate::image::{Image, ImageId};

/// Reads images' records.
pub trait ImageRepository {
    /// The image's record, or `None` where there is none.
    ///
    /// # Errors
    /// [`MetadataError`] when the store cannot be read or the record is not usable.
    fn get_by_id(&self, id: ImageId) -> Result<Option<Image>, MetadataError>;
}
