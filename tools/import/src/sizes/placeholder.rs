//! A few pixels of an image, to be shown until it is there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::canvas::Canvas;
use super::{encode, in_proportion};
use crate::content::Dimensions;

/// The longer side in pixels.
const SIDE: u32 = 16;
const MOST_BYTES: usize = 300;
/// The first that is small enough is taken.
const QUALITIES: [u8; 4] = [60, 30, 10, 0];

/// How large the placeholder of an image is: not more than the image itself.
pub fn dimensions(shown: Dimensions) -> Dimensions {
    let longer = shown.width.max(shown.height);
    let side = longer.min(SIDE);
    Dimensions {
        width: in_proportion(shown.width, side, longer),
        height: in_proportion(shown.height, side, longer),
    }
}

/// The picture as a data URL of a WebP (RFC 2397); `None` where it does not come small enough.
pub fn data_url(canvas: &Canvas) -> Option<String> {
    let webps = QUALITIES
        .into_iter()
        .filter_map(|quality| encode::lossy_webp(canvas, quality).ok());
    let webp = webps
        .map(|webp| webp.bytes)
        .find(|webp| webp.len() <= MOST_BYTES)?;
    Some(format!("data:image/webp;base64,{}", STANDARD.encode(webp)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_longer_side_has_16_pixels_and_its_shorter_one_at_least_one() {
        for (width, height, expected) in [
            (4000, 3000, (16, 12)),
            (3000, 4000, (12, 16)),
            (10, 5, (10, 5)),
            (9000, 10, (16, 1)),
            (1, 1, (1, 1)),
        ] {
            let Dimensions { width, height } = dimensions(Dimensions { width, height });

            assert_eq!((width, height), expected);
        }
    }

    #[test]
    fn even_noise_becomes_small_enough() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        for is_transparent in [false, true] {
            let canvas = Canvas {
                dimensions: Dimensions {
                    width: 16,
                    height: 16,
                },
                pixels: (0..16 * 16 * 4).map(|_| noise()).collect(),
                is_transparent,
            };

            let url = data_url(&canvas).unwrap_or_default();

            let base64 = url
                .strip_prefix("data:image/webp;base64,")
                .unwrap_or_default();
            let webp = STANDARD.decode(base64).unwrap_or_default();
            assert!(webp.starts_with(b"RIFF"), "{url}");
            assert!(webp.len() <= MOST_BYTES, "{} bytes", webp.len());
        }
    }
}
