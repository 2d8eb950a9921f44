//! Painting by a function of the pixel, and colours to do it with.

use std::num::NonZero;
use std::ops::{Add, Mul};

use image::RgbImage;

/// Red, green and blue as `sRGB` has them, each from 0 to 1; what lies outside is clipped.
#[derive(Debug, Clone, Copy)]
pub struct Colour(pub f32, pub f32, pub f32);

impl Colour {
    /// From `self` (at 0) to `other` (at 1).
    pub fn mix(self, other: Self, amount: f32) -> Self {
        let amount = amount.clamp(0.0, 1.0);
        self * (1.0 - amount) + other * amount
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clipped to a byte's range first"
    )]
    fn bytes(self) -> [u8; 3] {
        [self.0, self.1, self.2].map(|channel| (channel.clamp(0.0, 1.0) * 255.0).round() as u8)
    }
}

impl Add for Colour {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1, self.2 + other.2)
    }
}

impl Mul<f32> for Colour {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        Self(self.0 * factor, self.1 * factor, self.2 * factor)
    }
}

/// A colour out of a wheel of pleasant ones; `turn` 0 and 1 are the same.
pub fn wheel(turn: f32) -> Colour {
    let channel = |phase: f32| 0.5 + 0.5 * (std::f32::consts::TAU * (turn + phase)).cos();
    Colour(channel(0.0), channel(0.12), channel(0.24))
}

/// An image of `width` × `height` pixels, each of the colour that `shade` gives for its place:
/// `x` from the left, `y` from the top. All processors take part.
pub fn paint(width: u16, height: u16, shade: impl Fn(u16, u16) -> Colour + Sync) -> RgbImage {
    let row_bytes = usize::from(width) * 3;
    let mut pixels = vec![0; row_bytes * usize::from(height)];
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let rows_each = usize::from(height).div_ceil(threads).max(1);
    let rows: Vec<u16> = (0..height).collect();
    let shade = &shade;
    std::thread::scope(|scope| {
        for (band, rows) in pixels
            .chunks_mut(row_bytes * rows_each)
            .zip(rows.chunks(rows_each))
        {
            scope.spawn(move || {
                for (row, y) in band.chunks_mut(row_bytes).zip(rows) {
                    for (pixel, x) in row.chunks_mut(3).zip(0..width) {
                        pixel.copy_from_slice(&shade(x, *y).bytes());
                    }
                }
            });
        }
    });
    let mut image = RgbImage::new(width.into(), height.into());
    image.copy_from_slice(&pixels);
    image
}
