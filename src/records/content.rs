//! What a `PUT` brings: a record as JSON.

use std::io::{self, Read};

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::error::{Error, UnusableRecord};
use crate::field::only_line;
use crate::image::Record;
use crate::json::{self, Value};

/// Most bytes of a record that are read.
const MAX_RECORD_BYTES: u64 = 16 * 1024;

/// Most bytes beyond these that are read of a record which is too long, only to be thrown away.
const MAX_DISCARDED_BYTES: u64 = 1024 * 1024;

/// Most bytes that are asked for at once.
const PIECE_BYTES: u64 = 8 * 1024;

/// A request's content, as it comes.
#[expect(async_fn_in_trait, reason = "an instance has one thread")]
pub trait RequestContent {
    /// The next bytes, at most `most` of them; none at the end.
    ///
    /// # Errors
    /// When it breaks off, or does not come in time.
    async fn next(&mut self, most: u64) -> io::Result<Vec<u8>>;
}

impl<R: Read> RequestContent for R {
    async fn next(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The record that a request's content is. Length, media type and syntax are looked at in this order,
/// whether a length is announced or not.
///
/// # Errors
/// [`Error::RecordTooLarge`], [`Error::UnsupportedMediaType`], [`Error::InvalidJson`] or
/// [`Error::InvalidRecord`].
pub async fn read(headers: &HeaderMap, body: &mut impl RequestContent) -> Result<Record, Error> {
    let mut content = Vec::new();
    let read = read_up_to(MAX_RECORD_BYTES + 1, body, |bytes| content.extend(bytes))
        .await
        .map_err(|_| Error::InvalidJson("it broke off".to_owned()));
    if content.len() as u64 > MAX_RECORD_BYTES {
        return Err(Error::RecordTooLarge {
            limit: MAX_RECORD_BYTES,
        });
    }
    if !is_json(headers) {
        return Err(Error::UnsupportedMediaType);
    }
    read?;
    parse(&content)
}

/// Reads what is left of content that is refused: a client that still sends when the connection ends
/// may never see the answer (RFC 9112 section 9.6).
pub async fn discard(body: &mut impl RequestContent, error: &Error) {
    let limit = match error {
        Error::RecordTooLarge { .. } => MAX_DISCARDED_BYTES,
        _ => MAX_RECORD_BYTES,
    };
    // A client that breaks off does not wait for an answer either.
    let _ = read_up_to(limit, body, drop).await;
}

async fn read_up_to(
    limit: u64,
    body: &mut impl RequestContent,
    mut take: impl FnMut(Vec<u8>),
) -> io::Result<()> {
    let mut left = limit;
    while left > 0 {
        let bytes = body.next(left.min(PIECE_BYTES)).await?;
        if bytes.is_empty() {
            break;
        }
        left -= bytes.len() as u64;
        take(bytes);
    }
    Ok(())
}

/// Whatever its parameters: JSON has none (RFC 8259 section 11).
fn is_json(headers: &HeaderMap) -> bool {
    only_line(headers, CONTENT_TYPE)
        .and_then(|line| line.to_str().ok()?.parse::<mime::Mime>().ok())
        .is_some_and(|media_type| media_type.essence_str() == "application/json")
}

/// The fields of a record, and no other.
const FIELDS: &[&str] = &["storage_key", "mime_type", "hash", "size_bytes"];

fn parse(content: &[u8]) -> Result<Record, Error> {
    // Where a member is skipped, nobody else looks.
    str::from_utf8(content).map_err(|error| Error::InvalidJson(error.to_string()))?;
    let invalid = |error: serde_json::Error| Error::InvalidJson(error.to_string());
    // What is wrong with it as a record counts only where all of it is JSON.
    if !matches!(json::parse(content).map_err(invalid)?, Value::Object(_)) {
        let rule = "the record is not a JSON object".to_owned();
        return Err(Error::InvalidRecord(UnusableRecord::Shape(rule)));
    }
    let mut object = json::parse_strictly(content, FIELDS)
        .map_err(|error| Error::InvalidRecord(UnusableRecord::Shape(error.to_string())))?;
    Record::from_fields(|name| object.take(name)).map_err(Error::InvalidRecord)
}

#[cfg(test)]
mod tests {
    use std::io;

    use http::HeaderValue;

    use super::*;
    use crate::block_on::block_on;

    const RECORD: &str =
        r#"{"storage_key":"k","mime_type":"image/png","hash":"abc","size_bytes":5}"#;

    fn of_type(media_type: Option<&'static str>) -> HeaderMap {
        let line = media_type.map(HeaderValue::from_static);
        line.map(|line| (CONTENT_TYPE, line)).into_iter().collect()
    }

    fn json() -> HeaderMap {
        of_type(Some("application/json"))
    }

    #[test]
    fn content_that_is_no_record_is_refused_by_what_is_wrong_with_it() {
        let record = |field: &str| RECORD.replace(r#""hash":"abc""#, field);
        let table = [
            (String::new(), 400, "EOF while parsing a value"),
            ("{".into(), 400, "EOF while parsing an object"),
            (format!("{RECORD}x"), 400, "trailing characters"),
            (record(r#""x":1,"hash""#), 400, "expected `:`"),
            (record("\"hash\":\"\u{1}\""), 400, "control character"),
            (record(r#""hash":[[[[}]]]]"#), 400, "expected value"),
            ("[]".into(), 422, "not a JSON object"),
            ("null".into(), 422, "not a JSON object"),
            (
                r#"["k","image/png","a",5]"#.into(),
                422,
                "not a JSON object",
            ),
            (record(r#""x":1"#), 422, "unknown field `x`"),
            (
                record(r#""hash":"a","hash":"b""#),
                422,
                "duplicate field `hash`",
            ),
            (record(r#""hash":null"#), 422, "hash is missing"),
            (record(r#""hash":3"#), 422, "hash is not text"),
            (RECORD.replace("5}", "5.0}"), 422, "size_bytes is not"),
            (RECORD.replace("5}", "\"5\"}"), 422, "size_bytes is not"),
            (
                RECORD.replace("5}", "99999999999999999999}"),
                422,
                "size_bytes is not",
            ),
        ];
        for (content, expected, said) in table {
            let error = block_on(read(&json(), &mut content.as_bytes())).unwrap_err();
            assert_eq!(error.status().as_u16(), expected, "{content}: {error}");
            assert!(error.detail().contains(said), "{content}: {error}");
        }
    }

    #[test]
    fn content_above_16_kib_is_refused_whatever_it_is_and_no_more_of_it_is_read() {
        let long = RECORD.to_owned() + &" ".repeat(16 * 1024 - RECORD.len());

        let fits = block_on(read(&json(), &mut long.as_bytes()));
        let above = block_on(read(&of_type(None), &mut io::repeat(b' ')));

        assert!(fits.is_ok());
        assert!(matches!(
            above,
            Err(Error::RecordTooLarge { limit: 16_384 })
        ));
    }

    #[test]
    fn the_content_s_type_is_json_with_any_parameters() {
        for (media_type, is_json) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("application/merge-patch+json"), false),
            (Some("text/plain"), false),
            (Some(""), false),
            (None, false),
        ] {
            let outcome = block_on(read(&of_type(media_type), &mut RECORD.as_bytes()));

            let is_refused = matches!(outcome, Err(Error::UnsupportedMediaType));
            assert_eq!(!is_refused, is_json, "{media_type:?}");
        }
    }

    #[test]
    fn what_is_refused_is_read_to_its_end_unless_that_is_far() {
        let left_of = |length: usize, error: &Error| {
            let content = vec![b' '; length];
            let mut rest = content.as_slice();
            block_on(discard(&mut rest, error));
            rest.len()
        };
        let too_large = Error::RecordTooLarge { limit: 16_384 };

        assert_eq!(left_of(16 * 1024, &Error::Unauthorized), 0);
        assert_eq!(left_of(1024 * 1024, &Error::Unauthorized), 1008 * 1024);
        assert_eq!(left_of(1024 * 1024, &too_large), 0);
        assert_eq!(left_of(1024 * 1024 + 1, &too_large), 1);
    }

    #[test]
    fn content_that_breaks_off_is_not_json() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }

        let outcome = block_on(read(&json(), &mut RECORD.as_bytes().chain(Broken)));

        assert!(matches!(outcome, Err(Error::InvalidJson(_))));
    }
}
