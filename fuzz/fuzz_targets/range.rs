//! `Range` and `If-Range`: any values select all, nothing, or a part inside the image, and a
//! well-formed range selects what RFC 9110 section 14.1.2 says in plain arithmetic.

#![no_main]

use std::fmt;

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};
use image_proxy::image::ByteRange;
use image_proxy::range::{Selection, select};
use image_proxy_fuzz::{append, entity_tag};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Request<'a> {
    Anything {
        range: Vec<Vec<Token<'a>>>,
        if_range: Vec<Vec<Token<'a>>>,
    },
    WellFormed(Spec),
}

/// What a field line may be made of, in any order.
#[derive(Debug, Arbitrary)]
enum Token<'a> {
    Unit,
    Spec(Spec),
    Dash,
    Comma,
    Space,
    OwnTag,
    Bytes(&'a [u8]),
}

#[derive(Debug, Arbitrary)]
enum Spec {
    From { first: Number, last: Option<Number> },
    Suffix { length: Number },
}

/// As it is written: wider than 64 bits, with zeros in front.
#[derive(Debug, Arbitrary)]
struct Number {
    zeros: u8,
    value: u128,
}

fuzz_target!(|input: (u64, Request)| {
    let (size, request) = input;
    match request {
        Request::Anything { range, if_range } => {
            let [range, if_range] = [range, if_range].map(|lines| field_lines(&lines));
            a_part_lies_inside(&range, size);
            if_range_leaves_the_selection_or_asks_for_all(&range, &if_range, size);
        }
        Request::WellFormed(spec) => {
            let selection = selection(&[format!("bytes={spec}").into()], &[], size);
            assert_eq!(selection, named_by(&spec, size));
        }
    }
});

fn a_part_lies_inside(range: &[Vec<u8>], size: u64) {
    if let Selection::Part(part) = selection(range, &[], size) {
        assert!(part.first() <= part.last() && part.last() < size);
        assert_eq!(part.length(), part.last() - part.first() + 1);
    }
}

/// RFC 9110 section 13.1.5.
fn if_range_leaves_the_selection_or_asks_for_all(
    range: &[Vec<u8>],
    if_range: &[Vec<u8>],
    size: u64,
) {
    let unconditional = selection(range, &[], size);
    let conditional = selection(range, if_range, size);
    assert!([unconditional, Selection::Whole].contains(&conditional));

    let own_tag = Token::OwnTag.text();
    assert_eq!(selection(range, &[own_tag], size), unconditional);
}

fn selection(range: &[Vec<u8>], if_range: &[Vec<u8>], size: u64) -> Selection {
    let etag = entity_tag("a").expect("a letter is a usable hash");
    let mut headers = HeaderMap::new();
    append(&mut headers, &RANGE, range);
    append(&mut headers, &IF_RANGE, if_range);
    select(&headers, &etag, size)
}

/// What `spec` names of an image of `size` bytes.
fn named_by(spec: &Spec, size: u64) -> Selection {
    let end = u128::from(size);
    let (first, last) = match spec {
        Spec::From { first, last: None } => (first.value, u128::MAX),
        Spec::From {
            first,
            last: Some(last),
        } => (first.value, last.value),
        Spec::Suffix { length } if length.value == 0 => return Selection::Unsatisfiable,
        Spec::Suffix { .. } if size == 0 => return Selection::Whole,
        Spec::Suffix { length } => (end.saturating_sub(length.value), u128::MAX),
    };
    if first > last {
        return Selection::Whole;
    }
    if first >= end {
        return Selection::Unsatisfiable;
    }
    let [first, last] = [first, last.min(end - 1)]
        .map(|position| u64::try_from(position).expect("it is below the size"));
    Selection::Part(ByteRange::new(first, last, size).expect("it lies inside"))
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From { first, last: None } => write!(f, "{first}-"),
            Self::From {
                first,
                last: Some(last),
            } => write!(f, "{first}-{last}"),
            Self::Suffix { length } => write!(f, "-{length}"),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", "0".repeat(self.zeros.into()), self.value)
    }
}

fn field_lines(lines: &[Vec<Token>]) -> Vec<Vec<u8>> {
    let field_line = |tokens: &Vec<Token>| tokens.iter().flat_map(Token::text).collect();
    lines.iter().map(field_line).collect()
}

impl Token<'_> {
    fn text(&self) -> Vec<u8> {
        match self {
            Self::Unit => "bytes=".into(),
            Self::Spec(spec) => spec.to_string().into(),
            Self::Dash => "-".into(),
            Self::Comma => ",".into(),
            Self::Space => " ".into(),
            Self::OwnTag => "\"a\"".into(),
            Self::Bytes(bytes) => bytes.to_vec(),
        }
    }
}
