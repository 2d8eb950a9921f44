//! What a file is: its type, its SHA-256, its size. All from its bytes, none from its name.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek as _};
use std::path::Path;

use anyhow::Context as _;
use image::ImageFormat;
use sha2::{Digest as _, Sha256};

// Enough for an SVG that opens with a long licence comment; the others tell in 32 bytes.
const HEAD_BYTES: u64 = 16 * 1024;

/// A type of image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Media type, for example `image/png`.
    pub mime_type: &'static str,
    /// The usual suffix, without a dot.
    pub extension: &'static str,
}

/// What the bytes of an image file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its type.
    pub kind: Kind,
    /// SHA-256 of all bytes, in lower-case hex.
    pub sha256: String,
    /// Length in bytes.
    pub size_bytes: u64,
}

impl Content {
    /// Reads `file` once, a buffer at a time; `None` when it is no image of a known type.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(file: &Path) -> anyhow::Result<Option<Self>> {
        read(file).with_context(|| format!("cannot read {}", file.display()))
    }
}

fn read(file: &Path) -> anyhow::Result<Option<Content>> {
    let mut file = File::open(file)?;
    let mut head = Vec::new();
    Read::by_ref(&mut file)
        .take(HEAD_BYTES)
        .read_to_end(&mut head)?;
    let Some(kind) = kind_of(&head) else {
        return Ok(None);
    };
    file.rewind()?;
    let (sha256, size_bytes) = sha256_and_size(file)?;
    Ok(Some(Content {
        kind,
        sha256,
        size_bytes,
    }))
}

fn sha256_and_size(mut file: File) -> anyhow::Result<(String, u64)> {
    let mut digest = Sha256::new();
    let mut size_bytes = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        size_bytes += count as u64;
    }
    let mut hex = String::new();
    for byte in digest.finalize() {
        write!(hex, "{byte:02x}")?;
    }
    Ok((hex, size_bytes))
}

/// The type of an image that begins with `head`.
fn kind_of(head: &[u8]) -> Option<Kind> {
    if let Ok(format) = image::guess_format(head) {
        return kind_of_format(format);
    }
    is_svg(head).then_some(Kind {
        mime_type: "image/svg+xml",
        extension: "svg",
    })
}

// Farbfeld has no image/* type, so the application could not serve it.
fn kind_of_format(format: ImageFormat) -> Option<Kind> {
    let mime_type = format.to_mime_type();
    let extension = format.extensions_str().first()?;
    mime_type.starts_with("image/").then_some(Kind {
        mime_type,
        extension,
    })
}

// The root element is `svg`, after whatever XML allows before it (XML 1.0, section 2.8: prolog).
fn is_svg(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let mut rest = head.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end_of_construct = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<!DOCTYPE svg") {
            return true;
        } else {
            break;
        };
        match rest.split_once(end_of_construct) {
            Some((_, after)) => rest = after.trim_start(),
            None => return false,
        }
    }
    rest.strip_prefix("<svg")
        .and_then(|rest| rest.chars().next())
        .is_some_and(|next| next.is_whitespace() || next == '>' || next == '/')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_told_by_the_first_bytes() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png")),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\x24\0\0\0WEBPVP8L", Some("image/webp")),
            (b"\0\0\0\x1cftypavif", Some("image/avif")),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'>",
                Some("image/svg+xml"),
            ),
            (
                b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a <b> -->\n<svg>",
                Some("image/svg+xml"),
            ),
            (
                b"<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\"",
                Some("image/svg+xml"),
            ),
            (b"<svgish>", None),
            (b"<html><svg></svg></html>", None),
            (b"<!-- <svg> without an end", None),
            (b"%PDF-1.7", None),
            (b"RIFF\x24\0\0\0WAVEfmt ", None),
            (b"farbfeld\0\0\0\x01", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            let kind = kind_of(head).map(|kind| kind.mime_type);

            assert_eq!(kind, *expected, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn the_name_of_a_file_says_nothing_about_its_type() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("picture.png");
        std::fs::write(&file, "GIF89a and more").unwrap();

        let content = Content::read(&file).unwrap().unwrap();

        assert_eq!(content.kind.mime_type, "image/gif");
        assert_eq!(content.kind.extension, "gif");
    }

    #[test]
    fn hash_and_size_cover_the_whole_file_however_long() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("long");
        let bytes = [b"GIF89a".as_slice(), &vec![7; 200_000]].concat();
        std::fs::write(&file, &bytes).unwrap();

        let content = Content::read(&file).unwrap().unwrap();

        assert_eq!(
            content.sha256,
            "02cd68fc35c570c5e012cdd16c785360d978afcc47486b3278a460af6ccd94ab"
        );
        assert_eq!(content.size_bytes, 200_006);
    }
}
