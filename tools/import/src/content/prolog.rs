//! What an XML document begins with (XML 1.0, section 2.8).

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::unfit::Undecodable;

/// What entities may add to a document.
const MAX_ADDED_BYTES: usize = 256 * 1024 * 1024;

/// What comes first in a document, up to the end of its root's start tag.
#[derive(Debug, PartialEq, Eq)]
pub struct Prolog {
    /// Without a namespace's prefix.
    pub root_name: String,
    root_is_empty: bool,
    bytes: usize,
    doctype: String,
}

impl Prolog {
    /// `None` where it is not XML, or has no root element so far.
    pub fn of(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut doctype = String::new();
        let (root, root_is_empty) = loop {
            match reader.read_event().ok()? {
                Event::DocType(found) => doctype = String::from_utf8_lossy(&found).into_owned(),
                Event::Start(root) => break (root, false),
                Event::Empty(root) => break (root, true),
                Event::Text(space) if space.iter().all(u8::is_ascii_whitespace) => {}
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                _ => return None,
            }
        };
        Some(Self {
            root_name: String::from_utf8_lossy(root.local_name().as_ref()).into_owned(),
            root_is_empty,
            bytes: usize::try_from(reader.buffer_position()).ok()?,
            doctype,
        })
    }

    /// A document of nothing but this, of a text that begins with it.
    pub fn with_empty_root<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let prolog = &text[..self.bytes];
        if self.root_is_empty {
            return prolog.into();
        }
        format!("{}/>", prolog.strip_suffix('>').unwrap_or(prolog)).into()
    }

    /// The parser bounds how deep entities nest, and how many references are within one, but not how
    /// many there are in the document.
    ///
    /// # Errors
    /// The entities of this document type might make `text`, which begins with it, too large.
    pub fn check_entities(&self, text: &str) -> Result<(), Undecodable> {
        const MAX_NESTED_REFERENCES: usize = 256;

        if !self.doctype.contains("<!ENTITY") {
            return Ok(());
        }
        let nested = if self.doctype.contains('&') {
            MAX_NESTED_REFERENCES
        } else {
            1
        };
        let added_bytes = references(text)
            .saturating_mul(nested)
            .saturating_mul(self.doctype.len());
        if added_bytes > MAX_ADDED_BYTES {
            return Err(Undecodable::because(
                "its entities may take too much memory",
            ));
        }
        Ok(())
    }
}

/// How many references to other entities than XML's own (section 4.6) there are.
fn references(text: &str) -> usize {
    let own = ["#", "amp;", "lt;", "gt;", "quot;", "apos;"];
    let names = text.split('&').skip(1);
    names
        .filter(|name| !own.iter().any(|own| name.starts_with(own)))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prolog_ends_with_the_start_tag_of_the_root_and_makes_a_document_without_the_rest() {
        for (text, name, document) in [
            ("<a x='>'>text</a>", "a", "<a x='>'/>"),
            ("<p:a/> ", "a", "<p:a/>"),
            (
                "<!DOCTYPE a [<!ENTITY b '>'>]>\n<a><b>",
                "a",
                "<!DOCTYPE a [<!ENTITY b '>'>]>\n<a/>",
            ),
            (
                "<?xml version='1.0'?><!--<b>--><a >",
                "a",
                "<?xml version='1.0'?><!--<b>--><a />",
            ),
        ] {
            let prolog = Prolog::of(text).unwrap();

            assert_eq!(prolog.root_name, name, "{text}");
            assert_eq!(prolog.with_empty_root(text), document);
        }
    }

    #[test]
    fn what_has_no_root_has_no_prolog() {
        for text in [
            "",
            " ",
            "text",
            "text <a>",
            "<",
            "<!-- <a>",
            "<!DOCTYPE a [",
            "</a>",
        ] {
            assert_eq!(Prolog::of(text), None, "{text}");
        }
    }

    #[test]
    fn references_to_entities_that_are_defined_count() {
        let text = "&lt;&#10;&st0;&amp;&st1;";

        assert_eq!(references(text), 2);
    }
}
