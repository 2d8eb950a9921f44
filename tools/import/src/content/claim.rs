//! What a file claims to be, and whether it is.

use std::fs::File;
use std::io::{BufRead, Seek};

use super::dimensions::Dimensions;
use super::kind::{self, Check, Format};
use super::raster::{Decoded, Raster};
use super::unfit::{Undecodable, Unfit};
use super::{container, formats, markup, raster, read_up_to};

/// What a file claims to be by its first bytes.
pub struct Claim {
    pub format: &'static Format,
    /// Then it is an image only if it can be decoded.
    pub may_be_text: bool,
}

/// What checking an image has shown.
#[derive(Debug, Default)]
pub struct Checked {
    /// Its size on a page, where it is known.
    pub dimensions: Option<Dimensions>,
    /// Its pixels, where they were to be kept.
    pub raster: Option<Raster>,
}

impl Checked {
    fn of_pixels(Decoded { dimensions, raster }: Decoded) -> Self {
        Self {
            dimensions: Some(dimensions),
            raster,
        }
    }

    fn as_is(dimensions: Option<Dimensions>) -> Self {
        Self {
            dimensions,
            raster: None,
        }
    }
}

impl Claim {
    /// Reads no more of `file` than tells it, into `head`.
    pub fn of(file: &mut File, head: &mut Vec<u8>) -> Result<Self, Unfit> {
        read_up_to(file, kind::HEAD_BYTES, head)?;
        if head.is_empty() {
            return Err(Unfit::Refused("is empty".to_owned()));
        }
        if let Some(format) = formats::claimed_by(head) {
            return Ok(Self {
                format,
                may_be_text: kind::may_be_text(head),
            });
        }
        if markup::may_begin(head) {
            read_up_to(file, markup::PROLOG_BYTES, head)?;
            if markup::is_svg(head)? {
                return Ok(Self {
                    format: &formats::SVG,
                    may_be_text: false,
                });
            }
        }
        Err(Unfit::OtherFile)
    }

    /// What is found of the image.
    pub fn checked(
        &self,
        mut image: impl BufRead + Seek,
        keeps_pixels: bool,
    ) -> Result<Checked, Unfit> {
        image.rewind()?;
        let checked = match self.format.check {
            Check::Pixels(format) => {
                raster::decode(format, image, keeps_pixels).map(Checked::of_pixels)
            }
            Check::Container => container::dimensions(image).map(Some).map(Checked::as_is),
            Check::Markup => markup::dimensions(&mut image).map(Checked::as_is),
            Check::Nothing if self.may_be_text => Err(Undecodable::because("it is text")),
            Check::Nothing => Ok(Checked::default()),
        };
        match checked {
            Ok(checked) => Ok(checked),
            Err(_) if self.may_be_text => Err(Unfit::OtherFile),
            // As with a format that nothing here can read at all: the user who lets it in knows what it is.
            Err(Undecodable::Unsupported(_)) if !self.format.shown => Ok(Checked::default()),
            Err(undecodable) => Err(Unfit::Refused(format!(
                "claims to be {} and cannot be decoded: {}",
                self.format.kind.mime_type,
                undecodable.cause()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::ImageFormat;

    use super::super::container::tests::sequence;
    use super::super::dimensions::tests::WIDE;
    use super::super::tests::{ANY_SIZE, drawn, image, reading, reason, up_to};
    use super::super::{Accepted, Reading};

    #[test]
    fn every_type_that_browsers_show_is_taken_whatever_the_name_of_the_file() {
        for (format, media_type, extension) in [
            (ImageFormat::Bmp, "image/bmp", "bmp"),
            (ImageFormat::Gif, "image/gif", "gif"),
            (ImageFormat::Ico, "image/x-icon", "ico"),
            (ImageFormat::Jpeg, "image/jpeg", "jpg"),
            (ImageFormat::Png, "image/png", "png"),
            (ImageFormat::WebP, "image/webp", "webp"),
        ] {
            let (content, _) = image(reading(&drawn(format), &up_to(ANY_SIZE)));

            assert_eq!(content.kind.mime_type, media_type);
            assert_eq!(content.kind.extension, extension);
            assert_eq!(content.dimensions, Some(WIDE), "{media_type}");
        }
    }

    #[test]
    fn an_image_that_is_not_of_pixels_is_taken_by_its_structure() {
        let cases: [(&[u8], _); 2] = [
            (
                b"<svg:svg xmlns:svg='http://www.w3.org/2000/svg'/>",
                "image/svg+xml",
            ),
            (&sequence(*b"avis"), "image/avif"),
        ];
        for (bytes, media_type) in cases {
            let (content, _) = image(reading(bytes, &up_to(ANY_SIZE)));

            assert_eq!(content.kind.mime_type, media_type);
        }
    }

    #[test]
    fn text_that_begins_as_an_image_does_is_passed_over_however_long() {
        for text in [
            "BMW service history",
            "BM",
            "P1 incident",
            "P6 -",
            "P3 is the third of them",
            "GIF89a is a type of image",
            "DDS of the year",
            "qoif",
            "#?RADIANCE",
            "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
            "BMI,weight\n23,70\n",
            "8BPS, FLIF and farbfeld",
            "icns\tgimp xcf ",
            "FLIF",
            "farbfeld",
        ] {
            for text in [
                text.to_owned(),
                format!("{text} {}", "more of it\n".repeat(10_000)),
            ] {
                let reading = reading(text.as_bytes(), &up_to(1));

                assert!(matches!(reading, Reading::OtherFile), "{reading:?}");
            }
        }
    }

    #[test]
    fn what_claims_to_be_an_image_and_has_no_pixels_is_refused_by_name() {
        for (format, bytes, media_type) in [
            (ImageFormat::Bmp, 46..60, "image/bmp"),
            (ImageFormat::Ico, 46..62, "image/x-icon"),
            (ImageFormat::Png, 46..60, "image/png"),
        ] {
            for bytes in bytes {
                let stub = &drawn(format)[..bytes];

                assert_eq!(
                    reason(reading(stub, &up_to(ANY_SIZE))),
                    format!("claims to be {media_type} and cannot be decoded: it is cut off")
                );
            }
        }
    }

    #[test]
    fn a_type_that_browsers_do_not_show_is_refused_by_name_and_let_in_where_it_is_allowed() {
        let cases: [(&[u8], _, _); 11] = [
            (&sequence(*b"heic"), "HEIC", "image/heic"),
            (b"\xff\x0a\xfa\x7f", "JPEG XL", "image/jxl"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", "image/jp2"),
            (b"\x76\x2f\x31\x01\x02\0\0\0", "OpenEXR", "image/x-exr"),
            (b"8BPS\0\x01", "Photoshop", "image/vnd.adobe.photoshop"),
            (&drawn(ImageFormat::Tiff), "TIFF", "image/tiff"),
            (&drawn(ImageFormat::Hdr), "Radiance", "image/vnd.radiance"),
            (&drawn(ImageFormat::Qoi), "QOI", "image/x-qoi"),
            (
                &drawn(ImageFormat::Farbfeld),
                "farbfeld",
                "image/x-farbfeld",
            ),
            (&drawn(ImageFormat::Pnm), "PNM", "image/x-portable-anymap"),
            (b"P3\n1 1 255\n1 2 3\n", "PNM", "image/x-portable-anymap"),
        ];
        for (bytes, name, media_type) in cases {
            let allowed = Accepted::new(ANY_SIZE, [media_type]).unwrap();

            assert_eq!(
                reason(reading(bytes, &up_to(ANY_SIZE))),
                format!(
                    "is {name} ({media_type}), which browsers do not show: \
                     convert it, or let it in with --allow-type {media_type}"
                )
            );
            let (content, _) = image(reading(bytes, &allowed));
            assert_eq!(content.kind.mime_type, media_type);
        }
    }

    #[test]
    fn what_is_allowed_is_decoded_as_well_where_it_can_be() {
        let allowed = Accepted::new(ANY_SIZE, ["image/tiff", "image/vnd.ms-dds"]).unwrap();
        for bytes in [&drawn(ImageFormat::Tiff)[..100], b"DDS \x7c\0\0\0"] {
            let reason = reason(reading(bytes, &allowed));

            assert!(reason.contains(" and cannot be decoded: "), "{reason}");
        }
    }
}
