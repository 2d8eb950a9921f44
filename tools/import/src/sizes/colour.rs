//! Colours of any profile, as a screen shows those that have none: in sRGB.
//!
//! A profile that cannot be used is as good as none, as in browsers.

use moxcms::{
    CmsError, ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions,
};

const BYTES_A_PIXEL: usize = 4;
/// What is converted at a time.
const CHUNK_PIXELS: usize = 64 * 1024;

/// Converts red, green, blue and alpha. Of grey, as its file holds it, red is all that counts.
pub fn to_srgb(pixels: &mut [u8], has_color: bool, profile: &[u8]) {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else {
        return;
    };
    match (has_color, profile.color_space) {
        (true, DataColorSpace::Rgb) => {
            // Without a profile that fits, they stay.
            let _ = convert(pixels, &profile);
        }
        (false, DataColorSpace::Gray) => grey_to_srgb(pixels, &profile),
        _ => {}
    }
}

fn convert(pixels: &mut [u8], profile: &ColorProfile) -> Result<(), CmsError> {
    let transform = profile.create_transform_8bit(
        Layout::Rgba,
        &ColorProfile::new_srgb(),
        Layout::Rgba,
        TransformOptions::default(),
    )?;
    if profile.color_space == DataColorSpace::Rgb && changes_nothing(&*transform)? {
        return Ok(());
    }
    let mut converted = vec![0; CHUNK_PIXELS * BYTES_A_PIXEL];
    for chunk in pixels.chunks_mut(CHUNK_PIXELS * BYTES_A_PIXEL) {
        let converted = &mut converted[..chunk.len()];
        transform.transform(chunk, converted)?;
        chunk.copy_from_slice(converted);
    }
    Ok(())
}

/// Most photographs say at length that they are in sRGB: seen by colours from all over it.
fn changes_nothing(transform: &Transform8BitExecutor) -> Result<bool, CmsError> {
    let levels = || (0..=u8::MAX).step_by(51);
    let colours =
        levels().flat_map(|r| levels().flat_map(move |g| levels().map(move |b| [r, g, b])));
    let colours: Vec<u8> = colours.flat_map(|[r, g, b]| [r, g, b, u8::MAX]).collect();
    let mut converted = vec![0; colours.len()];
    transform.transform(&colours, &mut converted)?;
    let mut pairs = colours.iter().zip(converted);
    Ok(pairs.all(|(colour, converted)| colour.abs_diff(converted) <= 1))
}

fn grey_to_srgb(pixels: &mut [u8], profile: &ColorProfile) {
    let transform = profile.create_transform_8bit(
        Layout::Gray,
        &ColorProfile::new_srgb(),
        Layout::Rgb,
        TransformOptions::default(),
    );
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let mut shades = [0; 256 * 3];
    let is_known = transform.is_ok_and(|transform| transform.transform(&all, &mut shades).is_ok());
    if !is_known {
        return;
    }
    let (shades, _) = shades.as_chunks::<3>();
    let (pixels, _) = pixels.as_chunks_mut::<BYTES_A_PIXEL>();
    for [r, g, b, _] in pixels {
        [*r, *g, *b] = shades[usize::from(*r)];
    }
}

/// Converts samples of 16 bits, with alpha or without.
pub fn wide_to_srgb(samples: &mut [u16], has_alpha: bool, profile: &[u8]) {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else {
        return;
    };
    let layout = if has_alpha { Layout::Rgba } else { Layout::Rgb };
    let transform = profile.create_transform_16bit(
        layout,
        &ColorProfile::new_srgb(),
        layout,
        TransformOptions::default(),
    );
    let Ok(transform) = transform else { return };
    let length = CHUNK_PIXELS * layout.channels();
    let mut converted = vec![0; length];
    for chunk in samples.chunks_mut(length) {
        let converted = &mut converted[..chunk.len()];
        if transform.transform(chunk, converted).is_err() {
            return;
        }
        chunk.copy_from_slice(converted);
    }
}

/// Converts cyan, magenta, yellow and black to red, green, blue and no transparency.
///
/// # Errors
/// Without a profile nobody knows what inks look like.
pub fn inks_to_srgb(pixels: &mut [u8], profile: Option<&[u8]>) -> Result<(), String> {
    let unknown = || "has inks whose colour profile cannot be used".to_owned();
    let profile = profile
        .and_then(|profile| ColorProfile::new_from_slice(profile).ok())
        .filter(|profile| profile.color_space == DataColorSpace::Cmyk)
        .ok_or_else(unknown)?;
    convert(pixels, &profile).map_err(|_| unknown())?;
    let (pixels, _) = pixels.as_chunks_mut::<BYTES_A_PIXEL>();
    for [.., alpha] in pixels {
        *alpha = u8::MAX;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(profile: &ColorProfile, has_color: bool, pixel: [u8; 4]) -> [u8; 4] {
        let mut pixels = pixel;
        to_srgb(&mut pixels, has_color, &profile.encode().unwrap());
        pixels
    }

    #[test]
    fn colours_of_a_wider_space_are_brought_into_srgb_and_its_own_stay() {
        // Pillow 13 (LittleCMS 2.19): ImageCms.profileToProfile of the same values from Display P3.
        let p3 = ColorProfile::new_display_p3();
        for (pixel, expected) in [
            ([200, 100, 50, 9], [215, 93, 31, 9]),
            ([128, 128, 128, 255], [128, 128, 128, 255]),
        ] {
            let pixel = converted(&p3, true, pixel);

            for (told, expected) in pixel.iter().zip(expected) {
                assert!(told.abs_diff(expected) <= 2, "{told} for {expected}");
            }
        }
        let srgb = ColorProfile::new_srgb();
        assert_eq!(converted(&srgb, true, [1, 100, 254, 7]), [1, 100, 254, 7]);
    }

    #[test]
    fn grey_of_another_gamma_is_brought_to_that_of_srgb() {
        let linear = ColorProfile::new_gray_with_gamma(1.0);

        let [r, g, b, alpha] = converted(&linear, false, [55, 55, 55, 3]);

        // IEC 61966-2-1: 1.055 · (55 / 255) ^ (1 / 2.4) - 0.055.
        assert!(r.abs_diff(128) <= 2, "{r}");
        assert_eq!((g, b, alpha), (r, r, 3));
    }

    #[test]
    fn a_profile_that_does_not_fit_or_is_damaged_changes_nothing() {
        let grey = ColorProfile::new_gray_with_gamma(1.0);
        let mut pixels = [1, 2, 3, 4];

        to_srgb(&mut pixels, true, b"no profile");
        wide_to_srgb(&mut [1, 2, 3], false, b"no profile");

        assert_eq!(pixels, [1, 2, 3, 4]);
        assert_eq!(converted(&grey, true, [1, 2, 3, 4]), [1, 2, 3, 4]);
        assert!(inks_to_srgb(&mut pixels, None).is_err());
        assert!(inks_to_srgb(&mut pixels, Some(b"no profile")).is_err());
    }
}
