//! Where the images' bytes are.

mod answer;
mod checksum;
pub mod limits;
mod refusal;
mod retry;
mod retry_after;
pub mod s3;
mod sign;
pub mod transport;

use crate::error::StorageError;
use crate::image::{ByteRange, Image};

/// Fetches objects.
#[expect(async_fn_in_trait, reason = "an instance has one thread")]
pub trait StorageBackend {
    /// A byte stream that has begun.
    type Stream;

    /// The image's object, or a range of it that is not the whole, once storage has promised exactly
    /// that.
    ///
    /// # Errors
    /// [`StorageError`] when storage does not answer with that.
    async fn get(
        &self,
        image: &Image,
        range: Option<ByteRange>,
        handover: Handover,
    ) -> Result<Object<Self::Stream>, StorageError>;

    /// Confirms that there is the image's object, and tells whether its bytes are known to be those of
    /// the record's SHA-256, as they would be if it were handed over so.
    ///
    /// # Errors
    /// [`StorageError`] when storage does not confirm it.
    async fn head(&self, image: &Image, handover: Handover) -> Result<bool, StorageError>;
}

/// How the whole of an object is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// As it comes, unless storage keeps no checksum of a small one.
    Streamed,
    /// Read to its end, and hashed, where the record has a SHA-256: it is to be kept.
    Hashed,
}

/// What storage has of an image.
#[derive(Debug, PartialEq, Eq)]
pub struct Object<S> {
    /// The bytes that were asked for.
    pub bytes: ObjectBytes<S>,
    /// Whether they are known to be of the object with the record's SHA-256.
    pub is_verified: bool,
}

/// An object's bytes, or those of a range.
#[derive(Debug, PartialEq, Eq)]
pub enum ObjectBytes<S> {
    /// They come as the client takes them.
    Stream(S),
    /// They are all here.
    Here(Vec<u8>),
}
