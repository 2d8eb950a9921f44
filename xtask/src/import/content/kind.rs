//! The type of an image, told by its first bytes.

use image::ImageFormat;

/// How many bytes tell it: enough for an SVG that opens with a long licence comment.
pub const HEAD_BYTES: usize = 16 * 1024;

/// A type of image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Media type, for example `image/png`.
    pub mime_type: &'static str,
    /// The usual suffix, without a dot.
    pub extension: &'static str,
}

/// The type of an image that begins with `head`.
pub fn kind_of(head: &[u8]) -> Option<Kind> {
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
}
