use std::io::Cursor;

use image::{ImageFormat, ImageResult};

use super::canvas::{paint, wheel};

const WIDTH: u16 = 960;
const HEIGHT: u16 = 640;

/// Overlapping waves of colour.
pub fn webp() -> ImageResult<Vec<u8>> {
    let image = paint(WIDTH, HEIGHT, |x, y| {
        let (x, y) = (f32::from(x) / 160.0, f32::from(y) / 160.0);
        let waves = (x * 1.3).sin()
            + (y * 1.7 + x * 0.4).sin()
            + ((x - 3.0).hypot(y - 2.0) * 2.1).sin()
            + ((x - 5.5).hypot(y - 3.5) * 1.4).cos();
        wheel(0.62 + waves * 0.11)
    });
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::WebP)?;
    Ok(bytes)
}
