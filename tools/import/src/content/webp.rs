//! What the chunks of a WebP say (RFC 9649, section 2).

use std::io::{self, Read, Seek, SeekFrom};

/// The bit of an animation among the flags of a `VP8X` chunk (section 2.7).
const ANIMATION: u8 = 0b10;

/// Whether it is as long as its header says (section 2.4), so that all frames are there.
pub fn has_its_riff_length(webp: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut header = [0; 8];
    webp.rewind()?;
    if webp.read_exact(&mut header).is_err() {
        return Ok(false);
    }
    let [.., a, b, c, d] = header;
    let announced = u64::from(u32::from_le_bytes([a, b, c, d])) + 8;
    Ok(webp.seek(SeekFrom::End(0))? >= announced)
}

/// Whether it is a sequence of frames.
pub fn is_animated(webp: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut head = [0; 21];
    webp.rewind()?;
    let is_read = webp.read_exact(&mut head).is_ok();
    Ok(is_read && &head[12..16] == b"VP8X" && head[20] & ANIMATION != 0)
}

/// Whether its pixels are near those that it was made of, and not the same.
pub fn is_lossy(webp: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut chunk = [0; 8];
    webp.seek(SeekFrom::Start(12))?;
    while webp.read_exact(&mut chunk).is_ok() {
        let [a, b, c, d, length @ ..] = chunk;
        match &[a, b, c, d] {
            b"VP8 " => return Ok(true),
            b"VP8L" => return Ok(false),
            _ => {}
        }
        // Chunks of an odd length are followed by a byte that fills.
        let length = i64::from(u32::from_le_bytes(length));
        webp.seek(SeekFrom::Current(length + (length & 1)))?;
    }
    Ok(false)
}

#[cfg(test)]
pub mod tests {
    use std::io::Cursor;

    use super::*;

    fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let filled = vec![0; content.len() % 2];
        [&name[..], &length, content, &filled].concat()
    }

    /// With these flags in its `VP8X` chunk, and a chunk of this name after it.
    pub fn webp(flags: u8, name: [u8; 4]) -> Vec<u8> {
        let extended = chunk(*b"VP8X", &[flags, 0, 0, 0, 29, 0, 0, 19, 0, 0]);
        let profile = chunk(*b"ICCP", b"odd");
        let chunks = [b"WEBP", &extended[..], &profile, &chunk(name, b"pixels")].concat();
        chunk(*b"RIFF", &chunks)
    }

    #[test]
    fn an_animation_is_told_by_its_flag_alone() {
        for (flags, expected) in [(0b10, true), (0b1_0010, true), (0b10_1000, false)] {
            let webp = webp(flags, *b"VP8 ");

            let told = is_animated(&mut Cursor::new(&webp)).unwrap();

            assert_eq!(told, expected, "{flags:b}");
            assert!(!is_animated(&mut Cursor::new(&webp[..20])).unwrap());
        }
    }

    #[test]
    fn its_first_chunk_of_pixels_tells_whether_it_is_lossy() {
        for (name, expected) in [(*b"VP8 ", true), (*b"VP8L", false), (*b"ANIM", false)] {
            let told = is_lossy(&mut Cursor::new(webp(0, name))).unwrap();

            assert_eq!(told, expected, "{}", String::from_utf8_lossy(&name));
        }
    }
}
