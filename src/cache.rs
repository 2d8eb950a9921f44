//! Small images are kept near: in the key-value store, under the SHA-256 of their bytes, once those
//! have been hashed and found right.
//!
//! The record is read for each request all the same, and no failure of this store is one of a request.
//! Nothing is taken away but what belongs to a record that is deleted.

#[cfg(target_family = "wasm")]
mod key_value;

use crate::config::{MAX_CACHED_BYTES, Settings};
use crate::error::CacheError;
use crate::image::Image;
use crate::reply::Content;
use crate::request_log::{CacheUse, RequestLog};
use crate::sha256::Sha256;

/// Keeps bytes by their SHA-256.
pub trait ImageCache {
    /// The bytes that are kept.
    ///
    /// # Errors
    /// [`CacheError`] when the store cannot be read.
    fn get(&self, sha256: Sha256) -> Result<Option<Vec<u8>>, CacheError>;

    /// Keeps these bytes.
    ///
    /// # Errors
    /// [`CacheError`] when the store cannot be written, or is full.
    fn put(&self, sha256: Sha256, bytes: &[u8]) -> Result<(), CacheError>;

    /// Keeps them no longer, if they were.
    ///
    /// # Errors
    /// [`CacheError`] when the store cannot be written.
    fn delete(&self, sha256: Sha256) -> Result<(), CacheError>;
}

/// Whether an image is kept.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// These are its bytes.
    Here(Vec<u8>),
    /// It is not.
    No {
        /// What it is to be kept under, if it is.
        keep_as: Option<Sha256>,
    },
}

/// Looks for the image where it may be kept.
pub fn find(
    image: &Image,
    settings: &Settings,
    cache: &dyn ImageCache,
    log: &mut RequestLog,
) -> Kept {
    let Some(sha256) = image.sha256.filter(|_| is_kept(image.size, settings)) else {
        return Kept::No { keep_as: None };
    };
    match cache.get(sha256) {
        Ok(Some(bytes)) if bytes.len() as u64 == image.size => {
            log.cache = Some(CacheUse::Hit);
            Kept::Here(bytes)
        }
        // Bytes of another length were cut short on their way in.
        Ok(_) => {
            log.cache = Some(CacheUse::Miss);
            Kept::No {
                keep_as: Some(sha256),
            }
        }
        Err(error) => {
            log.cache_failed(&error);
            Kept::No { keep_as: None }
        }
    }
}

/// Keeps what was sent, where that is to be kept.
pub fn fill<B>(sent: &Content<B>, cache: &dyn ImageCache, log: &mut RequestLog) {
    let Content::Bytes {
        bytes,
        keep_as: Some(sha256),
    } = sent
    else {
        return;
    };
    match cache.put(*sha256, bytes) {
        Ok(()) => log.cache = Some(CacheUse::Filled),
        Err(error) => log.cache_failed(&error),
    }
}

/// Takes the bytes of a deleted record along. They may be there from before the setting was changed.
pub fn forget(sha256: Sha256, settings: &Settings, cache: &dyn ImageCache, log: &mut RequestLog) {
    match cache.delete(sha256) {
        Err(error) if cache_max_bytes(settings) > 0 => log.cache_failed(&error),
        _ => {}
    }
}

fn is_kept(size: u64, settings: &Settings) -> bool {
    size <= MAX_CACHED_BYTES && size <= cache_max_bytes(settings)
}

/// One that cannot be used keeps no image from being served; `/readyz` tells of it.
fn cache_max_bytes(settings: &Settings) -> u64 {
    settings.cache_max_bytes().unwrap_or(0)
}
