//! Where the largest picture of an icon is. `image` decodes icons too, but of the pictures in PNG it
//! takes none except RGBA, and browsers show them all.

use std::io::{self, Read, Seek, SeekFrom};

/// The place of the largest picture, if it is a PNG.
pub fn largest_png(icon: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

    let Some(place) = largest(icon)? else {
        return Ok(None);
    };
    let mut start = Vec::new();
    icon.seek(SeekFrom::Start(place))?;
    icon.take(SIGNATURE.len() as u64).read_to_end(&mut start)?;
    Ok((start == SIGNATURE).then_some(place))
}

/// The directory of an icon: its two reserved bytes and its type, the number of entries, and these
/// (<https://en.wikipedia.org/wiki/ICO_(file_format)#Icon_file_structure>).
fn largest(icon: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    const ENTRY_BYTES: usize = 16;

    let mut head = [0; 6];
    icon.rewind()?;
    if icon.read_exact(&mut head).is_err() {
        return Ok(None);
    }
    let [.., low, high] = head;
    let count = usize::from(u16::from_le_bytes([low, high]));
    let mut entries = Vec::new();
    icon.take((count * ENTRY_BYTES) as u64)
        .read_to_end(&mut entries)?;
    let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
    let largest = entries
        .iter()
        .max_by_key(|[width, height, ..]| area(*width, *height));
    Ok(largest.map(|[.., a, b, c, d]| u32::from_le_bytes([*a, *b, *c, *d]).into()))
}

fn area(width: u8, height: u8) -> u32 {
    // Zero stands for 256.
    let side = |byte: u8| u32::from(byte.wrapping_sub(1)) + 1;
    side(width) * side(height)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    // The entry of a picture with sides of this length at this place.
    fn entry(side: u8, place: u8) -> [u8; 16] {
        let mut entry = [0; 16];
        entry[..2].fill(side);
        entry[12] = place;
        entry
    }

    fn icon(entries: &[[u8; 16]], rest: &[u8]) -> Cursor<Vec<u8>> {
        let count = u8::try_from(entries.len()).unwrap();
        let head = [0, 0, 1, 0, count, 0];
        Cursor::new([&head, entries.as_flattened(), rest].concat())
    }

    #[test]
    fn the_largest_picture_is_a_png_where_its_bytes_are_those_of_one() {
        let second = [b"x", PNG].concat();
        let cases = [
            (icon(&[entry(16, 22)], PNG), Some(22)),
            (icon(&[entry(16, 22)], b"(\0\0\0 and a bitmap"), None),
            (icon(&[entry(16, 38), entry(0, 39)], &second), Some(39)),
            (icon(&[entry(0, 39), entry(255, 38)], &second), Some(39)),
            (icon(&[entry(16, 200)], PNG), None),
            (icon(&[], b""), None),
            (Cursor::new(b"\0\0\x01\0".to_vec()), None),
        ];
        for (place, (mut icon, expected)) in cases.into_iter().enumerate() {
            assert_eq!(largest_png(&mut icon).unwrap(), expected, "case {place}");
        }
    }
}
