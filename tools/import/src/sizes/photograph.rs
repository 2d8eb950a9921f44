//! Whether an image is a photograph, which stands some loss, or a drawing, which does not.

use image::ColorType;

use crate::content::{Raster, Samples};

/// At most so many pixels are looked at, spread over the image.
const LOOKED_AT: usize = 4096;
/// In a photograph at least so many of a hundred pixels differ from their neighbour.
const DIFFERENT_PERCENT: usize = 60;

/// What was kept with loss is one, and what is opaque and hardly has two pixels alike side by side:
/// light has noise and shades, and drawings have areas of one colour.
pub fn is_one(raster: &Raster) -> bool {
    let Samples::Light(samples) = raster.samples else {
        return true;
    };
    let is_opaque = !samples.has_alpha() || has_no_transparent_pixel(&raster.pixels, samples);
    is_opaque && (raster.is_lossy || is_varied(&raster.pixels, samples.bytes_per_pixel().into()))
}

fn has_no_transparent_pixel(pixels: &[u8], samples: ColorType) -> bool {
    let pixel = usize::from(samples.bytes_per_pixel());
    let sample = pixel / usize::from(samples.channel_count());
    pixels.chunks_exact(pixel).all(|pixel| {
        pixel[pixel.len() - sample..]
            .iter()
            .all(|byte| *byte == u8::MAX)
    })
}

fn is_varied(pixels: &[u8], bytes_a_pixel: usize) -> bool {
    let pairs = (pixels.len() / bytes_a_pixel).saturating_sub(1);
    let step = (pairs / LOOKED_AT).max(1);
    let places = (0..pairs).step_by(step);
    let looked_at = places.len();
    let different = places
        .map(|place| &pixels[place * bytes_a_pixel..][..2 * bytes_a_pixel])
        .filter(|pair| {
            let (one, other) = pair.split_at(bytes_a_pixel);
            one != other
        })
        .count();
    looked_at > 0 && different * 100 >= looked_at * DIFFERENT_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_are_of_a_photograph_and_areas_of_one_colour_of_a_drawing() {
        let shades: Vec<u8> = (0..30_000_u32)
            .flat_map(|n| [n.to_le_bytes()[0], 3, 7])
            .collect();
        let stripes: Vec<u8> = (0..30_000)
            .flat_map(|n| [u8::from(n / 10 % 2 == 0), 3, 7])
            .collect();

        assert!(is_varied(&shades, 3));
        assert!(!is_varied(&stripes, 3));
        assert!(!is_varied(&[1, 2, 3], 3));
    }

    #[test]
    fn one_transparent_pixel_is_enough() {
        let opaque = [1, 255, 2, 255];
        let wide = [1, 1, 255, 255, 2, 2, 255, 255];

        assert!(has_no_transparent_pixel(&opaque, ColorType::La8));
        assert!(!has_no_transparent_pixel(&[1, 255, 2, 254], ColorType::La8));
        assert!(has_no_transparent_pixel(&wide, ColorType::La16));
    }
}
