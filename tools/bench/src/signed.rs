//! Signed URLs into storage.

use std::time::Duration;

use rusty_s3::{Bucket, Credentials, UrlStyle};
use xtask::settings::Storage;

/// How long presigned URLs last: longer than any run.
pub const SIGNED_FOR: Duration = Duration::from_hours(24);

/// The bucket of a storage, named in the path, and the key that signs URLs into it.
///
/// # Errors
/// When the endpoint is not a URL.
pub fn signing(storage: &Storage) -> anyhow::Result<(Bucket, Credentials)> {
    let bucket = Bucket::new(
        storage.endpoint.parse()?,
        UrlStyle::Path,
        storage.bucket.clone(),
        storage.region.clone(),
    )?;
    let key = Credentials::new(&*storage.access_key_id, &*storage.secret_access_key);
    Ok((bucket, key))
}
