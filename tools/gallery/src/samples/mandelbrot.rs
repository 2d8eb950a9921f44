use std::io::Cursor;

use image::{ImageFormat, ImageResult};

use super::canvas::{Colour, paint, wheel};

const WIDTH: u16 = 1200;
const HEIGHT: u16 = 800;
const ITERATIONS: u16 = 400;
// Around the spirals at the edge of the main cardioid.
const CENTRE: (f64, f64) = (-0.743_5, 0.131_4);
const PIXEL: f64 = 0.006 / 1200.0;

/// A corner of the Mandelbrot set.
pub fn png() -> ImageResult<Vec<u8>> {
    let image = paint(WIDTH, HEIGHT, |x, y| {
        let real = CENTRE.0 + (f64::from(x) - f64::from(WIDTH) / 2.0) * PIXEL;
        let imaginary = CENTRE.1 - (f64::from(y) - f64::from(HEIGHT) / 2.0) * PIXEL;
        escape_time(real, imaginary).map_or(Colour(0.02, 0.02, 0.08), |time| {
            wheel(0.55 + (time + 1.0).ln() * 0.45)
        })
    });
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(bytes)
}

/// After how many iterations the point leaves for infinity, smoothed; `None` if it stays.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a colour needs no more precision"
)]
fn escape_time(real: f64, imaginary: f64) -> Option<f32> {
    let (mut a, mut b) = (0.0_f64, 0.0_f64);
    for iteration in 0..ITERATIONS {
        let (a2, b2) = (a * a, b * b);
        if a2 + b2 > 256.0 {
            let excess = ((a2 + b2).ln() / 2.0 / std::f64::consts::LN_2).log2();
            return Some((f64::from(iteration) + 1.0 - excess).max(0.0) as f32);
        }
        b = 2.0 * a * b + imaginary;
        a = a2 - b2 + real;
    }
    None
}
