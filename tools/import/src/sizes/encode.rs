//! The types that a size is kept in.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use webp::WebPConfig;

use super::canvas::Canvas;
use super::{Size, Widths};
use crate::content::{Content, Dimensions, Kind};

const JPEG: Kind = Kind {
    mime_type: "image/jpeg",
    extension: "jpg",
};
const PNG: Kind = Kind {
    mime_type: "image/png",
    extension: "png",
};
const WEBP: Kind = Kind {
    mime_type: "image/webp",
    extension: "webp",
};

/// Of 100; what both make of it looks alike (specs/002-api-image-proxy/research.md, "Sizes").
const JPEG_QUALITY: u8 = 80;
const WEBP_QUALITY: u8 = 78;
/// Above so many pixels an encoder takes as long as all smaller sizes together, and hurries.
const HURRIED_PIXELS: u64 = 1_500_000;
/// libwebp's methods, from 0 (fast) to 6 (small).
const METHOD: i32 = 2;
const HURRIED_METHOD: i32 = 0;
/// For images without loss, from 0 (fast) to 100 (small).
const LOSSLESS_EFFORT: f32 = 50.0;

/// A drawing takes fewer bits a pixel without loss. What takes more, and hides nothing behind it, has shades
/// and grain everywhere, and is lighter as a photograph.
const MOST_BITS_OF_A_DRAWING: u64 = 6;

/// The types of a photograph, or the one of a drawing. JPEG and PNG come before WebP.
///
/// # Errors
/// It cannot be encoded.
pub fn all(canvas: &Canvas, is_photograph: bool) -> Result<Vec<Size>, String> {
    let cannot = |error: String| format!("cannot be encoded: {error}");
    if !is_photograph {
        let drawing = drawing(canvas).map_err(cannot)?;
        if canvas.is_transparent || !is_heavy(&drawing) {
            return Ok(vec![drawing]);
        }
    }
    let mut sizes = vec![jpeg(canvas).map_err(cannot)?];
    if fits_webp(canvas.dimensions) {
        sizes.push(lossy_webp(canvas, WEBP_QUALITY).map_err(cannot)?);
    }
    Ok(sizes)
}

fn fits_webp(dimensions: Dimensions) -> bool {
    dimensions.width.max(dimensions.height) <= Widths::MOST
}

/// Without loss, in the type that takes fewer bytes.
fn drawing(canvas: &Canvas) -> Result<Size, String> {
    let png = png(canvas)?;
    if !fits_webp(canvas.dimensions) {
        return Ok(png);
    }
    let webp = lossless_webp(canvas)?;
    Ok(if webp.bytes.len() < png.bytes.len() {
        webp
    } else {
        png
    })
}

fn is_heavy(drawing: &Size) -> bool {
    let pixels = drawing.content.dimensions.map_or(0, pixels);
    drawing.content.size_bytes * 8 > pixels * MOST_BITS_OF_A_DRAWING
}

fn pixels(dimensions: Dimensions) -> u64 {
    u64::from(dimensions.width) * u64::from(dimensions.height)
}

fn is_hurried(dimensions: Dimensions) -> bool {
    pixels(dimensions) > HURRIED_PIXELS
}

fn jpeg(canvas: &Canvas) -> Result<Size, String> {
    let Dimensions { width, height } = canvas.dimensions;
    let side = |side: u32| u16::try_from(side).map_err(|_| "it is too high".to_owned());
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    // Tables of its own would save bytes, and zune-jpeg misreads those of few symbols.
    encoder.set_optimized_huffman_tables(false);
    encoder
        .encode(&canvas.pixels, side(width)?, side(height)?, ColorType::Rgba)
        .map_err(|error| error.to_string())?;
    Ok(size(JPEG, bytes, canvas.dimensions))
}

/// With loss, of this quality from 0 to 100.
///
/// # Errors
/// libwebp does not take it.
pub fn lossy_webp(canvas: &Canvas, quality: u8) -> Result<Size, String> {
    webp(canvas, |config| {
        config.quality = quality.into();
        config.alpha_quality = quality.into();
        config.method = if is_hurried(canvas.dimensions) {
            HURRIED_METHOD
        } else {
            METHOD
        };
    })
}

fn lossless_webp(canvas: &Canvas) -> Result<Size, String> {
    webp(canvas, |config| {
        config.lossless = 1;
        config.quality = LOSSLESS_EFFORT;
        config.method = METHOD;
    })
}

fn webp(canvas: &Canvas, choose: impl FnOnce(&mut WebPConfig)) -> Result<Size, String> {
    let Dimensions { width, height } = canvas.dimensions;
    let mut config = WebPConfig::new().map_err(|()| "libwebp is of another version")?;
    choose(&mut config);
    let webp = webp::Encoder::from_rgba(&canvas.pixels, width, height)
        .encode_advanced(&config)
        .map_err(|error| format!("libwebp failed ({})", error as i32))?;
    Ok(size(WEBP, webp.to_vec(), canvas.dimensions))
}

fn png(canvas: &Canvas) -> Result<Size, String> {
    let Dimensions { width, height } = canvas.dimensions;
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let written = if canvas.is_transparent {
        encoder.write_image(&canvas.pixels, width, height, ExtendedColorType::Rgba8)
    } else {
        let opaque = canvas.without_alpha();
        encoder.write_image(&opaque, width, height, ExtendedColorType::Rgb8)
    };
    written.map_err(|error| error.to_string())?;
    Ok(size(PNG, bytes, canvas.dimensions))
}

fn size(kind: Kind, bytes: Vec<u8>, dimensions: Dimensions) -> Size {
    Size {
        content: Content::made(kind, &bytes, dimensions),
        bytes: bytes.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    /// 64 × 64 pixels of this alpha, whose colours go by a function of their number.
    fn canvas(alpha: u8, colour: impl Fn(u32) -> [u8; 3]) -> Canvas {
        let pixels = (0..64 * 64).flat_map(|number| {
            let [red, green, blue] = colour(number);
            [red, green, blue, alpha]
        });
        Canvas {
            dimensions: Dimensions {
                width: 64,
                height: 64,
            },
            pixels: pixels.collect(),
            is_transparent: alpha < u8::MAX,
        }
    }

    /// Nothing of a pixel tells of the next one.
    fn grain(number: u32) -> [u8; 3] {
        let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9);
        for _ in 0..3 {
            mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x85eb_ca6b);
        }
        let [red, green, blue, _] = mixed.to_be_bytes();
        [red, green, blue]
    }

    #[test]
    fn what_is_heavy_without_loss_is_kept_as_a_photograph_unless_one_looks_through_it() {
        let stripes = |number: u32| {
            if number % 64 < 32 {
                [9, 9, 9]
            } else {
                [9, 200, 9]
            }
        };
        for (name, canvas, is_photograph) in [
            ("stripes", canvas(255, stripes), false),
            ("grain", canvas(255, grain), true),
            ("grain that is transparent", canvas(254, grain), false),
        ] {
            let sizes = all(&canvas, false).unwrap();

            assert_eq!(sizes.len() == 2, is_photograph, "{name}");
        }
    }
}
