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

/// The types of a photograph, or the one of a drawing. JPEG and PNG come before WebP.
///
/// # Errors
/// It cannot be encoded.
pub fn all(canvas: &Canvas, is_photograph: bool) -> Result<Vec<Size>, String> {
    let cannot = |error: String| format!("cannot be encoded: {error}");
    if !is_photograph {
        return drawing(canvas).map(|size| vec![size]).map_err(cannot);
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

fn is_hurried(dimensions: Dimensions) -> bool {
    u64::from(dimensions.width) * u64::from(dimensions.height) > HURRIED_PIXELS
}

fn jpeg(canvas: &Canvas) -> Result<Size, String> {
    let Dimensions { width, height } = canvas.dimensions;
    let side = |side: u32| u16::try_from(side).map_err(|_| "it is too high".to_owned());
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    // Tables of its own save two of a hundred bytes, and zune-jpeg misreads those of few symbols.
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
