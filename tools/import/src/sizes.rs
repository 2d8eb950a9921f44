//! An image in the widths that pages need: what a visitor's screen does not show is not sent.
//!
//! A picture is decoded once, brought to the largest width as its file holds it, and only then turned
//! and brought into the colours of a screen. Each smaller width is made of the next larger one.
//!
//! ```text
//! make ─▶ canvas (resize · turn) ─▶ colour
//!      ├▶ photograph          JPEG and WebP, or without loss
//!      ├▶ encode
//!      └▶ placeholder
//! ```

mod canvas;
mod colour;
mod encode;
mod photograph;
mod placeholder;
mod widths;

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::content::{Content, Dimensions, Raster};
use canvas::Canvas;

pub use widths::Widths;

/// An image in one width and one type.
#[derive(Debug)]
pub struct Size {
    pub content: Content,
    pub bytes: Bytes,
}

/// What was made of an image.
#[derive(Debug, Default)]
pub struct Made {
    /// Narrowest first; within a width JPEG or PNG before WebP.
    pub sizes: Vec<Size>,
    /// A data URL to show until the image is there.
    pub placeholder: Option<String>,
}

/// Makes an image in those of these widths that are missing, all of them smaller than it, and its
/// placeholder. The others count too: a width looks the same whether it is made with them or later.
///
/// # Errors
/// It cannot be shown in the colours of a screen, or not be encoded; the text goes on where the image's
/// name ends.
pub fn make(
    raster: Raster,
    widths: &BTreeSet<u32>,
    missing: &BTreeSet<u32>,
) -> Result<Made, String> {
    let shown = raster.stored.oriented(raster.orientation);
    let is_photograph = photograph::is_one(&raster);
    let largest = widths.last();
    let first = largest.map_or_else(|| placeholder::dimensions(shown), |width| at(shown, *width));
    let mut canvas = Canvas::upright(raster, first)?;
    let mut sizes = Vec::new();
    for width in widths.iter().rev() {
        canvas = canvas.resized(at(shown, *width))?;
        if !missing.contains(width) {
            continue;
        }
        let mut encoded = encode::all(&canvas, is_photograph)?;
        // In the end all are turned round.
        encoded.reverse();
        sizes.extend(encoded);
    }
    sizes.reverse();
    let smallest = canvas.resized(placeholder::dimensions(shown))?;
    Ok(Made {
        sizes,
        placeholder: placeholder::data_url(&smallest),
    })
}

/// The dimensions of an image in this width.
fn at(shown: Dimensions, width: u32) -> Dimensions {
    Dimensions {
        width,
        height: in_proportion(shown.height, width, shown.width),
    }
}

/// `side` · `numerator` / `denominator`, to the nearest pixel and at least one.
fn in_proportion(side: u32, numerator: u32, denominator: u32) -> u32 {
    let (side, numerator) = (u64::from(side), u64::from(numerator));
    let denominator = u64::from(denominator.max(1));
    let scaled = (2 * side * numerator + denominator) / (2 * denominator);
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_in_proportion_to_the_nearest_pixel_and_never_nothing() {
        for (side, numerator, denominator, expected) in [
            (3000, 320, 4000, 240),
            (2800, 1280, 4200, 853),
            (1, 320, 4000, 1),
            (u32::MAX, 1, u32::MAX, 1),
            (5, 1, 2, 3),
        ] {
            let told = in_proportion(side, numerator, denominator);

            assert_eq!(told, expected, "{side} · {numerator} / {denominator}");
        }
    }
}
