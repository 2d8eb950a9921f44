//! A printing press that does not exist, whose inks are as inks are.

/// Places of a table for each ink.
const STEPS: u32 = 5;
const D50: &[u8] = b"\0\0\xf6\xd6\0\x01\0\0\0\0\xd3\x2d";
/// A curve of 16 bits that changes nothing.
const STRAIGHT: &[u8] = b"\0\0\xff\xff";

/// Its ICC profile (ICC.1:2001-04): what its inks look like, and not how to make a colour of them.
pub fn profile_of_a_press() -> Vec<u8> {
    let name = [b"desc\0\0\0\0\0\0\0\x05inks\0", &[0; 79][..]].concat();
    let white = [b"XYZ \0\0\0\0", D50].concat();
    let tags = [(b"desc", &name[..]), (b"wtpt", &white), (b"A2B0", &table())];
    let (mut directory, mut body) = (count(tags.len()).to_vec(), Vec::new());
    let start = 128 + 4 + 12 * tags.len();
    for (tag, content) in tags {
        let place = count(start + body.len());
        directory.extend([&tag[..], &place, &count(content.len())].concat());
        body.extend(content);
    }
    let mut header = count(start + body.len()).to_vec();
    header.extend(b"\0\0\0\0\x02\x40\0\0prtrCMYKLab \x07\xe4\0\x01\0\x01\0\0\0\0\0\0acsp");
    header.extend([&[0; 28], D50].concat());
    header.resize(128, 0);
    [header, directory, body].concat()
}

fn count(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_be_bytes()
}

/// A `lut16Type` (section 6.5.8) from four inks to CIELAB.
fn table() -> Vec<u8> {
    let (one, nothing) = (count(65_536), [0; 4]);
    let row = [one, nothing, nothing, nothing].concat();
    let identity = [&row[..], &row, &one].concat();
    let places = (0..STEPS.pow(4)).flat_map(|place| {
        let ink = |step: u32| f64::from(place / step % STEPS) / f64::from(STEPS - 1);
        let [lightness, a, b] = lab([125, 25, 5, 1].map(ink));
        [lightness * 652.8, (a + 128.0) * 256.0, (b + 128.0) * 256.0]
    });
    let places = places.flat_map(|value| {
        // Within 16 bits by the inks that it is of.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let value = value.round() as u16;
        value.to_be_bytes()
    });
    [
        b"mft2\0\0\0\0\x04\x03\x05\0",
        &identity[..],
        b"\0\x02\0\x02",
        &STRAIGHT.repeat(4),
        &places.collect::<Vec<u8>>(),
        &STRAIGHT.repeat(3),
    ]
    .concat()
}

fn lab([cyan, magenta, yellow, black]: [f64; 4]) -> [f64; 3] {
    let light = (1.0 - 0.4 * cyan) * (1.0 - 0.5 * magenta) * (1.0 - 0.1 * yellow);
    let colour = 1.0 - 0.9 * black;
    [
        95.0 * light * (1.0 - 0.85 * black),
        (-35.0 * cyan + 74.0 * magenta - 6.0 * yellow) * colour,
        (-48.0 * cyan + 93.0 * yellow) * colour,
    ]
}
