//! What is asked of the subjects, and what the right answer is.

use std::fmt;

use anyhow::{Context as _, ensure};

use crate::client::client;
use crate::images::{Object, content};
use crate::load::Request;
use crate::served::Served;
use crate::size::size;

/// Sizes of the images, in bytes: the largest is what the component serves by default, nearly.
pub const SIZES: [u64; 5] = [10_000, 100_000, 1_000_000, 10_000_000, 50_000_000];

/// The image that is asked for when it has not changed.
const UNCHANGED: u64 = 10_000;

/// The image that a part is asked of, and the part: 64 KB out of its middle.
const DIVIDED: u64 = 10_000_000;
const PART: std::ops::Range<usize> = 5_000_000..5_065_536;

/// What is asked for, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The whole image of so many bytes.
    Whole(u64),
    /// An image that the client has already.
    NotModified,
    /// A part of an image.
    Part,
    /// What no route has.
    UnknownPath,
}

impl Work {
    /// Everything, for images of these sizes.
    pub fn all(sizes: &[u64]) -> Vec<Self> {
        let whole = sizes.iter().map(|bytes| Self::Whole(*bytes));
        whole
            .chain([Self::NotModified, Self::Part, Self::UnknownPath])
            .collect()
    }

    /// Size of the image that it is about.
    fn image(self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::NotModified => Some(UNCHANGED),
            Self::Part => Some(DIVIDED),
            Self::UnknownPath => None,
        }
    }

    /// Size of what comes of an image.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Part => PART.len() as u64,
            Self::NotModified | Self::UnknownPath => 0,
        }
    }

    /// The request for it, once the answer has been seen to be right.
    ///
    /// # Errors
    /// When the answer is not what it has to be.
    pub fn request(self, served: &Served, objects: &[Object]) -> anyhow::Result<Request> {
        let mut request = match self.image() {
            Some(bytes) => self.request_for_image(bytes, served, objects)?,
            None => request_for_unknown_path(served)?,
        };
        let body = answer(&request).with_context(|| format!("the answer for {self}"))?;
        match self.image() {
            Some(bytes) => ensure!(
                body == self.expected(&content(bytes)),
                "{}: other bytes came than are in storage",
                request.url
            ),
            None => request.bytes = body.len() as u64,
        }
        Ok(request)
    }

    fn request_for_image(
        self,
        bytes: u64,
        served: &Served,
        objects: &[Object],
    ) -> anyhow::Result<Request> {
        let index = objects.iter().position(|object| object.bytes == bytes);
        let (object, url) = index
            .and_then(|index| Some((&objects[index], served.urls.get(index)?)))
            .with_context(|| format!("there is no image for {self}"))?;
        let (field, status) = match self {
            Self::NotModified => {
                let tag = entity_tag(url, object)?;
                (Some(format!("If-None-Match: {tag}")), 304)
            }
            Self::Part => {
                let range = format!("Range: bytes={}-{}", PART.start, PART.end - 1);
                (Some(range), 206)
            }
            Self::Whole(_) | Self::UnknownPath => (None, 200),
        };
        Ok(Request {
            url: url.clone(),
            field,
            status,
            bytes: self.bytes(),
        })
    }

    fn expected(self, image: &[u8]) -> &[u8] {
        match self {
            Self::Whole(_) => image,
            Self::Part => &image[PART],
            Self::NotModified | Self::UnknownPath => &[],
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => formatter.write_str(&size(*bytes)),
            Self::NotModified => formatter.write_str("304"),
            Self::Part => write!(formatter, "64 KB of {}", size(DIVIDED)),
            Self::UnknownPath => formatter.write_str("unknown path"),
        }
    }
}

/// `sizes`, and those of the images that the other works are about.
pub fn sizes_of_all(sizes: &[u64]) -> Vec<u64> {
    let mut all = [sizes, &[UNCHANGED, DIVIDED]].concat();
    all.sort_unstable();
    all.dedup();
    all
}

fn request_for_unknown_path(served: &Served) -> anyhow::Result<Request> {
    let unknown = served.unknown_path.as_ref();
    let unknown = unknown.context("there is no path that is known to be unknown")?;
    Ok(Request {
        url: unknown.url.clone(),
        field: None,
        status: unknown.status,
        bytes: 0,
    })
}

/// That of the image's URL; of what tells none, that of the image's record.
fn entity_tag(url: &str, object: &Object) -> anyhow::Result<String> {
    let answer = client()?.get(url).send()?;
    let tag = answer.headers().get("ETag").map(|tag| tag.to_str());
    Ok(match tag {
        Some(tag) => tag.with_context(|| format!("{url}: its ETag"))?.to_owned(),
        None => format!("\"{}\"", object.hash),
    })
}

/// The body, where the status is right.
fn answer(request: &Request) -> anyhow::Result<Vec<u8>> {
    let Request {
        url, field, status, ..
    } = request;
    let mut get = client()?.get(url);
    if let Some((name, value)) = field.as_ref().and_then(|field| field.split_once(": ")) {
        get = get.header(name, value);
    }
    let answer = get.send()?;
    ensure!(
        answer.status() == *status,
        "{url}: it had to be {status}, and was {}",
        answer.status()
    );
    Ok(answer.bytes()?.into())
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
    fn every_work_has_its_image_whatever_sizes_are_chosen() {
        let stored = sizes_of_all(&[1_000_000]);

        for work in Work::all(&[1_000_000]) {
            let is_there = work.image().is_none_or(|image| stored.contains(&image));
            assert!(is_there, "{work}");
        }
    }
}
