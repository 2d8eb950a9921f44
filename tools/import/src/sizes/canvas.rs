//! A picture as a screen shows it, which can be made smaller.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, RgbaImage};

use super::colour;
use crate::content::{Dimensions, Raster, Samples};

const BYTES_A_PIXEL: usize = 4;
/// Sharp, without much ringing, and what other resizers begin with.
const FILTER: FilterType = FilterType::Lanczos3;

/// An upright picture in sRGB, of red, green, blue and alpha.
#[derive(Debug)]
pub struct Canvas {
    pub dimensions: Dimensions,
    pub pixels: Vec<u8>,
    pub is_transparent: bool,
}

impl Canvas {
    /// What a file holds, brought to these dimensions first: turning and colours then take fewer pixels.
    ///
    /// # Errors
    /// It is not of light that a screen shows.
    pub fn upright(raster: Raster, dimensions: Dimensions) -> Result<Self, String> {
        let Raster {
            pixels,
            samples,
            stored,
            orientation,
            profile,
            ..
        } = raster;
        let profile = profile.as_deref();
        let (pixels, is_converted) = match samples {
            Samples::Inks => (pixels, false),
            Samples::Light(samples) => eight_bits(pixels, samples, profile)?,
        };
        let is_transparent = matches!(samples, Samples::Light(samples) if samples.has_alpha())
            && !is_opaque(&pixels);
        // In an image that lies on its side, the width on a page is a height in the file.
        let lying = dimensions.oriented(orientation);
        let mut pixels = resized(&pixels, stored, lying, is_transparent)?.into_owned();
        match (samples, profile) {
            (Samples::Inks, profile) => colour::inks_to_srgb(&mut pixels, profile)?,
            (Samples::Light(samples), Some(profile)) if !is_converted => {
                colour::to_srgb(&mut pixels, samples.has_color(), profile);
            }
            _ => {}
        }
        Ok(Self {
            dimensions,
            pixels: turned(pixels, lying, orientation)?,
            is_transparent,
        })
    }

    /// The same picture in other dimensions.
    ///
    /// # Errors
    /// These are none.
    pub fn resized(self, dimensions: Dimensions) -> Result<Self, String> {
        if dimensions == self.dimensions {
            return Ok(self);
        }
        let pixels = resized(
            &self.pixels,
            self.dimensions,
            dimensions,
            self.is_transparent,
        )?;
        Ok(Self {
            dimensions,
            pixels: pixels.into_owned(),
            ..self
        })
    }

    /// Red, green and blue of each pixel.
    pub fn without_alpha(&self) -> Vec<u8> {
        let (pixels, _) = self.pixels.as_chunks::<BYTES_A_PIXEL>();
        pixels
            .iter()
            .flat_map(|[r, g, b, _]| [*r, *g, *b])
            .collect()
    }
}

/// Four samples of eight bits for each pixel, and whether they are in sRGB by now: what has 16 bits is
/// brought there while it still has them.
fn eight_bits(
    pixels: Vec<u8>,
    samples: ColorType,
    profile: Option<&[u8]>,
) -> Result<(Vec<u8>, bool), String> {
    let sixteen = |pixels: &[u8]| -> Vec<u16> {
        let (samples, _) = pixels.as_chunks();
        samples.iter().copied().map(u16::from_ne_bytes).collect()
    };
    Ok(match samples {
        ColorType::Rgba8 => (pixels, false),
        ColorType::Rgb8 => (of_pixels(&pixels, |[r, g, b]| [r, g, b, u8::MAX]), false),
        ColorType::L8 => (of_pixels(&pixels, |[l]| [l, l, l, u8::MAX]), false),
        ColorType::La8 => (of_pixels(&pixels, |[l, a]| [l, l, l, a]), false),
        ColorType::L16 => {
            let grey = narrowed(&sixteen(&pixels));
            (of_pixels(&grey, |[l]| [l, l, l, u8::MAX]), false)
        }
        ColorType::La16 => {
            let grey = narrowed(&sixteen(&pixels));
            (of_pixels(&grey, |[l, a]| [l, l, l, a]), false)
        }
        ColorType::Rgb16 | ColorType::Rgba16 => {
            let mut wide = sixteen(&pixels);
            drop(pixels);
            if let Some(profile) = profile {
                colour::wide_to_srgb(&mut wide, samples.has_alpha(), profile);
            }
            let narrow = narrowed(&wide);
            if samples.has_alpha() {
                (narrow, true)
            } else {
                (of_pixels(&narrow, |[r, g, b]| [r, g, b, u8::MAX]), true)
            }
        }
        _ => return Err("has more light than a screen shows".to_owned()),
    })
}

fn narrowed(samples: &[u16]) -> Vec<u8> {
    // To the nearest: 65535 is 255 times 257.
    let narrow = |sample: &u16| u8::try_from((u32::from(*sample) + 128) / 257).unwrap_or(u8::MAX);
    samples.iter().map(narrow).collect()
}

fn of_pixels<const N: usize>(
    pixels: &[u8],
    four: impl Fn([u8; N]) -> [u8; BYTES_A_PIXEL],
) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks::<N>();
    let mut all = vec![0; pixels.len() * BYTES_A_PIXEL];
    let (places, _) = all.as_chunks_mut::<BYTES_A_PIXEL>();
    for (place, pixel) in places.iter_mut().zip(pixels) {
        *place = four(*pixel);
    }
    all
}

fn is_opaque(pixels: &[u8]) -> bool {
    let (pixels, _) = pixels.as_chunks::<BYTES_A_PIXEL>();
    pixels.iter().all(|[.., alpha]| *alpha == u8::MAX)
}

/// In the values of the file and not in linear light: as browsers make images smaller themselves, and in
/// a third of the time.
fn resized(
    pixels: &[u8],
    from: Dimensions,
    to: Dimensions,
    is_transparent: bool,
) -> Result<Cow<'_, [u8]>, String> {
    if from == to {
        return Ok(pixels.into());
    }
    let source = ImageRef::new(from.width, from.height, pixels, PixelType::U8x4)
        .map_err(|error| format!("cannot be resized: {error}"))?;
    let mut smaller = Image::new(to.width, to.height, PixelType::U8x4);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FILTER))
        // What is transparent has no colour to give to its neighbours.
        .use_alpha(is_transparent);
    Resizer::new()
        .resize(&source, &mut smaller, &options)
        .map_err(|error| format!("cannot be resized: {error}"))?;
    Ok(smaller.into_vec().into())
}

fn turned(pixels: Vec<u8>, lying: Dimensions, orientation: Orientation) -> Result<Vec<u8>, String> {
    if orientation == Orientation::NoTransforms {
        return Ok(pixels);
    }
    let image = RgbaImage::from_raw(lying.width, lying.height, pixels);
    let mut image = DynamicImage::from(image.ok_or("cannot be turned")?);
    image.apply_orientation(orientation);
    Ok(image.into_rgba8().into_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_BY_ONE: Dimensions = Dimensions {
        width: 2,
        height: 1,
    };
    const ONE: Dimensions = Dimensions {
        width: 1,
        height: 1,
    };

    #[test]
    fn every_depth_and_number_of_samples_becomes_four_of_eight_bits() {
        let wide = |samples: &[u16]| -> Vec<u8> {
            let bytes = samples.iter().map(|sample| sample.to_ne_bytes());
            bytes.flatten().collect()
        };
        for (samples, pixels, expected) in [
            (ColorType::L8, vec![7], [7, 7, 7, 255]),
            (ColorType::La8, vec![7, 9], [7, 7, 7, 9]),
            (ColorType::Rgb8, vec![1, 2, 3], [1, 2, 3, 255]),
            (ColorType::Rgba8, vec![1, 2, 3, 4], [1, 2, 3, 4]),
            (ColorType::L16, wide(&[65_535]), [255, 255, 255, 255]),
            (ColorType::La16, wide(&[128, 257]), [0, 0, 0, 1]),
            (ColorType::Rgb16, wide(&[129, 385, 386]), [1, 1, 2, 255]),
            (ColorType::Rgba16, wide(&[0, 257, 514, 771]), [0, 1, 2, 3]),
        ] {
            let (four, _) = eight_bits(pixels, samples, None).unwrap();

            assert!(four == expected, "{samples:?}");
        }
        assert!(eight_bits(vec![0; 12], ColorType::Rgb32F, None).is_err());
    }

    #[test]
    fn what_is_transparent_gives_no_colour_to_its_neighbours() {
        let canvas = Canvas {
            dimensions: TWO_BY_ONE,
            pixels: vec![200, 100, 50, 255, 0, 255, 0, 0],
            is_transparent: true,
        };

        let one = canvas.resized(ONE).unwrap();

        let [r, g, b, alpha] = one.pixels[..] else {
            panic!("{} bytes", one.pixels.len())
        };
        assert!(r.abs_diff(200) < 3 && g.abs_diff(100) < 3 && b.abs_diff(50) < 3);
        assert!((120..136).contains(&alpha), "{alpha}");
    }
}
