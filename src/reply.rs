//! Status and header fields of every answer; the only place that names a response header.

use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::error::Error;
use crate::image::Image;

/// An image never changes under its id (RFC 9111 section 5.2.2, RFC 8246).
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Lets an SVG that is opened on its own style itself, and run or load nothing (CSP Level 3).
const INERT: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// The methods that the image route knows.
const METHODS: HeaderValue = HeaderValue::from_static("GET");

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
            headers: HeaderMap::from_iter([
                (CONTENT_TYPE, image.mime_type.clone()),
                (CONTENT_LENGTH, image.size.into()),
                (ETAG, image.etag.as_header_value().clone()),
                (CACHE_CONTROL, IMMUTABLE),
                (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
                (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
                (CONTENT_DISPOSITION, HeaderValue::from_static("inline")),
                (CONTENT_SECURITY_POLICY, INERT),
            ]),
            content: Content::Stream {
                body,
                length: image.size,
            },
        }
    }

    /// A failure, with nothing in it but its public part.
    #[must_use]
    pub fn error(error: &Error) -> Self {
        let text = serde_json::json!({"detail": error.detail(), "code": error.code()}).to_string();
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CONTENT_LENGTH, text.len().into()),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]);
        if matches!(error, Error::MethodNotAllowed) {
            headers.insert(ALLOW, METHODS);
        }
        Self {
            status: error.status(),
            headers,
            content: Content::Text(text),
        }
    }
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

    #[test]
    fn an_image_is_answered_with_exactly_the_contract_s_fields() {
        let image = Image::try_from(Record {
            storage_key: "k".into(),
            mime_type: "image/png".into(),
            hash: "abc".into(),
            size_bytes: 5,
        });

        let reply = Reply::image(&image.unwrap(), ());

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
            let expected = serde_json::json!({"detail": detail, "code": code});
            assert_eq!(reply.status, status, "{code}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&text).unwrap(),
                expected
            );
            assert_eq!(reply.headers[CONTENT_LENGTH], text.len().to_string());
            assert_eq!(reply.headers[CONTENT_TYPE], "application/json");
            assert_eq!(reply.headers[CACHE_CONTROL], "no-store");
            let has_allow = reply.headers.contains_key(ALLOW);
            assert_eq!(has_allow, status == 405, "{code}");
            assert_eq!(reply.headers.len(), if has_allow { 4 } else { 3 }, "{code}");
        }
    }
}
