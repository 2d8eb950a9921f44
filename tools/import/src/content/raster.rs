//! Images of pixels: each is decoded once before it is taken for one.

use std::io::{BufRead, Seek, SeekFrom};

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::dimensions::Dimensions;
use super::memory::Turn;
use super::unfit::Undecodable;
use super::{animation, ico, jpeg, jpeg_pixels, webp};

/// More is not decoded. Decoders take some more while they work, that of progressive JPEG the most:
/// two bytes for each byte of its pixels.
const MAX_DECODED_BYTES: u64 = 1024 * 1024 * 1024;
/// What an image takes while sizes are made of it, in its own bytes; encoders without loss take the most.
const PHOTOGRAPH_TIMES: u64 = 3;
const DRAWING_TIMES: u64 = 6;

/// A decoded image, as it is in its file: neither turned nor in the colours of a screen.
#[derive(Debug)]
pub struct Raster {
    /// Row by row, samples of 16 or 32 bits in this machine's order of bytes.
    pub pixels: Vec<u8>,
    pub samples: Samples,
    /// Of the pixels.
    pub stored: Dimensions,
    pub orientation: Orientation,
    /// ICC profile.
    pub profile: Option<Vec<u8>>,
    /// Whether it was near its pixels already, and not the same.
    pub is_lossy: bool,
    /// Of the memory that it takes, and what is made of it.
    _turn: Turn,
}

/// What a pixel is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    Light(ColorType),
    /// Cyan, magenta, yellow and black, of each 255 where there is most.
    Inks,
}

/// What became of an image.
#[derive(Debug)]
pub struct Decoded {
    /// Its size on a page.
    pub dimensions: Dimensions,
    /// Its pixels, where they were to be kept and it does not move.
    pub raster: Option<Raster>,
}

/// Decodes an image that claims to be of this format: of an animation its first frame, of an icon its
/// largest picture.
///
/// # Errors
/// It cannot be decoded.
pub fn decode(
    format: ImageFormat,
    mut image: impl BufRead + Seek,
    keeps_pixels: bool,
) -> Result<Decoded, Undecodable> {
    // A decoder makes up what is missing at the end of a JPEG.
    if format == ImageFormat::Jpeg && !jpeg::has_an_end(&mut image)? {
        return Err(Undecodable::because("it is cut off"));
    }
    if format == ImageFormat::WebP && !webp::has_its_riff_length(&mut image)? {
        return Err(Undecodable::because("it is cut off"));
    }
    let keeps_pixels = keeps_pixels && !animation::is_animated(format, &mut image)?;
    let png = match format {
        ImageFormat::Ico => ico::largest_png(&mut image)?,
        _ => None,
    };
    match png {
        Some(start) => decode_from(start, ImageFormat::Png, image, keeps_pixels),
        None => decode_from(0, format, image, keeps_pixels),
    }
}

fn decode_from(
    start: u64,
    format: ImageFormat,
    mut image: impl BufRead + Seek,
    keeps_pixels: bool,
) -> Result<Decoded, Undecodable> {
    // The decoder of JPEG reads the whole file before it says how large the image is.
    let file_bytes = image.seek(SeekFrom::End(0))?;
    let mut turn = Turn::to_take(file_bytes);
    let mut decoder = open(start, format, &mut image)?;

    let decoded_bytes = decoder.total_bytes();
    let capacity = usize::try_from(decoded_bytes).ok();
    let Some(capacity) = capacity.filter(|_| decoded_bytes <= MAX_DECODED_BYTES) else {
        return Err(Undecodable::because(format!(
            "it would take {decoded_bytes} bytes of memory, more than the limit of {MAX_DECODED_BYTES}"
        )));
    };
    let times = match format {
        _ if !keeps_pixels => 1,
        ImageFormat::Jpeg => PHOTOGRAPH_TIMES,
        _ => DRAWING_TIMES,
    };
    turn.instead_for(file_bytes.saturating_add(decoded_bytes.saturating_mul(times)));
    let (width, height) = decoder.dimensions();
    let stored = Dimensions { width, height };
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let dimensions = stored.oriented(orientation);
    if !keeps_pixels {
        decoder.read_image(&mut vec![0; capacity])?;
        return Ok(Decoded {
            dimensions,
            raster: None,
        });
    }
    let profile = decoder.icc_profile().unwrap_or_default();
    drop(decoder);
    let (pixels, samples) = pixels_of(start, format, &mut image, profile.is_some())?;
    let raster = Raster {
        pixels,
        samples,
        stored,
        orientation,
        profile,
        is_lossy: match format {
            ImageFormat::Jpeg => true,
            ImageFormat::WebP => webp::is_lossy(&mut image)?,
            _ => false,
        },
        _turn: turn,
    };
    Ok(Decoded {
        dimensions,
        raster: Some(raster),
    })
}

fn open<R: BufRead + Seek>(
    start: u64,
    format: ImageFormat,
    image: &mut R,
) -> Result<impl ImageDecoder, Undecodable> {
    image.seek(SeekFrom::Start(start))?;
    let mut reader = ImageReader::with_format(image, format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    Ok(reader.into_decoder()?)
}

fn pixels_of(
    start: u64,
    format: ImageFormat,
    image: &mut (impl BufRead + Seek),
    has_profile: bool,
) -> Result<(Vec<u8>, Samples), Undecodable> {
    // Only their profile says what inks look like; without one they are the light that `image` makes of
    // them, as in browsers.
    if format == ImageFormat::Jpeg
        && has_profile
        && let Some(inks) = jpeg_pixels::inks(image)?
    {
        return Ok((inks, Samples::Inks));
    }
    let decoder = open(start, format, image)?;
    let samples = Samples::Light(decoder.color_type());
    // It fits, as has been seen.
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or_default()];
    decoder.read_image(&mut pixels)?;
    Ok((pixels, samples))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::gif::GifEncoder;
    use image::{Frame, GrayImage, RgbaImage};

    use super::super::dimensions::tests::{HIGH, WIDE};
    use super::super::tests::{drawn, drawn_as};
    use super::*;

    fn decoded(format: ImageFormat, bytes: &[u8]) -> Result<Dimensions, String> {
        let decoded = decode(format, Cursor::new(bytes), false);
        let decoded = decoded.map_err(Undecodable::cause)?;
        assert!(decoded.raster.is_none());
        Ok(decoded.dimensions)
    }

    // An APP1 segment right after the start of a JPEG, with the one entry Orientation (0x0112).
    fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
    }

    // An icon of one picture, which is this PNG.
    fn icon(png: &[u8]) -> Vec<u8> {
        let length = u32::try_from(png.len()).unwrap().to_le_bytes();
        let entry = [b"\x1e\x14\0\0\x01\0\x08\0", &length[..], b"\x16\0\0\0"].concat();
        [b"\0\0\x01\0\x01\0", &entry[..], png].concat()
    }

    #[test]
    fn a_photograph_that_browsers_turn_has_the_dimensions_that_it_is_shown_with() {
        let jpeg = drawn(ImageFormat::Jpeg);
        for (orientation, expected) in [(1, WIDE), (3, WIDE), (6, HIGH), (8, HIGH)] {
            let dimensions = decoded(ImageFormat::Jpeg, &turned(&jpeg, orientation));

            assert_eq!(dimensions, Ok(expected), "orientation {orientation}");
        }
    }

    #[test]
    fn an_icon_is_decoded_whatever_the_colours_of_its_png() {
        for image in [GrayImage::new(30, 20).into(), RgbaImage::new(30, 20).into()] {
            let png = drawn_as(&image, ImageFormat::Png);

            assert_eq!(decoded(ImageFormat::Ico, &icon(&png)), Ok(WIDE));
            assert!(decoded(ImageFormat::Ico, &icon(&png[..50])).is_err());
        }
    }

    #[test]
    fn of_an_animation_the_first_frame_is_decoded() {
        let mut animation = Vec::new();
        let mut encoder = GifEncoder::new(&mut animation);
        let frames = (0..3).map(|_| Frame::new(RgbaImage::new(30, 20)));
        encoder.encode_frames(frames).unwrap();
        drop(encoder);

        assert_eq!(decoded(ImageFormat::Gif, &animation), Ok(WIDE));
        assert!(decoded(ImageFormat::Gif, &animation[..30]).is_err());
    }

    #[test]
    fn more_than_the_limit_is_not_decoded_however_small_the_file() {
        let mut gif = drawn(ImageFormat::Gif);
        // The size of its screen (GIF89a specification, section 18).
        gif[6..10].fill(0xff);

        assert_eq!(
            decoded(ImageFormat::Gif, &gif).unwrap_err(),
            "it would take 17179344900 bytes of memory, more than the limit of 1073741824"
        );
    }

    #[test]
    fn no_beginning_of_an_image_is_decoded() {
        // Of a PNG without the checksum of its last chunk, and a GIF without the block that ends it,
        // all pixels are there.
        for (format, spared) in [
            (ImageFormat::Bmp, 0),
            (ImageFormat::Gif, 3),
            (ImageFormat::Ico, 4),
            (ImageFormat::Jpeg, 0),
            (ImageFormat::Png, 4),
            (ImageFormat::WebP, 0),
        ] {
            let whole = drawn(format);
            for length in 0..whole.len() - spared {
                let decoded = decoded(format, &whole[..length]);

                assert!(decoded.is_err(), "{length} bytes of {format:?}");
            }
        }
    }

    #[test]
    fn what_follows_a_photograph_does_not_matter() {
        let mut jpeg = drawn(ImageFormat::Jpeg);
        jpeg.extend(b"\0\0\0\x18ftypmp42 and a film");

        assert_eq!(decoded(ImageFormat::Jpeg, &jpeg), Ok(WIDE));
    }

    #[test]
    fn whatever_is_damaged_is_told_without_the_notation_of_rust() {
        for format in [
            ImageFormat::Bmp,
            ImageFormat::Farbfeld,
            ImageFormat::Gif,
            ImageFormat::Ico,
            ImageFormat::Jpeg,
            ImageFormat::Png,
            ImageFormat::Pnm,
            ImageFormat::Qoi,
            ImageFormat::Tiff,
            ImageFormat::WebP,
        ] {
            let whole = drawn(format);
            for place in 0..whole.len().min(400) {
                for byte in [0, 0x22, 0x7f, 0xff] {
                    let mut damaged = whole.clone();
                    damaged[place] = byte;
                    let cause = decoded(format, &damaged).err().unwrap_or_default();

                    let shows_rust = ["{", "[", "\"", "\\", "::", "Some(", "ChunkType", "(one of"];
                    assert!(
                        !shows_rust.iter().any(|sign| cause.contains(sign)),
                        "{cause}"
                    );
                }
            }
        }
    }
}
