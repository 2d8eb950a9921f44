//! How many attributes a document has: the time that it takes to parse grows with their square.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::unfit::Undecodable;

/// An element of a drawing has some tens.
const MOST_ON_AN_ELEMENT: usize = 1000;
/// A drawing declares some tens, at its root.
const MOST_NAMESPACES: usize = 1000;

/// # Errors
/// There are more than any drawing has.
pub fn check(document: &str) -> Result<(), Undecodable> {
    let mut reader = Reader::from_str(document);
    let mut namespaces = 0;
    // Where it is not well-formed, its parser says so.
    while let Ok(event) = reader.read_event() {
        let element = match event {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => element,
            _ => continue,
        };
        let mut on_this_one = 0;
        for attribute in element.attributes().with_checks(false).flatten() {
            on_this_one += 1;
            namespaces += usize::from(attribute.key.as_ref().starts_with(b"xmlns"));
        }
        if on_this_one > MOST_ON_AN_ELEMENT || namespaces > MOST_NAMESPACES {
            return Err(Undecodable::because(
                "it has more attributes or namespaces than a drawing needs",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_few_attributes_and_namespaces_and_what_has_many_is_refused() {
        let many = |count: usize, one: fn(usize) -> String| (0..count).map(one).collect::<String>();
        let attributes = |count| {
            let all = many(count, |number| format!(" a{number}=''"));
            format!("<svg{all}/>")
        };
        let namespaces = |count| {
            let opened = many(count, |number| format!("<g xmlns:a{number}='x'>"));
            format!("<svg>{opened}{}</svg>", "</g>".repeat(count))
        };

        for (document, is_fine) in [
            (attributes(1000), true),
            (attributes(1001), false),
            (namespaces(1000), true),
            (namespaces(1001), false),
            ("<svg a='".to_owned(), true),
        ] {
            assert_eq!(check(&document).is_ok(), is_fine);
        }
    }
}
