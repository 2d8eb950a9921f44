//! Whether an image moves: then it has no sizes, which would stand still.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use image::ImageFormat;

use super::webp;

/// Whether there is more than one frame.
pub fn is_animated(format: ImageFormat, image: &mut (impl BufRead + Seek)) -> io::Result<bool> {
    match format {
        ImageFormat::Gif => Ok(gif_frames(image, 2)? > 1),
        ImageFormat::Png => is_apng(image),
        ImageFormat::WebP => webp::is_animated(image),
        _ => Ok(false),
    }
}

/// The frames of a GIF, counted no further than `most` (`GIF89a` specification, appendix B).
fn gif_frames(gif: &mut (impl BufRead + Seek), most: usize) -> io::Result<usize> {
    const EXTENSION: u8 = 0x21;
    const IMAGE: u8 = 0x2c;

    let mut screen = [0; 13];
    gif.rewind()?;
    gif.read_exact(&mut screen)?;
    gif.seek_relative(colour_table_bytes(screen[10]))?;
    let (mut frames, mut code) = (0, [0]);
    while frames < most && gif.read_exact(&mut code).is_ok() {
        match code {
            [EXTENSION] => gif.seek_relative(1)?,
            [IMAGE] => {
                frames += 1;
                let mut descriptor = [0; 9];
                if gif.read_exact(&mut descriptor).is_err() {
                    break;
                }
                // After the table comes the size of a code.
                gif.seek_relative(colour_table_bytes(descriptor[8]) + 1)?;
            }
            _ => break,
        }
        while gif.read_exact(&mut code).is_ok() && code != [0] {
            gif.seek_relative(code[0].into())?;
        }
    }
    Ok(frames)
}

/// What the flags of a screen or a frame say of the table after them (section 18).
fn colour_table_bytes(flags: u8) -> i64 {
    let has_table = flags & 0x80 != 0;
    if has_table {
        3 << ((flags & 0x07) + 1)
    } else {
        0
    }
}

/// Whether a PNG says before its pixels that it is animated (PNG specification, third edition,
/// section 11.3.6).
fn is_apng(png: &mut (impl Read + Seek)) -> io::Result<bool> {
    const CHECKSUM_BYTES: i64 = 4;

    let mut head = [0; 8];
    png.seek(SeekFrom::Start(8))?;
    while png.read_exact(&mut head).is_ok() {
        let [length @ .., a, b, c, d] = head;
        match &[a, b, c, d] {
            b"acTL" => return Ok(true),
            b"IDAT" => break,
            _ => {}
        }
        let length = u32::from_be_bytes(length);
        png.seek(SeekFrom::Current(i64::from(length) + CHECKSUM_BYTES))?;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::gif::GifEncoder;
    use image::{Frame, RgbaImage};

    use super::super::tests::drawn;
    use super::super::webp::tests::webp;
    use super::*;

    fn gif(frames: usize) -> Vec<u8> {
        let mut gif = Vec::new();
        let mut encoder = GifEncoder::new(&mut gif);
        let frames = (0..frames).map(|_| Frame::new(RgbaImage::new(30, 20)));
        encoder.encode_frames(frames).unwrap();
        drop(encoder);
        gif
    }

    fn apng() -> Vec<u8> {
        let png = drawn(ImageFormat::Png);
        let end_of_header = 8 + 4 + 4 + 13 + 4;
        let control = b"\0\0\0\x08acTL\0\0\0\x02\0\0\0\0\xf3\x8d\x93\x70";
        [&png[..end_of_header], control, &png[end_of_header..]].concat()
    }

    #[test]
    fn what_has_more_than_one_frame_is_animated() {
        for (format, image, expected) in [
            (ImageFormat::Gif, gif(1), false),
            (ImageFormat::Gif, gif(2), true),
            (ImageFormat::Gif, gif(9), true),
            (ImageFormat::Png, drawn(ImageFormat::Png), false),
            (ImageFormat::Png, apng(), true),
            (ImageFormat::WebP, drawn(ImageFormat::WebP), false),
            (ImageFormat::WebP, webp(0b10, *b"ANIM"), true),
            (ImageFormat::Jpeg, drawn(ImageFormat::Jpeg), false),
        ] {
            let told = is_animated(format, &mut Cursor::new(&image)).unwrap();

            assert_eq!(told, expected, "{format:?} of {} bytes", image.len());
        }
    }

    #[test]
    fn one_that_is_cut_off_has_the_frames_that_are_there() {
        let whole = gif(3);
        for length in 13..whole.len() {
            let frames = gif_frames(&mut Cursor::new(&whole[..length]), 9).unwrap();

            assert!(frames <= 3, "{length} bytes");
        }
        assert_eq!(gif_frames(&mut Cursor::new(&whole), 9).unwrap(), 3);
    }
}
