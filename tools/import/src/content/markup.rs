//! SVG: XML whose root element is `svg` in SVG's namespace, whatever is before it.

use std::io::{Read, Seek, SeekFrom};

use roxmltree::{Document, ParsingOptions};

use super::dimensions::Dimensions;
use super::memory::Turn;
use super::prolog::Prolog;
use super::unfit::{Undecodable, Unfit};
use super::{attributes, drawn_size, encoding};

/// How far into a file its root element is looked for.
pub const PROLOG_BYTES: u64 = 1024 * 1024;

/// More is not parsed, nor more than so many nodes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
const MAX_NODES: u32 = 8_000_000;

/// A parsed document takes many times its length.
const PARSED_TIMES: u64 = 16;

/// SVG 2, section 2.2.1.
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Whether a file with this head may be XML.
pub fn may_begin(head: &[u8]) -> bool {
    encoding::decode_leniently(head)
        .trim_start()
        .starts_with('<')
}

/// Whether the document that begins so is SVG.
///
/// # Errors
/// Its root element is named as that of SVG, and browsers do not show it.
pub fn is_svg(start: &[u8]) -> Result<bool, Unfit> {
    let start = encoding::decode_leniently(start);
    let Some(prolog) = Prolog::of(&start).filter(|prolog| prolog.root_name == "svg") else {
        return Ok(false);
    };
    let document = prolog.with_empty_root(&start);
    let namespace = parsed(&document, &prolog, |document| {
        document.root_element().tag_name().namespace() == Some(NAMESPACE)
    });
    match namespace {
        Ok(true) => Ok(true),
        Ok(false) => Err(Unfit::Refused(format!(
            "has the root element svg without the namespace of SVG, so browsers do not show it: \
             add xmlns=\"{NAMESPACE}\" to it"
        ))),
        Err(undecodable) => Err(Unfit::Refused(format!(
            "is SVG that is not well-formed: {}",
            undecodable.cause()
        ))),
    }
}

/// Parses a whole document, and tells how large it is shown.
///
/// # Errors
/// It is not well-formed, or not within the limits.
pub fn dimensions(document: &mut (impl Read + Seek)) -> Result<Option<Dimensions>, Undecodable> {
    let mut bytes = Vec::new();
    let length = document.seek(SeekFrom::End(0))?;
    let _turn = Turn::to_take(length.saturating_mul(PARSED_TIMES));
    document.rewind()?;
    document.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Undecodable::because(format!(
            "it has more than {MAX_BYTES} bytes"
        )));
    }
    let text = encoding::decode(&bytes)?;
    attributes::check(&text)?;
    let prolog = Prolog::of(&text).ok_or_else(|| Undecodable::because("it has no root element"))?;
    parsed(&text, &prolog, |document| {
        drawn_size::of(document.root_element())
    })
}

fn parsed<T>(
    text: &str,
    prolog: &Prolog,
    found: impl FnOnce(&Document) -> T,
) -> Result<T, Undecodable> {
    prolog.check_entities(text)?;
    let options = ParsingOptions {
        allow_dtd: true,
        nodes_limit: MAX_NODES,
        entity_resolver: None,
    };
    let document = Document::parse_with_options(text, options);
    document
        .map(|document| found(&document))
        .map_err(|error| Undecodable::because(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg"/>"#;
    const ILLUSTRATOR: &str = r#"<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd" [
        <!ENTITY ns_svg "http://www.w3.org/2000/svg"> <!-- ]> -->
        <!ENTITY ns_ai "http://ns.adobe.com/AdobeIllustrator/10.0/">
    ]>
    <svg xmlns:i="&ns_ai;" xmlns="&ns_svg;"><i:pgf/></svg>"#;

    /// What becomes of a whole document: whether it is SVG, or why it is refused.
    fn read(document: impl AsRef<[u8]>) -> Result<bool, String> {
        let bytes = document.as_ref();
        if !may_begin(bytes) {
            return Ok(false);
        }
        match is_svg(bytes) {
            Ok(true) => dimensions(&mut Cursor::new(bytes))
                .map(|_| true)
                .map_err(Undecodable::cause),
            Ok(false) => Ok(false),
            Err(Unfit::Refused(reason)) => Err(reason),
            Err(Unfit::OtherFile) => panic!("another file"),
        }
    }

    #[test]
    fn a_document_is_svg_by_name_and_namespace_of_its_root_element() {
        let documents = [
            SVG.to_owned(),
            SVG.replace("/>", " width='3'><g><title>&lt;&#x41;</title></g></svg >\n"),
            r#"<svg:svg xmlns:svg="http://www.w3.org/2000/svg"></svg:svg>"#.to_owned(),
            format!("\u{feff}<?xml version='1.0'?>\n<!-- a <b> -->\n{SVG}"),
            format!("<!DOCTYPE\nsvg>{SVG}"),
            format!("<!DOCTYPE  svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"svg11.dtd\">{SVG}"),
            format!("<?xml version='1.0'?><?xml-stylesheet href='a>b'?>\n{SVG}"),
            format!("<!--{}-->{SVG}", " <svg> ".repeat(3_000)),
            format!("\r\n {SVG}"),
            ILLUSTRATOR.to_owned(),
        ];
        for document in documents {
            assert_eq!(read(&document), Ok(true), "{document}");
        }
    }

    #[test]
    fn a_document_is_svg_in_any_encoding() {
        let text = format!("\u{feff}{SVG}");
        let latin_1 = format!("<?xml version='1.0' encoding='ISO-8859-1'?><!-- \u{e9} -->{SVG}");

        let big_endian: Vec<_> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let little_endian: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let latin_1: Vec<_> = latin_1.chars().map(|char| char as u8).collect();

        for document in [big_endian, little_endian, latin_1] {
            assert_eq!(read(&document), Ok(true));
        }
    }

    #[test]
    fn other_documents_are_none() {
        for document in [
            "<svgish xmlns='http://www.w3.org/2000/svg'/>",
            "<html><svg xmlns='http://www.w3.org/2000/svg'/></html>",
            "<!DOCTYPE html><html></html>",
            "<!DOCTYPE svg><feed/>",
            "<!-- <svg> without an end",
            "<?xml version='1.0'?>",
            "text <svg xmlns='http://www.w3.org/2000/svg'/>",
            "<<svg/>",
            "<",
            "",
        ] {
            assert_eq!(read(document), Ok(false), "{document}");
        }
    }

    #[test]
    fn svg_that_browsers_do_not_show_is_refused_with_the_reason() {
        let no_namespace = "has the root element svg without the namespace of SVG, so browsers do \
                            not show it: add xmlns=\"http://www.w3.org/2000/svg\" to it";
        let cases = [
            ("<svg/>", no_namespace),
            ("<svg xmlns='urn:other'>", no_namespace),
            (
                "<s:svg xmlns='http://www.w3.org/2000/svg'/>",
                "is SVG that is not well-formed: an unknown namespace prefix 's' at 1:2",
            ),
            (
                "<svg xmlns='http://www.w3.org/2000/svg'><g></svg>",
                "expected 'g' tag, not 'svg' at 1:44",
            ),
            (
                "<svg xmlns='http://www.w3.org/2000/svg'>",
                "the root node was opened but never closed",
            ),
            (
                "<svg xmlns='http://www.w3.org/2000/svg'>&nbsp;</svg>",
                "unknown entity reference 'nbsp' at 1:41",
            ),
            (
                " <?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
                "",
            ),
        ];
        for (document, expected) in cases {
            let reason = read(document).unwrap_err();

            assert!(reason.starts_with(expected), "{document}: {reason}");
        }
    }

    #[test]
    fn entities_cannot_make_a_small_document_large() {
        let billion_laughs = "<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>\
             <!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>";
        let loop_of_two = "<!ENTITY d '&a;'><!ENTITY a '&d;'>";
        let long = format!("<!ENTITY d '{}'>", "ha".repeat(100_000));
        for (entities, references) in [
            (billion_laughs, "&d;".to_owned()),
            (loop_of_two, "&d;".to_owned()),
            (&long, "&d;".repeat(10_000)),
        ] {
            let document = format!(
                "<!DOCTYPE svg [{entities}]><svg xmlns='http://www.w3.org/2000/svg'>{references}</svg>"
            );

            assert!(read(&document).is_err(), "{}", &document[..100]);
        }
    }

    #[test]
    fn a_style_that_many_elements_refer_to_is_within_the_limits() {
        let document = format!(
            "<!DOCTYPE svg [<!ENTITY st0 'fill:none;'>]>\
             <svg xmlns='http://www.w3.org/2000/svg'>{}</svg>",
            "<g style=\"&st0;\"/>&amp;".repeat(10_000)
        );

        assert_eq!(read(document), Ok(true));
    }

    #[test]
    fn elements_may_nest_deeply() {
        const DEPTH: usize = 100_000;
        let document = SVG.replace("/>", ">") + &"<g>".repeat(DEPTH) + &"</g>".repeat(DEPTH);

        assert_eq!(read(document + "</svg>"), Ok(true));
    }
}
