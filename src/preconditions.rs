//! `If-Match` and `If-None-Match` (RFC 9110 section 13).
//!
//! `If-Unmodified-Since` and `If-Modified-Since` are ignored, since an image has no modification
//! date (RFC 9110 sections 13.1.3 and 13.1.4).

use http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

use crate::image::EntityTag;

/// What the preconditions make of a `GET` or `HEAD` that would otherwise succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There are none, or they hold.
    Proceed,
    /// 304: the client has this image already.
    NotModified,
    /// 412: the client wants another image than this.
    Failed,
}

/// Weighs the preconditions in the order of RFC 9110 section 13.2.2.
#[must_use]
pub fn evaluate(headers: &HeaderMap, etag: &EntityTag) -> Verdict {
    if FieldTags::of(headers, &IF_MATCH).is_some_and(|tags| !tags.match_strongly(etag)) {
        return Verdict::Failed;
    }
    if FieldTags::of(headers, &IF_NONE_MATCH).is_some_and(|tags| tags.match_weakly(etag)) {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// What the preconditions of a change ask of something that has no entity-tag: only `*` says anything
/// of it (RFC 9110 sections 13.1.1 and 13.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// That there is one.
    IfPresent,
    /// That there is none.
    IfAbsent,
    /// What is never so: a list of entity-tags matches nothing.
    Never,
}

impl Condition {
    /// The condition of a request that would change something.
    #[must_use]
    pub fn of_change(headers: &HeaderMap) -> Self {
        let is_any = |tags: FieldTags| tags == FieldTags::Any;
        let if_match = FieldTags::of(headers, &IF_MATCH).map(is_any);
        let if_none_match = FieldTags::of(headers, &IF_NONE_MATCH).map(is_any);
        match (if_match, if_none_match) {
            (Some(false), _) | (Some(true), Some(true)) => Self::Never,
            (None, None | Some(false)) => Self::Always,
            (Some(true), None | Some(false)) => Self::IfPresent,
            (None, Some(true)) => Self::IfAbsent,
        }
    }
}

/// The value of a field that is `*` or a list of entity-tags, all its lines taken together.
#[derive(Debug, PartialEq, Eq)]
enum FieldTags<'a> {
    Any,
    Listed(Vec<ListedTag<'a>>),
}

/// A member of the list, its opaque-tag without the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ListedTag<'a> {
    is_weak: bool,
    opaque: &'a [u8],
}

impl<'a> FieldTags<'a> {
    /// `None` where the request has no such field.
    fn of(headers: &'a HeaderMap, name: &HeaderName) -> Option<Self> {
        let lines: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        match lines[..] {
            [] => None,
            [line] if line.trim_ascii() == b"*" => Some(Self::Any),
            _ => Some(Self::Listed(
                lines.into_iter().flat_map(list_members).collect(),
            )),
        }
    }

    /// Strong comparison (RFC 9110 section 8.8.3.2), as `If-Match` wants it.
    fn match_strongly(&self, etag: &EntityTag) -> bool {
        self.any(|tag| !tag.is_weak && tag.opaque == etag.opaque())
    }

    /// Weak comparison (RFC 9110 section 8.8.3.2), as `If-None-Match` wants it.
    fn match_weakly(&self, etag: &EntityTag) -> bool {
        self.any(|tag| tag.opaque == etag.opaque())
    }

    fn any(&self, matches: impl Fn(&ListedTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(matches),
        }
    }
}

/// The entity-tags of one field line. Empty members are skipped (RFC 9110 section 5.6.1.2), and so
/// are malformed ones, which match nothing.
fn list_members(mut rest: &[u8]) -> Vec<ListedTag<'_>> {
    let mut tags = Vec::new();
    while !rest.is_empty() {
        let (tag, after) = list_member(rest.trim_ascii_start());
        tags.extend(tag);
        rest = after;
    }
    tags
}

/// The first member, where it is an entity-tag, and what follows its comma.
fn list_member(member: &[u8]) -> (Option<ListedTag<'_>>, &[u8]) {
    let (is_weak, quoted) = match member.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, member),
    };
    let Some((opaque, after)) = quoted
        .strip_prefix(b"\"")
        .and_then(|text| split_at(text, b'"'))
    else {
        return (None, after_comma(member));
    };
    let is_alone = matches!(after.trim_ascii_start().first(), None | Some(b','));
    (
        is_alone.then_some(ListedTag { is_weak, opaque }),
        after_comma(after),
    )
}

fn after_comma(text: &[u8]) -> &[u8] {
    split_at(text, b',').map_or(&[], |(_, rest)| rest)
}

/// What stands before and after the first `separator`.
fn split_at(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|byte| *byte == separator)?;
    Some((&text[..position], &text[position + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_change_may_be_made_to_depend_on_whether_there_is_something_to_change() {
        let field = |name: &HeaderName, value: Option<&'static str>| {
            value.map(|value| (name.clone(), HeaderValue::from_static(value)))
        };
        for (if_match, if_none_match, expected) in [
            (None, None, Condition::Always),
            (Some("*"), None, Condition::IfPresent),
            (Some("\"tag\""), None, Condition::Never),
            (None, Some("*"), Condition::IfAbsent),
            (None, Some("\"tag\""), Condition::Always),
            (Some("*"), Some("\"tag\""), Condition::IfPresent),
            (Some("*"), Some("*"), Condition::Never),
        ] {
            let fields = [
                field(&IF_MATCH, if_match),
                field(&IF_NONE_MATCH, if_none_match),
            ];
            let headers = fields.into_iter().flatten().collect();

            let condition = Condition::of_change(&headers);

            assert_eq!(condition, expected, "{if_match:?} {if_none_match:?}");
        }
    }

    fn etag(hash: &str) -> EntityTag {
        EntityTag::from_hash(hash).unwrap()
    }

    fn fields(name: &HeaderName, lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    #[test]
    fn a_request_without_preconditions_proceeds() {
        assert_eq!(evaluate(&HeaderMap::new(), &etag("a")), Verdict::Proceed);
    }

    /// RFC 9110 section 13.1.2.
    #[test]
    fn if_none_match_compares_weakly_and_asks_for_304_on_a_match() {
        let matching: [&[&[u8]]; 19] = [
            &[b"\"a\""],
            &[b"W/\"a\""],
            &[b"*"],
            &[b" * "],
            &[b"\"x\", \"a\""],
            &[b"\"x\",\"a\",\"y\""],
            &[b"\"x\"", b"\"a\""],
            &[b", ,\"a\""],
            &[b"\"a\",,"],
            &[b"\"x\" ,\t \"a\" "],
            &[b"junk, \"a\""],
            &[b"\"x\"junk, \"a\""],
            &[b"\"b,c\", W/\"a\""],
            &[b"\xff, \"a\""],
            &[b"", b"\"a\""],
            &[b"\"", b"\"a\""],
            &[b"W/", b"\"a\""],
            &[b"*", b"\"a\""],
            &[b"\"\", \"a\""],
        ];
        let other: [&[&[u8]]; 17] = [
            &[b""],
            &[b","],
            &[b"a"],
            &[b"\"A\""],
            &[b"\"a"],
            &[b"a\""],
            &[b"'a'"],
            &[b"w/\"a\""],
            &[b"W\"a\""],
            &[b"W/ \"a\""],
            &[b"\"a\"junk"],
            &[b"\"x,\"a\",y\""],
            &[b"*", b"\"x\""],
            &[b"*, \"x\""],
            &[b"\"\""],
            &[b"\"\"\"a\""],
            &[b"\"a\" \"a\""],
        ];

        for lines in matching {
            let verdict = evaluate(&fields(&IF_NONE_MATCH, lines), &etag("a"));
            assert_eq!(verdict, Verdict::NotModified, "{lines:?}");
        }
        for lines in other {
            let verdict = evaluate(&fields(&IF_NONE_MATCH, lines), &etag("a"));
            assert_eq!(verdict, Verdict::Proceed, "{lines:?}");
        }
    }

    /// RFC 9110 section 13.1.1.
    #[test]
    fn if_match_compares_strongly_and_asks_for_412_without_a_match() {
        let matching: [&[&[u8]]; 5] = [
            &[b"W/\"a\", \"a\""],
            &[b"\"a\""],
            &[b"*"],
            &[b"\"x\", \"a\""],
            &[b"\"x\"", b"\"a\""],
        ];
        let other: [&[&[u8]]; 6] = [
            &[b"W/\"a\""],
            &[b"\"x\""],
            &[b""],
            &[b"a"],
            &[b"\"a"],
            &[b"\xff\xfe"],
        ];

        for lines in matching {
            let verdict = evaluate(&fields(&IF_MATCH, lines), &etag("a"));
            assert_eq!(verdict, Verdict::Proceed, "{lines:?}");
        }
        for lines in other {
            let verdict = evaluate(&fields(&IF_MATCH, lines), &etag("a"));
            assert_eq!(verdict, Verdict::Failed, "{lines:?}");
        }
    }

    /// RFC 9110 section 8.8.3: an opaque-tag may hold a comma, a star and obs-text.
    #[test]
    fn a_tag_may_hold_commas_stars_and_bytes_beyond_ascii() {
        for hash in ["a,b", "*", "é,W/", "a,"] {
            let line = format!("\"x,y\", \"{hash}\"");
            for name in [IF_NONE_MATCH, IF_MATCH] {
                let headers = fields(&name, &[line.as_bytes()]);
                let expected = if name == IF_MATCH {
                    Verdict::Proceed
                } else {
                    Verdict::NotModified
                };
                assert_eq!(evaluate(&headers, &etag(hash)), expected, "{name}: {line}");
                assert_ne!(evaluate(&headers, &etag("b")), expected, "{name}: {line}");
            }
        }
    }

    /// RFC 9110 section 13.2.2.
    #[test]
    fn if_match_is_weighed_before_if_none_match() {
        for (if_match, if_none_match, expected) in [
            ("\"a\"", "\"a\"", Verdict::NotModified),
            ("\"a\"", "\"x\"", Verdict::Proceed),
            ("\"x\"", "\"a\"", Verdict::Failed),
            ("\"x\"", "\"x\"", Verdict::Failed),
        ] {
            let mut headers = fields(&IF_MATCH, &[if_match.as_bytes()]);
            headers.extend(fields(&IF_NONE_MATCH, &[if_none_match.as_bytes()]));
            assert_eq!(
                evaluate(&headers, &etag("a")),
                expected,
                "{if_match} {if_none_match}"
            );
        }
    }

    /// RFC 9110 sections 13.1.3 and 13.1.4.
    #[test]
    fn dates_are_ignored_since_an_image_has_none() {
        for name in ["if-modified-since", "if-unmodified-since"] {
            let name = HeaderName::from_static(name);
            let headers = fields(&name, &[b"Sat, 29 Oct 1994 19:43:31 GMT"]);
            assert_eq!(evaluate(&headers, &etag("a")), Verdict::Proceed, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_list_of_tags_matches_exactly_when_it_holds_the_tag(
            hashes in prop::collection::vec("[!#-~]{1,4}", 0..6),
            separator in "[ \t]{0,2},[ \t,]{0,3}",
            own in "[!#-~]{1,2}",
        ) {
            let quoted: Vec<_> = hashes.iter().map(|hash| format!("\"{hash}\"")).collect();
            let line = quoted.join(&separator);
            let headers = fields(&IF_NONE_MATCH, &[line.as_bytes()]);

            let is_match = evaluate(&headers, &etag(&own)) == Verdict::NotModified;

            prop_assert_eq!(is_match, hashes.contains(&own), "{}", line);
        }

        #[test]
        fn whatever_stands_in_a_field_the_tag_in_front_of_it_matches(
            lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..3),
        ) {
            let mut headers = fields(&IF_NONE_MATCH, &[b"\"a\""]);
            for value in lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok()) {
                headers.append(IF_NONE_MATCH, value);
            }
            prop_assert_eq!(evaluate(&headers, &etag("a")), Verdict::NotModified);
        }
    }
}
