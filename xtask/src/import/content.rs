//! What a file is: its type, its SHA-256, its size. All from its bytes, none from its name.

mod dimensions;
mod kind;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

pub use dimensions::Dimensions;
pub use kind::Kind;

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
    Image(Content, Source),
    /// Something else than an image of a known type.
    OtherFile,
    /// Nothing to import, for this reason.
    Refused(String),
}

impl Reading {
    /// Reads `file`, a buffer at a time where it is large.
    pub fn of(file: &Path, max_bytes: u64) -> Self {
        read(file, max_bytes)
            .unwrap_or_else(|error| Self::Refused(format!("cannot be read: {error}")))
    }
}

fn read(path: &Path, max_bytes: u64) -> io::Result<Reading> {
    // Before it is opened: opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(Reading::Refused("is not a regular file".to_owned()));
    }
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    read_up_to(&mut file, kind::HEAD_BYTES as u64, &mut head)?;
    if head.is_empty() {
        return Ok(Reading::Refused("is empty".to_owned()));
    }
    let Some(kind) = kind::kind_of(&head) else {
        return Ok(Reading::OtherFile);
    };
    let announced = file.metadata()?.len();
    if announced > max_bytes {
        return Ok(too_large(announced, max_bytes));
    }

    let mut bytes = head;
    let left = HELD_IN_MEMORY + 1 - bytes.len() as u64;
    read_up_to(&mut file, left, &mut bytes)?;
    let (source, (sha256, size_bytes), dimensions) = if bytes.len() as u64 <= HELD_IN_MEMORY {
        let hashed = sha256_and_size(bytes.as_slice())?;
        let dimensions = Dimensions::read(Cursor::new(&bytes));
        (Source::Memory(bytes.into()), hashed, dimensions)
    } else {
        file.rewind()?;
        let hashed = sha256_and_size(&file)?;
        file.rewind()?;
        let dimensions = Dimensions::read(BufReader::new(file));
        (Source::File(path.to_owned()), hashed, dimensions)
    };
    // It may have grown since it was opened.
    if size_bytes > max_bytes {
        return Ok(too_large(size_bytes, max_bytes));
    }
    let content = Content {
        kind,
        sha256,
        size_bytes,
        dimensions,
    };
    Ok(Reading::Image(content, source))
}

fn too_large(size_bytes: u64, max_bytes: u64) -> Reading {
    Reading::Refused(format!(
        "has {size_bytes} bytes, more than the limit of {max_bytes} (--max-bytes)"
    ))
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

/// Two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    const ANY_SIZE: u64 = u64::MAX;

    /// What is read of a file with these bytes.
    fn reading(bytes: &[u8], max_bytes: u64) -> Reading {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("picture.png");
        std::fs::write(&file, bytes).unwrap();
        Reading::of(&file, max_bytes)
    }

    fn image(reading: Reading) -> (Content, Source) {
        match reading {
            Reading::Image(content, source) => (content, source),
            other => panic!("no image: {other:?}"),
        }
    }

    fn reason(reading: Reading) -> String {
        match reading {
            Reading::Refused(reason) => reason,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn the_name_of_a_file_says_nothing_about_its_type() {
        let (content, _) = image(reading(b"GIF89a and more", ANY_SIZE));

        assert_eq!(content.kind.mime_type, "image/gif");
        assert_eq!(content.kind.extension, "gif");
    }

    #[test]
    fn hash_and_size_cover_the_whole_file_however_long() {
        let bytes = [b"GIF89a".as_slice(), &vec![7; 200_000]].concat();

        let (content, source) = image(reading(&bytes, ANY_SIZE));

        assert_eq!(
            content.sha256,
            "02cd68fc35c570c5e012cdd16c785360d978afcc47486b3278a460af6ccd94ab"
        );
        assert_eq!(content.size_bytes, 200_006);
        assert!(matches!(source, Source::Memory(held) if held == bytes));
    }

    #[test]
    fn a_large_file_is_hashed_whole_and_not_held_in_memory() {
        let mut bytes = vec![7; usize::try_from(HELD_IN_MEMORY).unwrap() + 1];
        bytes[..6].copy_from_slice(b"GIF89a");

        let (content, source) = image(reading(&bytes, ANY_SIZE));

        assert_eq!(content.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(content.size_bytes, HELD_IN_MEMORY + 1);
        assert!(matches!(source, Source::File(_)));
    }

    #[test]
    fn an_image_as_large_as_the_limit_is_taken_and_one_byte_more_is_not() {
        image(reading(b"GIF89a", 6));

        assert_eq!(
            reason(reading(b"GIF89a", 5)),
            "has 6 bytes, more than the limit of 5 (--max-bytes)"
        );
    }

    #[test]
    fn a_file_without_bytes_is_refused_and_one_without_an_image_is_not_taken_for_one() {
        assert_eq!(reason(reading(b"", ANY_SIZE)), "is empty");
        assert!(matches!(reading(b"%PDF-1.7", ANY_SIZE), Reading::OtherFile));
        assert!(matches!(reading(b"%PDF-1.7", 1), Reading::OtherFile));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();

        let missing = Reading::of(&folder.path().join("missing"), ANY_SIZE);
        let no_file = Reading::of(folder.path(), ANY_SIZE);

        assert_eq!(
            reason(missing),
            "cannot be read: No such file or directory (os error 2)"
        );
        assert_eq!(reason(no_file), "is not a regular file");
    }
}
