//! Whether storage's answer is the object, before any of its content is read.

use http::{HeaderMap, Method, StatusCode, header};

use crate::error::StorageError;
use crate::field::only_line;
use crate::image::ByteRange;

/// What is asked of an object whose size in bytes the record tells.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    /// Whether it is there.
    Head { size: u64 },
    /// All of it.
    Whole { size: u64 },
    /// This much of it, which is not all.
    Part(ByteRange),
}

impl Asked {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Head { .. } => Method::HEAD,
            Self::Whole { .. } | Self::Part(_) => Method::GET,
        }
    }

    /// The value of `Range`.
    pub(super) fn range(self) -> Option<String> {
        match self {
            Self::Head { .. } | Self::Whole { .. } => None,
            Self::Part(range) => Some(range.to_range()),
        }
    }

    /// How many bytes of content the answer has.
    pub(super) fn content_bytes(self) -> u64 {
        match self {
            Self::Head { .. } => 0,
            Self::Whole { size } => size,
            Self::Part(range) => range.length(),
        }
    }

    /// Whether an answer of this status can be what was asked for.
    pub(super) fn fits(self, status: StatusCode) -> bool {
        match self {
            Self::Part(_) => status == StatusCode::PARTIAL_CONTENT,
            Self::Head { .. } | Self::Whole { .. } => status == StatusCode::OK,
        }
    }

    /// Checks the head of an answer whose status fits.
    ///
    /// # Errors
    /// The first promise that is not the record's.
    pub(super) fn check(self, headers: &HeaderMap) -> Result<(), StorageError> {
        check_encoding(headers)?;
        match self {
            // Storage has confirmed the object; not every server tells its length to HEAD.
            Self::Head { .. } if !headers.contains_key(header::CONTENT_LENGTH) => Ok(()),
            Self::Head { size } | Self::Whole { size } => check_length(headers, size),
            Self::Part(range) => {
                check_length(headers, range.length())?;
                check_range(headers, range)
            }
        }
    }
}

/// An object's coding is metadata that any uploader may set (RFC 9110 section 8.4); the record's
/// size and hash are those of the image.
///
/// Amazon S3 keeps an empty list, and the `aws-chunked` of an upload that has long been decoded.
fn check_encoding(headers: &HeaderMap) -> Result<(), StorageError> {
    let lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let is_coding = |member: &&[u8]| {
        let member = member.trim_ascii();
        let none = [&b""[..], b"identity", b"aws-chunked"];
        !none.iter().any(|name| member.eq_ignore_ascii_case(name))
    };
    match members.find(is_coding) {
        Some(coding) => Err(StorageError::Encoded(
            String::from_utf8_lossy(coding.trim_ascii()).into(),
        )),
        None => Ok(()),
    }
}

fn check_length(headers: &HeaderMap, expected: u64) -> Result<(), StorageError> {
    match content_length(headers) {
        Some(promised) if promised == expected => Ok(()),
        Some(promised) => Err(StorageError::Length { promised, expected }),
        None => Err(StorageError::NoLength),
    }
}

/// The one value of `Content-Length`, digits only (RFC 9110 section 8.6).
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let text = only_line(headers, header::CONTENT_LENGTH)?.to_str().ok()?;
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

/// `Content-Range` must be the one that the request leads to; the object's size may be left open
/// (RFC 9110 section 14.4).
fn check_range(headers: &HeaderMap, range: ByteRange) -> Result<(), StorageError> {
    let expected = range.to_content_range();
    let open = range.to_content_range_of_unknown_size();
    let line = only_line(headers, header::CONTENT_RANGE);
    let is_right = |line: &[u8]| {
        line.eq_ignore_ascii_case(expected.as_bytes()) || line.eq_ignore_ascii_case(open.as_bytes())
    };
    if line.is_some_and(|line| is_right(line.as_bytes())) {
        return Ok(());
    }
    let announced = headers.get(header::CONTENT_RANGE);
    Err(StorageError::Range {
        announced: announced.map(|line| String::from_utf8_lossy(line.as_bytes()).into()),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderName, HeaderValue};

    use super::*;

    const HEAD: Asked = Asked::Head { size: 3 };
    const WHOLE: Asked = Asked::Whole { size: 3 };

    /// Bytes 2 to 4 of ten.
    fn part() -> Asked {
        Asked::Part(ByteRange::new(2, 4, 10).unwrap())
    }

    type Fields = &'static [(HeaderName, &'static str)];

    fn judge(asked: Asked, status: u16, fields: Fields) -> Result<(), StorageError> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).unwrap();
        assert!(asked.fits(status), "{status}");
        asked.check(&headers)
    }

    #[test]
    fn the_object_or_the_part_that_was_asked_for_is_taken() {
        let right: [(Asked, u16, Fields); 6] = [
            (HEAD, 200, &[(CONTENT_LENGTH, "3")]),
            (HEAD, 200, &[]),
            (WHOLE, 200, &[(CONTENT_LENGTH, "3")]),
            (
                part(),
                206,
                &[(CONTENT_LENGTH, "3"), (CONTENT_RANGE, "bytes 2-4/10")],
            ),
            (
                part(),
                206,
                &[(CONTENT_LENGTH, "3"), (CONTENT_RANGE, "Bytes 2-4/10")],
            ),
            (
                part(),
                206,
                &[(CONTENT_LENGTH, "3"), (CONTENT_RANGE, "bytes 2-4/*")],
            ),
        ];

        for (asked, status, fields) in right {
            let outcome = judge(asked, status, fields);
            assert!(outcome.is_ok(), "{status} {fields:?}: {outcome:?}");
        }
    }

    #[test]
    fn no_other_status_fits() {
        for (asked, statuses) in [
            (HEAD, &[204, 206, 304, 404][..]),
            (WHOLE, &[204, 206, 304, 404]),
            (part(), &[200, 204, 304, 416]),
        ] {
            for status in statuses {
                let status = StatusCode::from_u16(*status).unwrap();
                assert!(!asked.fits(status), "{status}");
            }
        }
    }

    #[test]
    fn a_length_that_is_not_the_record_s_is_refused() {
        for asked in [HEAD, WHOLE] {
            for other in ["0", "2", "4", "30", "18446744073709551615"] {
                let headers = HeaderMap::from_iter([(CONTENT_LENGTH, other.parse().unwrap())]);
                let outcome = asked.check(&headers);
                let promised: u64 = other.parse().unwrap();
                assert!(
                    matches!(outcome, Err(StorageError::Length { promised: told, expected: 3 })
                        if told == promised),
                    "{other}: {outcome:?}"
                );
            }
        }
    }

    #[test]
    fn a_length_that_nobody_can_read_is_refused_as_no_length() {
        let unreadable: [Fields; 6] = [
            &[(CONTENT_LENGTH, "+3")],
            &[(CONTENT_LENGTH, "3, 3")],
            &[(CONTENT_LENGTH, "")],
            &[(CONTENT_LENGTH, "99999999999999999999")],
            &[(CONTENT_LENGTH, "3"), (CONTENT_LENGTH, "3")],
            &[(CONTENT_LENGTH, "3"), (CONTENT_LENGTH, "4")],
        ];

        for fields in unreadable {
            for asked in [HEAD, WHOLE] {
                let outcome = judge(asked, 200, fields);
                assert!(
                    matches!(outcome, Err(StorageError::NoLength)),
                    "{fields:?}: {outcome:?}"
                );
            }
        }
        assert!(matches!(
            judge(WHOLE, 200, &[]),
            Err(StorageError::NoLength)
        ));
    }

    #[test]
    fn another_range_is_refused() {
        const LENGTH: (HeaderName, &str) = (CONTENT_LENGTH, "3");
        let others: [Fields; 8] = [
            &[LENGTH],
            &[LENGTH, (CONTENT_RANGE, "bytes 3-5/10")],
            &[LENGTH, (CONTENT_RANGE, "bytes 3-5/*")],
            &[LENGTH, (CONTENT_RANGE, "bytes 2-4/11")],
            &[LENGTH, (CONTENT_RANGE, "bytes */10")],
            &[LENGTH, (CONTENT_RANGE, "bytes 2-4")],
            &[LENGTH, (CONTENT_RANGE, "items 2-4/10")],
            &[
                LENGTH,
                (CONTENT_RANGE, "bytes 2-4/10"),
                (CONTENT_RANGE, "bytes 2-4/10"),
            ],
        ];

        for fields in others {
            let outcome = judge(part(), 206, fields);
            assert!(
                matches!(outcome, Err(StorageError::Range { .. })),
                "{fields:?}: {outcome:?}"
            );
        }
        let too_long = judge(
            part(),
            206,
            &[(CONTENT_LENGTH, "4"), (CONTENT_RANGE, "bytes 2-4/10")],
        );
        assert!(matches!(too_long, Err(StorageError::Length { .. })));
    }

    #[test]
    fn content_encoding_is_a_list_that_may_name_no_coding_of_the_bytes() {
        const LENGTH: (HeaderName, &str) = (CONTENT_LENGTH, "3");
        let none: [Fields; 6] = [
            &[LENGTH, (CONTENT_ENCODING, "")],
            &[LENGTH, (CONTENT_ENCODING, "Identity")],
            &[LENGTH, (CONTENT_ENCODING, "aws-chunked")],
            &[LENGTH, (CONTENT_ENCODING, " , aws-chunked\t,, identity")],
            &[LENGTH, (CONTENT_ENCODING, ""), (CONTENT_ENCODING, "")],
            &[LENGTH, (CONTENT_ENCODING, "AWS-Chunked,")],
        ];
        for fields in none {
            let outcome = judge(WHOLE, 200, fields);
            assert!(outcome.is_ok(), "{fields:?}: {outcome:?}");
        }

        let coded: [(Fields, &str); 5] = [
            (&[LENGTH, (CONTENT_ENCODING, "gzip")], "gzip"),
            (&[LENGTH, (CONTENT_ENCODING, "aws-chunked, gzip")], "gzip"),
            (
                &[LENGTH, (CONTENT_ENCODING, ""), (CONTENT_ENCODING, "br ")],
                "br",
            ),
            (
                &[LENGTH, (CONTENT_ENCODING, "identity;q=1")],
                "identity;q=1",
            ),
            (&[(CONTENT_ENCODING, "zstd")], "zstd"),
        ];
        for (fields, named) in coded {
            let outcome = judge(HEAD, 200, fields);
            assert!(
                matches!(&outcome, Err(StorageError::Encoded(coding)) if coding == named),
                "{fields:?}: {outcome:?}"
            );
        }
    }
}
