//! `Range` and `If-Range` (RFC 9110 sections 13.1.5 and 14.2).

use http::header::{HeaderMap, IF_RANGE, RANGE};

use crate::field::only_line;
use crate::image::{ByteRange, EntityTag};

/// Which bytes of an image a `GET` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All: there is no `Range`, or one that is to be ignored.
    Whole,
    /// One range inside the image.
    Part(ByteRange),
    /// 416: the range lies outside the image.
    Unsatisfiable,
}

/// Selects from an image of `size` bytes. A `Range` with several ranges, another unit or a syntax
/// error is ignored, and so is one whose `If-Range` names another image.
#[must_use]
pub fn select(headers: &HeaderMap, etag: &EntityTag, size: u64) -> Selection {
    if !if_range_holds(headers, etag) {
        return Selection::Whole;
    }
    match single_range(headers) {
        None => Selection::Whole,
        Some(RangeSpec::From { first, last }) => match ByteRange::new(first, last, size) {
            Some(range) => Selection::Part(range),
            None => Selection::Unsatisfiable,
        },
        Some(RangeSpec::Suffix { length: 0 }) => Selection::Unsatisfiable,
        // The last bytes of an empty image are the whole of it.
        Some(RangeSpec::Suffix { length }) => {
            match ByteRange::new(size.saturating_sub(length), u64::MAX, size) {
                Some(range) => Selection::Part(range),
                None => Selection::Whole,
            }
        }
    }
}

/// Strong comparison with the one value of `If-Range`; a date never matches, since an image has
/// none (RFC 9110 section 13.1.5).
fn if_range_holds(headers: &HeaderMap, etag: &EntityTag) -> bool {
    let mut lines = headers.get_all(IF_RANGE).iter();
    match (lines.next(), lines.next()) {
        (None, _) => true,
        (Some(line), None) => line.as_bytes().trim_ascii() == etag.as_header_value().as_bytes(),
        (Some(_), Some(_)) => false,
    }
}

/// A range-spec (RFC 9110 section 14.1.1). Positions beyond 64 bits are as good as the largest.
#[derive(Debug, PartialEq, Eq)]
enum RangeSpec {
    From { first: u64, last: u64 },
    Suffix { length: u64 },
}

/// The only range of the only `Range` line.
fn single_range(headers: &HeaderMap) -> Option<RangeSpec> {
    let line = only_line(headers, RANGE)?;
    let (unit, set) = line.to_str().ok()?.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = list_members(set).filter(|member| !member.is_empty());
    match (specs.next(), specs.next()) {
        (Some(spec), None) => parse_spec(spec),
        _ => None,
    }
}

/// Members of a list, empty ones included: whitespace may stand beside a comma alone
/// (RFC 9110 section 5.6.1.2).
fn list_members(list: &str) -> impl Iterator<Item = &str> {
    const WHITESPACE: [char; 2] = [' ', '\t'];
    let commas = list.matches(',').count();
    list.split(',').enumerate().map(move |(index, member)| {
        let member = if index > 0 {
            member.trim_start_matches(WHITESPACE)
        } else {
            member
        };
        if index < commas {
            member.trim_end_matches(WHITESPACE)
        } else {
            member
        }
    })
}

fn parse_spec(spec: &str) -> Option<RangeSpec> {
    let (first, last) = spec.split_once('-')?;
    match (digits(first)?, digits(last)?) {
        ("", "") => None,
        ("", length) => Some(RangeSpec::Suffix {
            length: saturated(length),
        }),
        (first, "") => Some(RangeSpec::From {
            first: saturated(first),
            last: u64::MAX,
        }),
        (first, last) if is_at_most(first, last) => Some(RangeSpec::From {
            first: saturated(first),
            last: saturated(last),
        }),
        _ => None,
    }
}

fn digits(text: &str) -> Option<&str> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(text)
}

/// The number, or the largest there is.
fn saturated(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

/// Compares numbers of any length.
fn is_at_most(small: &str, large: &str) -> bool {
    let [small, large] = [small, large].map(|digits| digits.trim_start_matches('0'));
    (small.len(), small) <= (large.len(), large)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const SIZE: u64 = 1000;

    fn etag() -> EntityTag {
        EntityTag::from_hash("a").unwrap()
    }

    fn range(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(RANGE, HeaderValue::from_str(value).unwrap())])
    }

    fn part(first: u64, last: u64) -> Selection {
        Selection::Part(ByteRange::new(first, last, SIZE).unwrap())
    }

    /// RFC 9110 sections 14.1.1, 14.1.2 and 14.2.
    #[test]
    fn a_range_selects_the_part_that_it_names() {
        let table = [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-499", part(0, 499)),
            ("bytes=500-", part(500, 999)),
            ("bytes=999-999", part(999, 999)),
            ("bytes=0-", part(0, 999)),
            ("bytes=0-1000", part(0, 999)),
            ("bytes=990-99999999999999999999", part(990, 999)),
            ("bytes=-1", part(999, 999)),
            ("bytes=-1000", part(0, 999)),
            ("bytes=-1001", part(0, 999)),
            ("bytes=-99999999999999999999", part(0, 999)),
            ("bytes=0000000000000000000000005-6", part(5, 6)),
            ("bytes=9-10", part(9, 10)),
            ("bytes=00-000", part(0, 0)),
            ("bytes= ,0-", part(0, 999)),
            ("BYTES=0-1", part(0, 1)),
            ("ByTeS=0-1", part(0, 1)),
            ("bytes=,0-1", part(0, 1)),
            ("bytes=0-1,", part(0, 1)),
            ("bytes=, ,0-1 ,\t,", part(0, 1)),
        ];

        for (value, expected) in table {
            assert_eq!(select(&range(value), &etag(), SIZE), expected, "{value}");
        }
    }

    /// RFC 9110 section 14.1.1, "satisfiable", and section 15.5.17.
    #[test]
    fn a_range_outside_the_image_is_unsatisfiable() {
        for value in [
            "bytes=1000-",
            "bytes=1000-2000",
            "bytes=-0",
            "bytes=-000",
            "bytes=,-0",
            "bytes=18446744073709551615-",
            "bytes=99999999999999999999-",
            "bytes=99999999999999999999-99999999999999999999",
        ] {
            let selection = select(&range(value), &etag(), SIZE);
            assert_eq!(selection, Selection::Unsatisfiable, "{value}");
        }
    }

    /// RFC 9110 section 14.2: such a field is ignored.
    #[test]
    fn several_ranges_other_units_and_syntax_errors_are_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=--1",
            "bytes=0",
            "bytes=0-1-2",
            "bytes=1-0",
            "bytes=10-9",
            "bytes=010-9",
            "bytes=99999999999999999999-9999999999999999999",
            "bytes=20000000000000000000-10000000000000000000",
            "bytes=0-1,2-3",
            "bytes=0-1,junk",
            "bytes=a-b",
            "bytes=0x0-1",
            "bytes=+0-1",
            "bytes=0- 1",
            "bytes=0 -1",
            "bytes= 0-1",
            "bytes =0-1",
            "bytes:0-1",
            "bytes 0-1",
            "items=0-1",
            "byte=0-1",
        ] {
            let selection = select(&range(value), &etag(), SIZE);
            assert_eq!(selection, Selection::Whole, "{value:?}");
        }
    }

    #[test]
    fn a_range_that_is_sent_twice_or_is_no_text_is_ignored() {
        let mut twice = range("bytes=0-1");
        twice.append(RANGE, HeaderValue::from_static("bytes=0-1"));
        let binary =
            HeaderMap::from_iter([(RANGE, HeaderValue::from_bytes(b"bytes=0-1\xff").unwrap())]);

        for headers in [twice, binary, HeaderMap::new()] {
            assert_eq!(
                select(&headers, &etag(), SIZE),
                Selection::Whole,
                "{headers:?}"
            );
        }
    }

    #[test]
    fn an_empty_image_has_no_part() {
        for (value, expected) in [
            ("bytes=0-", Selection::Unsatisfiable),
            ("bytes=0-0", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=-5", Selection::Whole),
        ] {
            assert_eq!(select(&range(value), &etag(), 0), expected, "{value}");
        }
    }

    /// RFC 9110 section 13.1.5.
    #[test]
    fn if_range_must_name_this_very_image() {
        let table: [(&[&[u8]], Selection); 12] = [
            (&[], part(0, 1)),
            (&[b"\"a\""], part(0, 1)),
            (&[b"W/\"a\""], Selection::Whole),
            (&[b"\"b\""], Selection::Whole),
            (&[b"\"a\", \"b\""], Selection::Whole),
            (&[b"\"a\"", b"\"a\""], Selection::Whole),
            (&[b"*"], Selection::Whole),
            (&[b"Sat, 29 Oct 1994 19:43:31 GMT"], Selection::Whole),
            (&[b"\xff"], Selection::Whole),
            (&[b""], Selection::Whole),
            (&[b"\"a\"\"a\""], Selection::Whole),
            (&[b"\t\"a\" "], part(0, 1)),
        ];

        for (lines, expected) in table {
            let mut headers = range("bytes=0-1");
            for line in lines {
                headers.append(IF_RANGE, HeaderValue::from_bytes(line).unwrap());
            }
            assert_eq!(select(&headers, &etag(), SIZE), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_failed_if_range_makes_an_unsatisfiable_range_a_whole_image() {
        let mut headers = range("bytes=5000-");
        headers.insert(IF_RANGE, HeaderValue::from_static("\"b\""));

        assert_eq!(select(&headers, &etag(), SIZE), Selection::Whole);
    }

    proptest! {
        #[test]
        fn any_range_value_selects_all_nothing_or_a_part_inside_the_image(
            value in prop_oneof![
                "bytes=[0-9]{0,21}-[0-9]{0,21}",
                "[bB]ytes=[-0-9, \t]{0,24}",
                "[ -~]{0,24}",
            ],
            size in any::<u64>(),
        ) {
            if let Selection::Part(range) = select(&range(&value), &etag(), size) {
                prop_assert!(range.first() <= range.last());
                prop_assert!(range.last() < size);
                prop_assert_eq!(range.length(), range.last() - range.first() + 1);
            }
        }

        #[test]
        fn a_well_formed_range_selects_the_slice_that_it_names(
            bytes in prop::collection::vec(any::<u8>(), 1..200),
            first in 0..220_usize,
            length in 1..220_usize,
        ) {
            let headers = range(&format!("bytes={first}-{}", first + length - 1));

            let selection = select(&headers, &etag(), bytes.len() as u64);

            match bytes.get(first..bytes.len().min(first + length)) {
                Some(slice) if !slice.is_empty() => {
                    let Selection::Part(range) = selection else {
                        return Err(TestCaseError::fail("no part"));
                    };
                    let [first, last] = [range.first(), range.last()].map(|n| usize::try_from(n).unwrap());
                    prop_assert_eq!(&bytes[first..=last], slice);
                }
                _ => prop_assert_eq!(selection, Selection::Unsatisfiable),
            }
        }
    }
}
