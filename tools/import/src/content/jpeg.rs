//! Whether a JPEG is whole. Decoders make up what is missing at its end.

use std::io::{self, BufRead, Read, Seek};

// ITU-T T.81, table B.1.
const TEMPORARY: u8 = 0x01;
const FIRST_RESTART: u8 = 0xd0;
const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;

/// Whether an image that begins here ends as well; more may follow it, a film for example.
pub fn has_an_end(mut jpeg: impl BufRead + Seek) -> io::Result<bool> {
    while let Some(marker) = next_marker(&mut jpeg)? {
        match marker {
            END_OF_IMAGE => return Ok(true),
            TEMPORARY | FIRST_RESTART..=START_OF_IMAGE => {}
            // A segment may hold another image, with an end of its own: it is skipped.
            _ => {
                let mut length = [0; 2];
                if jpeg.read_exact(&mut length).is_err() {
                    break;
                }
                let length = i64::from(u16::from_be_bytes(length));
                jpeg.seek_relative(length.saturating_sub(2).max(0))?;
            }
        }
    }
    Ok(false)
}

/// The code of the next marker. Between two of them are the compressed data of a scan, in which a
/// byte of ones is followed by one of zeros (section B.1.1.5), and may be bytes that fill
/// (section B.1.1.2).
fn next_marker(jpeg: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        jpeg.skip_until(0xff)?;
        let code = Read::by_ref(jpeg)
            .bytes()
            .find(|byte| !matches!(byte, Ok(0xff)));
        match code.transpose()? {
            Some(0) => {}
            code => return Ok(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn an_image_ends_with_its_own_end_and_not_with_that_of_an_image_in_it() {
        const STARTED: &[u8] = b"\xff\xd8\xff\xe1\0\x06\xff\xd8\xff\xd9\xff\xda\0\x02";
        let cases: &[(&[u8], bool)] = &[
            (b"", false),
            (b"scan", false),
            (b"scan\xff\0scan\xff", false),
            (b"scan\xff\0scan\xff\xd0scan\xff\xd9", true),
            (b"scan\xff\xff\xd9", true),
            (
                b"scan\xff\xc4\0\x04\xff\xd9\xff\xda\0\x02scan\xff\xd9",
                true,
            ),
            (b"scan\xff\xc4\0\x04\xff\xd9", false),
            (b"scan\xff\xc4\0", false),
            (b"scan\xff\xd9 and a film", true),
        ];
        for (rest, expected) in cases {
            let jpeg = [STARTED, rest].concat();

            let ends = has_an_end(Cursor::new(jpeg)).unwrap();

            assert_eq!(ends, *expected, "{}", String::from_utf8_lossy(rest));
        }
    }
}
