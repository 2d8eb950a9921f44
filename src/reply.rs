//! Status and header fields of every answer: the only place that names a response header, but for
//! those of [`cors`](crate::cors).

use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::error::Error;
use crate::image::{ByteRange, Image};

/// An image never changes under its id (RFC 9111 section 5.2.2, RFC 8246).
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Lets an SVG that is opened on its own style itself, and run or load nothing (CSP Level 3).
const INERT: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// The methods that the image route knows.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Reply<B> {
    /// The status code.
    pub status: StatusCode,
    /// All header fields.
    pub headers: HeaderMap,
    /// The content.
    pub content: Content<B>,
}

/// What follows the head.
#[derive(Debug)]
pub enum Content<B> {
    /// Nothing.
    None,
    /// A short text that is already here.
    Text(String),
    /// A stream from storage.
    Stream {
        /// Where the bytes come from.
        body: B,
        /// How many of them, neither more nor less.
        length: u64,
    },
}

impl<B> Reply<B> {
    /// 200 with the whole image.
    #[must_use]
    pub fn image(image: &Image, body: B) -> Self {
        Self {
            status: StatusCode::OK,
            headers: image_fields(image, image.size),
            content: Content::Stream {
                body,
                length: image.size,
            },
        }
    }

    /// 200 without the image, for `HEAD`.
    #[must_use]
    pub fn head(image: &Image) -> Self {
        Self {
            status: StatusCode::OK,
            headers: image_fields(image, image.size),
            content: Content::None,
        }
    }

    /// 206 with a range of the image.
    #[must_use]
    pub fn part(image: &Image, range: ByteRange, body: B) -> Self {
        let length = range.length();
        let mut headers = image_fields(image, length);
        headers.insert(CONTENT_RANGE, ascii(range.to_content_range()));
        Self {
            status: StatusCode::PARTIAL_CONTENT,
            headers,
            content: Content::Stream { body, length },
        }
    }

    /// 304: the client has the image (RFC 9110 section 15.4.5).
    #[must_use]
    pub fn not_modified(image: &Image) -> Self {
        Self {
            status: StatusCode::NOT_MODIFIED,
            headers: HeaderMap::from_iter([
                (ETAG, image.etag.as_header_value().clone()),
                (CACHE_CONTROL, IMMUTABLE),
            ]),
            content: Content::None,
        }
    }

    /// 204: what may be asked.
    #[must_use]
    pub fn options() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::from_iter([(ALLOW, METHODS)]),
            content: Content::None,
        }
    }

    /// A failure, with nothing in it but its public part.
    #[must_use]
    pub fn error(error: &Error) -> Self {
        // Neither text holds a character that JSON escapes.
        let text = format!(
            r#"{{"detail":"{}","code":"{}"}}"#,
            error.detail(),
            error.code()
        );
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CONTENT_LENGTH, text.len().into()),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]);
        match error {
            Error::MethodNotAllowed => {
                headers.insert(ALLOW, METHODS);
            }
            Error::RangeNotSatisfiable { size } => {
                headers.insert(CONTENT_RANGE, ascii(format!("bytes */{size}")));
            }
            _ => {}
        }
        Self {
            status: error.status(),
            headers,
            content: Content::Text(text),
        }
    }
}

/// The fields of an answer that carries `length` bytes of the image.
fn image_fields(image: &Image, length: u64) -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, image.mime_type.clone()),
        (CONTENT_LENGTH, length.into()),
        (ETAG, image.etag.as_header_value().clone()),
        (CACHE_CONTROL, IMMUTABLE),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("inline")),
        (CONTENT_SECURITY_POLICY, INERT),
    ])
}

#[expect(
    clippy::expect_used,
    reason = "digits and punctuation always are a field value"
)]
fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("printable ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ConfigError, MetadataError, StorageError};
    use crate::image::Record;

    fn fields(headers: &HeaderMap) -> Vec<(&str, &str)> {
        let mut fields: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        fields.sort_unstable();
        fields
    }

    fn image() -> Image {
        let record = Record {
            storage_key: "k".into(),
            mime_type: "image/png".into(),
            hash: "abc".into(),
            size_bytes: 5,
        };
        Image::try_from(record).unwrap()
    }

    #[test]
    fn a_part_announces_its_range_and_its_own_length() {
        let whole = Reply::image(&image(), ());

        let part = Reply::part(&image(), ByteRange::new(1, 3, 5).unwrap(), ());

        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
        let mut expected = whole.headers;
        expected.insert(CONTENT_LENGTH, HeaderValue::from_static("3"));
        expected.insert(CONTENT_RANGE, HeaderValue::from_static("bytes 1-3/5"));
        assert_eq!(part.headers, expected);
        assert!(matches!(part.content, Content::Stream { length: 3, .. }));
    }

    #[test]
    fn head_has_the_fields_of_get_and_no_content() {
        let reply = Reply::<()>::head(&image());

        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.headers, Reply::image(&image(), ()).headers);
        assert!(matches!(reply.content, Content::None));
    }

    #[test]
    fn not_modified_has_only_what_a_cache_updates() {
        let reply = Reply::<()>::not_modified(&image());

        assert_eq!(reply.status, StatusCode::NOT_MODIFIED);
        let expected = [
            ("cache-control", "public, max-age=31536000, immutable"),
            ("etag", "\"abc\""),
        ];
        assert_eq!(fields(&reply.headers), expected);
        assert!(matches!(reply.content, Content::None));
    }

    #[test]
    fn an_unsatisfiable_range_is_told_the_size() {
        let reply = Reply::<()>::error(&Error::RangeNotSatisfiable { size: 5 });

        assert_eq!(reply.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(reply.headers[CONTENT_RANGE], "bytes */5");
    }

    #[test]
    fn an_image_is_answered_with_exactly_the_contract_s_fields() {
        let reply = Reply::image(&image(), ());

        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(
            fields(&reply.headers),
            [
                ("accept-ranges", "bytes"),
                ("cache-control", "public, max-age=31536000, immutable"),
                ("content-disposition", "inline"),
                ("content-length", "5"),
                (
                    "content-security-policy",
                    "default-src 'none'; style-src 'unsafe-inline'; sandbox"
                ),
                ("content-type", "image/png"),
                ("etag", "\"abc\""),
                ("x-content-type-options", "nosniff"),
            ]
        );
    }

    #[test]
    fn an_error_shows_its_detail_and_code_and_nothing_of_its_cause() {
        let secret = || "SELECT secret-bucket".to_owned();
        let errors = [
            (Error::NotFound, 404, "Not found", "not_found"),
            (
                Error::MethodNotAllowed,
                405,
                "Method not allowed",
                "method_not_allowed",
            ),
            (
                Error::InvalidImageId,
                422,
                "Image id is not a valid UUID",
                "invalid_image_id",
            ),
            (
                Error::PreconditionFailed,
                412,
                "Image does not match the precondition",
                "precondition_failed",
            ),
            (
                Error::ImageNotFound,
                404,
                "Image not found",
                "image_not_found",
            ),
            (
                MetadataError::Unavailable(secret()).into(),
                500,
                "Failed to retrieve image metadata",
                "metadata_error",
            ),
            (
                StorageError::Signing(secret()).into(),
                500,
                "Failed to retrieve image content",
                "storage_error",
            ),
            (
                ConfigError::Unreadable {
                    name: "s3_bucket",
                    cause: secret(),
                }
                .into(),
                500,
                "Service is not configured correctly",
                "configuration_error",
            ),
        ];

        for (error, status, detail, code) in errors {
            let reply = Reply::<()>::error(&error);

            let Content::Text(text) = reply.content else {
                panic!("{code} has no text");
            };
            assert_eq!(reply.status, status, "{code}");
            assert_eq!(text, format!(r#"{{"detail":"{detail}","code":"{code}"}}"#));
            assert_eq!(reply.headers[CONTENT_LENGTH], text.len().to_string());
            assert_eq!(reply.headers[CONTENT_TYPE], "application/json");
            assert_eq!(reply.headers[CACHE_CONTROL], "no-store");
            let has_allow = reply.headers.contains_key(ALLOW);
            assert_eq!(has_allow, status == 405, "{code}");
            assert_eq!(reply.headers.len(), if has_allow { 4 } else { 3 }, "{code}");
        }
    }
}
