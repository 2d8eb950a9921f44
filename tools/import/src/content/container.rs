//! What the container of an AVIF or HEIC image says (ISO/IEC 23008-12). Its pixels are not decoded:
//! that takes an AV1 or HEVC decoder. So this finds a structure that browsers look for an image in,
//! which is whole, and not whether there is one.

use std::io::{self, Read, Seek, SeekFrom};

use super::boxes::{Boxes, Span, child, children, take};
use super::dimensions::Dimensions;
use super::unfit::Undecodable;

/// The largest box that is read: they hold the properties of images and the tables of tracks.
const MAX_BOX_BYTES: u64 = 16 * 1024 * 1024;

/// How large the primary image of a container is shown, or else its first track.
///
/// # Errors
/// It has neither.
pub fn dimensions(mut file: impl Read + Seek) -> Result<Dimensions, Undecodable> {
    let outermost = Outermost::of(&mut file)?;
    if outermost.is_cut_off {
        return Err(Undecodable::because("it is cut off"));
    }
    if !outermost.has_data {
        return Err(Undecodable::because("it has no image data"));
    }
    let primary = || of_primary_image(outermost.meta.as_deref()?);
    let track = || of_first_track(outermost.moov.as_deref()?);
    primary().or_else(track).ok_or_else(|| {
        Undecodable::because("it has neither a primary image nor a track with a size")
    })
}

/// What is in the outermost boxes of a file.
#[derive(Default)]
struct Outermost {
    meta: Option<Vec<u8>>,
    moov: Option<Vec<u8>>,
    has_data: bool,
    is_cut_off: bool,
}

impl Outermost {
    fn of(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut found = Self::default();
        let file_end = file.seek(SeekFrom::End(0))?;
        let mut start = 0;
        while let Some(span) = Span::at(file, start, file_end)? {
            let is_large = span.end - span.payload > MAX_BOX_BYTES;
            match &span.name {
                b"meta" | b"moov" | b"mdat" if span.end > file_end => found.is_cut_off = true,
                b"meta" if !is_large => {
                    let meta = span.read(file)?;
                    found.has_data |= child(after_version(&meta), *b"idat").is_some();
                    found.meta = Some(meta);
                }
                b"moov" if !is_large => found.moov = Some(span.read(file)?),
                b"mdat" => found.has_data = true,
                _ => {}
            }
            start = span.end;
        }
        Ok(found)
    }
}

/// The fields of a `FullBox` after its version and flags.
fn after_version(full_box: &[u8]) -> &[u8] {
    full_box.get(4..).unwrap_or_default()
}

fn of_primary_image(meta: &[u8]) -> Option<Dimensions> {
    let boxes = after_version(meta);
    let primary = primary_image(child(boxes, *b"pitm")?)?;
    let properties = child(boxes, *b"iprp")?;
    let all: Vec<_> = Boxes(child(properties, *b"ipco")?).collect();
    let places = children(properties, *b"ipma").find_map(|list| properties_of(primary, list))?;

    let (mut size, mut on_its_side) = (None, false);
    for place in places {
        // They are counted from one; zero is not a property (section 9.3.1).
        let index = usize::from(place).checked_sub(1);
        let Some((name, fields)) = index.and_then(|index| all.get(index)) else {
            continue;
        };
        match name {
            b"ispe" => size = size_in(after_version(fields)),
            // In steps of 90 degrees (section 6.5.10).
            b"irot" => on_its_side = fields.first().is_some_and(|angle| angle & 1 == 1),
            _ => {}
        }
    }
    size.map(|size| {
        if on_its_side {
            size.on_its_side()
        } else {
            size
        }
    })
}

/// The identifier of the primary image, in a `pitm` box (14496-12, section 8.11.4).
fn primary_image(mut pitm: &[u8]) -> Option<u32> {
    let [version, ..] = take::<4>(&mut pitm)?;
    identifier(version, &mut pitm)
}

/// 16 bits in the first version of a box, 32 in later ones.
fn identifier(version: u8, fields: &mut &[u8]) -> Option<u32> {
    Some(match version {
        0 => u16::from_be_bytes(take(fields)?).into(),
        _ => u32::from_be_bytes(take(fields)?),
    })
}

/// The places of an image's properties, in an `ipma` box (23008-12, section 9.3.2).
fn properties_of(image: u32, mut ipma: &[u8]) -> Option<Vec<u16>> {
    let [version, .., flags] = take::<4>(&mut ipma)?;
    let images = u32::from_be_bytes(take(&mut ipma)?);
    for _ in 0..images {
        let listed = identifier(version, &mut ipma)?;
        let [count] = take(&mut ipma)?;
        // The highest bit of each says whether a reader has to know the property.
        let places = (0..count).map(|_| {
            Some(if flags & 1 == 1 {
                u16::from_be_bytes(take(&mut ipma)?) & 0x7fff
            } else {
                u16::from(take::<1>(&mut ipma)?[0] & 0x7f)
            })
        });
        let places = places.collect::<Option<Vec<_>>>()?;
        if listed == image {
            return Some(places);
        }
    }
    None
}

/// What the header of the first track with a picture says (14496-12, section 8.3.2), for a sequence
/// of images that has no primary one.
fn of_first_track(moov: &[u8]) -> Option<Dimensions> {
    children(moov, *b"trak").find_map(|track| {
        let header = child(track, *b"tkhd")?;
        // Both are the last fields, in 16.16 fixed point.
        let (_, mut size) = header
            .split_last_chunk::<8>()
            .map(|(rest, size)| (rest, &size[..]))?;
        let [width, _] = halves(take(&mut size)?);
        let [height, _] = halves(take(&mut size)?);
        size_of(width.into(), height.into())
    })
}

fn halves([a, b, c, d]: [u8; 4]) -> [u16; 2] {
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

fn size_in(mut fields: &[u8]) -> Option<Dimensions> {
    let width = u32::from_be_bytes(take(&mut fields)?);
    size_of(width, u32::from_be_bytes(take(&mut fields)?))
}

fn size_of(width: u32, height: u32) -> Option<Dimensions> {
    (width > 0 && height > 0).then_some(Dimensions { width, height })
}

#[cfg(test)]
pub mod tests {
    use std::io::Cursor;

    use super::super::boxes::tests::{boxed, file_type};
    use super::super::dimensions::tests::{HIGH, WIDE};
    use super::*;

    fn full(name: [u8; 4], version_and_flags: [u8; 4], fields: &[u8]) -> Vec<u8> {
        boxed(name, &[&version_and_flags[..], fields].concat())
    }

    fn size(width: u32, height: u32) -> Vec<u8> {
        let fields = [width.to_be_bytes(), height.to_be_bytes()].concat();
        full(*b"ispe", [0; 4], &fields)
    }

    // Image 2 of two is the primary one, with the second property and the third.
    fn meta(rotation: u8) -> Vec<u8> {
        let properties = [size(1, 1), size(30, 20), boxed(*b"irot", &[rotation])].concat();
        let places = b"\0\0\0\x02\0\x01\x01\x01\0\x02\x02\x82\x03";
        let properties = [boxed(*b"ipco", &properties), full(*b"ipma", [0; 4], places)];
        let boxes = [
            full(*b"pitm", [0; 4], b"\0\x02"),
            boxed(*b"iprp", &properties.concat()),
        ];
        full(*b"meta", [0; 4], &boxes.concat())
    }

    // By the later version of each box.
    fn later_meta() -> Vec<u8> {
        let places = b"\0\0\0\x01\0\0\0\x02\x01\x80\x01";
        let properties = [
            boxed(*b"ipco", &size(30, 20)),
            full(*b"ipma", [1, 0, 0, 1], places),
        ];
        let boxes = [
            full(*b"pitm", [1, 0, 0, 0], b"\0\0\0\x02"),
            boxed(*b"iprp", &properties.concat()),
        ];
        full(*b"meta", [0; 4], &boxes.concat())
    }

    fn movie(version: u8, fields_before_size: usize) -> Vec<u8> {
        let fields = [
            vec![0; fields_before_size],
            b"\0\x1e\0\0\0\x14\0\0".to_vec(),
        ]
        .concat();
        let sound = full(*b"tkhd", [0; 4], &[0; 80]);
        let picture = full(*b"tkhd", [version, 0, 0, 3], &fields);
        let tracks = [boxed(*b"trak", &sound), boxed(*b"trak", &picture)];
        boxed(*b"moov", &tracks.concat())
    }

    /// A file of one track and no primary image, with this brand.
    pub fn sequence(brand: [u8; 4]) -> Vec<u8> {
        let boxes = [movie(0, 72), boxed(*b"mdat", b"pixels")];
        [file_type(&[&brand, b"msf1"]), boxes.concat()].concat()
    }

    fn shown(boxes: &[&[u8]]) -> Result<Dimensions, String> {
        let file = [file_type(&[b"avif"]), boxes.concat()].concat();
        dimensions(Cursor::new(file)).map_err(Undecodable::cause)
    }

    #[test]
    fn an_image_is_as_large_as_its_primary_one_is_shown_and_a_sequence_as_its_first_picture() {
        let data = boxed(*b"mdat", b"pixels");
        let cases: &[(&[&[u8]], Dimensions)] = &[
            (&[&meta(0), &data], WIDE),
            (&[&data, &meta(0)], WIDE),
            (&[&meta(1), &data], HIGH),
            (&[&meta(2), &data], WIDE),
            (&[&meta(3), &data], HIGH),
            (&[&later_meta(), &data], WIDE),
            (&[&movie(0, 72), &data], WIDE),
            (&[&movie(1, 84), &data], WIDE),
            (&[&meta(1), &movie(0, 72), &data], HIGH),
            (&[&meta(0), &data, b"\0\0\0\0 and more"], WIDE),
            (&[&meta(0), &data, b"and no box at all"], WIDE),
            (&[&meta(0), b"\0\0\0\0mdatpixels"], WIDE),
        ];
        for (place, (boxes, expected)) in cases.iter().enumerate() {
            assert_eq!(shown(boxes), Ok(*expected), "case {place}");
        }
    }

    #[test]
    fn pixels_may_be_in_the_box_of_their_description() {
        let mut meta = meta(0);
        meta.extend(boxed(*b"idat", b"pixels"));
        let length = u32::try_from(meta.len()).unwrap();
        meta[..4].copy_from_slice(&length.to_be_bytes());

        assert_eq!(shown(&[&meta]), Ok(WIDE));
    }

    #[test]
    fn what_is_no_whole_structure_is_refused_with_the_reason() {
        let data = boxed(*b"mdat", b"pixels");
        let no_image = "it has neither a primary image nor a track with a size";
        let cases: &[(&[&[u8]], &str)] = &[
            (&[], "it has no image data"),
            (&[&meta(0)], "it has no image data"),
            (&[&meta(0), &data[..10]], "it is cut off"),
            (&[&meta(0)[..40]], "it is cut off"),
            (&[&data], no_image),
            (&[&full(*b"meta", [0; 4], b""), &data], no_image),
            (&[&boxed(*b"meta", b""), &data], no_image),
            (&[&boxed(*b"moov", b""), &data], no_image),
        ];
        for (place, (boxes, expected)) in cases.iter().enumerate() {
            assert_eq!(shown(boxes), Err((*expected).to_owned()), "case {place}");
        }
    }

    #[test]
    fn no_beginning_of_an_image_is_one() {
        let file = [file_type(&[b"avif"]), meta(1), boxed(*b"mdat", b"pixels")].concat();
        for length in 0..file.len() {
            let beginning = Cursor::new(&file[..length]);

            assert!(dimensions(beginning).is_err(), "{length} bytes");
        }
    }
}
