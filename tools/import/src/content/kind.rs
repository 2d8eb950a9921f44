//! What is known of a type of image.

use image::ImageFormat;

/// How many bytes tell the type of an image that is not markup.
pub const HEAD_BYTES: u64 = 16 * 1024;

/// A type of image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Media type, for example `image/png`.
    pub mime_type: &'static str,
    /// The usual suffix, without a dot.
    pub extension: &'static str,
}

/// A type of image, with all that its files are treated by.
#[derive(Debug)]
pub struct Format {
    /// What people call it.
    pub name: &'static str,
    pub kind: Kind,
    /// Whether browsers show it.
    pub shown: bool,
    pub check: Check,
    signs: &'static [Sign],
}

/// How a file is found to be what it claims.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// All pixels of its first frame are decoded.
    Pixels(ImageFormat),
    /// Its container is read, and none of its pixels.
    Container,
    /// It is parsed as XML.
    Markup,
    /// Not at all: nothing here can read it.
    Nothing,
}

/// What a file of a format begins with.
#[derive(Debug)]
pub enum Sign {
    Bytes(&'static [u8]),
    Structure(fn(&[u8]) -> bool),
}

impl Format {
    pub const fn shown(
        name: &'static str,
        mime_type: &'static str,
        extension: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind {
                mime_type,
                extension,
            },
            shown: true,
            check: Check::Nothing,
            signs: &[],
        }
    }

    pub const fn not_shown(
        name: &'static str,
        mime_type: &'static str,
        extension: &'static str,
    ) -> Self {
        Self {
            shown: false,
            ..Self::shown(name, mime_type, extension)
        }
    }

    pub const fn checked(self, check: Check) -> Self {
        Self { check, ..self }
    }

    /// Whether a file with this head claims to be of this format.
    pub fn is_claimed_by(&self, head: &[u8]) -> bool {
        self.signs.iter().any(|sign| match sign {
            Sign::Bytes(bytes) => head.starts_with(bytes),
            Sign::Structure(is_there) => is_there(head),
        })
    }

    pub const fn told_by(self, signs: &'static [Sign]) -> Self {
        Self { signs, ..self }
    }
}

/// Whether a file with this head may be text that begins as an image does: `BMW service history`.
///
/// In whatever encoding it is, text has no other control characters than these, and begins with
/// ASCII. The header of an image nearly always has others; only a Netpbm or a Radiance file need not.
pub fn may_be_text(head: &[u8]) -> bool {
    // Terminals' own among them: bell, backspace, line breaks of any kind, end of file, escape.
    let is_of_text = |byte: u8| matches!(byte, 0x07..=0x0d | 0x1a | 0x1b);
    let is_binary = |byte: &u8| byte.is_ascii_control() && !is_of_text(*byte);
    head.first().is_some_and(u8::is_ascii) && !head.iter().any(is_binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_no_other_control_characters_than_those_of_text_may_be_text() {
        for text in [
            b"BMW service history\r\n".as_slice(),
            b"BM",
            b"P3\t1 1\x0c",
            b"BM Pr\xfcfbericht",
            b"GIF89a \x1b[31mred\x1b[0m, bo\x08old\x1a",
        ] {
            assert!(may_be_text(text), "{}", String::from_utf8_lossy(text));
        }
        for image in [b"BM\x46\0".as_slice(), b"\xff\xd8\xff", b"GIF89a\x01", b""] {
            assert!(!may_be_text(image), "{}", String::from_utf8_lossy(image));
        }
    }
}
