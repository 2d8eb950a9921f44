use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Frame, ImageResult, RgbImage};

use super::canvas::{Colour, paint, wheel};

const SIZE: u16 = 240;
const FRAMES: u8 = 20;
const PLANETS: u8 = 5;
// Of the encoder's 1 (best colours) to 30: by eye, no worse than 1 here.
const SPEED: i32 = 10;

/// Planets around a star, in a loop without a seam.
pub fn gif() -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    {
        let mut encoder = GifEncoder::new_with_speed(&mut bytes, SPEED);
        encoder.set_repeat(Repeat::Infinite)?;
        for number in 0..FRAMES {
            let picture =
                DynamicImage::from(frame(f32::from(number) / f32::from(FRAMES))).to_rgba8();
            encoder.encode_frame(Frame::from_parts(
                picture,
                0,
                0,
                Delay::from_numer_denom_ms(70, 1),
            ))?;
        }
    }
    Ok(bytes)
}

/// The picture at `time`, from 0 to 1.
fn frame(time: f32) -> RgbImage {
    let planets: Vec<_> = (0..PLANETS).map(|number| planet(number, time)).collect();
    paint(SIZE, SIZE, |x, y| {
        let (x, y) = (offset(x), offset(y));
        let distance = x.hypot(y);
        let mut colour = Colour(0.03, 0.04, 0.11) + Colour(1.0, 0.75, 0.35) * glow(distance, 0.09);
        for number in 0..PLANETS {
            let orbit = glow((distance - radius(number)).abs(), 0.004);
            colour = colour + Colour(0.10, 0.13, 0.22) * orbit;
        }
        for (number, (planet_x, planet_y)) in (0..PLANETS).zip(&planets) {
            let near = glow((x - planet_x).hypot(y - planet_y), 0.045);
            let surface =
                wheel(f32::from(number) / f32::from(PLANETS)).mix(Colour(1.0, 1.0, 1.0), 0.4);
            colour = colour.mix(surface, near);
        }
        colour
    })
}

/// Whole turns in one loop of the film, so that its end meets its beginning.
fn planet(number: u8, time: f32) -> (f32, f32) {
    let turns = f32::from(PLANETS - number).div_euclid(2.0) + 1.0;
    let angle = std::f32::consts::TAU * (turns * time + f32::from(number) * 0.37);
    (radius(number) * angle.cos(), radius(number) * angle.sin())
}

fn radius(number: u8) -> f32 {
    0.2 + 0.17 * f32::from(number)
}

fn glow(distance: f32, width: f32) -> f32 {
    (-(distance / width).powi(2)).exp()
}

/// From -1 at one edge to 1 at the other.
fn offset(pixel: u16) -> f32 {
    (f32::from(pixel) + 0.5) / f32::from(SIZE) * 2.0 - 1.0
}
