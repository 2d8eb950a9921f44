//! How large an image is shown: only its head is decoded.

use std::io::{BufRead, Seek};

use image::metadata::Orientation;
use image::{ImageDecoder as _, ImageReader};

/// Width and height in pixels, turned as Exif says and browsers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    pub width: u32,
    pub height: u32,
}

impl Dimensions {
    /// `None` for types that are not decoded here (SVG and AVIF among them), and for damaged heads.
    pub fn read(image: impl BufRead + Seek) -> Option<Self> {
        let reader = ImageReader::new(image).with_guessed_format().ok()?;
        let mut decoder = reader.into_decoder().ok()?;
        let (width, height) = decoder.dimensions();
        let shown = match decoder.orientation().unwrap_or(Orientation::NoTransforms) {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => (height, width),
            _ => (width, height),
        };
        Some(Self {
            width: shown.0,
            height: shown.1,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};

    use super::*;

    const WIDE: Dimensions = Dimensions {
        width: 30,
        height: 20,
    };
    const HIGH: Dimensions = Dimensions {
        width: 20,
        height: 30,
    };

    fn drawn(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::new(30, 20).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    // An APP1 segment right after the start of a JPEG, with the one entry Orientation (0x0112).
    fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
    }

    #[test]
    fn dimensions_are_read_of_each_type_that_is_decoded_here() {
        for format in [
            ImageFormat::Gif,
            ImageFormat::Jpeg,
            ImageFormat::Png,
            ImageFormat::WebP,
        ] {
            let dimensions = Dimensions::read(Cursor::new(drawn(format)));

            assert_eq!(dimensions, Some(WIDE), "{format:?}");
        }
    }

    #[test]
    fn a_photograph_that_browsers_turn_has_the_dimensions_that_it_is_shown_with() {
        let jpeg = drawn(ImageFormat::Jpeg);
        for (orientation, expected) in [(1, WIDE), (3, WIDE), (6, HIGH), (8, HIGH)] {
            let dimensions = Dimensions::read(Cursor::new(turned(&jpeg, orientation)));

            assert_eq!(dimensions, Some(expected), "orientation {orientation}");
        }
    }

    #[test]
    fn dimensions_that_are_not_known_are_not_made_up() {
        for image in ["<svg width='30' height='20'/>", "GIF89a", ""] {
            assert_eq!(Dimensions::read(Cursor::new(image)), None, "{image}");
        }
    }
}
