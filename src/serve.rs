//! The whole story of one request.

use http::{HeaderMap, Method};

use crate::cache::{self, ImageCache, Kept};
use crate::config::Settings;
use crate::cors::AllowedOrigins;
use crate::error::{ConfigError, Error, StorageError};
use crate::image::{ByteRange, Image, ImageId};
use crate::metadata::Repository;
use crate::preconditions::{self, Verdict};
use crate::range::{self, Selection};
use crate::reply::{Content, Reply};
use crate::request_log::{RequestLog, timed, timed_async};
use crate::route::{self, Route};
use crate::sha256::Sha256;
use crate::storage::{Handover, ObjectBytes, StorageBackend};

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

/// Where images come from. Each is asked for where a request needs it.
pub struct Sources<'a, S> {
    /// Where their records are.
    pub repository: Repository<'a>,
    /// Where small ones are kept.
    pub cache: &'a dyn ImageCache,
    /// Where all of them are.
    pub storage: &'a dyn Fn() -> Result<S, ConfigError>,
}

/// Answers a request, whatever comes of it.
pub async fn serve<S: StorageBackend>(
    request: &Request,
    settings: &Settings<'_>,
    sources: &Sources<'_, S>,
    log: &mut RequestLog,
) -> Reply<S::Stream> {
    let cors = match settings.allowed_origins() {
        Ok(cors) => cors,
        Err(error) => return fail(&error.into(), request, &AllowedOrigins::None, log),
    };
    let outcome = match Route::parse(&request.method, &request.path_with_query) {
        Ok(Route::ImageFile(id)) => serve_image_file(id, request, settings, sources, log).await,
        Ok(Route::Options) => Ok(Reply::options()),
        Err(error) => Err(error),
    };
    conclude(outcome, request, &cors, log)
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

async fn serve_image_file<S: StorageBackend>(
    id: ImageId,
    request: &Request,
    settings: &Settings<'_>,
    sources: &Sources<'_, S>,
    log: &mut RequestLog,
) -> Result<Reply<S::Stream>, Error> {
    log.image_id = Some(id);
    let repository = (sources.repository)()?;
    let image =
        timed(&mut log.metadata_ms, || repository.get_by_id(id))?.ok_or(Error::ImageNotFound)?;
    // Before the preconditions, which count only where the answer would be the image
    // (RFC 9110 section 13.2.1).
    check(&image, settings)?;
    match preconditions::evaluate(&request.headers, &image.etag) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Ok(Reply::not_modified(&image)),
        Verdict::Failed => return Err(Error::PreconditionFailed),
    }
    match cache::find(&image, settings, sources.cache, log) {
        Kept::Here(bytes) => {
            let reply = from_cache(&image, select(request, &image, true)?, bytes);
            log.verified = Some(true);
            Ok(reply)
        }
        Kept::No { keep_as } => {
            from_storage(&image, keep_as, request, settings, sources, log).await
        }
    }
}

/// Whether the settings allow to serve the image.
fn check(image: &Image, settings: &Settings) -> Result<(), Error> {
    let (size, limit) = (image.size, settings.max_image_bytes()?);
    if size > limit {
        return Err(StorageError::TooLarge { size, limit }.into());
    }
    if image.sha256.is_none() && settings.require_checksum()? {
        return Err(StorageError::NoSha256.into());
    }
    Ok(())
}

/// What of the image is sent.
#[derive(Clone, Copy)]
enum Selected {
    Head,
    Whole,
    Part(ByteRange),
}

/// `Range` is defined for `GET` alone, and may be ignored (RFC 9110 section 14.2).
fn select(request: &Request, image: &Image, has_ranges: bool) -> Result<Selected, Error> {
    if request.method == Method::HEAD {
        return Ok(Selected::Head);
    }
    if !has_ranges {
        return Ok(Selected::Whole);
    }
    match range::select(&request.headers, &image.etag, image.size) {
        Selection::Whole => Ok(Selected::Whole),
        Selection::Part(range) => Ok(Selected::Part(range)),
        Selection::Unsatisfiable => Err(Error::RangeNotSatisfiable { size: image.size }),
    }
}

fn from_cache<B>(image: &Image, selected: Selected, bytes: Vec<u8>) -> Reply<B> {
    let content = |bytes| Content::Bytes {
        bytes,
        keep_as: None,
    };
    match selected {
        Selected::Head => Reply::head(image),
        Selected::Whole => Reply::image(image, content(bytes)),
        Selected::Part(range) => Reply::part(image, range, content(range.of(&bytes).to_vec())),
    }
}

async fn from_storage<S: StorageBackend>(
    image: &Image,
    keep_as: Option<Sha256>,
    request: &Request,
    settings: &Settings<'_>,
    sources: &Sources<'_, S>,
    log: &mut RequestLog,
) -> Result<Reply<S::Stream>, Error> {
    // Storage keeps checksums of whole objects: a part could not be verified.
    let has_ranges = !settings.require_checksum()?;
    let selected = select(request, image, has_ranges)?;
    // Found broken while there is an answer that can say so.
    settings.client_timeout()?;
    let storage = (sources.storage)()?;
    let (reply, is_verified) = timed_async(
        &mut log.storage_first_byte_ms,
        fetch(image, selected, keep_as, &storage),
    )
    .await?;
    log.verified = Some(is_verified);
    Ok(if has_ranges {
        reply
    } else {
        reply.without_ranges()
    })
}

/// The answer, and whether the image is verified.
async fn fetch<S: StorageBackend>(
    image: &Image,
    selected: Selected,
    keep_as: Option<Sha256>,
    storage: &S,
) -> Result<(Reply<S::Stream>, bool), StorageError> {
    let handover = match keep_as {
        Some(_) => Handover::Hashed,
        None => Handover::Streamed,
    };
    Ok(match selected {
        Selected::Head => {
            let is_verified = storage.head(image, handover).await?;
            (Reply::head(image), is_verified)
        }
        Selected::Whole => {
            let object = storage.get(image, None, handover).await?;
            let content = content(object.bytes, image.size, keep_as);
            (Reply::image(image, content), object.is_verified)
        }
        Selected::Part(range) => {
            // Of the whole, storage may tell more than of a part.
            let part = (!range.is_whole()).then_some(range);
            let object = storage.get(image, part, handover).await?;
            let keep_as = keep_as.filter(|_| part.is_none());
            let content = content(object.bytes, range.length(), keep_as);
            (Reply::part(image, range, content), object.is_verified)
        }
    })
}

fn content<B>(bytes: ObjectBytes<B>, length: u64, keep_as: Option<Sha256>) -> Content<B> {
    match bytes {
        ObjectBytes::Stream(body) => Content::Stream { body, length },
        ObjectBytes::Here(bytes) => Content::Bytes { bytes, keep_as },
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
    use crate::block_on::block_on;
    use crate::config::example_variable;
    use crate::error::CacheError;
    use crate::error::MetadataError;
    use crate::image::Record;
    use crate::metadata::{Deleted, ImageRepository, Put};
    use crate::request_log::CacheUse;
    use crate::storage::Object;

    const PATH: &str = "/api/v1/images/67e55044-10b1-426f-9247-bb680e5fe0c8/file";

    const IMAGE: &[u8] = b"abc";
    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// Holds one image of three bytes, with this hash.
    struct OneImage(&'static str);

    /// What is kept, or why nothing is.
    struct Cache(Result<RefCell<Option<Vec<u8>>>, CacheError>);

    impl Cache {
        fn of(bytes: Option<&[u8]>) -> Self {
            Self(Ok(RefCell::new(bytes.map(<[u8]>::to_vec))))
        }
    }

    impl ImageCache for Cache {
        fn get(&self, _: Sha256) -> Result<Option<Vec<u8>>, CacheError> {
            let kept = self.0.as_ref().map_err(Clone::clone)?;
            Ok(kept.borrow().clone())
        }

        fn put(&self, _: Sha256, bytes: &[u8]) -> Result<(), CacheError> {
            let kept = self.0.as_ref().map_err(Clone::clone)?;
            kept.replace(Some(bytes.to_vec()));
            Ok(())
        }

        fn delete(&self, _: Sha256) -> Result<(), CacheError> {
            panic!("a request for an image takes no bytes away")
        }
    }

    impl ImageRepository for OneImage {
        fn get_by_id(&self, id: ImageId) -> Result<Option<Image>, MetadataError> {
            let record = Record {
                storage_key: "k".into(),
                mime_type: "image/png".into(),
                hash: self.0.into(),
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

        fn delete(&self, _: ImageId) -> Result<Option<Deleted>, MetadataError> {
            panic!("a request for an image takes no record away")
        }
    }

    /// Remembers what it was asked for.
    #[derive(Default)]
    struct Recorded(RefCell<Vec<String>>);

    impl StorageBackend for &Recorded {
        type Stream = ();

        async fn get(
            &self,
            image: &Image,
            range: Option<ByteRange>,
            handover: Handover,
        ) -> Result<Object<()>, StorageError> {
            let (key, size) = (image.storage_key.as_str(), image.size);
            let range = range.map_or("whole".into(), ByteRange::to_range);
            self.0
                .borrow_mut()
                .push(format!("GET {key} of {size}: {range}"));
            let bytes = match handover {
                Handover::Hashed if range == "whole" => ObjectBytes::Here(IMAGE.into()),
                _ => ObjectBytes::Stream(()),
            };
            Ok(Object {
                bytes,
                is_verified: true,
            })
        }

        async fn head(&self, image: &Image, _: Handover) -> Result<bool, StorageError> {
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
        ask_with("abc", &Cache::of(None), request, settings)
    }

    /// The same of an image with this hash, which is sent and then kept.
    fn ask_with(
        hash: &'static str,
        cache: &Cache,
        request: &Request,
        settings: &[(&str, &str)],
    ) -> (Reply<()>, Vec<String>, RequestLog) {
        let (storage, mut log) = (Recorded::default(), RequestLog::example());
        let (variable, images) = (example_variable(settings), OneImage(hash));
        let sources = Sources {
            repository: &|| Ok(&images),
            cache,
            storage: &|| Ok(&storage),
        };
        let settings = Settings::new(&variable);
        let reply = block_on(serve(request, &settings, &sources, &mut log));
        cache::fill(&reply.content, cache, &mut log);
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

    fn bytes(reply: &Reply<()>) -> &[u8] {
        match &reply.content {
            Content::Bytes { bytes, .. } => bytes,
            _ => panic!("there are no bytes"),
        }
    }

    const KEPT: [(&str, &str); 1] = [("cache_max_bytes", "3")];

    #[test]
    fn an_image_is_kept_once_it_was_served_and_served_from_there_afterwards() {
        let cache = Cache::of(None);
        let get = request(&Method::GET, &[]);
        let part = request(&Method::GET, &[(RANGE, "bytes=1-")]);
        let head = request(&Method::HEAD, &[]);

        let (_, asked, log) = ask_with(SHA256, &cache, &get, &KEPT);
        assert_eq!(asked, ["GET k of 3: whole"]);
        assert_eq!(log.cache, Some(CacheUse::Filled));

        for (request, sent) in [(&get, b"abc".as_slice()), (&part, b"bc")] {
            let (reply, asked, log) = ask_with(SHA256, &cache, request, &KEPT);
            assert_eq!((bytes(&reply), asked.len()), (sent, 0));
            assert_eq!((log.cache, log.verified), (Some(CacheUse::Hit), Some(true)));
            assert_eq!(log.storage_first_byte_ms, None);
        }
        let (reply, asked, log) = ask_with(SHA256, &cache, &head, &KEPT);
        assert_eq!((reply.status.as_u16(), asked.len()), (200, 0));
        assert_eq!(log.cache, Some(CacheUse::Hit));
    }

    #[test]
    fn only_the_whole_of_an_image_is_kept() {
        let fields = [(RANGE, "bytes=1-")];
        for request in [request(&Method::GET, &fields), request(&Method::HEAD, &[])] {
            let (_, asked, log) = ask_with(SHA256, &Cache::of(None), &request, &KEPT);
            assert_eq!((asked.len(), log.cache), (1, Some(CacheUse::Miss)));
        }
        let all = request(&Method::GET, &[(RANGE, "bytes=0-")]);
        let (reply, _, log) = ask_with(SHA256, &Cache::of(None), &all, &KEPT);
        assert_eq!(reply.status, 206);
        assert_eq!(log.cache, Some(CacheUse::Filled));
    }

    #[test]
    fn bytes_that_are_not_as_many_as_the_record_says_are_replaced() {
        let (cache, get) = (Cache::of(Some(b"ab")), request(&Method::GET, &[]));

        let (reply, asked, log) = ask_with(SHA256, &cache, &get, &KEPT);

        assert_eq!((bytes(&reply), asked.len()), (IMAGE, 1));
        assert_eq!(log.cache, Some(CacheUse::Filled));
        let (_, asked, _) = ask_with(SHA256, &cache, &get, &KEPT);
        assert_eq!(asked.len(), 0);
    }

    #[test]
    fn what_is_too_large_or_has_no_sha_256_is_not_kept() {
        let get = request(&Method::GET, &[]);
        for (hash, largest) in [(SHA256, "0"), (SHA256, "2"), ("abc", "3"), (SHA256, "much")] {
            let cache = Cache::of(Some(IMAGE));
            let settings = [("cache_max_bytes", largest)];

            let (reply, asked, log) = ask_with(hash, &cache, &get, &settings);

            assert_eq!((reply.status.as_u16(), asked.len()), (200, 1), "{hash}");
            assert_eq!(log.cache, None, "{hash}: {largest}");
        }
    }

    #[test]
    fn a_store_that_fails_is_no_failure_of_the_request_and_the_log_says_why() {
        let cache = Cache(Err(CacheError("it is full".into())));

        let (reply, asked, log) = ask_with(SHA256, &cache, &request(&Method::GET, &[]), &KEPT);

        assert_eq!((reply.status.as_u16(), asked.len()), (200, 1));
        assert_eq!(log.cache, Some(CacheUse::Failed));
        assert!(
            log.cause()
                .is_some_and(|cause| cause.ends_with("it is full"))
        );
    }

    #[test]
    fn an_answer_needs_no_setting_that_it_does_not_depend_on() {
        const STORAGE: &[&str] = &[
            "s3_endpoint",
            "s3_region",
            "s3_bucket",
            "s3_addressing_style",
            "s3_access_key_id",
            "s3_secret_access_key",
            "s3_session_token",
            "s3_connect_timeout_ms",
            "s3_first_byte_timeout_ms",
            "s3_between_bytes_timeout_ms",
            "s3_total_timeout_ms",
            "s3_max_attempts",
        ];
        let other_path = Request {
            path_with_query: "/".into(),
            ..request(&Method::GET, &[])
        };
        let (not_modified, whole) = (
            request(&Method::GET, &[(IF_NONE_MATCH, "*")]),
            request(&Method::GET, &[]),
        );
        let (nothing, images) = (Cache::of(None), OneImage(SHA256));
        for (request, kept, needed) in [
            (&other_path, &nothing, vec!["cors_allowed_origins"]),
            (
                &not_modified,
                &nothing,
                vec!["cors_allowed_origins", "max_image_bytes"],
            ),
            (
                &whole,
                &Cache::of(Some(IMAGE)),
                vec!["cors_allowed_origins", "max_image_bytes", "cache_max_bytes"],
            ),
        ] {
            let (read, complete) = (RefCell::new(vec![]), example_variable(&KEPT));
            let variable = |name: &str| {
                assert!(!STORAGE.contains(&name), "{name}");
                read.borrow_mut().push(name.to_owned());
                complete(name)
            };
            let storage: &dyn Fn() -> Result<&'static Recorded, ConfigError> =
                &|| panic!("storage is not needed");
            let sources = Sources {
                repository: &|| Ok(&images),
                cache: kept,
                storage,
            };

            let settings = Settings::new(&variable);
            let mut log = RequestLog::example();
            block_on(serve(request, &settings, &sources, &mut log));

            assert_eq!(read.take(), needed);
        }
    }
}
