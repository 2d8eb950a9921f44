//! Kept images in Spin's key-value store (key `bytes:<sha-256>`, value the bytes).

use super::ImageCache;
use crate::error::CacheError;
use crate::key_value::KeyValueStore;
use crate::sha256::Sha256;

impl ImageCache for KeyValueStore {
    fn get(&self, sha256: Sha256) -> Result<Option<Vec<u8>>, CacheError> {
        self.read(&key(sha256)).map_err(CacheError)
    }

    fn put(&self, sha256: Sha256, bytes: &[u8]) -> Result<(), CacheError> {
        self.write(&key(sha256), bytes).map_err(CacheError)
    }

    fn delete(&self, sha256: Sha256) -> Result<(), CacheError> {
        self.remove(&key(sha256)).map_err(CacheError)
    }
}

fn key(sha256: Sha256) -> String {
    format!("bytes:{}", sha256.to_hex())
}
