//! The boxes that an ISO base media file is made of (ISO/IEC 14496-12, section 4.2).

use std::io::{self, Read, Seek, SeekFrom};

pub type Name = [u8; 4];

const HEADER_BYTES: u64 = 8;
const LONG_HEADER_BYTES: u64 = 16;

/// The brands of a file that begins with `head`, the major one first; empty where there is no `ftyp` box.
pub fn brands(head: &[u8]) -> &[Name] {
    match Boxes(head).next() {
        // Among them is the version of the major brand (section 4.3), which is not a brand's name.
        Some((name, fields)) if &name == b"ftyp" => fields.as_chunks().0,
        _ => &[],
    }
}

/// The payload of the first box with this name.
pub fn child(boxes: &[u8], name: Name) -> Option<&[u8]> {
    children(boxes, name).next()
}

/// The payloads of all boxes with this name.
pub fn children(boxes: &[u8], name: Name) -> impl Iterator<Item = &[u8]> {
    Boxes(boxes).filter_map(move |(found, payload)| (found == name).then_some(payload))
}

/// Name and payload of each box in these bytes, up to one that is damaged.
pub struct Boxes<'a>(pub &'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = (Name, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = Header::of(self.0)?;
        let all = match header.box_bytes {
            Some(bytes) => self.0.get(..usize::try_from(bytes).ok()?)?,
            None => self.0,
        };
        self.0 = &self.0[all.len()..];
        Some((
            header.name,
            all.get(usize::try_from(header.length).ok()?..)?,
        ))
    }
}

/// Where a box of a file is.
pub struct Span {
    pub name: Name,
    pub payload: u64,
    pub end: u64,
}

impl Span {
    /// `None` at the end of the file, and where no box begins. The box may be cut off by that end.
    pub fn at(
        file: &mut (impl Read + Seek),
        start: u64,
        file_end: u64,
    ) -> io::Result<Option<Self>> {
        let mut header = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.take(LONG_HEADER_BYTES).read_to_end(&mut header)?;
        Ok(Header::of(&header).and_then(|header| {
            let end = header
                .box_bytes
                .map_or(Some(file_end), |bytes| start.checked_add(bytes))?;
            Some(Self {
                name: header.name,
                payload: start + header.length,
                end,
            })
        }))
    }

    /// What is in the box.
    pub fn read(&self, file: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
        let mut payload = Vec::new();
        file.seek(SeekFrom::Start(self.payload))?;
        file.take(self.end - self.payload)
            .read_to_end(&mut payload)?;
        Ok(payload)
    }
}

struct Header {
    name: Name,
    length: u64,
    /// Those of the whole box, unless it reaches to the end of what it is in.
    box_bytes: Option<u64>,
}

impl Header {
    fn of(mut bytes: &[u8]) -> Option<Self> {
        let short = u64::from(u32::from_be_bytes(take(&mut bytes)?));
        let name = take(&mut bytes)?;
        let (length, box_bytes) = match short {
            0 => (HEADER_BYTES, None),
            1 => (
                LONG_HEADER_BYTES,
                Some(u64::from_be_bytes(take(&mut bytes)?)),
            ),
            _ => (HEADER_BYTES, Some(short)),
        };
        box_bytes
            .is_none_or(|bytes| bytes >= length)
            .then_some(Self {
                name,
                length,
                box_bytes,
            })
    }
}

/// The field of `N` bytes that `fields` begin with, taken off them.
pub fn take<const N: usize>(fields: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = fields.split_first_chunk()?;
    *fields = rest;
    Some(*field)
}

#[cfg(test)]
pub mod tests {
    use std::io::Cursor;

    use super::*;

    pub fn boxed(name: Name, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 8).unwrap();
        [&length.to_be_bytes(), &name, payload].concat()
    }

    /// An `ftyp` box with these brands, the major one first.
    pub fn file_type(brands: &[&Name]) -> Vec<u8> {
        let compatible = brands
            .iter()
            .copied()
            .flatten()
            .copied()
            .collect::<Vec<_>>();
        boxed(
            *b"ftyp",
            &[brands[0].as_slice(), &[0; 4], &compatible].concat(),
        )
    }

    #[test]
    fn boxes_are_found_one_after_another_up_to_the_end_or_a_damaged_one() {
        let (first, last) = (boxed(*b"free", b"abc"), b"\0\0\0\0mdatrest".to_vec());
        let long = b"\0\0\0\x01skip\0\0\0\0\0\0\0\x11d".to_vec();
        let cases = [
            (
                [first.clone(), long, last].concat(),
                vec!["abc", "d", "rest"],
            ),
            (
                [first.clone(), b"\0\0\0\x07free".to_vec()].concat(),
                vec!["abc"],
            ),
            (
                [first.clone(), b"\0\0\0\xfffree".to_vec()].concat(),
                vec!["abc"],
            ),
            ([first, b"\0\0\0".to_vec()].concat(), vec!["abc"]),
        ];
        for (bytes, expected) in cases {
            let payloads = Boxes(&bytes).map(|(_, payload)| payload);

            assert!(
                payloads.eq(expected.iter().map(|payload| payload.as_bytes())),
                "{expected:?}"
            );
        }
    }

    #[test]
    fn a_box_of_a_file_is_where_its_header_says_even_past_the_end() {
        let bytes = [boxed(*b"free", b"abc"), b"\0\0\0\xffmdat".to_vec()].concat();
        let mut file = Cursor::new(&bytes);

        let free = Span::at(&mut file, 0, 19).unwrap().unwrap();
        let data = Span::at(&mut file, 11, 19).unwrap().unwrap();

        assert_eq!((&free.name, free.payload, free.end), (b"free", 8, 11));
        assert_eq!(free.read(&mut file).unwrap(), b"abc");
        assert_eq!((&data.name, data.payload, data.end), (b"mdat", 19, 266));
        assert!(Span::at(&mut file, 19, 19).unwrap().is_none());
    }

    #[test]
    fn a_file_without_a_file_type_has_no_brands() {
        assert_eq!(
            brands(&file_type(&[b"mif1", b"avif"])).first(),
            Some(b"mif1")
        );
        assert!(brands(&boxed(*b"free", b"mif1")).is_empty());
        assert!(brands(b"").is_empty());
    }
}
