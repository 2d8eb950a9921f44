//! What a file is: its type, its SHA-256, its size. All from its bytes, none from its name.

mod accepted;
mod animation;
mod attributes;
mod boxes;
mod claim;
mod container;
mod dimensions;
mod drawn_size;
mod encoding;
mod formats;
mod ico;
mod jpeg;
mod jpeg_pixels;
mod kind;
mod markup;
mod memory;
mod prolog;
mod raster;
mod unfit;
mod webp;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use claim::Claim;
use unfit::Unfit;

pub use accepted::Accepted;
pub use dimensions::Dimensions;
pub use kind::Kind;
pub use raster::{Raster, Samples};

/// Files above this size are not held in memory; they are read again while they are uploaded.
pub const HELD_IN_MEMORY: u64 = 16 * 1024 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;

/// What the bytes of an image file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its type.
    pub kind: Kind,
    /// SHA-256 of all bytes, in lower-case hex.
    pub sha256: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Its size on a page, where it is known.
    pub dimensions: Option<Dimensions>,
}

/// Where the bytes of an image are.
#[derive(Debug)]
pub enum Source {
    /// Here: those that the content was read from.
    Memory(Bytes),
    /// In this file, which may change any time.
    File(PathBuf),
}

/// What reading a file has shown.
#[derive(Debug)]
pub enum Reading {
    /// An image; and its pixels where they were to be kept, it has some, and it does not move.
    Image(Content, Source, Option<Raster>),
    /// Something else than an image of a known type.
    OtherFile,
    /// Nothing to import, for this reason.
    Refused(String),
}

impl Reading {
    /// Reads `file`, a buffer at a time where it is large.
    pub fn of(file: &Path, accepted: &Accepted, keeps_pixels: bool) -> Self {
        match read(file, accepted, keeps_pixels) {
            Ok((content, source, raster)) => Self::Image(content, source, raster),
            Err(Unfit::OtherFile) => Self::OtherFile,
            Err(Unfit::Refused(reason)) => Self::Refused(reason),
        }
    }
}

fn read(
    path: &Path,
    accepted: &Accepted,
    keeps_pixels: bool,
) -> Result<(Content, Source, Option<Raster>), Unfit> {
    // Before it is opened: opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Unfit::Refused("is not a regular file".to_owned()));
    }
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    let claim = Claim::of(&mut file, &mut bytes)?;
    // What may be text may not be an image at all, so it is not refused yet.
    if !claim.may_be_text {
        accepted.admit(claim.format, file.metadata()?.len())?;
    }

    let left = HELD_IN_MEMORY + 1 - bytes.len() as u64;
    read_up_to(&mut file, left, &mut bytes)?;
    let (source, (sha256, size_bytes), checked) = if bytes.len() as u64 <= HELD_IN_MEMORY {
        let checked = claim.checked(Cursor::new(&bytes), keeps_pixels)?;
        let hashed = sha256_and_size(bytes.as_slice())?;
        (Source::Memory(bytes.into()), hashed, checked)
    } else {
        drop(bytes);
        let checked = claim.checked(BufReader::new(&file), keeps_pixels)?;
        file.rewind()?;
        let hashed = sha256_and_size(&file)?;
        (Source::File(path.to_owned()), hashed, checked)
    };
    // It may have grown since it was opened.
    accepted.admit(claim.format, size_bytes)?;
    let content = Content {
        kind: claim.format.kind,
        sha256,
        size_bytes,
        dimensions: checked.dimensions,
    };
    Ok((content, source, checked.raster))
}

fn read_up_to(file: &mut File, limit: u64, bytes: &mut Vec<u8>) -> io::Result<usize> {
    Read::by_ref(file).take(limit).read_to_end(bytes)
}

fn sha256_and_size(mut reader: impl Read) -> io::Result<(String, u64)> {
    let mut digest = Sha256::new();
    let mut size_bytes = 0;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        size_bytes += count as u64;
    }
    Ok((hex(&digest.finalize()), size_bytes))
}

impl Content {
    /// Of bytes of this kind that were made here.
    pub fn made(kind: Kind, bytes: &[u8], dimensions: Dimensions) -> Self {
        Self {
            kind,
            sha256: hex(&Sha256::digest(bytes)),
            size_bytes: bytes.len() as u64,
            dimensions: Some(dimensions),
        }
    }
}

/// Two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
#[cfg(test)]
pub mod tests {
    use image::{DynamicImage, ImageFormat};

    use super::*;

    pub const ANY_SIZE: u64 = u64::MAX;

    /// An image of 30 by 20 pixels.
    pub fn drawn(format: ImageFormat) -> Vec<u8> {
        let image = DynamicImage::new_rgba8(30, 20);
        match format {
            ImageFormat::Jpeg => drawn_as(&image.into_rgb8().into(), format),
            ImageFormat::Hdr => drawn_as(&image.into_rgb32f().into(), format),
            ImageFormat::Farbfeld => drawn_as(&image.into_rgba16().into(), format),
            _ => drawn_as(&image, format),
        }
    }

    pub fn drawn_as(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// What is read of a file with these bytes.
    pub fn reading(bytes: &[u8], accepted: &Accepted) -> Reading {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("picture.png");
        std::fs::write(&file, bytes).unwrap();
        Reading::of(&file, accepted, false)
    }

    pub fn up_to(max_bytes: u64) -> Accepted {
        Accepted::new::<&str>(max_bytes, []).unwrap()
    }

    pub fn image(reading: Reading) -> (Content, Source) {
        match reading {
            Reading::Image(content, source, None) => (content, source),
            other => panic!("no image: {other:?}"),
        }
    }

    pub fn reason(reading: Reading) -> String {
        match reading {
            Reading::Refused(reason) => reason,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn hash_and_size_cover_the_whole_file_however_long() {
        let bytes = [drawn(ImageFormat::Gif), vec![7; 200_000]].concat();

        let (content, source) = image(reading(&bytes, &up_to(ANY_SIZE)));

        assert_eq!(content.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(content.size_bytes, bytes.len() as u64);
        assert!(matches!(source, Source::Memory(held) if held == bytes));
    }

    #[test]
    fn a_large_file_is_hashed_whole_and_not_held_in_memory() {
        let mut bytes = drawn(ImageFormat::Jpeg);
        bytes.resize(usize::try_from(HELD_IN_MEMORY).unwrap() + 1, 7);

        let (content, source) = image(reading(&bytes, &up_to(ANY_SIZE)));

        assert_eq!(content.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(content.size_bytes, HELD_IN_MEMORY + 1);
        assert!(matches!(source, Source::File(_)));
    }

    #[test]
    fn the_sha_256_is_that_of_everyone() {
        let (sha256, size_bytes) = sha256_and_size(b"abc".as_slice()).unwrap();

        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(size_bytes, 3);
    }

    #[test]
    fn an_image_as_large_as_the_limit_is_taken_and_one_byte_more_is_not() {
        let bytes = drawn(ImageFormat::Png);
        let limit = bytes.len() as u64;

        image(reading(&bytes, &up_to(limit)));

        assert_eq!(
            reason(reading(&bytes, &up_to(limit - 1))),
            format!(
                "has {limit} bytes, more than the limit of {} (--max-bytes)",
                limit - 1
            )
        );
    }

    #[test]
    fn a_file_without_bytes_is_refused_and_one_without_an_image_is_not_taken_for_one() {
        assert_eq!(reason(reading(b"", &up_to(ANY_SIZE))), "is empty");
        for other in [
            b"%PDF-1.7".as_slice(),
            b"\x1f\x8b\x08 a compressed SVG",
            b"<html></html>",
        ] {
            for limit in [1, ANY_SIZE] {
                assert!(matches!(reading(other, &up_to(limit)), Reading::OtherFile));
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();

        let missing = Reading::of(&folder.path().join("missing"), &up_to(ANY_SIZE), false);
        let no_file = Reading::of(folder.path(), &up_to(ANY_SIZE), false);

        assert_eq!(
            reason(missing),
            "cannot be read: No such file or directory (os error 2)"
        );
        assert_eq!(reason(no_file), "is not a regular file");
    }
}
