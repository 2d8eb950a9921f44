//! What is taken for an image, and what is said of the rest.

use std::collections::BTreeMap;

use serde_json::Value;

use super::program::Workshop;

/// The outcome and what else is said of each file, by its name.
fn outcomes(workshop: &Workshop, arguments: &[&str]) -> BTreeMap<String, (String, String)> {
    let arguments = [&["--json"], arguments].concat();
    let ended = workshop.import(&arguments, &[&workshop.images()]);
    let (objects, _) = ended.objects();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    objects
        .iter()
        .map(|object| {
            let path = text(&object["path"]);
            let name = path.rsplit('/').next().unwrap().to_owned();
            let said = text(&object["mime_type"]) + &text(&object["reason"]);
            (name, (text(&object["outcome"]), said))
        })
        .collect()
}

#[test]
fn text_that_begins_as_an_image_would_is_passed_over() {
    let workshop = Workshop::new();
    let beginnings = [
        "BMW service history",
        "BMI,weight\n21,70",
        "P1 incident",
        "P6 - notes",
        "GIF89a is a format",
        "DDS are files",
        "qoif is one, too",
        "#?RADIANCE\nis another",
        "<html><body>no drawing</body></html>",
    ];
    for (number, beginning) in beginnings.iter().enumerate() {
        let text = format!("{beginning}, and more of the same text, line by line.\n").repeat(40);
        workshop.write(&format!("{number}.txt"), text.as_bytes());
    }

    let ended = workshop.import(&["--json"], &[&workshop.images()]);

    ended.assert_code(0);
    assert_eq!(ended.objects().0, Vec::<Value>::new(), "{}", ended.stderr);
    assert_eq!(ended.count("passed_over"), beginnings.len() as u64);
    assert_eq!(workshop.storage.files().len(), 0);
}

#[test]
fn a_stub_without_pixels_is_refused_by_name_since_it_cannot_be_decoded() {
    let workshop = Workshop::new();
    let bmp = [
        &b"BM\x3e\0\0\0\0\0\0\0\x3e\0\0\0\x28\0\0\0\x20\0\0\0\x20\0\0\0\x01\0\x01\0"[..],
        &[0; 32],
    ];
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x20\x08\x02\0\0\0\xfc\x18\xed\xa3\
        \0\0\0\0IEND\xae\x42\x60\x82";
    let ico = [
        &b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x20\0\0\0\x16\0\0\0"[..],
        &[0; 32],
    ];
    for (name, bytes) in [
        ("stub.bmp", &bmp.concat()[..]),
        ("stub.png", png),
        ("stub.ico", &ico.concat()),
        (
            "stub.jpg",
            b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0",
        ),
    ] {
        workshop.write(name, bytes);
    }

    let outcomes = outcomes(&workshop, &[]);

    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    for (name, (outcome, said)) in outcomes {
        assert_eq!(outcome, "refused", "{name}");
        assert!(said.contains("cannot be decoded"), "{name}: {said}");
    }
}

#[test]
fn a_drawing_is_known_by_its_root_element_however_it_is_written() {
    let workshop = Workshop::new();
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>";
    let utf_16 = |bytes_of: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let units = "\u{feff}".encode_utf16().chain(svg.encode_utf16());
        units.flat_map(bytes_of).collect()
    };
    let prefixed = "<svg:svg xmlns:svg=\"http://www.w3.org/2000/svg\"/>";
    let doctype = "svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\"";
    let drawings = [
        prefixed.as_bytes().to_vec(),
        utf_16(u16::to_le_bytes),
        utf_16(u16::to_be_bytes),
        format!("<!DOCTYPE\n{doctype}>{svg}").into_bytes(),
        format!("<!DOCTYPE  {doctype}>{svg}").into_bytes(),
        format!("<!--{}-->{svg}", "licence ".repeat(2_560)).into_bytes(),
    ];
    for (number, drawing) in drawings.iter().enumerate() {
        workshop.write(&format!("{number}.txt"), drawing);
    }

    let outcomes = outcomes(&workshop, &[]);

    let expected = ("imported".to_owned(), "image/svg+xml".to_owned());
    assert_eq!(outcomes.len(), drawings.len());
    for (name, outcome) in outcomes {
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn a_type_that_browsers_do_not_show_is_refused_by_name_unless_it_is_let_in() {
    let workshop = Workshop::new();
    let files: [(&str, &[u8], &str); 6] = [
        (
            "a.heic",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "image/heic",
        ),
        ("b.jxl", b"\xff\x0a\x00\x10\xb0\x13\x08\x08", "image/jxl"),
        (
            "c.jp2",
            b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 ",
            "image/jp2",
        ),
        ("d.tiff", &tiff(), "image/tiff"),
        ("f.dds", &dds(), "image/vnd.ms-dds"),
        ("e.ppm", b"P6\n1 1\n255\n\x01\x02\x03", "image/x-portable"),
    ];
    for (name, bytes, _) in files {
        workshop.write(name, bytes);
    }

    let refused = outcomes(&workshop, &[]);
    let let_in = outcomes(
        &workshop,
        &["--allow-type=image/tiff", "--allow-type=image/vnd.ms-dds"],
    );

    for (name, _, media_type) in files {
        let (outcome, said) = &refused[name];
        assert_eq!(outcome, "refused", "{name}");
        assert!(said.contains("which browsers do not show"), "{said}");
        assert!(said.contains(media_type), "{said}");
        assert!(said.contains("--allow-type"), "{said}");
    }
    assert_eq!(let_in["d.tiff"].0, "imported", "{let_in:?}");
    assert_eq!(let_in["d.tiff"].1, "image/tiff");
    // Of a variant that is not decoded here.
    assert_eq!(let_in["f.dds"].0, "imported", "{let_in:?}");
    assert_eq!(let_in["a.heic"].0, "refused");
}

/// One uncompressed pixel: a DDS header, and 32 bits.
fn dds() -> Vec<u8> {
    let mut fields = [0_u32; 31];
    fields[..5].copy_from_slice(&[124, 0x100f, 1, 1, 4]);
    fields[18..26].copy_from_slice(&[32, 0x41, 0, 32, 0xff_0000, 0xff00, 0xff, 0xff00_0000]);
    fields[26] = 0x1000;
    let mut bytes = b"DDS ".to_vec();
    bytes.extend(fields.into_iter().flat_map(u32::to_le_bytes));
    bytes.extend([1, 2, 3, 4]);
    bytes
}

#[test]
fn an_avif_is_known_by_any_of_its_brands_and_comes_with_its_size() {
    let workshop = Workshop::new();
    for (name, brands, body) in [
        ("still.bin", ["avif", "mif1"], primary_image()),
        ("major mif1.bin", ["mif1", "avif"], primary_image()),
        ("major miaf.bin", ["miaf", "avif"], primary_image()),
        ("animated.bin", ["avis", "msf1"], track()),
    ] {
        let [major, compatible] = brands.map(str::as_bytes);
        let file_type = boxed(*b"ftyp", &[major, &[0; 4], compatible].concat());
        // No two of them are the same image.
        let data = boxed(*b"mdat", name.as_bytes());
        workshop.write(name, &[file_type, body, data].concat());
    }

    let outcomes = outcomes(&workshop, &[]);

    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    for (name, outcome) in outcomes {
        let expected = ("imported".to_owned(), "image/avif".to_owned());
        assert_eq!(outcome, expected, "{name}");
    }
    for picture in workshop.gallery() {
        let size = (&picture["width"], &picture["height"]);
        assert_eq!(size, (&30.into(), &20.into()), "{picture}");
    }
}

/// A box of ISO/IEC 14496-12: its length, its name, what is in it.
fn boxed(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + content.len()).unwrap().to_be_bytes();
    [&length, &name[..], content].concat()
}

/// As `boxed`, with version 0 and no flags.
fn full(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    boxed(name, &[&[0; 4], content].concat())
}

/// An image 1 of 30 by 20 pixels, by the one property that it has.
fn primary_image() -> Vec<u8> {
    let size = full(*b"ispe", &[0, 0, 0, 30, 0, 0, 0, 20]);
    let of_image = full(*b"ipma", &[0, 0, 0, 1, 0, 1, 1, 1]);
    let properties = [boxed(*b"ipco", &size), of_image].concat();
    let primary = full(*b"pitm", &[0, 1]);
    full(*b"meta", &[primary, boxed(*b"iprp", &properties)].concat())
}

/// A track of 30 by 20 pixels, in 16.16 fixed point at the end of its header.
fn track() -> Vec<u8> {
    let header = full(
        *b"tkhd",
        &[&[0; 72][..], &[0, 30, 0, 0, 0, 20, 0, 0]].concat(),
    );
    boxed(*b"moov", &boxed(*b"trak", &header))
}

/// One grey pixel (TIFF 6.0, section 4).
fn tiff() -> Vec<u8> {
    let entries: [(u16, u16, u32); 9] = [
        (256, 3, 1),
        (257, 3, 1),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 122),
        (277, 3, 1),
        (278, 3, 1),
        (279, 4, 1),
    ];
    let mut bytes = b"II*\0\x08\0\0\0\x09\0".to_vec();
    for (tag, kind, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0, 0, 0, 0, 0x80]);
    bytes
}
