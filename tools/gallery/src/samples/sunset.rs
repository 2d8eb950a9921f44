use image::ImageResult;
use image::codecs::jpeg::JpegEncoder;

use super::canvas::{Colour, paint};
use super::noise;

const WIDTH: u16 = 1600;
const HEIGHT: u16 = 1000;
const HORIZON: f32 = 0.62;
const SUN: (f32, f32) = (0.8, 0.52);
const SUN_RADIUS: f32 = 0.07;
const QUALITY: u8 = 88;

/// The sun over the sea, in gradients.
pub fn jpeg() -> ImageResult<Vec<u8>> {
    let image = paint(WIDTH, HEIGHT, |x, y| {
        let (x, y) = (
            f32::from(x) / f32::from(HEIGHT),
            f32::from(y) / f32::from(HEIGHT),
        );
        if y < HORIZON { sky(x, y) } else { sea(x, y) }
    });
    let mut bytes = Vec::new();
    image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok(bytes)
}

fn sky(x: f32, y: f32) -> Colour {
    let height = 1.0 - y / HORIZON;
    let air = Colour(0.99, 0.62, 0.36)
        .mix(Colour(0.83, 0.35, 0.47), height * 1.8)
        .mix(Colour(0.17, 0.13, 0.36), height * 1.5 - 0.5);
    let distance = (x - SUN.0).hypot(y - SUN.1);
    let cloud = noise::layered(x * 2.2, y * 11.0, 5);
    let lit = Colour(1.0, 0.78, 0.55).mix(Colour(0.45, 0.22, 0.42), height * 1.6);
    air.mix(lit, (cloud - 0.52) * 3.5)
        .mix(Colour(1.0, 0.93, 0.72), (-distance * 5.0).exp())
        .mix(
            Colour(1.0, 0.96, 0.82),
            (SUN_RADIUS - distance) * 400.0 + 0.5,
        )
}

fn sea(x: f32, y: f32) -> Colour {
    let depth = (y - HORIZON) / (1.0 - HORIZON);
    // Waves look the longer the nearer they are.
    let wave = noise::layered(x * 14.0 / (0.25 + depth), 9.0 / (0.06 + depth), 4) - 0.5;
    let mirrored = HORIZON - (y - HORIZON) * 0.9 + wave * 0.12 * depth;
    let reflection = sky(x + wave * 0.08, mirrored.clamp(0.0, HORIZON));
    let path = (-((x - SUN.0) / (0.05 + depth * 0.16)).powi(2)).exp();
    reflection
        .mix(Colour(0.09, 0.10, 0.25), 0.35 + 0.4 * depth - wave * 0.5)
        .mix(Colour(1.0, 0.86, 0.6), path * (0.35 + wave * 2.2))
}
