//! What is asked of the subjects, and the images for it.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use reqwest::blocking::Client;
use rusty_s3::S3Action as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::load::Request;
use crate::signed::{SIGNED_FOR, signing};
use crate::subject::Object;
use xtask::settings::Storage;

/// Sizes of the images, in bytes: the largest is what the component serves by default, nearly.
pub const SIZES: [u64; 5] = [10_000, 100_000, 1_000_000, 10_000_000, 50_000_000];

/// The image that is asked for when it has not changed.
const UNCHANGED: u64 = 10_000;

/// The image that a part is asked of, and the part: 64 KB out of its middle.
const DIVIDED: u64 = 10_000_000;
const PART: std::ops::Range<usize> = 5_000_000..5_065_536;

/// Longest that storage may take to start, or an answer to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often storage that starts is asked.
const PAUSE: Duration = Duration::from_millis(100);

/// What is asked for, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The whole image of so many bytes.
    Whole(u64),
    /// An image that the client has already.
    NotModified,
    /// A part of an image.
    Part,
}

impl Work {
    /// Everything, for images of these sizes.
    pub fn all(sizes: &[u64]) -> Vec<Self> {
        let whole = sizes.iter().map(|bytes| Self::Whole(*bytes));
        whole.chain([Self::NotModified, Self::Part]).collect()
    }

    /// Size of the image that it is about.
    fn image(self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes,
            Self::NotModified => UNCHANGED,
            Self::Part => DIVIDED,
        }
    }

    /// Size of the body that comes of it.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes,
            Self::NotModified => 0,
            Self::Part => PART.len() as u64,
        }
    }

    /// The request at the one of `urls` that names its image, once the answer to it has been seen
    /// to be right.
    ///
    /// # Errors
    /// When the answer is not what it has to be.
    pub fn request(self, urls: &[String], objects: &[Object]) -> anyhow::Result<Request> {
        let index = objects
            .iter()
            .position(|object| object.bytes == self.image());
        let url = index
            .and_then(|index| urls.get(index))
            .with_context(|| format!("there is no image for {self}"))?;
        let (field, status) = match self {
            Self::Whole(_) => (None, 200),
            Self::NotModified => (Some(("If-None-Match", entity_tag(url)?)), 304),
            Self::Part => {
                let range = format!("bytes={}-{}", PART.start, PART.end - 1);
                (Some(("Range", range)), 206)
            }
        };
        self.check(url, field.as_ref(), status)?;
        Ok(Request {
            url: url.clone(),
            field: field.map(|(name, value)| format!("{name}: {value}")),
            status,
            bytes: self.bytes(),
        })
    }

    fn check(self, url: &str, field: Option<&(&str, String)>, status: u16) -> anyhow::Result<()> {
        let mut get = client()?.get(url);
        if let Some((name, value)) = field {
            get = get.header(*name, value);
        }
        let answer = get.send()?;
        ensure!(
            answer.status() == status,
            "{url}: the answer for {self} had to be {status}, and was {}",
            answer.status()
        );
        let body = answer.bytes()?;
        let image = content(self.image());
        let expected = match self {
            Self::Whole(_) => &image[..],
            Self::NotModified => &[],
            Self::Part => &image[PART],
        };
        ensure!(
            body == expected,
            "{url}: other bytes came than are in storage"
        );
        Ok(())
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => formatter.write_str(&size(*bytes)),
            Self::NotModified => formatter.write_str("304"),
            Self::Part => write!(formatter, "64 KB of {}", size(DIVIDED)),
        }
    }
}

/// `bytes` as one says it: 10 KB, 1 MB.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

fn entity_tag(url: &str) -> anyhow::Result<String> {
    let answer = client()?.get(url).send()?;
    let tag = answer
        .headers()
        .get("ETag")
        .and_then(|tag| tag.to_str().ok());
    tag.map(str::to_owned)
        .with_context(|| format!("{url}: the answer has no ETag"))
}

fn client() -> anyhow::Result<Client> {
    let client = Client::builder().no_proxy().timeout(PATIENCE);
    client.build().context("there is no HTTP client")
}

/// Bytes that no server can make smaller, and that are the same at every call.
fn content(bytes: u64) -> Vec<u8> {
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
    let put = |bytes: &u64| {
        let object = Object {
            id: Uuid::new_v4(),
            key: format!("benchmark/{bytes}"),
            bytes: *bytes,
        };
        let url = bucket.put_object(Some(&key), &object.key).sign(SIGNED_FOR);
        let answer = client.put(url).body(content(*bytes)).send()?;
        ensure!(
            answer.status().is_success(),
            "storage does not take an image of {}: {}",
            size(*bytes),
            answer.status()
        );
        Ok(object)
    };
    sizes_with_those_of_parts(sizes).iter().map(put).collect()
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

fn sizes_with_those_of_parts(sizes: &[u64]) -> Vec<u64> {
    let mut all = [sizes, &[UNCHANGED, DIVIDED]].concat();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_decimal_units() {
        assert_eq!(
            SIZES.map(size),
            ["10 KB", "100 KB", "1 MB", "10 MB", "50 MB"]
        );
    }

    #[test]
    fn an_image_has_the_same_bytes_at_every_call_and_never_one_block_twice() {
        let image = content(100_001);

        assert_eq!(image.len(), 100_001);
        assert_eq!(image, content(100_001));
        assert_ne!(image[..32], image[32..64]);
    }

    #[test]
    fn every_work_has_its_image_whatever_sizes_are_chosen() {
        let stored = sizes_with_those_of_parts(&[1_000_000]);

        for work in Work::all(&[1_000_000]) {
            assert!(stored.contains(&work.image()), "{work}");
        }
    }
}
