use image::ImageResult;
use image::codecs::jpeg::JpegEncoder;

use super::canvas::{Colour, paint};
use super::noise;

const WIDTH: u16 = 4200;
const HEIGHT: u16 = 2800;
const SHORE: f32 = 0.78;
const RANGES: u8 = 5;
const HAZE: Colour = Colour(0.80, 0.85, 0.90);
const QUALITY: u8 = 96;

/// Mountain ranges behind a lake, with the grain of a photograph and about its size.
pub fn jpeg() -> ImageResult<Vec<u8>> {
    let scene = Scene::new();
    let image = paint(WIDTH, HEIGHT, |x, y| {
        let exposure = 1.0 + 0.07 * noise::grain(x, y);
        scene.colour(x, f32::from(y) / f32::from(HEIGHT)) * exposure
    });
    let mut bytes = Vec::new();
    image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok(bytes)
}

struct Scene {
    /// For each range, from the farthest to the nearest, the height of its crest in every column.
    crests: Vec<Vec<f32>>,
}

impl Scene {
    fn new() -> Self {
        let crests = (0..RANGES)
            .map(|range| (0..WIDTH).map(|x| crest(range, x)).collect())
            .collect();
        Self { crests }
    }

    fn colour(&self, x: u16, y: f32) -> Colour {
        if y <= SHORE {
            self.land(x, y)
        } else {
            self.lake(x, y)
        }
    }

    fn land(&self, x: u16, y: f32) -> Colour {
        (0..RANGES)
            .zip(&self.crests)
            .rev()
            .find_map(|(range, crest)| {
                let below_crest = y - crest[usize::from(x)];
                (below_crest >= 0.0).then(|| slope(range, across(x), y, below_crest))
            })
            .unwrap_or_else(|| sky(across(x), y))
    }

    fn lake(&self, x: u16, y: f32) -> Colour {
        let depth = (y - SHORE) / (1.0 - SHORE);
        let ripple =
            noise::layered(across(x) * 40.0 / (0.3 + depth), 14.0 / (0.08 + depth), 4) - 0.5;
        let mirrored = (SHORE - (y - SHORE) * 1.6 + ripple * 0.05 * depth).clamp(0.0, SHORE);
        let water = Colour(0.10, 0.20, 0.24);
        self.land(x, mirrored)
            .mix(water, 0.30 + 0.35 * depth - ripple * 0.25)
    }
}

/// From 0 at the left edge, in heights of the image.
fn across(x: u16) -> f32 {
    f32::from(x) / f32::from(HEIGHT)
}

fn crest(range: u8, x: u16) -> f32 {
    let nearness = f32::from(range) / f32::from(RANGES - 1);
    let along = across(x) * (1.6 + 1.1 * nearness) + f32::from(range) * 17.3;
    // Folded noise has the sharp tops of mountains, plain noise the round ones of hills.
    let sharp = 1.0 - (2.0 * noise::layered(along, 3.7, 7) - 1.0).abs();
    let round = noise::layered(along, 9.1, 6);
    let relief = sharp + (round - sharp) * nearness;
    0.40 + 0.34 * nearness - (0.30 - 0.14 * nearness) * (relief - 0.35)
}

fn slope(range: u8, x: f32, y: f32, below_crest: f32) -> Colour {
    let nearness = f32::from(range) / f32::from(RANGES - 1);
    let rock = noise::layered(x * 26.0 + f32::from(range) * 5.0, y * 34.0, 6);
    // Lit from the left: where the ground rises to the right it is brighter.
    let light =
        (rock - noise::layered(x * 26.0 + f32::from(range) * 5.0 + 0.35, y * 34.0, 3)) * 1.6;
    let stone = Colour(0.33, 0.33, 0.36).mix(Colour(0.50, 0.45, 0.40), rock * 1.4 - 0.3);
    let forest = Colour(0.07, 0.15, 0.09).mix(Colour(0.24, 0.31, 0.13), rock * 1.8 - 0.5);
    let snow = (0.10 - below_crest) * 14.0 + (rock - 0.5) * 4.0 - nearness * 6.0;
    let ground = stone
        .mix(forest, nearness * 1.7 - 0.35 + (rock - 0.5))
        .mix(Colour(0.95, 0.96, 0.99), snow);
    let mist = (1.0 - nearness) * 0.72 + below_crest * (0.8 - nearness * 0.7);
    (ground * (1.0 + light)).mix(HAZE, mist.clamp(0.0, 0.9))
}

fn sky(x: f32, y: f32) -> Colour {
    let blue = Colour(0.24, 0.45, 0.72).mix(HAZE, y * 2.1);
    let cloud = noise::layered(
        x * 3.0 + noise::layered(x * 6.0, y * 9.0, 3) * 0.6,
        y * 8.0 + 40.0,
        7,
    );
    let bright = Colour(0.99, 0.98, 0.96).mix(Colour(0.74, 0.77, 0.82), (cloud - 0.6) * 4.0);
    blue.mix(bright, (cloud - 0.5) * 4.5)
}
