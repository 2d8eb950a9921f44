//! What storage's own checksum says of an object
//! (Amazon S3 User Guide, "Checking object integrity in Amazon S3").

use http::{HeaderMap, HeaderName, HeaderValue};

use super::answer::Asked;
use crate::error::StorageError;
use crate::field::only_line;
use crate::quoted::Quoted;
use crate::sha256::Sha256;

/// The request field that asks for checksums.
pub(super) const MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");
/// Its only value.
pub(super) const ENABLED: HeaderValue = HeaderValue::from_static("ENABLED");

const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");
/// `FULL_OBJECT`, or `COMPOSITE` where it is made of those of parts.
const TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");

/// Whether the head of an answer confirms that the object is the one of this SHA-256. It does not where
/// storage keeps none, or one made of those of parts.
///
/// # Errors
/// When storage keeps that of another object.
pub(super) fn confirms(
    asked: Asked,
    headers: &HeaderMap,
    expected: Sha256,
) -> Result<bool, StorageError> {
    let found = only_line(headers, CHECKSUM).and_then(|line| line.to_str().ok());
    let Some(found) = found.filter(|found| !found.is_empty()) else {
        return Ok(false);
    };
    let expected = expected.to_base64();
    if found == expected {
        return Ok(true);
    }
    if is_of_whole_object(asked, found, headers) {
        let found = Quoted(found).to_string();
        return Err(StorageError::OtherObject { found, expected });
    }
    Ok(false)
}

/// The checksum of an object that was uploaded in parts ends in their number. That of a range may be
/// a part's, unless it says what it is.
fn is_of_whole_object(asked: Asked, checksum: &str, headers: &HeaderMap) -> bool {
    let kind = only_line(headers, TYPE);
    match kind {
        Some(kind) => kind.as_bytes().eq_ignore_ascii_case(b"FULL_OBJECT"),
        None => !checksum.contains('-') && !matches!(asked, Asked::Part(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ByteRange;

    const RIGHT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const WRONG: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

    type Fields<'a> = &'a [(HeaderName, &'static str)];

    /// Of the object with no bytes, for what was asked: `Err` where another is found.
    fn judge(asked: Asked, fields: Fields<'_>) -> Result<bool, ()> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_static(value));
        }
        confirms(asked, &headers, Sha256::of_bytes(b"")).map_err(|error| {
            let message = error.to_string();
            assert!(message.contains("another object"), "{message}");
        })
    }

    #[test]
    fn a_checksum_of_the_whole_object_decides() {
        let table: [(Fields, Result<bool, ()>); 9] = [
            (&[], Ok(false)),
            (&[(CHECKSUM, RIGHT)], Ok(true)),
            (&[(CHECKSUM, RIGHT), (TYPE, "FULL_OBJECT")], Ok(true)),
            (&[(CHECKSUM, WRONG)], Err(())),
            (&[(CHECKSUM, WRONG), (TYPE, "FULL_OBJECT")], Err(())),
            (&[(CHECKSUM, WRONG), (TYPE, "full_object")], Err(())),
            (&[(CHECKSUM, "wrong")], Err(())),
            (&[(CHECKSUM, "")], Ok(false)),
            // Nobody can say which of them counts.
            (&[(CHECKSUM, RIGHT), (CHECKSUM, WRONG)], Ok(false)),
        ];

        for (fields, outcome) in table {
            for asked in [Asked::Whole { size: 0 }, Asked::Head { size: 0 }] {
                assert_eq!(judge(asked, fields), outcome, "{fields:?}");
            }
        }
    }

    #[test]
    fn a_checksum_that_is_made_of_those_of_parts_says_nothing() {
        let composite: [Fields; 3] = [
            &[(CHECKSUM, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-2")],
            &[
                (CHECKSUM, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-1"),
                (TYPE, "COMPOSITE"),
            ],
            &[(CHECKSUM, WRONG), (TYPE, "COMPOSITE")],
        ];

        for fields in composite {
            let asked = Asked::Whole { size: 0 };
            assert_eq!(judge(asked, fields), Ok(false), "{fields:?}");
        }
    }

    #[test]
    fn with_a_range_it_may_be_a_part_s_unless_it_says_what_it_is() {
        let table: [(Fields, Result<bool, ()>); 4] = [
            (&[(CHECKSUM, RIGHT)], Ok(true)),
            (&[(CHECKSUM, WRONG)], Ok(false)),
            (&[(CHECKSUM, WRONG), (TYPE, "COMPOSITE")], Ok(false)),
            (&[(CHECKSUM, WRONG), (TYPE, "FULL_OBJECT")], Err(())),
        ];

        for (fields, outcome) in table {
            let asked = Asked::Part(ByteRange::new(2, 4, 10).unwrap());
            assert_eq!(judge(asked, fields), outcome, "{fields:?}");
        }
    }
}
