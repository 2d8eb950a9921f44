//! The inks of a CMYK JPEG: `image` gives what is already light, which fits no profile.

use std::io::{BufRead, Seek};

use image::ImageError;
use image::error::{DecodingError, ImageFormatHint};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::unfit::Undecodable;

/// Cyan, magenta, yellow and black of each pixel, 255 where there is most; `None` where it is of light.
///
/// All that write CMYK into a JPEG invert it, as Adobe does, and browsers expect that whether a file
/// says so or not.
///
/// # Errors
/// It cannot be decoded.
pub fn inks(jpeg: &mut (impl BufRead + Seek)) -> Result<Option<Vec<u8>>, Undecodable> {
    let mut bytes = Vec::new();
    jpeg.rewind()?;
    jpeg.read_to_end(&mut bytes)?;
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes), options);
    decoder.decode_headers().map_err(undecodable)?;
    let Some(stored @ (ColorSpace::CMYK | ColorSpace::YCCK)) = decoder.input_colorspace() else {
        return Ok(None);
    };
    // Another decoder: this one has chosen how it converts by the options that it read the headers with.
    let options = options.jpeg_set_out_colorspace(stored);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes), options);
    let mut pixels = decoder.decode().map_err(undecodable)?;
    let (pixels_of_four, _) = pixels.as_chunks_mut();
    for pixel in pixels_of_four {
        *pixel = match stored {
            ColorSpace::YCCK => of_ycck(*pixel),
            _ => pixel.map(|sample| 255 - sample),
        };
    }
    Ok(Some(pixels))
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> Undecodable {
    ImageError::Decoding(DecodingError::new(ImageFormatHint::Unknown, error)).into()
}

/// Cyan, magenta and yellow were inverted, then written as red, green and blue would be (ITU-T T.872,
/// section 6.1.4); black is inverted alone.
fn of_ycck([y, cb, cr, k]: [u8; 4]) -> [u8; 4] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let ink = |value: f32| {
        // Within a byte by `clamp`.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let ink = value.round().clamp(0.0, 255.0) as u8;
        ink
    };
    [
        ink(y + 1.402 * cr),
        ink(y - 0.344_136 * cb - 0.714_136 * cr),
        ink(y + 1.772 * cb),
        255 - k,
    ]
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use jpeg_encoder::{ColorType, Encoder};

    use super::*;

    #[test]
    fn inks_are_told_however_they_are_written() {
        let pixel = [10, 200, 120, 60];
        for stored in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            let mut jpeg = Vec::new();
            let encoder = Encoder::new(&mut jpeg, 100);
            encoder.encode(&pixel.repeat(256), 16, 16, stored).unwrap();

            let inks = inks(&mut Cursor::new(&jpeg)).unwrap().unwrap();

            assert_eq!(inks.len(), 16 * 16 * 4);
            for (told, written) in inks.iter().zip(pixel) {
                assert!(told.abs_diff(written) <= 2, "{told} of {written}");
            }
        }
    }

    #[test]
    fn light_is_not_ink() {
        let mut jpeg = Vec::new();
        let encoder = Encoder::new(&mut jpeg, 100);
        encoder
            .encode(&[7; 16 * 16 * 3], 16, 16, ColorType::Rgb)
            .unwrap();

        assert!(inks(&mut Cursor::new(&jpeg)).unwrap().is_none());
    }
}
