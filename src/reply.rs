//! Status and header fields of every answer: the only place that names a response header, except
//! those of [`cors`](crate::cors).

use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::error::Error;
use crate::image::{ByteRange, Image, ImageId, Record};
use crate::request_log::X_REQUEST_ID;
use crate::route::{IMAGE_METHODS, image_file};
use crate::sha256::Sha256;

/// An image never changes under its id (RFC 9111 section 5.2.2, RFC 8246).
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Lets an SVG that is opened on its own style itself and show what it embeds, and run or load nothing
/// (CSP Level 3).
const INERT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox",
);

/// What is true of a record or a failure now need not be true at the next request.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What a client can verify the whole image by, also where it has it in parts (RFC 9530 section 3).
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

const READY: &str = r#"{"status":"ready"}"#;

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
    /// A small image, or a part of one, that is already here.
    Bytes {
        /// All that is sent.
        bytes: Vec<u8>,
        /// The image's SHA-256, where it is to be kept once it has been sent.
        keep_as: Option<Sha256>,
    },
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
    pub fn image(image: &Image, content: Content<B>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: image_fields(image, image.size),
            content,
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
    pub fn part(image: &Image, range: ByteRange, content: Content<B>) -> Self {
        let length = range.length();
        let mut headers = image_fields(image, length);
        headers.insert(CONTENT_RANGE, ascii(range.to_content_range()));
        Self {
            status: StatusCode::PARTIAL_CONTENT,
            headers,
            content,
        }
    }

    /// The same, where no range of the image would be sent.
    #[must_use]
    pub fn without_ranges(mut self) -> Self {
        let none = HeaderValue::from_static("none");
        self.headers.insert(ACCEPT_RANGES, none);
        self
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
            headers: HeaderMap::from_iter([(ALLOW, HeaderValue::from_static(IMAGE_METHODS))]),
            content: Content::None,
        }
    }

    /// 200 with an image's record, for a client that may write it.
    #[must_use]
    pub fn record(image: &Image) -> Self {
        Self::json(StatusCode::OK, &Record::from(image))
    }

    /// 201: the image can be fetched from now on.
    #[must_use]
    pub fn created(id: ImageId) -> Self {
        Self {
            status: StatusCode::CREATED,
            headers: HeaderMap::from_iter([
                (LOCATION, ascii(image_file(id))),
                (CONTENT_LENGTH, 0.into()),
                (CACHE_CONTROL, NO_STORE),
            ]),
            content: Content::None,
        }
    }

    /// 204: the record is as it was asked for, or gone.
    #[must_use]
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::from_iter([(CACHE_CONTROL, NO_STORE)]),
            content: Content::None,
        }
    }

    /// 200: requests can be answered here.
    #[must_use]
    pub fn ready() -> Self {
        Self::text(StatusCode::OK, READY.to_owned())
    }

    /// A failure, with nothing in it but its public part and the id of the request. An image never
    /// carries that: it is kept for a year.
    #[must_use]
    pub fn error(error: &Error, request_id: &HeaderValue) -> Self {
        let public = PublicError {
            detail: &error.detail(),
            code: error.code(),
        };
        let mut reply = Self::json(error.status(), &public);
        reply.headers.insert(X_REQUEST_ID, request_id.clone());
        let field = match error {
            Error::MethodNotAllowed { allowed } => (ALLOW, HeaderValue::from_static(allowed)),
            Error::RangeNotSatisfiable { size } => {
                (CONTENT_RANGE, ascii(format!("bytes */{size}")))
            }
            Error::Unauthorized => (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            _ => return reply,
        };
        reply.headers.extend([field]);
        reply
    }

    fn json(status: StatusCode, object: &impl Serialize) -> Self {
        // Text and numbers always are JSON.
        Self::text(status, serde_json::to_string(object).unwrap_or_default())
    }

    /// Of JSON that is here already.
    // In each of its callers, it would make the component a kilobyte larger.
    #[inline(never)]
    fn text(status: StatusCode, text: String) -> Self {
        Self {
            status,
            headers: HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (CONTENT_LENGTH, text.len().into()),
                (CACHE_CONTROL, NO_STORE),
            ]),
            content: Content::Text(text),
        }
    }
}

/// What a client is told of a failure.
#[derive(Serialize)]
struct PublicError<'a> {
    detail: &'a str,
    code: &'static str,
}

/// The fields of an answer that carries `length` bytes of the image.
fn image_fields(image: &Image, length: u64) -> HeaderMap {
    let mut fields = HeaderMap::from_iter([
        (CONTENT_TYPE, image.mime_type.clone()),
        (CONTENT_LENGTH, length.into()),
        (ETAG, image.etag.as_header_value().clone()),
        (CACHE_CONTROL, IMMUTABLE),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("inline")),
        (CONTENT_SECURITY_POLICY, INERT),
    ]);
    if let Some(sha256) = image.sha256 {
        fields.insert(
            REPR_DIGEST,
            ascii(format!("sha-256=:{}:", sha256.to_base64())),
        );
    }
    fields
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
    use crate::error::{ConfigError, MetadataError, StorageError, UnusableRecord};
    use crate::sha256::Sha256;

    const ID: HeaderValue = HeaderValue::from_static("request-1");

    const STREAM: Content<()> = Content::Stream {
        body: (),
        length: 3,
    };

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
        let whole = Reply::image(&image(), STREAM);

        let part = Reply::part(&image(), ByteRange::new(1, 3, 5).unwrap(), STREAM);

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
        assert_eq!(reply.headers, Reply::image(&image(), STREAM).headers);
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
        let reply = Reply::<()>::error(&Error::RangeNotSatisfiable { size: 5 }, &ID);

        assert_eq!(reply.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(reply.headers[CONTENT_RANGE], "bytes */5");
    }

    #[test]
    fn an_image_is_answered_with_exactly_the_contract_s_fields() {
        let reply = Reply::image(&image(), STREAM);

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
                    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox"
                ),
                ("content-type", "image/png"),
                ("etag", "\"abc\""),
                ("x-content-type-options", "nosniff"),
            ]
        );
    }

    /// Each error, and what is public of it: status, detail, code.
    fn each_error() -> impl IntoIterator<Item = (Error, u16, &'static str, &'static str)> {
        let secret = || "SELECT secret-bucket".to_owned();
        [
            (Error::NotFound, 404, "Not found", "not_found"),
            (
                Error::MethodNotAllowed {
                    allowed: "GET, PUT",
                },
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
                Error::Unauthorized,
                401,
                "A valid token is required",
                "unauthorized",
            ),
            (
                Error::RecordTooLarge { limit: 9 },
                413,
                "Record is longer than 9 bytes",
                "record_too_large",
            ),
            (
                Error::UnsupportedMediaType,
                415,
                "Content-Type is not application/json",
                "unsupported_media_type",
            ),
            (
                Error::InvalidJson("expected value at line 1 column 1".into()),
                400,
                "Content is not JSON: expected value at line 1 column 1",
                "invalid_json",
            ),
            (
                Error::InvalidRecord(UnusableRecord::Missing("hash")),
                422,
                "hash is missing",
                "invalid_record",
            ),
            (
                Error::ImageExists,
                409,
                "Another image has this id",
                "image_exists",
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
        ]
    }

    #[test]
    fn an_error_shows_its_detail_and_code_and_nothing_of_its_cause() {
        for (error, status, detail, code) in each_error() {
            let reply = Reply::<()>::error(&error, &ID);

            let Content::Text(text) = reply.content else {
                panic!("{code} has no text");
            };
            assert_eq!(reply.status, status, "{code}");
            assert_eq!(text, format!(r#"{{"detail":"{detail}","code":"{code}"}}"#));
            assert_eq!(reply.headers[CONTENT_LENGTH], text.len().to_string());
            assert_eq!(reply.headers[CONTENT_TYPE], "application/json");
            assert_eq!(reply.headers[CACHE_CONTROL], "no-store");
            let allow = reply.headers.get(ALLOW);
            let challenge = reply.headers.get(WWW_AUTHENTICATE);
            let is = |status_with_it, value: &'static str| {
                (status == status_with_it).then(|| HeaderValue::from_static(value))
            };
            assert_eq!(allow, is(405, "GET, PUT").as_ref(), "{code}");
            assert_eq!(challenge, is(401, "Bearer").as_ref(), "{code}");
            let own = allow.iter().chain(&challenge).count();
            assert_eq!(reply.headers[X_REQUEST_ID], ID);
            assert_eq!(reply.headers.len(), 4 + own, "{code}");
        }
    }

    #[test]
    fn what_a_detail_repeats_of_the_request_is_escaped_as_json_wants_it() {
        let rule = UnusableRecord::MimeType("a\"\n\u{1}".into());

        let reply = Reply::<()>::error(&Error::InvalidRecord(rule), &ID);

        let Content::Text(text) = reply.content else {
            panic!("there is no text");
        };
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["code"], "invalid_record");
    }

    #[test]
    fn an_image_whose_hash_is_a_sha_256_carries_it_for_the_client_to_verify() {
        let sha256 = Sha256::of_bytes(b"");
        let image = Image {
            sha256: Some(sha256),
            ..image()
        };
        let part = ByteRange::new(1, 3, 5).unwrap();

        for reply in [
            Reply::image(&image, STREAM),
            Reply::part(&image, part, STREAM),
            Reply::head(&image),
        ] {
            assert_eq!(
                reply.headers[REPR_DIGEST],
                "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
            );
        }
        let unmodified = Reply::<()>::not_modified(&image);
        assert!(!unmodified.headers.contains_key(REPR_DIGEST));
    }

    #[test]
    fn a_record_is_told_in_the_form_in_which_it_is_written() {
        let reply = Reply::<()>::record(&image());

        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(
            fields(&reply.headers),
            [
                ("cache-control", "no-store"),
                ("content-length", "71"),
                ("content-type", "application/json"),
            ]
        );
        let Content::Text(text) = reply.content else {
            panic!("there is no text");
        };
        assert_eq!(
            text,
            r#"{"storage_key":"k","mime_type":"image/png","hash":"abc","size_bytes":5}"#
        );
    }

    #[test]
    fn a_record_that_is_new_is_answered_with_the_path_of_its_image() {
        let id = ImageId::parse("67e5504410b1426f9247bb680e5fe0c8").unwrap();

        let reply = Reply::<()>::created(id);

        assert_eq!(reply.status, StatusCode::CREATED);
        assert_eq!(
            fields(&reply.headers),
            [
                ("cache-control", "no-store"),
                ("content-length", "0"),
                (
                    "location",
                    "/api/v1/images/67e55044-10b1-426f-9247-bb680e5fe0c8/file"
                ),
            ]
        );
    }
}
