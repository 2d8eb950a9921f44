//! The whole story of one request.

use http::{HeaderMap, Method};

use crate::config::Config;
use crate::cors::AllowedOrigins;
use crate::error::{Error, StorageError};
use crate::image::{ByteRange, Image, ImageId};
use crate::metadata::ImageRepository;
use crate::preconditions::{self, Verdict};
use crate::range::{self, Selection};
use crate::reply::{Content, Reply};
use crate::request_log::{RequestLog, timed};
use crate::route::{self, Route};
use crate::storage::{ObjectBytes, StorageBackend};

/// What the client asks.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as it was sent, and the query.
    pub path_with_query: String,
    /// The header fields.
    pub headers: HeaderMap,
}

/// Answers a request, whatever comes of it.
pub fn serve<S: StorageBackend>(
    request: &Request,
    config: &Config,
    images: &dyn ImageRepository,
    storage: &S,
    log: &mut RequestLog,
) -> Reply<S::Stream> {
    let outcome = match Route::parse(&request.method, &request.path_with_query) {
        Ok(Route::ImageFile(id)) => serve_image_file(id, request, config, images, storage, log),
        Ok(Route::Options) => Ok(Reply::options()),
        Err(error) => Err(error),
    };
    conclude(outcome, request, &config.cors, log)
}

/// The answer to a request, whatever came of it.
pub fn conclude<B>(
    outcome: Result<Reply<B>, Error>,
    request: &Request,
    cors: &AllowedOrigins,
    log: &mut RequestLog,
) -> Reply<B> {
    match outcome {
        Ok(reply) => complete(reply, request, cors),
        Err(error) => fail(&error, request, cors, log),
    }
}

/// Answers a request that has failed; the cause goes to the log.
pub fn fail<B>(
    error: &Error,
    request: &Request,
    cors: &AllowedOrigins,
    log: &mut RequestLog,
) -> Reply<B> {
    log.failed(error);
    complete(Reply::error(error, log.request_id()), request, cors)
}

fn serve_image_file<S: StorageBackend>(
    id: ImageId,
    request: &Request,
    config: &Config,
    images: &dyn ImageRepository,
    storage: &S,
    log: &mut RequestLog,
) -> Result<Reply<S::Stream>, Error> {
    log.image_id = Some(id);
    let image =
        timed(&mut log.metadata_ms, || images.get_by_id(id))?.ok_or(Error::ImageNotFound)?;
    // Before the preconditions, which count only where the answer would be the image
    // (RFC 9110 section 13.2.1).
    check(&image, config)?;
    match preconditions::evaluate(&request.headers, &image.etag) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Ok(Reply::not_modified(&image)),
        Verdict::Failed => return Err(Error::PreconditionFailed),
    }
    let selected = select(request, &image, config)?;
    let (reply, is_verified) = timed(&mut log.storage_first_byte_ms, || {
        fetch(&image, selected, storage)
    })?;
    log.verified = Some(is_verified);
    Ok(if config.storage.require_checksum {
        reply.without_ranges()
    } else {
        reply
    })
}

/// Whether the settings allow to serve the image.
fn check(image: &Image, config: &Config) -> Result<(), StorageError> {
    let (size, limit) = (image.size, config.max_image_bytes);
    if size > limit {
        return Err(StorageError::TooLarge { size, limit });
    }
    if config.storage.require_checksum && image.sha256.is_none() {
        return Err(StorageError::NoSha256);
    }
    Ok(())
}

/// What storage is asked for.
#[derive(Clone, Copy)]
enum Fetch {
    Head,
    Whole,
    Part(ByteRange),
}

/// `Range` is defined for `GET` alone, and may be ignored (RFC 9110 section 14.2): storage keeps no
/// checksum by which a part could be verified.
fn select(request: &Request, image: &Image, config: &Config) -> Result<Fetch, Error> {
    if request.method == Method::HEAD {
        return Ok(Fetch::Head);
    }
    if config.storage.require_checksum {
        return Ok(Fetch::Whole);
    }
    match range::select(&request.headers, &image.etag, image.size) {
        Selection::Whole => Ok(Fetch::Whole),
        Selection::Part(range) => Ok(Fetch::Part(range)),
        Selection::Unsatisfiable => Err(Error::RangeNotSatisfiable { size: image.size }),
    }
}

fn fetch<S: StorageBackend>(
    image: &Image,
    fetch: Fetch,
    storage: &S,
) -> Result<(Reply<S::Stream>, bool), Error> {
    Ok(match fetch {
        Fetch::Head => {
            let is_verified = storage.head(image)?;
            (Reply::head(image), is_verified)
        }
        Fetch::Whole => {
            let object = storage.get(image, None)?;
            let content = content(object.bytes, image.size);
            (Reply::image(image, content), object.is_verified)
        }
        Fetch::Part(range) => {
            // Of the whole, storage may tell more than of a part.
            let part = (!range.is_whole()).then_some(range);
            let object = storage.get(image, part)?;
            let content = content(object.bytes, range.length());
            (Reply::part(image, range, content), object.is_verified)
        }
    })
}

fn content<B>(bytes: ObjectBytes<B>, length: u64) -> Content<B> {
    match bytes {
        ObjectBytes::Stream(body) => Content::Stream { body, length },
        ObjectBytes::Here(bytes) => Content::Bytes(bytes),
    }
}

/// What every answer to this request has in common, successful or not. The records route is for
/// programs: no page of another origin reads anything of it.
fn complete<B>(mut reply: Reply<B>, request: &Request, cors: &AllowedOrigins) -> Reply<B> {
    if route::record(&request.path_with_query).is_none() {
        let cross_origin = cors.response_fields(&request.method, &request.headers);
        reply.headers.extend(cross_origin);
    }
    if request.method == Method::HEAD {
        reply.content = Content::None;
    }
    reply
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use http::header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH, HeaderName, HeaderValue, IF_MATCH,
        IF_NONE_MATCH, RANGE,
    };

    use super::*;
    use crate::error::MetadataError;
    use crate::image::Record;
    use crate::metadata::Put;
    use crate::storage::Object;

    const PATH: &str = "/api/v1/images/67e55044-10b1-426f-9247-bb680e5fe0c8/file";

    /// Holds one image of three bytes.
    struct OneImage;

    impl ImageRepository for OneImage {
        fn get_by_id(&self, id: ImageId) -> Result<Option<Image>, MetadataError> {
            let record = Record {
                storage_key: "k".into(),
                mime_type: "image/png".into(),
                hash: "abc".into(),
                size_bytes: 3,
            };
            let is_known = PATH.contains(&id.to_string());
            Ok(is_known.then(|| Image::try_from(record)).transpose()?)
        }

        fn insert(&self, _: ImageId, _: &Image) -> Result<bool, MetadataError> {
            panic!("a request for an image writes no record")
        }

        fn put(&self, _: ImageId, _: &Image) -> Result<Put, MetadataError> {
            panic!("a request for an image writes no record")
        }

        fn delete(&self, _: ImageId) -> Result<bool, MetadataError> {
            panic!("a request for an image takes no record away")
        }
    }

    /// Remembers what it was asked for.
    #[derive(Default)]
    struct Recorded(RefCell<Vec<String>>);

    impl StorageBackend for Recorded {
        type Stream = ();

        fn get(&self, image: &Image, range: Option<ByteRange>) -> Result<Object<()>, StorageError> {
            let (key, size) = (image.storage_key.as_str(), image.size);
            let range = range.map_or("whole".into(), ByteRange::to_range);
            self.0
                .borrow_mut()
                .push(format!("GET {key} of {size}: {range}"));
            Ok(Object {
                bytes: ObjectBytes::Stream(()),
                is_verified: true,
            })
        }

        fn head(&self, image: &Image) -> Result<bool, StorageError> {
            let (key, size) = (image.storage_key.as_str(), image.size);
            self.0.borrow_mut().push(format!("HEAD {key} of {size}"));
            Ok(false)
        }
    }

    fn request(method: &Method, fields: &[(HeaderName, &'static str)]) -> Request {
        let fields = fields.iter().cloned();
        Request {
            method: method.clone(),
            path_with_query: PATH.into(),
            headers: fields
                .map(|(name, value)| (name, HeaderValue::from_static(value)))
                .collect(),
        }
    }

    /// The reply, and what storage was asked.
    fn ask(request: &Request, settings: &[(&str, &str)]) -> (Reply<()>, Vec<String>, RequestLog) {
        let (storage, mut log) = (Recorded::default(), RequestLog::example());
        let reply = serve(
            request,
            &Config::example(settings),
            &OneImage,
            &storage,
            &mut log,
        );
        (reply, storage.0.into_inner(), log)
    }

    #[test]
    fn each_request_has_its_status_and_asks_of_storage_no_more_than_it_needs() {
        type Case = (
            Method,
            &'static [(HeaderName, &'static str)],
            u16,
            &'static [&'static str],
        );
        let table: [Case; 13] = [
            (Method::GET, &[], 200, &["GET k of 3: whole"]),
            (
                Method::GET,
                &[(RANGE, "bytes=0-")],
                206,
                &["GET k of 3: whole"],
            ),
            (
                Method::GET,
                &[(RANGE, "bytes=1-")],
                206,
                &["GET k of 3: bytes=1-2"],
            ),
            (Method::GET, &[(RANGE, "bytes=3-")], 416, &[]),
            (Method::GET, &[(IF_NONE_MATCH, "\"abc\"")], 304, &[]),
            (
                Method::GET,
                &[(IF_NONE_MATCH, "\"abc\""), (RANGE, "bytes=3-")],
                304,
                &[],
            ),
            (Method::GET, &[(IF_MATCH, "\"x\"")], 412, &[]),
            (Method::HEAD, &[], 200, &["HEAD k of 3"]),
            (Method::HEAD, &[(RANGE, "bytes=1-")], 200, &["HEAD k of 3"]),
            (Method::HEAD, &[(IF_NONE_MATCH, "*")], 304, &[]),
            (Method::HEAD, &[(IF_MATCH, "\"x\"")], 412, &[]),
            (Method::OPTIONS, &[], 204, &[]),
            (Method::DELETE, &[], 405, &[]),
        ];

        for (method, fields, status, asked) in table {
            let (reply, seen, _) = ask(&request(&method, fields), &[]);
            assert_eq!(reply.status, status, "{method} {fields:?}");
            assert_eq!(seen, asked, "{method} {fields:?}");
        }
    }

    #[test]
    fn a_served_image_leaves_its_id_and_timings_in_the_log() {
        let (_, _, log) = ask(&request(&Method::GET, &[]), &[]);

        assert!(log.image_id.is_some() && log.metadata_ms.is_some());
        assert!(log.storage_first_byte_ms.is_some() && log.cause().is_none());
    }

    #[test]
    fn whether_the_image_is_verified_is_logged_where_one_is_answered() {
        for (method, fields, verified) in [
            (Method::GET, None, Some(true)),
            (Method::HEAD, None, Some(false)),
            (Method::GET, Some((IF_NONE_MATCH, "*")), None),
        ] {
            let fields: Vec<_> = fields.into_iter().collect();
            let (.., log) = ask(&request(&method, &fields), &[]);
            assert_eq!(log.verified, verified, "{method} {fields:?}");
        }
    }

    #[test]
    fn where_a_checksum_is_required_a_record_without_a_sha_256_fails_whatever_the_preconditions() {
        let required = [("require_checksum", "true")];
        for fields in [&[][..], &[(IF_NONE_MATCH, "*")]] {
            let (reply, asked, _) = ask(&request(&Method::GET, fields), &required);
            assert_eq!((reply.status.as_u16(), asked), (500, vec![]), "{fields:?}");
        }
    }

    #[test]
    fn a_request_that_leaves_storage_alone_has_no_time_of_its_in_the_log() {
        for fields in [
            (RANGE, "bytes=3-"),
            (IF_NONE_MATCH, "*"),
            (IF_MATCH, "\"x\""),
        ] {
            let (_, _, log) = ask(&request(&Method::GET, &[fields]), &[]);
            assert_eq!(log.storage_first_byte_ms, None);
        }
    }

    #[test]
    fn an_unknown_image_is_not_found_and_storage_is_not_asked() {
        let mut unknown = request(&Method::GET, &[]);
        unknown.path_with_query = PATH.replace('6', "7");

        let (reply, asked, log) = ask(&unknown, &[]);

        assert_eq!((reply.status.as_u16(), asked), (404, vec![]));
        assert!(log.cause().is_some());
    }

    #[test]
    fn an_image_above_the_limit_fails_whatever_the_preconditions() {
        for fields in [&[][..], &[(IF_NONE_MATCH, "*")], &[(IF_MATCH, "\"x\"")]] {
            let limit = [("max_image_bytes", "2")];
            let (reply, asked, _) = ask(&request(&Method::GET, fields), &limit);
            assert_eq!((reply.status.as_u16(), asked), (500, vec![]), "{fields:?}");
        }
    }

    #[test]
    fn head_is_answered_without_content_even_where_it_fails() {
        let failing = request(&Method::HEAD, &[(IF_MATCH, "\"x\"")]);

        let (reply, ..) = ask(&failing, &[]);

        assert!(matches!(reply.content, Content::None));
        assert_ne!(reply.headers[CONTENT_LENGTH], "0");
    }

    #[test]
    fn an_answer_of_the_records_route_carries_no_cross_origin_field() {
        let (mut request, error) = (request(&Method::GET, &[]), Error::NotFound);
        request.path_with_query = PATH.trim_end_matches("/file").to_owned();

        let reply: Reply<()> = fail(
            &error,
            &request,
            &AllowedOrigins::Any,
            &mut RequestLog::example(),
        );

        assert!(!reply.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }

    #[test]
    fn every_answer_carries_the_cross_origin_fields() {
        let settings = [("cors_allowed_origins", "*")];

        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE] {
            let (reply, ..) = ask(&request(&method, &[]), &settings);
            assert_eq!(reply.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{method}");
        }
    }
}
