//! What is known of a type of image, and how a file is recognised as one.

use image::ImageFormat;

use super::formats::FORMATS;

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

    pub const fn told_by(self, signs: &'static [Sign]) -> Self {
        Self { signs, ..self }
    }
}

/// The format that a file with this head claims to have. Markup is none of them: its type is told by
/// its root element, which may come late.
pub fn claimed_by(head: &[u8]) -> Option<&'static Format> {
    let has = |sign: &Sign| match sign {
        Sign::Bytes(bytes) => head.starts_with(bytes),
        Sign::Structure(is_there) => is_there(head),
    };
    FORMATS.iter().find(|format| format.signs.iter().any(has))
}

/// Whether a file with this head may be text that begins as an image does: `BMW service history`.
///
/// In whatever encoding it is, text has no other control characters than these, and a sign that is
/// not ASCII is none that text begins with. The header of an image has them nearly always; only a
/// Netpbm or a Radiance file need not.
pub fn may_be_text(head: &[u8]) -> bool {
    let is_binary =
        |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c');
    head.first().is_some_and(u8::is_ascii) && !head.iter().any(is_binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media_type(head: &[u8]) -> Option<&'static str> {
        claimed_by(head).map(|format| format.kind.mime_type)
    }

    #[test]
    fn the_type_is_told_by_the_first_bytes() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png")),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg")),
            (b"GIF87a", Some("image/gif")),
            (b"GIF89a", Some("image/gif")),
            (b"BM\x46\0\0\0", Some("image/bmp")),
            (b"\0\0\x01\0\x01\0", Some("image/x-icon")),
            (b"RIFF\x24\0\0\0WEBPVP8L", Some("image/webp")),
            (b"RIFF\x24\0\0\0WAVEfmt ", None),
            (b"II*\0\x08\0\0\0", Some("image/tiff")),
            (b"MM\0+\0\x08\0\0", Some("image/tiff")),
            (b"P6\n2 2\n255\n", Some("image/x-portable-anymap")),
            (b"P7\n#", Some("image/x-portable-anymap")),
            (b"P6M", None),
            (b"P8\n", None),
            (b"DDS \x7c\0\0\0", Some("image/vnd.ms-dds")),
            (b"#?RADIANCE\n", Some("image/vnd.radiance")),
            (b"#?RGBE\n", Some("image/vnd.radiance")),
            (b"\x76\x2f\x31\x01\x02\0\0\0", Some("image/x-exr")),
            (b"qoif\0\0\0\x01", Some("image/x-qoi")),
            (b"farbfeld\0\0\0\x01", Some("image/x-farbfeld")),
            (b"\0\0\0\x0cJXL \r\n\x87\n", Some("image/jxl")),
            (b"\xff\x0a\xfa", Some("image/jxl")),
            (b"\0\0\0\x0cjP  \r\n\x87\n", Some("image/jp2")),
            (b"\xff\x4f\xff\x51\0\x2f", Some("image/jp2")),
            (b"8BPS\0\x01", Some("image/vnd.adobe.photoshop")),
            (b"II\xbc\x01", Some("image/jxr")),
            (b"AT&TFORM\0\0\x01\0DJVU", Some("image/vnd.djvu")),
            (b"%PDF-1.7", None),
            (b"\x1f\x8b\x08", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(
                media_type(head),
                *expected,
                "{}",
                String::from_utf8_lossy(head)
            );
        }
    }

    #[test]
    fn a_container_is_told_by_any_of_its_brands() {
        let cases: &[(&[&[u8; 4]], Option<&str>)] = &[
            (&[b"avif", b"mif1"], Some("image/avif")),
            (&[b"avis", b"msf1"], Some("image/avif")),
            (&[b"mif1", b"heic", b"avif"], Some("image/avif")),
            (&[b"miaf", b"MA1B", b"avis"], Some("image/avif")),
            (&[b"heic", b"mif1"], Some("image/heic")),
            (&[b"mif1", b"heix"], Some("image/heic")),
            (&[b"msf1", b"hevc"], Some("image/heic")),
            (&[b"mif1", b"miaf"], Some("image/heic")),
            (&[b"crx ", b"isom"], Some("image/x-canon-cr3")),
            (&[b"isom", b"mp42"], None),
            (&[b"qt  "], None),
        ];
        for (brands, expected) in cases {
            let head = super::super::boxes::tests::file_type(brands);

            assert_eq!(
                media_type(&head),
                *expected,
                "{}",
                String::from_utf8_lossy(&head)
            );
        }
    }

    #[test]
    fn only_what_has_no_other_control_characters_than_those_of_text_may_be_text() {
        for text in [
            b"BMW service history\r\n".as_slice(),
            b"BM",
            b"P3\t1 1\x0c",
            b"BM Pr\xfcfbericht",
        ] {
            assert!(may_be_text(text), "{}", String::from_utf8_lossy(text));
        }
        for image in [b"BM\x46\0".as_slice(), b"\xff\xd8\xff", b"GIF89a\x01", b""] {
            assert!(!may_be_text(image), "{}", String::from_utf8_lossy(image));
        }
    }
}
