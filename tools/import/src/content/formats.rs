//! Every type of image that is told from other files. What is not here is passed over.

use image::ImageFormat;

use super::boxes::brands;
use super::kind::{Check, Format, Sign};

use Check::{Container, Markup, Pixels};
use Sign::{Bytes, Structure};

pub const SVG: Format = Format::shown("SVG", "image/svg+xml", "svg").checked(Markup);

/// Formats that can be told by their brands come in the order in which these count: what has an AVIF
/// image beside an HEIC one is shown.
pub static FORMATS: &[Format] = &[
    Format::shown("AVIF", "image/avif", "avif")
        .checked(Container)
        .told_by(&[Structure(|head| has_brand(head, AVIF))]),
    Format::shown("BMP", "image/bmp", "bmp")
        .checked(Pixels(ImageFormat::Bmp))
        .told_by(&[Bytes(b"BM")]),
    Format::shown("GIF", "image/gif", "gif")
        .checked(Pixels(ImageFormat::Gif))
        .told_by(&[Bytes(b"GIF87a"), Bytes(b"GIF89a")]),
    Format::shown("ICO", "image/x-icon", "ico")
        .checked(Pixels(ImageFormat::Ico))
        .told_by(&[Bytes(b"\0\0\x01\0")]),
    Format::shown("JPEG", "image/jpeg", "jpg")
        .checked(Pixels(ImageFormat::Jpeg))
        .told_by(&[Bytes(b"\xff\xd8\xff")]),
    Format::shown("PNG", "image/png", "png")
        .checked(Pixels(ImageFormat::Png))
        .told_by(&[Bytes(b"\x89PNG\r\n\x1a\n")]),
    SVG,
    Format::shown("WebP", "image/webp", "webp")
        .checked(Pixels(ImageFormat::WebP))
        .told_by(&[Structure(is_webp)]),
    Format::not_shown("BPG", "image/bpg", "bpg").told_by(&[Bytes(b"BPG\xfb")]),
    Format::not_shown("Canon raw", "image/x-canon-cr3", "cr3")
        .told_by(&[Structure(|head| has_brand(head, CANON))]),
    Format::not_shown("DDS", "image/vnd.ms-dds", "dds")
        .checked(Pixels(ImageFormat::Dds))
        .told_by(&[Bytes(b"DDS ")]),
    Format::not_shown("DjVu", "image/vnd.djvu", "djvu").told_by(&[Bytes(b"AT&TFORM")]),
    Format::not_shown("farbfeld", "image/x-farbfeld", "ff")
        .checked(Pixels(ImageFormat::Farbfeld))
        .told_by(&[Bytes(b"farbfeld")]),
    Format::not_shown("FLIF", "image/flif", "flif").told_by(&[Bytes(b"FLIF")]),
    Format::not_shown("Fujifilm raw", "image/x-fuji-raf", "raf")
        .told_by(&[Bytes(b"FUJIFILMCCD-RAW ")]),
    Format::not_shown("HEIC", "image/heic", "heic")
        .checked(Container)
        .told_by(&[Structure(|head| has_brand(head, HEIC))]),
    Format::not_shown("ICNS", "image/x-icns", "icns").told_by(&[Bytes(b"icns")]),
    Format::not_shown("JNG", "image/x-jng", "jng").told_by(&[Bytes(b"\x8bJNG\r\n\x1a\n")]),
    Format::not_shown("JPEG 2000", "image/jp2", "jp2").told_by(&[
        Bytes(b"\0\0\0\x0cjP  \r\n\x87\n"),
        Bytes(b"\xff\x4f\xff\x51"),
    ]),
    Format::not_shown("JPEG XL", "image/jxl", "jxl")
        .told_by(&[Bytes(b"\0\0\0\x0cJXL \r\n\x87\n"), Bytes(b"\xff\x0a")]),
    Format::not_shown("JPEG XR", "image/jxr", "jxr").told_by(&[Bytes(b"II\xbc")]),
    Format::not_shown("KTX", "image/ktx", "ktx").told_by(&[Bytes(b"\xabKTX 11\xbb\r\n\x1a\n")]),
    Format::not_shown("KTX 2", "image/ktx2", "ktx2").told_by(&[Bytes(b"\xabKTX 20\xbb\r\n\x1a\n")]),
    Format::not_shown("Olympus raw", "image/x-olympus-orf", "orf").told_by(&[
        Bytes(b"IIRO"),
        Bytes(b"IIRS"),
        Bytes(b"MMOR"),
    ]),
    Format::not_shown("OpenEXR", "image/x-exr", "exr").told_by(&[Bytes(b"\x76\x2f\x31\x01")]),
    Format::not_shown("Panasonic raw", "image/x-panasonic-rw2", "rw2").told_by(&[Bytes(b"IIU\0")]),
    Format::not_shown("Photoshop", "image/vnd.adobe.photoshop", "psd").told_by(&[Bytes(b"8BPS")]),
    Format::not_shown("PNM", "image/x-portable-anymap", "pnm")
        .checked(Pixels(ImageFormat::Pnm))
        .told_by(&[Structure(is_netpbm)]),
    Format::not_shown("QOI", "image/x-qoi", "qoi")
        .checked(Pixels(ImageFormat::Qoi))
        .told_by(&[Bytes(b"qoif")]),
    Format::not_shown("Radiance", "image/vnd.radiance", "hdr")
        .checked(Pixels(ImageFormat::Hdr))
        .told_by(&[Bytes(b"#?RADIANCE"), Bytes(b"#?RGBE")]),
    Format::not_shown("TIFF", "image/tiff", "tiff")
        .checked(Pixels(ImageFormat::Tiff))
        .told_by(&[
            Bytes(b"II*\0"),
            Bytes(b"MM\0*"),
            Bytes(b"II+\0"),
            Bytes(b"MM\0+"),
        ]),
    Format::not_shown("XCF", "image/x-xcf", "xcf").told_by(&[Bytes(b"gimp xcf ")]),
];

/// The format that a file with this head claims to have. Markup is not among them: its type is told by
/// its root element, which may come late.
pub fn claimed_by(head: &[u8]) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.is_claimed_by(head))
}

// AV1 Image File Format, section 8 (https://aomediacodec.github.io/av1-avif/).
const AVIF: &[[u8; 4]] = &[*b"avif", *b"avis"];
// ISO/IEC 23008-12, annex B.4 and section 10: those of HEVC, and those that name no codec.
const HEIC: &[[u8; 4]] = &[
    *b"heic", *b"heix", *b"heim", *b"heis", *b"hevc", *b"hevx", *b"hevm", *b"hevs", *b"mif1",
    *b"mif2", *b"msf1", *b"miaf",
];
const CANON: &[[u8; 4]] = &[*b"crx "];

fn has_brand(head: &[u8], wanted: &[[u8; 4]]) -> bool {
    brands(head).iter().any(|brand| wanted.contains(brand))
}

// WebP Container Specification, "WebP File Header" (RFC 9649, section 2.4).
fn is_webp(head: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP")
}

// Netpbm's formats: a magic number, then white space (https://netpbm.sourceforge.net/doc/ppm.html).
fn is_netpbm(head: &[u8]) -> bool {
    matches!(head, [b'P', b'1'..=b'7', next, ..] if next.is_ascii_whitespace() || *next == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media_type(head: &[u8]) -> Option<&'static str> {
        claimed_by(head).map(|format| format.kind.mime_type)
    }

    #[test]
    fn the_type_is_told_by_the_first_bytes() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png")),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg")),
            (b"GIF87a", Some("image/gif")),
            (b"GIF89a", Some("image/gif")),
            (b"BM\x46\0\0\0", Some("image/bmp")),
            (b"\0\0\x01\0\x01\0", Some("image/x-icon")),
            (b"RIFF\x24\0\0\0WEBPVP8L", Some("image/webp")),
            (b"RIFF\x24\0\0\0WAVEfmt ", None),
            (b"II*\0\x08\0\0\0", Some("image/tiff")),
            (b"MM\0+\0\x08\0\0", Some("image/tiff")),
            (b"P6\n2 2\n255\n", Some("image/x-portable-anymap")),
            (b"P7\n#", Some("image/x-portable-anymap")),
            (b"P6M", None),
            (b"P8\n", None),
            (b"DDS \x7c\0\0\0", Some("image/vnd.ms-dds")),
            (b"#?RADIANCE\n", Some("image/vnd.radiance")),
            (b"#?RGBE\n", Some("image/vnd.radiance")),
            (b"\x76\x2f\x31\x01\x02\0\0\0", Some("image/x-exr")),
            (b"qoif\0\0\0\x01", Some("image/x-qoi")),
            (b"farbfeld\0\0\0\x01", Some("image/x-farbfeld")),
            (b"\0\0\0\x0cJXL \r\n\x87\n", Some("image/jxl")),
            (b"\xff\x0a\xfa", Some("image/jxl")),
            (b"\0\0\0\x0cjP  \r\n\x87\n", Some("image/jp2")),
            (b"\xff\x4f\xff\x51\0\x2f", Some("image/jp2")),
            (b"8BPS\0\x01", Some("image/vnd.adobe.photoshop")),
            (b"II\xbc\x01", Some("image/jxr")),
            (b"AT&TFORM\0\0\x01\0DJVU", Some("image/vnd.djvu")),
            (b"%PDF-1.7", None),
            (b"\x1f\x8b\x08", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(
                media_type(head),
                *expected,
                "{}",
                String::from_utf8_lossy(head)
            );
        }
    }

    #[test]
    fn a_container_is_told_by_any_of_its_brands() {
        let cases: &[(&[&[u8; 4]], Option<&str>)] = &[
            (&[b"avif", b"mif1"], Some("image/avif")),
            (&[b"avis", b"msf1"], Some("image/avif")),
            (&[b"mif1", b"heic", b"avif"], Some("image/avif")),
            (&[b"miaf", b"MA1B", b"avis"], Some("image/avif")),
            (&[b"heic", b"mif1"], Some("image/heic")),
            (&[b"mif1", b"heix"], Some("image/heic")),
            (&[b"msf1", b"hevc"], Some("image/heic")),
            (&[b"mif1", b"miaf"], Some("image/heic")),
            (&[b"crx ", b"isom"], Some("image/x-canon-cr3")),
            (&[b"isom", b"mp42"], None),
            (&[b"qt  "], None),
        ];
        for (brands, expected) in cases {
            let head = super::super::boxes::tests::file_type(brands);

            assert_eq!(
                media_type(&head),
                *expected,
                "{}",
                String::from_utf8_lossy(&head)
            );
        }
    }
}
