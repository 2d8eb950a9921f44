//! The records route's story: who asks, for which image, and what becomes of its record.
//!
//! It knows records alone: whoever writes one has put the object into storage before.

use std::io::Read;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::error::Category;

use crate::config::RecordsToken;
use crate::error::{ConfigError, Error, MetadataError, UnusableRecord};
use crate::field::only_line;
use crate::image::{Image, ImageId, Record};
use crate::metadata::{ImageRepository, Put};
use crate::preconditions;
use crate::reply::Reply;
use crate::request_log::{RequestLog, timed};
use crate::route;
use crate::serve::Request;

/// The methods of the records route, as `Allow` lists them.
const METHODS: &str = "GET, HEAD, PUT, DELETE";

/// Most bytes of a record that are read.
const MAX_RECORD_BYTES: u64 = 16 * 1024;

/// What the records route works with.
pub struct RecordsRoute<'a, T> {
    /// Reads the token, where there is one.
    pub token: T,
    /// Largest image that is served, in bytes.
    pub max_image_bytes: u64,
    /// Where the records are.
    pub images: &'a dyn ImageRepository,
}

impl<T: Fn() -> Result<Option<RecordsToken>, ConfigError>> RecordsRoute<'_, T> {
    /// Answers a request for the image that the path names so. The token comes first: without it
    /// nothing can be learned of methods, ids and records.
    ///
    /// # Errors
    /// Whatever is to be told instead of success.
    pub fn answer<B>(
        &self,
        encoded_id: &str,
        request: &Request,
        body: &mut dyn Read,
        log: &mut RequestLog,
    ) -> Result<Reply<B>, Error> {
        let token = (self.token)()?.ok_or(Error::NotFound)?;
        authorize(&token, &request.headers)?;
        match request.method {
            Method::GET | Method::HEAD => self.read(named(encoded_id, log)?, log),
            Method::PUT => self.write(named(encoded_id, log)?, request, body, log),
            Method::DELETE => self.delete(named(encoded_id, log)?, request, log),
            _ => Err(Error::MethodNotAllowed { allowed: METHODS }),
        }
    }

    fn read<B>(&self, id: ImageId, log: &mut RequestLog) -> Result<Reply<B>, Error> {
        let image = timed(&mut log.metadata_ms, || self.images.get_by_id(id))?;
        Ok(Reply::record(&image.ok_or(Error::ImageNotFound)?))
    }

    fn write<B>(
        &self,
        id: ImageId,
        request: &Request,
        body: &mut dyn Read,
        log: &mut RequestLog,
    ) -> Result<Reply<B>, Error> {
        let record = read_record(&request.headers, body)?;
        let image = self.check(record).map_err(Error::InvalidRecord)?;
        if !self.preconditions_hold(id, request)? {
            return Err(Error::PreconditionFailed);
        }
        match timed(&mut log.metadata_ms, || self.images.put(id, &image))? {
            Put::Created => Ok(Reply::created(id)),
            Put::Kept => Ok(Reply::no_content()),
            Put::Conflict => Err(Error::ImageExists),
        }
    }

    fn delete<B>(
        &self,
        id: ImageId,
        request: &Request,
        log: &mut RequestLog,
    ) -> Result<Reply<B>, Error> {
        // They count only where there is something to take away (RFC 9110 section 13.2.1).
        if !self.preconditions_hold(id, request)? && self.exists(id)? {
            return Err(Error::PreconditionFailed);
        }
        if timed(&mut log.metadata_ms, || self.images.delete(id))? {
            Ok(Reply::no_content())
        } else {
            Err(Error::ImageNotFound)
        }
    }

    fn preconditions_hold(&self, id: ImageId, request: &Request) -> Result<bool, MetadataError> {
        preconditions::hold_for_change(&request.headers, || self.exists(id))
    }

    /// A record that cannot be used is there all the same.
    fn exists(&self, id: ImageId) -> Result<bool, MetadataError> {
        match self.images.get_by_id(id) {
            Ok(image) => Ok(image.is_some()),
            Err(MetadataError::Unusable(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// By the rules of serving, so that what is accepted can be served.
    fn check(&self, record: Record) -> Result<Image, UnusableRecord> {
        let image = Image::try_from(record)?;
        if image.size > self.max_image_bytes {
            return Err(UnusableRecord::AboveLimit {
                size: image.size,
                limit: self.max_image_bytes,
            });
        }
        Ok(image)
    }
}

fn named(encoded_id: &str, log: &mut RequestLog) -> Result<ImageId, Error> {
    let id = route::image_id(encoded_id)?;
    log.image_id = Some(id);
    Ok(id)
}

/// `Authorization: Bearer <token>` (RFC 6750 section 2.1); the scheme's name is read in either case
/// (RFC 9110 section 11.1).
fn authorize(token: &RecordsToken, headers: &HeaderMap) -> Result<(), Error> {
    const SCHEME: &[u8] = b"bearer ";
    only_line(headers, AUTHORIZATION)
        .and_then(|line| line.as_bytes().split_at_checked(SCHEME.len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME))
        .filter(|(_, shown)| token.is(shown.trim_ascii_start()))
        .map(|_| ())
        .ok_or(Error::Unauthorized)
}

fn read_record(headers: &HeaderMap, body: &mut dyn Read) -> Result<Record, Error> {
    let mut content = Vec::new();
    let read = body
        .take(MAX_RECORD_BYTES + 1)
        .read_to_end(&mut content)
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

/// Whatever its parameters: JSON has none (RFC 8259 section 11).
fn is_json(headers: &HeaderMap) -> bool {
    only_line(headers, CONTENT_TYPE)
        .and_then(|line| line.to_str().ok()?.parse::<mime::Mime>().ok())
        .is_some_and(|media_type| media_type.essence_str() == "application/json")
}

/// The fields of a record, and no other. Their types are looked at one by one, to be named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    storage_key: Option<Value>,
    mime_type: Option<Value>,
    hash: Option<Value>,
    size_bytes: Option<Value>,
}

fn parse(content: &[u8]) -> Result<Record, Error> {
    // What is wrong with it as a record counts only where all of it is JSON.
    serde_json::from_slice::<IgnoredAny>(content)
        .map_err(|error| Error::InvalidJson(error.to_string()))?;
    let shape = |error: serde_json::Error| match error.classify() {
        Category::Data => Error::InvalidRecord(UnusableRecord::Shape(error.to_string())),
        _ => Error::InvalidJson(error.to_string()),
    };
    // Fields would be read from an array, too.
    if content.trim_ascii_start().first() != Some(&b'{') {
        let rule = "the record is not a JSON object".to_owned();
        return Err(Error::InvalidRecord(UnusableRecord::Shape(rule)));
    }
    let fields: Fields = serde_json::from_slice(content).map_err(shape)?;
    fields.record().map_err(Error::InvalidRecord)
}

impl Fields {
    fn record(self) -> Result<Record, UnusableRecord> {
        let text = |field, value| match value {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(UnusableRecord::FieldType {
                field,
                expected: "text",
            }),
            None => Err(UnusableRecord::Missing(field)),
        };
        Ok(Record {
            storage_key: text("storage_key", self.storage_key)?,
            mime_type: text("mime_type", self.mime_type)?,
            hash: text("hash", self.hash)?,
            size_bytes: self
                .size_bytes
                .ok_or(UnusableRecord::Missing("size_bytes"))?
                .as_i64()
                .ok_or(UnusableRecord::FieldType {
                    field: "size_bytes",
                    expected: "an integer",
                })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;

    use http::HeaderValue;
    use http::header::{IF_MATCH, IF_NONE_MATCH};

    use super::*;
    use crate::config::Config;
    use crate::reply::Content;

    const TOKEN: &str = "token-of-the-tests";
    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    const RECORD: &str =
        r#"{"storage_key":"k","mime_type":"image/png","hash":"abc","size_bytes":5}"#;

    /// One record at most, and what was asked of it.
    #[derive(Default)]
    struct OneRecord {
        kept: RefCell<Option<Image>>,
        asked: RefCell<Vec<&'static str>>,
    }

    impl ImageRepository for OneRecord {
        fn get_by_id(&self, _: ImageId) -> Result<Option<Image>, MetadataError> {
            self.asked.borrow_mut().push("get");
            Ok(self.kept.borrow().clone())
        }

        fn put(&self, _: ImageId, image: &Image) -> Result<Put, MetadataError> {
            self.asked.borrow_mut().push("put");
            let before = self.kept.replace(Some(image.clone()));
            Ok(match before {
                None => Put::Created,
                Some(before) if before.etag == image.etag => Put::Kept,
                Some(_) => Put::Conflict,
            })
        }

        fn delete(&self, _: ImageId) -> Result<bool, MetadataError> {
            self.asked.borrow_mut().push("delete");
            Ok(self.kept.take().is_some())
        }
    }

    fn request(method: &Method, fields: &[(http::HeaderName, &'static str)]) -> Request {
        let fields = fields.iter().cloned();
        Request {
            method: method.clone(),
            path_with_query: format!("/api/v1/images/{ID}"),
            headers: fields
                .map(|(name, value)| (name, HeaderValue::from_static(value)))
                .collect(),
        }
    }

    fn with_token(method: &Method) -> Request {
        let bearer = "Bearer token-of-the-tests";
        let json = "application/json";
        request(method, &[(AUTHORIZATION, bearer), (CONTENT_TYPE, json)])
    }

    fn ask(
        images: &OneRecord,
        id: &str,
        request: &Request,
        content: &str,
    ) -> Result<Reply<()>, Error> {
        let route = RecordsRoute {
            token: || Config::read_records_token(|_| Ok(TOKEN.to_owned())),
            max_image_bytes: 1000,
            images,
        };
        route.answer(
            id,
            request,
            &mut content.as_bytes(),
            &mut RequestLog::start(),
        )
    }

    fn status(outcome: &Result<Reply<()>, Error>) -> u16 {
        match outcome {
            Ok(reply) => reply.status.as_u16(),
            Err(error) => error.status().as_u16(),
        }
    }

    #[test]
    fn a_record_is_written_read_and_taken_away() {
        let images = OneRecord::default();
        let table = [
            (Method::GET, RECORD, 404),
            (Method::DELETE, "", 404),
            (Method::PUT, RECORD, 201),
            (Method::PUT, RECORD, 204),
            (Method::GET, "", 200),
            (Method::HEAD, "", 200),
            (
                Method::PUT,
                r#"{"storage_key":"k","mime_type":"image/png","hash":"other","size_bytes":5}"#,
                409,
            ),
            (Method::DELETE, "", 204),
            (Method::DELETE, "", 404),
        ];

        for (number, (method, content, expected)) in table.into_iter().enumerate() {
            let outcome = ask(&images, ID, &with_token(&method), content);
            assert_eq!(status(&outcome), expected, "{number}: {method}");
        }
    }

    #[test]
    fn a_change_can_be_made_to_depend_on_whether_there_is_a_record() {
        let images = OneRecord::default();
        let (absent, present) = ((IF_NONE_MATCH, "*"), (IF_MATCH, "*"));
        let table = [
            (Method::PUT, &present, 412),
            (Method::PUT, &absent, 201),
            (Method::PUT, &absent, 412),
            (Method::PUT, &present, 204),
            (Method::DELETE, &absent, 412),
            (Method::DELETE, &present, 204),
            (Method::DELETE, &present, 404),
        ];

        for (number, (method, (name, value), expected)) in table.into_iter().enumerate() {
            let mut request = with_token(&method);
            let value = HeaderValue::from_static(value);
            request.headers.insert(name, value);

            let outcome = ask(&images, ID, &request, RECORD);

            assert_eq!(status(&outcome), expected, "{number}: {method} {name}");
        }
    }

    #[test]
    fn whoever_does_not_show_the_token_learns_nothing_and_asks_nothing() {
        let wrong = [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("token-of-the-tests"),
            Some("Basic token-of-the-tests"),
            Some("Bearer token-of-the-test"),
            Some("Bearer token-of-the-tests2"),
            Some("Bearer Token-of-the-tests"),
            Some("Bearertoken-of-the-tests"),
        ];
        let images = OneRecord::default();

        for shown in wrong {
            let fields = shown.map(|value| (AUTHORIZATION, value));
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST] {
                for id in [ID, "no-uuid"] {
                    let outcome = ask(&images, id, &request(&method, fields.as_slice()), RECORD);
                    assert!(
                        matches!(outcome, Err(Error::Unauthorized)),
                        "{shown:?} {method} {id}"
                    );
                }
            }
        }
        let mut request = with_token(&Method::GET);
        let again = HeaderValue::from_static("Bearer token-of-the-tests");
        request.headers.append(AUTHORIZATION, again);
        assert_eq!(status(&ask(&images, ID, &request, "")), 401);
        assert!(images.asked.borrow().is_empty());
    }

    #[test]
    fn the_scheme_s_name_is_read_in_either_case() {
        for line in ["bearer token-of-the-tests", "BEARER  token-of-the-tests"] {
            let request = request(&Method::GET, &[(AUTHORIZATION, line)]);

            let outcome = ask(&OneRecord::default(), ID, &request, "");

            assert!(matches!(outcome, Err(Error::ImageNotFound)), "{line}");
        }
    }

    #[test]
    fn without_a_token_in_the_settings_there_is_no_such_path() {
        let images = OneRecord::default();
        let route = RecordsRoute {
            token: || Config::read_records_token(|_| Ok(String::new())),
            max_image_bytes: 1000,
            images: &images,
        };

        for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let outcome: Result<Reply<()>, _> = route.answer(
                ID,
                &with_token(&method),
                &mut RECORD.as_bytes(),
                &mut RequestLog::start(),
            );
            assert!(matches!(outcome, Err(Error::NotFound)), "{method}");
        }
    }

    #[test]
    fn the_method_is_looked_at_before_the_id_and_both_before_the_content() {
        let images = OneRecord::default();
        let table = [
            (Method::OPTIONS, "no-uuid", 405),
            (Method::POST, ID, 405),
            (Method::PATCH, ID, 405),
            (Method::PUT, "no-uuid", 422),
            (Method::GET, "no-uuid", 422),
            (Method::DELETE, "no-uuid", 422),
        ];

        for (method, id, expected) in table {
            let outcome = ask(&images, id, &with_token(&method), "no json");
            assert_eq!(status(&outcome), expected, "{method} {id}");
        }
        assert!(images.asked.borrow().is_empty());
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
            (record(r#""hash":"""#), 422, "hash"),
            (RECORD.replace("5}", "5.0}"), 422, "size_bytes is not"),
            (RECORD.replace("5}", "\"5\"}"), 422, "size_bytes is not"),
            (
                RECORD.replace("5}", "99999999999999999999}"),
                422,
                "size_bytes is not",
            ),
            (RECORD.replace("5}", "-1}"), 422, "size_bytes -1"),
            (RECORD.replace("5}", "1001}"), 422, "size_bytes 1001"),
            (RECORD.replace("image/png", "text/html"), 422, "mime_type"),
            (RECORD.replace("\"k\"", "\"a/../b\""), 422, "storage_key"),
            (RECORD.replace("\"k\"", "\"\""), 422, "storage_key"),
        ];
        let images = OneRecord::default();

        for (content, expected, said) in table {
            let error = ask(&images, ID, &with_token(&Method::PUT), &content).unwrap_err();
            assert_eq!(error.status().as_u16(), expected, "{content}: {error}");
            assert!(error.detail().contains(said), "{content}: {error}");
        }
        assert!(images.asked.borrow().is_empty());
    }

    #[test]
    fn content_above_16_kib_is_refused_whatever_it_is_and_no_more_of_it_is_read() {
        let images = OneRecord::default();
        let long = |length: usize| format!("{RECORD:length$}");

        let fits = ask(&images, ID, &with_token(&Method::PUT), &long(16 * 1024));
        let mut endless = io::repeat(b' ');
        let route = RecordsRoute {
            token: || Config::read_records_token(|_| Ok(TOKEN.to_owned())),
            max_image_bytes: 1000,
            images: &images,
        };
        let above: Result<Reply<()>, _> = route.answer(
            ID,
            &with_token(&Method::PUT),
            &mut endless,
            &mut RequestLog::start(),
        );

        assert_eq!(status(&fits), 201);
        assert!(matches!(
            above,
            Err(Error::RecordTooLarge { limit: 16_384 })
        ));
    }

    #[test]
    fn the_content_s_type_is_json_with_any_parameters() {
        let table = [
            (Some("application/json"), 201),
            (Some("Application/JSON; charset=utf-8"), 201),
            (Some("application/merge-patch+json"), 415),
            (Some("text/plain"), 415),
            (Some(""), 415),
            (None, 415),
        ];

        for (media_type, expected) in table {
            let mut request = with_token(&Method::PUT);
            request.headers.remove(CONTENT_TYPE);
            let line = media_type.map(HeaderValue::from_static);
            request
                .headers
                .extend(line.map(|line| (CONTENT_TYPE, line)));

            let outcome = ask(&OneRecord::default(), ID, &request, RECORD);

            assert_eq!(status(&outcome), expected, "{media_type:?}");
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let images = OneRecord::default();
        ask(&images, ID, &with_token(&Method::PUT), RECORD).unwrap();

        let reply = ask(&images, ID, &with_token(&Method::GET), "").unwrap();

        assert!(matches!(reply.content, Content::Text(text) if text == RECORD));
    }
}
