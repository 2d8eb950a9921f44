//! `If-Match` and `If-None-Match` (RFC 9110 sections 13.1.1 and 13.1.2): a list matches exactly
//! when it holds the image's tag, and each field asks for no verdict but its own.

#![no_main]

use http::HeaderMap;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use image_proxy::image::EntityTag;
use image_proxy::preconditions::{Verdict, evaluate};
use image_proxy_fuzz::{append, entity_tag, hash};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::{Corpus, fuzz_target};

#[derive(Debug, Arbitrary)]
enum Request<'a> {
    Anything {
        if_match: Vec<Vec<Token<'a>>>,
        if_none_match: Vec<Vec<Token<'a>>>,
    },
    Lists(Vec<Vec<Member<'a>>>),
}

/// What a field line or a tag may be made of, in any order.
#[derive(Debug, Arbitrary)]
enum Token<'a> {
    Quote,
    Weak,
    Comma,
    Star,
    Space,
    Own,
    Bytes(&'a [u8]),
}

/// A member of a list, empty where it has no tag.
#[derive(Debug, Arbitrary)]
struct Member<'a> {
    space: bool,
    tag: Option<Tag<'a>>,
    tab: bool,
}

#[derive(Debug, Arbitrary)]
struct Tag<'a> {
    is_weak: bool,
    hash: Vec<Token<'a>>,
}

fuzz_target!(|input: (Request, &str)| -> Corpus {
    let (request, text) = input;
    let own = hash(text);
    let Some(etag) = entity_tag(&own) else {
        assert!(own.is_empty(), "a hash of etagc is usable");
        return Corpus::Reject;
    };
    match request {
        Request::Anything {
            if_match,
            if_none_match,
        } => {
            let [if_match, if_none_match] =
                [if_match, if_none_match].map(|lines| field_lines(&lines, &own));
            each_field_asks_for_its_own_verdict(&if_match, &if_none_match, &etag);
        }
        Request::Lists(lines) => a_list_matches_exactly_when_it_holds_the_tag(&lines, &own, &etag),
    }
    Corpus::Keep
});

fn each_field_asks_for_its_own_verdict(
    if_match: &[Vec<u8>],
    if_none_match: &[Vec<u8>],
    etag: &EntityTag,
) {
    assert_ne!(verdict(&[], if_none_match, etag), Verdict::Failed);
    assert_ne!(verdict(if_match, &[], etag), Verdict::NotModified);

    let matching = with_line_of(etag, if_match);
    assert_ne!(verdict(&matching, if_none_match, etag), Verdict::Failed);

    let matching = with_line_of(etag, if_none_match);
    assert_ne!(verdict(if_match, &matching, etag), Verdict::Proceed);
}

fn with_line_of(etag: &EntityTag, lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    [lines, &[etag.as_header_value().as_bytes().into()]].concat()
}

fn a_list_matches_exactly_when_it_holds_the_tag(
    lines: &[Vec<Member>],
    own: &str,
    etag: &EntityTag,
) {
    let values: Vec<_> = lines.iter().map(|line| list(line, own)).collect();
    let held = || {
        let tags = lines.iter().flatten().flat_map(|member| &member.tag);
        tags.filter(|tag| tag.hash(own) == own)
    };

    let is_held = held().next().is_some();
    let is_not_modified = verdict(&[], &values, etag) == Verdict::NotModified;
    assert_eq!(is_not_modified, is_held);

    let is_held_strongly = held().any(|tag| !tag.is_weak);
    let is_failed = verdict(&values, &[], etag) == Verdict::Failed;
    assert_eq!(is_failed, !values.is_empty() && !is_held_strongly);
}

fn verdict(if_match: &[Vec<u8>], if_none_match: &[Vec<u8>], etag: &EntityTag) -> Verdict {
    let mut headers = HeaderMap::new();
    append(&mut headers, &IF_MATCH, if_match);
    append(&mut headers, &IF_NONE_MATCH, if_none_match);
    evaluate(&headers, etag)
}

fn field_lines(lines: &[Vec<Token>], own: &str) -> Vec<Vec<u8>> {
    lines.iter().map(|tokens| field_line(tokens, own)).collect()
}

fn field_line(tokens: &[Token], own: &str) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.text(own)).collect()
}

impl Token<'_> {
    fn text(&self, own: &str) -> Vec<u8> {
        match self {
            Self::Quote => "\"".into(),
            Self::Weak => "W/".into(),
            Self::Comma => ",".into(),
            Self::Star => "*".into(),
            Self::Space => " ".into(),
            Self::Own => own.into(),
            Self::Bytes(bytes) => bytes.to_vec(),
        }
    }
}

/// A list with whitespace beside its commas, and with empty members (RFC 9110 section 5.6.1).
fn list(members: &[Member], own: &str) -> Vec<u8> {
    let members: Vec<_> = members.iter().map(|member| member.text(own)).collect();
    members.join(",").into()
}

impl Member<'_> {
    fn text(&self, own: &str) -> String {
        let space = if self.space { " " } else { "" };
        let tag = self.tag.as_ref().map(|tag| tag.text(own));
        let tab = if self.tab { "\t" } else { "" };
        format!("{space}{}{tab}", tag.unwrap_or_default())
    }
}

impl Tag<'_> {
    fn hash(&self, own: &str) -> String {
        hash(&String::from_utf8_lossy(&field_line(&self.hash, own)))
    }

    fn text(&self, own: &str) -> String {
        let weak = if self.is_weak { "W/" } else { "" };
        format!("{weak}\"{}\"", self.hash(own))
    }
}
