//! Whether requests can be answered here: for probes, which send traffic elsewhere where they cannot.
//!
//! Storage is not asked: while it is down, no other instance would do better.

use http::{Method, StatusCode};

use crate::config::Settings;
use crate::cors::AllowedOrigins;
use crate::error::{Error, MetadataError};
use crate::image::ImageId;
use crate::metadata::Repository;
use crate::reply::Reply;
use crate::request_log::{RequestLog, timed};
use crate::serve::{Request, conclude};

/// The methods of the readiness route, as `Allow` lists them.
const METHODS: &str = "GET, HEAD";

/// Answers a probe.
pub fn answer<B>(
    request: &Request,
    settings: &Settings,
    repository: Repository,
    log: &mut RequestLog,
) -> Reply<B> {
    let outcome = decide(&request.method, settings, repository, log);
    let mut reply = conclude(outcome, request, &AllowedOrigins::None, log);
    if reply.status.is_server_error() {
        // Not a fault of the answer: the next probe may find it otherwise (RFC 9110 section 15.6.4).
        reply.status = StatusCode::SERVICE_UNAVAILABLE;
    }
    reply
}

fn decide<B>(
    method: &Method,
    settings: &Settings,
    repository: Repository,
    log: &mut RequestLog,
) -> Result<Reply<B>, Error> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed { allowed: METHODS });
    }
    settings.check_all()?;
    let images = repository()?;
    match timed(&mut log.metadata_ms, || images.get_by_id(ImageId::NIL)) {
        // Somebody may have written a record of this id, usable or not: the store can be read.
        Ok(_) | Err(MetadataError::Unusable(_)) => Ok(Reply::ready()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use http::HeaderMap;
    use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};

    use super::*;
    use crate::config::example_variable;
    use crate::error::UnusableRecord;
    use crate::image::{Image, Record};
    use crate::metadata::{Deleted, ImageRepository, Put};
    use crate::reply::Content;
    use crate::request_log::X_REQUEST_ID;

    type Found = Result<Option<Image>, MetadataError>;

    /// Answers every look-up so, and counts them.
    struct Store {
        found: fn() -> Found,
        asked: RefCell<usize>,
    }

    impl Store {
        fn that(found: fn() -> Found) -> Self {
            let asked = RefCell::default();
            Self { found, asked }
        }
    }

    impl ImageRepository for Store {
        fn get_by_id(&self, _: ImageId) -> Found {
            *self.asked.borrow_mut() += 1;
            (self.found)()
        }

        fn insert(&self, _: ImageId, _: &Image) -> Result<bool, MetadataError> {
            panic!("a probe writes no record")
        }

        fn put(&self, _: ImageId, _: &Image) -> Result<Put, MetadataError> {
            panic!("a probe writes no record")
        }

        fn delete(&self, _: ImageId) -> Result<Option<Deleted>, MetadataError> {
            panic!("a probe takes no record away")
        }
    }

    /// One that cannot be used.
    const BROKEN: (&str, &str) = ("max_image_bytes", "50MB");

    fn ask(method: &Method, store: &Store, replaced: &[(&str, &str)]) -> (Reply<()>, RequestLog) {
        let request = Request {
            method: method.clone(),
            path_with_query: "/readyz".into(),
            headers: HeaderMap::new(),
        };
        let (variable, mut log) = (example_variable(replaced), RequestLog::example());
        let reply = answer(&request, &Settings::new(&variable), &|| Ok(store), &mut log);
        (reply, log)
    }

    fn text(reply: &Reply<()>) -> &str {
        match &reply.content {
            Content::Text(text) => text,
            _ => panic!("there is no text"),
        }
    }

    #[test]
    fn it_is_ready_where_the_store_can_be_read_whatever_is_found_there() {
        let found: [fn() -> Found; 3] = [
            || Ok(None),
            || {
                let record = Record {
                    storage_key: "k".into(),
                    mime_type: "image/png".into(),
                    hash: "abc".into(),
                    size_bytes: 3,
                };
                Ok(Some(Image::try_from(record)?))
            },
            || Err(UnusableRecord::Size(-1).into()),
        ];

        for found in found {
            let store = Store::that(found);
            let (reply, log) = ask(&Method::GET, &store, &[]);

            assert_eq!(reply.status, 200);
            assert_eq!(text(&reply), r#"{"status":"ready"}"#);
            assert_eq!(reply.headers[CONTENT_TYPE], "application/json");
            assert_eq!(reply.headers[CACHE_CONTROL], "no-store");
            assert!(log.metadata_ms.is_some() && log.cause().is_none());
            assert_eq!(log.image_id, None);
        }
    }

    #[test]
    fn it_is_not_ready_where_the_store_cannot_be_read_and_only_the_log_says_why() {
        let store = Store::that(|| Err(MetadataError::Unavailable("locked".into())));

        let (reply, log) = ask(&Method::GET, &store, &[]);

        assert_eq!(reply.status, 503);
        assert_eq!(
            text(&reply),
            r#"{"detail":"Failed to retrieve image metadata","code":"metadata_error"}"#
        );
        let cause = log.cause();
        assert_eq!(cause, Some("cannot use the metadata store: locked"));
    }

    #[test]
    fn it_is_not_ready_where_a_setting_is_broken_and_the_log_names_it() {
        let store = Store::that(|| Ok(None));

        let (reply, log) = ask(&Method::GET, &store, &[BROKEN]);

        assert_eq!(reply.status, 503);
        assert_eq!(
            text(&reply),
            r#"{"detail":"Service is not configured correctly","code":"configuration_error"}"#
        );
        assert!(
            log.cause()
                .is_some_and(|cause| cause.contains("max_image_bytes"))
        );
    }

    #[test]
    fn head_is_answered_as_get_is_without_content() {
        let store = Store::that(|| Ok(None));
        for replaced in [&[][..], &[BROKEN]] {
            let (mut get, _) = ask(&Method::GET, &store, replaced);
            let (mut head, _) = ask(&Method::HEAD, &store, replaced);
            // That of another request is another one.
            for reply in [&mut get, &mut head] {
                reply.headers.remove(X_REQUEST_ID);
            }

            assert_eq!((head.status, &head.headers), (get.status, &get.headers));
            assert_eq!(head.headers[CONTENT_LENGTH], text(&get).len().to_string());
            assert!(matches!(head.content, Content::None));
        }
    }

    #[test]
    fn another_method_is_refused_whatever_the_settings_and_the_store_is_not_asked() {
        let store = Store::that(|| Ok(None));

        for method in [Method::POST, Method::OPTIONS, Method::DELETE] {
            for replaced in [&[][..], &[BROKEN]] {
                let (reply, _) = ask(&method, &store, replaced);

                assert_eq!(reply.status, 405, "{method}");
                assert_eq!(reply.headers[ALLOW], "GET, HEAD", "{method}");
            }
        }
        assert_eq!(store.asked.take(), 0);
    }

    #[test]
    fn every_setting_is_read_those_too_that_few_requests_need() {
        let store = Store::that(|| Ok(None));
        for setting in [
            BROKEN,
            ("s3_region", ""),
            ("require_checksum", "yes"),
            ("hash_max_bytes", "many"),
            ("cache_max_bytes", "many"),
            ("metadata_store", "postgres"),
            ("cors_allowed_origins", "https://app.example/path"),
            ("client_timeout_ms", "0"),
            ("records_token", "short"),
            ("log", "some"),
        ] {
            let (reply, log) = ask(&Method::GET, &store, &[setting]);

            assert_eq!(reply.status, 503, "{setting:?}");
            let cause = log.cause().unwrap_or_default();
            assert!(cause.contains(setting.0), "{cause}");
        }
        assert_eq!(store.asked.take(), 0);
    }
}
