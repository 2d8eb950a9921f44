//! S3's `GetObject` and `HeadObject`: the request, and how it comes to its answer.

use http::{HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::Asked;
use super::refusal::Refusal;
use super::retry::{self, Outcome};
use super::sign::{sign, signing_error};
use super::transport::{StorageRequest, StorageResponse, Transport};
use super::{StorageBackend, retry_after};
use crate::config::{AddressingStyle, StorageConfig};
use crate::error::StorageError;
use crate::image::{ByteRange, StorageKey};

/// Everything is encoded but RFC 3986's unreserved characters
/// (Amazon S3 API Reference, "Signature Calculations", `UriEncode`).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// A key may have several segments.
const KEY: &AsciiSet = &SEGMENT.remove(b'/');

/// An S3 bucket.
pub struct S3Storage<'a, T> {
    config: &'a StorageConfig,
    transport: T,
}

impl<'a, T: Transport> S3Storage<'a, T> {
    /// The bucket that `config` names, reached through `transport`.
    pub fn new(config: &'a StorageConfig, transport: T) -> Self {
        Self { config, transport }
    }

    /// The body of an answer that is what was asked for.
    fn fetch(&self, key: &StorageKey, asked: Asked) -> Result<T::Body, StorageError> {
        let (path, range) = (self.object_path(key), asked.range());
        let (response, attempts) = retry::send(&self.transport, self.config.max_attempts, || {
            Ok(self.attempt(asked, &self.signed(asked, &path, range.as_deref())?))
        })?;
        if !asked.fits(response.status) {
            return Err(self.refused(asked, response, attempts));
        }
        asked.check(response.status, &response.headers)?;
        Ok(response.body)
    }

    /// An answer that is the object has its first byte, too: a connection that breaks before that is
    /// worth another attempt, since nothing has been sent to the client.
    fn attempt(&self, asked: Asked, request: &StorageRequest) -> Outcome<T::Body> {
        let response = self.transport.send(request)?;
        let is_object =
            asked.fits(response.status) && asked.check(response.status, &response.headers).is_ok();
        if is_object && asked.content_bytes() > 0 {
            self.transport.await_first_byte(&response.body)?;
        }
        Ok(response)
    }

    /// Each attempt is signed anew, since a signature carries its time.
    fn signed(
        &self,
        asked: Asked,
        path: &str,
        range: Option<&str>,
    ) -> Result<StorageRequest, StorageError> {
        let (endpoint, method) = (&self.config.endpoint, asked.method());
        let uri = format!("{}://{}{path}", endpoint.scheme, endpoint.authority);
        let mut headers = sign(self.config, &method, &uri, range, self.transport.now())?;
        if let Some(range) = range {
            headers.push((
                header::RANGE,
                HeaderValue::from_str(range).map_err(signing_error)?,
            ));
        }
        Ok(StorageRequest {
            method,
            path: path.to_owned(),
            headers,
        })
    }

    fn object_path(&self, key: &StorageKey) -> String {
        let key = utf8_percent_encode(key.as_str(), KEY);
        match self.config.addressing_style {
            AddressingStyle::Path => {
                let bucket = utf8_percent_encode(&self.config.bucket, SEGMENT);
                format!("/{bucket}/{key}")
            }
            AddressingStyle::Virtual => format!("/{key}"),
        }
    }

    fn refused(
        &self,
        asked: Asked,
        response: StorageResponse<T::Body>,
        attempts: u32,
    ) -> StorageError {
        let StorageResponse {
            status,
            headers,
            body,
        } = response;
        // What comes with a success is an image, or a part of one.
        let document = if status.is_success() {
            String::new()
        } else {
            self.transport.read_error_document(body)
        };
        let refusal = Refusal {
            asked,
            status,
            document: &document,
            retry_after: retry_after::pause(&headers),
            config: self.config,
        };
        StorageError::Status {
            status: status.as_u16(),
            attempts,
            explanation: refusal.explanation(),
        }
    }
}

impl<T: Transport> StorageBackend for S3Storage<'_, T> {
    type Body = T::Body;

    fn get(
        &self,
        key: &StorageKey,
        size: u64,
        range: Option<ByteRange>,
    ) -> Result<T::Body, StorageError> {
        self.fetch(key, range.map_or(Asked::Whole { size }, Asked::Part))
    }

    fn head(&self, key: &StorageKey, size: u64) -> Result<(), StorageError> {
        self.fetch(key, Asked::Head { size }).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Method};

    use super::super::transport::scripted::{BREAKS, Outcome, STALLS, Scripted, UNREAD, answer};
    use super::*;
    use crate::config::Config;
    use crate::error::TransportError;

    fn config(addressing_style: &str) -> StorageConfig {
        Config::example(&[("s3_addressing_style", addressing_style)]).storage
    }

    fn whole_object() -> Outcome {
        answer(200, &[(header::CONTENT_LENGTH, "3")], "abc")
    }

    fn get(transport: &Scripted) -> Result<&'static str, StorageError> {
        let key = StorageKey::parse("k".into()).unwrap();
        S3Storage::new(&config("path"), transport).get(&key, 3, None)
    }

    #[test]
    fn an_object_of_the_promised_length_is_handed_over_after_one_signed_request() {
        let transport = Scripted::new([whole_object()]);

        assert_eq!(get(&transport).unwrap(), "abc");

        let requests = transport.requests.borrow();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, Method::GET);
        assert_eq!(requests[0].path, "/images/k");
        let mut names: Vec<_> = requests[0]
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["authorization", "x-amz-content-sha256", "x-amz-date"]
        );
    }

    #[test]
    fn each_attempt_is_signed_anew() {
        let transport = Scripted::new([answer(503, &[], ""), whole_object()]);

        get(&transport).unwrap();

        let requests = transport.requests.borrow();
        assert_ne!(requests[0].headers, requests[1].headers);
    }

    #[test]
    fn an_unexpected_status_is_told_with_storage_s_own_code() {
        let transport = Scripted::new([answer(404, &[], "<Error><Code>NoSuchKey</Code></Error>")]);

        let error = get(&transport).unwrap_err().to_string();

        assert!(
            error.contains("404 after 1 attempt(s) (NoSuchKey)"),
            "{error}"
        );
    }

    fn get_range(transport: &Scripted) -> Result<&'static str, StorageError> {
        let key = StorageKey::parse("k".into()).unwrap();
        let range = ByteRange::new(2, 4, 10);
        S3Storage::new(&config("path"), transport).get(&key, 10, range)
    }

    #[test]
    fn a_range_is_one_ranged_request_whose_range_is_signed() {
        let fields = [
            (header::CONTENT_LENGTH, "3"),
            (header::CONTENT_RANGE, "bytes 2-4/10"),
        ];
        let transport = Scripted::new([answer(206, &fields, "cde")]);

        assert_eq!(get_range(&transport).unwrap(), "cde");

        let requests = transport.requests.borrow();
        let field = |name: HeaderName| {
            let (_, value) = requests[0]
                .headers
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap();
            value.to_str().unwrap()
        };
        assert_eq!(field(header::RANGE), "bytes=2-4");
        assert!(field(header::AUTHORIZATION).contains("SignedHeaders=host;range;"));
    }

    #[test]
    fn an_answer_that_is_not_what_was_asked_for_is_refused_and_an_image_in_it_not_read() {
        let length = |value| (header::CONTENT_LENGTH, value);
        let other_range = [length("3"), (header::CONTENT_RANGE, "bytes 3-5/10")];
        for (outcome, cause) in [
            (
                answer(200, &[length("10")], UNREAD),
                "200 after 1 attempt(s): it ignores ranges",
            ),
            (answer(206, &other_range, UNREAD), "announces"),
            (answer(204, &[], UNREAD), "204 after 1 attempt(s)"),
            (
                answer(416, &[], "<Code>InvalidRange</Code>"),
                "416 after 1 attempt(s) (InvalidRange)",
            ),
        ] {
            let error = get_range(&Scripted::new([outcome])).unwrap_err();
            assert!(error.to_string().contains(cause), "{error}");
        }
    }

    #[test]
    fn the_whole_is_as_good_an_answer_to_a_range_that_is_the_whole() {
        let key = StorageKey::parse("k".into()).unwrap();
        let transport = Scripted::new([whole_object()]);
        let whole = ByteRange::new(0, 2, 3);

        let body = S3Storage::new(&config("path"), &transport).get(&key, 3, whole);

        assert_eq!(body.unwrap(), "abc");
    }

    #[test]
    fn an_answer_that_breaks_before_its_first_byte_is_asked_for_again() {
        let length = [(header::CONTENT_LENGTH, "3")];
        let transport = Scripted::new([answer(200, &length, BREAKS), whole_object()]);

        assert_eq!(get(&transport).unwrap(), "abc");

        let always = || answer(200, &length, BREAKS);
        let transport = Scripted::new([always(), always(), always()]);
        assert!(matches!(
            get(&transport),
            Err(StorageError::Transport {
                attempts: 3,
                cause: TransportError::BrokenAfterHead(_)
            })
        ));
    }

    #[test]
    fn an_answer_whose_first_byte_does_not_come_is_given_up() {
        let length = [(header::CONTENT_LENGTH, "3")];
        let transport = Scripted::new([answer(200, &length, STALLS)]);

        assert!(matches!(
            get(&transport),
            Err(StorageError::Transport {
                attempts: 1,
                cause: TransportError::ContentTimeout
            })
        ));
    }

    #[test]
    fn an_answer_that_is_not_the_object_is_refused_without_waiting_for_its_content() {
        let length = [(header::CONTENT_LENGTH, "4")];
        let transport = Scripted::new([answer(200, &length, BREAKS)]);

        assert!(matches!(
            get(&transport),
            Err(StorageError::Length { promised: 4, .. })
        ));
    }

    #[test]
    fn head_and_an_object_of_no_bytes_have_no_first_byte_to_wait_for() {
        let key = StorageKey::parse("k".into()).unwrap();
        let empty = || answer(200, &[(header::CONTENT_LENGTH, "0")], BREAKS);
        let transport = Scripted::new([empty(), empty()]);
        let config = config("path");
        let storage = S3Storage::new(&config, &transport);

        storage.head(&key, 0).unwrap();
        storage.get(&key, 0, None).unwrap();

        assert_eq!(transport.requests.borrow()[0].method, Method::HEAD);
    }

    #[test]
    fn head_confirms_the_object_and_its_length_where_that_is_told() {
        let key = StorageKey::parse("k".into()).unwrap();
        let head = |outcome: Outcome| {
            let transport = Scripted::new([outcome]);
            let confirmed = S3Storage::new(&config("path"), &transport)
                .head(&key, 3)
                .is_ok();
            assert_eq!(transport.requests.borrow()[0].method, Method::HEAD);
            confirmed
        };

        assert!(head(answer(200, &[(header::CONTENT_LENGTH, "3")], "")));
        assert!(head(answer(200, &[], "")));
        assert!(!head(answer(200, &[(header::CONTENT_LENGTH, "4")], "")));
        assert!(!head(answer(404, &[], "")));
    }

    #[test]
    fn the_bucket_of_another_tenant_is_encoded_as_ceph_canonicalises_it() {
        let settings = Config::example(&[("s3_bucket", "tenant:images")]).storage;
        let transport = Scripted::new([whole_object()]);
        let key = StorageKey::parse("a:b".into()).unwrap();

        S3Storage::new(&settings, &transport)
            .get(&key, 3, None)
            .unwrap();

        let path = &transport.requests.borrow()[0].path;
        assert_eq!(path, "/tenant%3Aimages/a%3Ab");
    }

    #[test]
    fn a_key_is_encoded_once_and_placed_by_addressing_style() {
        let keys = [
            ("a/b.png", "a/b.png"),
            ("a b+c", "a%20b%2Bc"),
            ("100%/%2F", "100%25/%252F"),
            ("a//b/", "a//b/"),
            ("/a", "/a"),
            ("q?x=1&y#z", "q%3Fx%3D1%26y%23z"),
            ("(1)!*'~", "%281%29%21%2A%27~"),
            ("é", "%C3%A9"),
            ("🖼", "%F0%9F%96%BC"),
            (
                "[a];b@c\"<d>\\^`{|}",
                "%5Ba%5D%3Bb%40c%22%3Cd%3E%5C%5E%60%7B%7C%7D",
            ),
            ("..@/..b/...", "..%40/..b/..."),
            ("/", "/"),
            ("日本\u{3000}", "%E6%97%A5%E6%9C%AC%E3%80%80"),
        ];

        for (key, encoded) in keys {
            let key = StorageKey::parse(key.into()).unwrap();
            for (style, path) in [
                ("path", format!("/images/{encoded}")),
                ("virtual", format!("/{encoded}")),
            ] {
                let transport = Scripted::new([whole_object()]);
                S3Storage::new(&config(style), &transport)
                    .get(&key, 3, None)
                    .unwrap();
                assert_eq!(transport.requests.borrow()[0].path, path);
            }
        }
    }
}
