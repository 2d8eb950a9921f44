//! The records route's story: who asks, for which image, and what becomes of its record.
//!
//! It knows records alone: a client puts the object into storage before it writes the record.

mod content;

pub use self::content::RequestContent;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};

use crate::cache::{self, ImageCache};
use crate::config::{RecordsToken, Settings};
use crate::error::{Error, MetadataError, UnusableRecord};
use crate::field::only_line;
use crate::image::{Image, ImageId, Record};
use crate::metadata::{ImageRepository, Put, Repository};
use crate::preconditions::Condition;
use crate::reply::Reply;
use crate::request_log::{RequestLog, timed};
use crate::route;
use crate::serve::Request;

/// The methods of the records route, as `Allow` lists them.
const METHODS: &str = "GET, HEAD, PUT, DELETE";

/// What the records route works with.
pub struct RecordsRoute<'a> {
    /// The token, and what limits a record.
    pub settings: &'a Settings<'a>,
    /// Where the records are.
    pub repository: Repository<'a>,
    /// Where small images are kept.
    pub cache: &'a dyn ImageCache,
}

impl RecordsRoute<'_> {
    /// Answers a request for the image that the path names so.
    ///
    /// # Errors
    /// Whatever is to be told instead of success.
    pub async fn answer<B>(
        &self,
        encoded_id: &str,
        request: &Request,
        body: &mut impl RequestContent,
        log: &mut RequestLog,
    ) -> Result<Reply<B>, Error> {
        let outcome = self.decide(encoded_id, request, body, log).await;
        if let Err(error) = &outcome {
            content::discard(body, error).await;
        }
        outcome
    }

    /// The token comes first: without it nothing can be learned of methods, ids and records.
    async fn decide<B>(
        &self,
        encoded_id: &str,
        request: &Request,
        body: &mut impl RequestContent,
        log: &mut RequestLog,
    ) -> Result<Reply<B>, Error> {
        let token = self.settings.records_token()?.ok_or(Error::NotFound)?;
        authorize(&token, &request.headers)?;
        match request.method {
            Method::GET | Method::HEAD => self.read(named(encoded_id, log)?, log),
            Method::PUT => {
                let id = named(encoded_id, log)?;
                self.write(id, request, body, log).await
            }
            Method::DELETE => self.delete(named(encoded_id, log)?, request, log),
            _ => Err(Error::MethodNotAllowed { allowed: METHODS }),
        }
    }

    fn read<B>(&self, id: ImageId, log: &mut RequestLog) -> Result<Reply<B>, Error> {
        let images = (self.repository)()?;
        let image = timed(&mut log.metadata_ms, || images.get_by_id(id))?;
        Ok(Reply::record(&image.ok_or(Error::ImageNotFound)?))
    }

    async fn write<B>(
        &self,
        id: ImageId,
        request: &Request,
        body: &mut impl RequestContent,
        log: &mut RequestLog,
    ) -> Result<Reply<B>, Error> {
        let record = content::read(&request.headers, body).await?;
        let image = check(record, self.settings.max_image_bytes()?)?;
        let images = (self.repository)()?;
        let put = timed(&mut log.metadata_ms, || {
            put(images, id, &image, Condition::of_change(&request.headers))
        })?;
        match put {
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
        let images = (self.repository)()?;
        let condition = Condition::of_change(&request.headers);
        // It counts only where there is something to take away (RFC 9110 section 13.2.1).
        if matches!(condition, Condition::IfAbsent | Condition::Never) && exists(images, id)? {
            return Err(Error::PreconditionFailed);
        }
        let deleted = timed(&mut log.metadata_ms, || images.delete(id))?;
        if let Some(sha256) = deleted.ok_or(Error::ImageNotFound)?.sha256 {
            cache::forget(sha256, self.settings, self.cache, log);
        }
        Ok(Reply::no_content())
    }
}

fn put(
    images: &dyn ImageRepository,
    id: ImageId,
    image: &Image,
    condition: Condition,
) -> Result<Put, Error> {
    let holds = match condition {
        Condition::Always => true,
        Condition::IfPresent => exists(images, id)?,
        Condition::IfAbsent if images.insert(id, image)? => return Ok(Put::Created),
        Condition::IfAbsent | Condition::Never => false,
    };
    if !holds {
        return Err(Error::PreconditionFailed);
    }
    Ok(images.put(id, image)?)
}

/// A record that cannot be used is there all the same.
fn exists(images: &dyn ImageRepository, id: ImageId) -> Result<bool, MetadataError> {
    match images.get_by_id(id) {
        Ok(image) => Ok(image.is_some()),
        Err(MetadataError::Unusable(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// By the rules of serving, so that what is accepted can be served.
fn check(record: Record, limit: u64) -> Result<Image, Error> {
    let image = Image::try_from(record).map_err(Error::InvalidRecord)?;
    let size = image.size;
    if size > limit {
        return Err(Error::InvalidRecord(UnusableRecord::AboveLimit {
            size,
            limit,
        }));
    }
    Ok(image)
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use http::HeaderValue;
    use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};

    use super::*;
    use crate::block_on::block_on;
    use crate::config::example_variable;
    use crate::error::CacheError;
    use crate::metadata::Deleted;
    use crate::reply::Content;
    use crate::request_log::CacheUse;
    use crate::sha256::Sha256;

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

        fn insert(&self, _: ImageId, image: &Image) -> Result<bool, MetadataError> {
            self.asked.borrow_mut().push("insert");
            let is_new = self.kept.borrow().is_none();
            if is_new {
                self.kept.replace(Some(image.clone()));
            }
            Ok(is_new)
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

        fn delete(&self, _: ImageId) -> Result<Option<Deleted>, MetadataError> {
            self.asked.borrow_mut().push("delete");
            let sha256 = |image: Image| image.sha256;
            Ok(self
                .kept
                .take()
                .map(sha256)
                .map(|sha256| Deleted { sha256 }))
        }
    }

    /// Knows what is kept no longer, or fails.
    #[derive(Default)]
    struct Cache {
        deleted: RefCell<Vec<Sha256>>,
        fails: bool,
    }

    impl ImageCache for Cache {
        fn get(&self, _: Sha256) -> Result<Option<Vec<u8>>, CacheError> {
            panic!("the records route sends no image")
        }

        fn put(&self, _: Sha256, _: &[u8]) -> Result<(), CacheError> {
            panic!("the records route sends no image")
        }

        fn delete(&self, sha256: Sha256) -> Result<(), CacheError> {
            self.deleted.borrow_mut().push(sha256);
            if self.fails {
                return Err(CacheError("it is gone".into()));
            }
            Ok(())
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
        ask_with(images, &Cache::default(), id, request, content, &[]).0
    }

    fn ask_with(
        images: &OneRecord,
        cache: &Cache,
        id: &str,
        request: &Request,
        content: &str,
        settings: &[(&str, &str)],
    ) -> (Result<Reply<()>, Error>, RequestLog) {
        let limits = [("records_token", TOKEN), ("max_image_bytes", "1000")];
        let replaced: Vec<_> = settings.iter().copied().chain(limits).collect();
        let variable = example_variable(&replaced);
        let route = RecordsRoute {
            settings: &Settings::new(&variable),
            repository: &|| Ok(images),
            cache,
        };
        let mut log = RequestLog::example();
        let outcome = block_on(route.answer(id, request, &mut content.as_bytes(), &mut log));
        (outcome, log)
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
        let none = [("records_token", "")];

        for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let request = with_token(&method);
            let (outcome, _) = ask_with(&images, &Cache::default(), ID, &request, RECORD, &none);
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
    fn a_record_that_could_not_be_served_is_refused_with_the_field_and_nothing_is_written() {
        let images = OneRecord::default();
        for (content, said) in [
            (RECORD.replace("\"abc\"", "\"\""), "hash"),
            (RECORD.replace("5}", "-1}"), "size_bytes -1"),
            (RECORD.replace("5}", "1001}"), "size_bytes 1001"),
            (RECORD.replace("image/png", "text/html"), "mime_type"),
            (RECORD.replace("\"k\"", "\"a/../b\""), "storage_key"),
            (RECORD.replace("\"k\"", "\"\""), "storage_key"),
        ] {
            let error = ask(&images, ID, &with_token(&Method::PUT), &content).unwrap_err();

            assert_eq!(error.code(), "invalid_record", "{content}");
            assert!(error.detail().starts_with(said), "{content}: {error}");
        }
        assert!(images.asked.borrow().is_empty());
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let images = OneRecord::default();
        ask(&images, ID, &with_token(&Method::PUT), RECORD).unwrap();

        let reply = ask(&images, ID, &with_token(&Method::GET), "").unwrap();

        assert!(matches!(reply.content, Content::Text(text) if text == RECORD));
    }

    #[test]
    fn the_bytes_that_are_kept_go_with_the_record() {
        const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let record = RECORD.replace("abc", EMPTY);
        let sha256 = Sha256::of_bytes(b"");
        for (content, deleted) in [(&*record, vec![sha256]), (RECORD, vec![])] {
            let (images, cache) = (OneRecord::default(), Cache::default());
            ask(&images, ID, &with_token(&Method::PUT), content).unwrap();

            let delete = with_token(&Method::DELETE);
            let (outcome, log) = ask_with(&images, &cache, ID, &delete, "", &[]);

            assert_eq!(status(&outcome), 204);
            assert_eq!((cache.deleted.take(), log.cache), (deleted, None));
        }
    }

    #[test]
    fn a_record_is_deleted_also_where_its_bytes_cannot_be_and_the_log_says_so() {
        const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (largest, use_of_cache) in [("0", None), ("1", Some(CacheUse::Failed))] {
            let images = OneRecord::default();
            let cache = Cache {
                fails: true,
                ..Cache::default()
            };
            let record = RECORD.replace("abc", EMPTY);
            ask(&images, ID, &with_token(&Method::PUT), &record).unwrap();

            let (delete, kept) = (with_token(&Method::DELETE), [("cache_max_bytes", largest)]);
            let (outcome, log) = ask_with(&images, &cache, ID, &delete, "", &kept);

            assert_eq!(
                (status(&outcome), log.cache),
                (204, use_of_cache),
                "{largest}"
            );
        }
    }
}
