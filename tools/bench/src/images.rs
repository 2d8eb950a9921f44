//! The images that are served, and how they come into storage.

use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::blocking::{Client, Response};
use rusty_s3::{Bucket, Credentials, S3Action as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::client::{PATIENCE, client};
use crate::signed::{SIGNED_FOR, signing};
use crate::size::size;
use xtask::settings::Storage;

/// How often storage that starts is asked.
const PAUSE: Duration = Duration::from_millis(100);

/// What storage checks an upload by, and keeps.
const CHECKSUM: &str = "x-amz-checksum-sha256";

/// An image in storage.
#[derive(Debug, Clone)]
pub struct Object {
    /// What the application knows it by.
    pub id: Uuid,
    /// What storage knows it by.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub hash: String,
}

/// Bytes that no server can make smaller, and that are the same at every call.
pub fn content(bytes: u64) -> Vec<u8> {
    let blocks = (0_u64..).flat_map(|block| Sha256::digest(block.to_le_bytes()));
    blocks
        .take(usize::try_from(bytes).unwrap_or(usize::MAX))
        .collect()
}

/// Puts an image of each of `sizes` into storage, in a bucket of their own.
///
/// # Errors
/// When storage does not take them.
pub fn store(storage: &Storage, sizes: &[u64]) -> anyhow::Result<Vec<Object>> {
    let (bucket, key) = signing(storage)?;
    let client = client()?;
    wait_for_bucket(
        &client,
        bucket.create_bucket(&key).sign(SIGNED_FOR).as_str(),
    )?;
    let put = |bytes: &u64| put(&client, &bucket, &key, *bytes);
    sizes.iter().map(put).collect()
}

/// Uploads an image with its checksum, as `image-proxy-import` does: storage keeps it then, and the
/// component has what it verifies images by.
fn put(client: &Client, bucket: &Bucket, key: &Credentials, bytes: u64) -> anyhow::Result<Object> {
    let content = content(bytes);
    let digest = Sha256::digest(&content);
    let object = Object {
        id: Uuid::new_v4(),
        key: format!("benchmark/{bytes}"),
        bytes,
        hash: hex::encode(digest),
    };
    let checksum = STANDARD.encode(digest);
    let mut action = bucket.put_object(Some(key), &object.key);
    action.headers_mut().insert(CHECKSUM, checksum.as_str());
    let answer: Response = client
        .put(action.sign(SIGNED_FOR))
        .header(CHECKSUM, &checksum)
        .body(content)
        .send()?;
    ensure!(
        answer.status().is_success(),
        "storage does not take an image of {}: {}",
        size(bytes),
        answer.status()
    );
    Ok(object)
}

/// Creates a bucket, or finds that there is one, as soon as storage that has just started can.
fn wait_for_bucket(client: &Client, creation: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let answer = client
            .put(creation)
            .send()
            .map(|answer| answer.status().as_u16());
        match answer {
            Ok(200 | 409) => return Ok(()),
            outcome if started.elapsed() > PATIENCE => {
                return Err(match outcome {
                    Ok(status) => anyhow!("storage makes no bucket: it answers {status}"),
                    Err(error) => anyhow::Error::new(error).context("storage does not answer"),
                });
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_the_same_bytes_at_every_call_and_never_one_block_twice() {
        let image = content(100_001);

        assert_eq!(image.len(), 100_001);
        assert_eq!(image, content(100_001));
        assert_ne!(image[..32], image[32..64]);
    }
}
