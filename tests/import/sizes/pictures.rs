//! Pictures to make smaller: of fields of colour, which every size shows where it should.

use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};

/// The fields of a picture of three by two: no way to turn it is like another.
pub const FIELDS: [[u8; 3]; 6] = [
    [200, 100, 50],
    [128, 128, 128],
    [60, 180, 90],
    [30, 60, 200],
    [250, 240, 230],
    [240, 20, 30],
];

/// Of 100, for JPEG: fields keep their colours to within a unit.
const QUALITY: u8 = 95;

/// The place in `FIELDS` of a pixel.
fn field(x: u32, y: u32, width: u32, height: u32) -> usize {
    (x * 3 / width + 3 * (y * 2 / height)) as usize
}

/// A picture of the six fields.
pub fn fields(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(
        width,
        height,
        |x, y| Rgb(FIELDS[field(x, y, width, height)]),
    )
}

/// As `fields`, and of light and noise as a photograph is: no two pixels are quite alike.
pub fn photograph(width: u32, height: u32, seed: u32) -> RgbImage {
    let mut state = seed;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = state.to_be_bytes()[0] % 8;
        Rgb(FIELDS[field(x, y, width, height)].map(|sample| sample.saturating_add(noise)))
    })
}

/// As PNG, or in another format that keeps every pixel.
pub fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG of high quality, with this ICC profile.
pub fn jpeg(image: &RgbImage, profile: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    if let Some(profile) = profile {
        encoder.add_icc_profile(profile).unwrap();
    }
    encoder
        .encode(
            image,
            side(image.width()),
            side(image.height()),
            ColorType::Rgb,
        )
        .unwrap();
    bytes
}

/// A JPEG of these inks in six fields, stored inverted as Adobe does, directly or as luma and chroma.
pub fn jpeg_of_inks(
    inks: &[[u8; 4]; 6],
    (width, height): (u32, u32),
    profile: &[u8],
    stored: ColorType,
) -> Vec<u8> {
    let pixels: Vec<u8> = (0..width * height)
        .flat_map(|place| inks[field(place % width, place / width, width, height)])
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.add_icc_profile(profile).unwrap();
    encoder
        .encode(&pixels, side(width), side(height), stored)
        .unwrap();
    bytes
}

fn side(side: u32) -> u16 {
    side.try_into().unwrap()
}

/// A JPEG that Exif turns: an APP1 segment right after its start, with the one entry Orientation (0x0112).
pub fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

/// Two frames.
pub fn animation(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    let frames = [0, 255].map(|shade| {
        let frame = RgbaImage::from_pixel(width, height, Rgba([shade, shade, shade, 255]));
        Frame::new(frame)
    });
    encoder.encode_frames(frames).unwrap();
    drop(encoder);
    bytes
}

/// The colours in the middle of six fields of a picture.
pub fn middles(image: &RgbImage) -> [[u8; 3]; 6] {
    let (width, height) = image.dimensions();
    std::array::from_fn(|place| {
        let place = u32::try_from(place).unwrap();
        let x = (2 * (place % 3) + 1) * width / 6;
        let y = (2 * (place / 3) + 1) * height / 4;
        image.get_pixel(x, y).0
    })
}

/// Asserts that the fields of a picture have these colours, to within so many units.
#[track_caller]
pub fn assert_fields(image: &RgbImage, expected: &[[u8; 3]; 6], units: u8, what: &str) {
    for (told, expected) in middles(image).iter().zip(expected) {
        let far = told
            .iter()
            .zip(expected)
            .map(|(one, other)| one.abs_diff(*other));
        let far = far.max().unwrap();
        assert!(far <= units, "{what}: {told:?} for {expected:?}");
    }
}
