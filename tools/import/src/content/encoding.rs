//! The encoding of an XML document.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::unfit::Undecodable;

/// The text of a document.
///
/// # Errors
/// It is not encoded as it says.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Undecodable> {
    let (encoding, text) = encoded(bytes);
    encoding
        .decode_without_bom_handling_and_without_replacement(text)
        .ok_or_else(|| Undecodable::because(format!("it is not encoded in {}", encoding.name())))
}

/// The text of a document, or of a part of it that may end within a character.
pub fn decode_leniently(bytes: &[u8]) -> Cow<'_, str> {
    let (encoding, text) = encoded(bytes);
    encoding.decode_without_bom_handling(text).0
}

/// The encoding of a document, and its bytes without their byte order mark: as that mark says, or
/// else as the XML declaration does, or else UTF-8 (XML 1.0, section 4.3.3).
fn encoded(bytes: &[u8]) -> (&'static Encoding, &[u8]) {
    match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (encoding, &bytes[mark..]),
        None => (declared_encoding(bytes).unwrap_or(UTF_8), bytes),
    }
}

fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    match Reader::from_reader(bytes).read_event() {
        // What could be read so far is not in UTF-16, whatever it says.
        Ok(Event::Decl(declaration)) => {
            Encoding::for_label(&declaration.encoding()?.ok()?).map(Encoding::output_encoding)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let text = format!("\u{feff}{text}");
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn a_document_is_decoded_as_its_byte_order_mark_says_or_else_its_declaration() {
        let declared = "<?xml version='1.0' encoding='UTF-16'?><svg/>";
        let cases: [(&[u8], _); 7] = [
            (b"<svg/>", "<svg/>"),
            (b"\xef\xbb\xbf<svg/>", "<svg/>"),
            (&utf_16("<svg/>", u16::to_be_bytes), "<svg/>"),
            (&utf_16("<svg/>", u16::to_le_bytes), "<svg/>"),
            (&utf_16(declared, u16::to_le_bytes), declared),
            (declared.as_bytes(), declared),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?><!-- \xe9 -->",
                "<?xml version='1.0' encoding='ISO-8859-1'?><!-- \u{e9} -->",
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode(bytes).unwrap(), expected);
            assert_eq!(decode_leniently(bytes), expected);
        }
    }

    #[test]
    fn only_a_part_of_a_document_may_end_within_a_character() {
        let part = b"<!-- \xc3";

        assert_eq!(
            decode(part),
            Err(Undecodable::because("it is not encoded in UTF-8"))
        );
        assert_eq!(decode_leniently(part), "<!-- \u{fffd}");
    }
}
