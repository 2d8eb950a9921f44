//! S3's `GetObject` and `HeadObject`: the request, and the check of what storage promises.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::sign::{sign, signing_error};
use super::transport::{StorageRequest, StorageResponse, Transport};
use super::{StorageBackend, error_document, retry};
use crate::config::{AddressingStyle, StorageConfig};
use crate::error::StorageError;
use crate::field::only_line;
use crate::image::{ByteRange, StorageKey};

/// Everything is encoded but RFC 3986's unreserved characters and the slash
/// (Amazon S3 API Reference, "Signature Calculations", `UriEncode`).
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

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

    /// An answer of the one status that fits the request.
    fn request(
        &self,
        method: &Method,
        key: &StorageKey,
        range: Option<&str>,
    ) -> Result<StorageResponse<T::Body>, StorageError> {
        let expected = match range {
            Some(_) => StatusCode::PARTIAL_CONTENT,
            None => StatusCode::OK,
        };
        let path = self.object_path(key);
        let (response, attempts) = retry::send(&self.transport, self.config.max_attempts, || {
            self.signed(method, &path, range)
        })?;
        if response.status != expected {
            return Err(self.unexpected_status(response, attempts));
        }
        check_encoding(&response.headers)?;
        Ok(response)
    }

    /// Each attempt is signed anew, since a signature carries its time.
    fn signed(
        &self,
        method: &Method,
        path: &str,
        range: Option<&str>,
    ) -> Result<StorageRequest, StorageError> {
        let endpoint = &self.config.endpoint;
        let uri = format!("{}://{}{path}", endpoint.scheme, endpoint.authority);
        let mut headers = sign(self.config, method, &uri, range, self.transport.now())?;
        if let Some(range) = range {
            headers.push((
                header::RANGE,
                HeaderValue::from_str(range).map_err(signing_error)?,
            ));
        }
        Ok(StorageRequest {
            method: method.clone(),
            path: path.to_owned(),
            headers,
        })
    }

    fn object_path(&self, key: &StorageKey) -> String {
        let key = utf8_percent_encode(key.as_str(), KEY);
        match self.config.addressing_style {
            AddressingStyle::Path => format!("/{}/{key}", self.config.bucket),
            AddressingStyle::Virtual => format!("/{key}"),
        }
    }

    fn unexpected_status(&self, response: StorageResponse<T::Body>, attempts: u32) -> StorageError {
        let document = self.transport.read_error_document(response.body);
        StorageError::Status {
            status: response.status.as_u16(),
            attempts,
            explanation: error_document::explain(response.status, &document),
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
        let asked = range.map(ByteRange::to_range);
        let response = self.request(&Method::GET, key, asked.as_deref())?;
        check_length(&response.headers, range.map_or(size, ByteRange::length))?;
        if let Some(range) = range {
            check_range(&response.headers, &range.to_content_range())?;
        }
        Ok(response.body)
    }

    fn head(&self, key: &StorageKey, size: u64) -> Result<(), StorageError> {
        let response = self.request(&Method::HEAD, key, None)?;
        check_length(&response.headers, size)
    }
}

/// An object's coding is metadata that any uploader may set (RFC 9110 section 8.4); the record's
/// size and hash are those of the image.
fn check_encoding(headers: &HeaderMap) -> Result<(), StorageError> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    match codings.find(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Some(coding) => Err(StorageError::Encoded(
            String::from_utf8_lossy(coding.as_bytes()).into(),
        )),
        None => Ok(()),
    }
}

fn check_length(headers: &HeaderMap, expected: u64) -> Result<(), StorageError> {
    let promised = content_length(headers);
    if promised == Some(expected) {
        return Ok(());
    }
    Err(StorageError::Length { promised, expected })
}

/// `Content-Range` must be the one that the request leads to, down to the object's whole length.
fn check_range(headers: &HeaderMap, expected: &str) -> Result<(), StorageError> {
    let mut values = headers.get_all(header::CONTENT_RANGE).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(expected.as_bytes()) => Ok(()),
        (announced, _) => Err(StorageError::Range {
            announced: announced.map(|value| String::from_utf8_lossy(value.as_bytes()).into()),
            expected: expected.to_owned(),
        }),
    }
}

/// The one value of `Content-Length`, digits only (RFC 9110 section 8.6).
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let text = only_line(headers, header::CONTENT_LENGTH)?.to_str().ok()?;
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::super::transport::scripted::{Outcome, Scripted, answer};
    use super::*;
    use crate::config::Config;

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
    fn any_answer_to_a_range_but_that_range_of_that_object_is_refused() {
        let length = || (header::CONTENT_LENGTH, "3");
        let range = |value| (header::CONTENT_RANGE, value);
        let answers = [
            answer(200, &[(header::CONTENT_LENGTH, "10")], "abcdefghij"),
            answer(200, &[length(), range("bytes 2-4/10")], "cde"),
            answer(206, &[length()], "cde"),
            answer(
                206,
                &[(header::CONTENT_LENGTH, "4"), range("bytes 2-4/10")],
                "cdef",
            ),
            answer(206, &[range("bytes 2-4/10")], "cde"),
            answer(206, &[length(), range("bytes 3-5/10")], "def"),
            answer(206, &[length(), range("bytes 2-4/11")], "cde"),
            answer(206, &[length(), range("bytes 2-4/*")], "cde"),
            answer(
                206,
                &[length(), range("bytes 2-4/10"), range("bytes 2-4/10")],
                "cde",
            ),
            answer(416, &[(header::CONTENT_RANGE, "bytes */10")], ""),
        ];

        for outcome in answers {
            let shown = format!("{outcome:?}");
            assert!(get_range(&Scripted::new([outcome])).is_err(), "{shown}");
        }
    }

    #[test]
    fn an_object_that_is_stored_encoded_is_refused() {
        let stored = |coding| {
            let fields = [
                (header::CONTENT_LENGTH, "3"),
                (header::CONTENT_ENCODING, coding),
            ];
            get(&Scripted::new([answer(200, &fields, "abc")]))
        };

        assert!(stored("Identity").is_ok());
        for coding in ["gzip", "aws-chunked", ""] {
            assert!(matches!(stored(coding), Err(StorageError::Encoded(_))));
        }
    }

    #[test]
    fn head_confirms_the_object_and_its_length() {
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
        assert!(!head(answer(200, &[(header::CONTENT_LENGTH, "4")], "")));
        assert!(!head(answer(200, &[], "")));
        assert!(!head(answer(404, &[], "")));
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

    #[test]
    fn any_length_but_the_promised_one_is_refused() {
        let length = header::CONTENT_LENGTH;
        let answers = [
            (answer(200, &[], "abc"), None),
            (answer(200, &[(length.clone(), "4")], "abcd"), Some(4)),
            (answer(200, &[(length.clone(), "2")], "ab"), Some(2)),
            (answer(200, &[(length.clone(), "+3")], "abc"), None),
            (answer(200, &[(length.clone(), "3, 3")], "abc"), None),
            (answer(200, &[(length.clone(), "")], "abc"), None),
            (
                answer(200, &[(length.clone(), "3"), (length, "3")], "abc"),
                None,
            ),
        ];

        for (outcome, expected) in answers {
            let shown = format!("{outcome:?}");
            match get(&Scripted::new([outcome])) {
                Err(StorageError::Length {
                    promised,
                    expected: 3,
                }) => {
                    assert_eq!(promised, expected, "{shown}");
                }
                other => panic!("{shown}: {other:?}"),
            }
        }
    }
}
