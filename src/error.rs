//! Every failure: what the client is told, and the private cause that only the log sees.

use std::borrow::Cow;

use http::StatusCode;
use thiserror::Error;

use crate::quoted::Quoted;
use crate::sha256::Sha256;

/// Why a request is not answered with an image.
///
/// [`status`](Self::status), [`code`](Self::code) and [`detail`](Self::detail) are public;
/// the `Display` text and its sources are for the log.
#[derive(Debug, Error)]
pub enum Error {
    /// The path is neither the image route nor an open records route.
    #[error("no such path")]
    NotFound,
    /// The path is known, the method is not.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// Those that the path knows, as `Allow` lists them.
        allowed: &'static str,
    },
    /// The path's `{id}` is not a UUID.
    #[error("the image id is not a UUID")]
    InvalidImageId,
    /// There is no record for the id.
    #[error("no record for this image")]
    ImageNotFound,
    /// `If-Match` names another image than this.
    #[error("If-Match does not match")]
    PreconditionFailed,
    /// The range lies outside the image.
    #[error("the range lies outside the image of {size} bytes")]
    RangeNotSatisfiable {
        /// Size of the image in bytes.
        size: u64,
    },
    /// The request does not show the token of the records route.
    #[error("the request does not show the token in records_token")]
    Unauthorized,
    /// The request's content is longer than any record.
    #[error("the record is longer than {limit} bytes")]
    RecordTooLarge {
        /// Most bytes that are read.
        limit: u64,
    },
    /// The request's content is of another type than a record is.
    #[error("the content is not application/json")]
    UnsupportedMediaType,
    /// The request's content cannot be parsed.
    #[error("the content is not JSON: {0}")]
    InvalidJson(String),
    /// The request's record breaks a rule.
    #[error("the record is not accepted: {0}")]
    InvalidRecord(UnusableRecord),
    /// The id is that of another image.
    #[error("a record of another hash, type or size has this id")]
    ImageExists,
    /// The record cannot be read or written, or is not usable.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The object cannot be fetched.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A setting is missing or malformed.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
}

impl Error {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::ImageNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::InvalidImageId | Self::InvalidRecord(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::RecordTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidJson(_) => StatusCode::BAD_REQUEST,
            Self::ImageExists => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Metadata(_) | Self::Storage(_) | Self::Configuration(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// The stable, machine-readable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::InvalidImageId => "invalid_image_id",
            Self::ImageNotFound => "image_not_found",
            Self::PreconditionFailed => "precondition_failed",
            Self::RangeNotSatisfiable { .. } => "range_not_satisfiable",
            Self::Unauthorized => "unauthorized",
            Self::RecordTooLarge { .. } => "record_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::InvalidJson(_) => "invalid_json",
            Self::InvalidRecord(_) => "invalid_record",
            Self::ImageExists => "image_exists",
            Self::Metadata(_) => "metadata_error",
            Self::Storage(_) => "storage_error",
            Self::Configuration(_) => "configuration_error",
        }
    }

    /// What a person reads. Never names storage or the database. To a client that writes a record it
    /// repeats what the request itself said.
    #[must_use]
    pub fn detail(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::InvalidRecord(rule) => return rule.to_string().into(),
            Self::InvalidJson(cause) => return format!("Content is not JSON: {cause}").into(),
            Self::RecordTooLarge { limit } => {
                return format!("Record is longer than {limit} bytes").into();
            }
            Self::NotFound => "Not found",
            Self::MethodNotAllowed { .. } => "Method not allowed",
            Self::InvalidImageId => "Image id is not a valid UUID",
            Self::ImageNotFound => "Image not found",
            Self::PreconditionFailed => "Image does not match the precondition",
            Self::RangeNotSatisfiable { .. } => "Range lies outside the image",
            Self::Unauthorized => "A valid token is required",
            Self::UnsupportedMediaType => "Content-Type is not application/json",
            Self::ImageExists => "Another image has this id",
            Self::Metadata(_) => "Failed to retrieve image metadata",
            Self::Storage(_) => "Failed to retrieve image content",
            Self::Configuration(_) => "Service is not configured correctly",
        })
    }
}

/// Why an image's record cannot be read or written.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// The host's store cannot be opened, read or written.
    #[error("cannot use the metadata store: {0}")]
    Unavailable(String),
    /// The record is there and breaks a rule.
    #[error("the image's record is not usable: {0}")]
    Unusable(#[from] UnusableRecord),
}

/// Which rule a record breaks.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UnusableRecord {
    /// A field is absent or not of its type.
    #[error("{field} is not {expected}")]
    FieldType {
        /// The record's field.
        field: &'static str,
        /// The type it should have.
        expected: &'static str,
    },
    /// A field is not there, or `null`.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// It is more than the service is set to serve.
    #[error("size_bytes {size} is above max_image_bytes, which is {limit}")]
    AboveLimit {
        /// Size of the image in bytes.
        size: u64,
        /// The setting, in bytes.
        limit: u64,
    },
    /// It is not an object of a record's fields, each of them once.
    #[error("{0}")]
    Shape(String),
    /// The key-value store's value is not a JSON object with the record's fields.
    #[error("its value cannot be read: {0}")]
    Json(String),
    /// `mime_type` is not a concrete `image/*` media type.
    #[error("mime_type {} is not an image type", Quoted(.0))]
    MimeType(String),
    /// `hash` is empty or holds a character that an entity-tag may not.
    #[error("hash {} cannot be an entity-tag", Quoted(.0))]
    Hash(String),
    /// `size_bytes` is negative.
    #[error("size_bytes {0} is negative")]
    Size(i64),
    /// `storage_key` is empty, too long, or holds a control character or a dot segment.
    #[error("storage_key {0}")]
    StorageKey(&'static str),
}

/// Why an object cannot be fetched from storage.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The record promises more bytes than the service is set to serve.
    #[error("the image has {size} bytes, max_image_bytes is {limit}")]
    TooLarge {
        /// Size of the image in bytes.
        size: u64,
        /// The setting, in bytes.
        limit: u64,
    },
    /// The request could not be signed.
    #[error("cannot sign the storage request: {0}")]
    Signing(String),
    /// No answer: refused, reset, timed out, or denied by the host.
    #[error("no answer from storage after {attempts} attempt(s): {cause}")]
    Transport {
        /// How many requests were sent.
        attempts: u32,
        /// What the last of them met.
        cause: TransportError,
    },
    /// Storage answered something other than the object.
    #[error("storage answered {status} after {attempts} attempt(s){explanation}")]
    Status {
        /// Storage's status code.
        status: u16,
        /// How many requests were sent.
        attempts: u32,
        /// What storage says of it and what to do, or nothing.
        explanation: String,
    },
    /// The object is not as long as the record promises.
    #[error("storage promises {promised} bytes, the record {expected}: import the image again")]
    Length {
        /// Storage's `Content-Length` in bytes.
        promised: u64,
        /// The record's size in bytes.
        expected: u64,
    },
    /// The answer does not have one valid `Content-Length`, without which nobody can tell whether it
    /// is the image.
    #[error(
        "storage's answer does not tell its length in one Content-Length: something between storage \
         and here takes it away, such as a proxy that compresses or sends in chunks; the image is not \
         at fault"
    )]
    NoLength,
    /// Storage does not announce the range that it was asked for.
    #[error("storage announces {}, not the range {expected} of the record: import the image again", .announced.as_deref().map_or_else(|| "no range".to_owned(), |range| Quoted(range).to_string()))]
    Range {
        /// Storage's `Content-Range`, where it gave one.
        announced: Option<String>,
        /// The `Content-Range` that was to be announced.
        expected: String,
    },
    /// The object is stored encoded, so that its bytes are not the image's.
    #[error("the object is stored with Content-Encoding {}: store the image itself", Quoted(.0))]
    Encoded(String),
    /// The object is not the one whose hash the record holds.
    #[error(
        "another object lies under this key: its SHA-256 is {found}, the record's {expected} in base64; \
         put the image there again, or import what is there under another id"
    )]
    OtherObject {
        /// What storage or the component found, in base64.
        found: String,
        /// The record's, in base64.
        expected: String,
    },
    /// `require_checksum` is set, and storage keeps no SHA-256 of the whole object.
    #[error(
        "storage keeps no SHA-256 of this object, which require_checksum wants: upload it in one piece \
         with x-amz-checksum-sha256, as image-proxy-import does"
    )]
    NoChecksum,
    /// `require_checksum` is set, and the record's hash is of another kind.
    #[error(
        "the record's hash is not a SHA-256, which require_checksum wants: import the image again"
    )]
    NoSha256,
    /// The stream ended, stalled or broke before it was whole.
    #[error("storage's stream broke after {received} of {expected} bytes: {cause}")]
    Interrupted {
        /// Bytes that came, of this answer's body.
        received: u64,
        /// Bytes that should have come.
        expected: u64,
        /// What the host says of it.
        cause: String,
    },
}

impl StorageError {
    /// That storage has the object of one SHA-256 in the place of that of another.
    pub(crate) fn other_object(found: Sha256, expected: Sha256) -> Self {
        Self::OtherObject {
            found: found.to_base64(),
            expected: expected.to_base64(),
        }
    }
}

/// What a storage request met instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The name of the endpoint's host has no address.
    #[error(
        "the host's name in s3_endpoint cannot be resolved ({0}): check its spelling, and the name server"
    )]
    Unresolved(String),
    /// No connection came about. Hosts tell no more of it than that.
    #[error(
        "connection failed ({0}): check host and port of s3_endpoint, that storage runs and can be \
         reached from here, and the limit of open files"
    )]
    Unreachable(String),
    /// Nor did it in time.
    #[error(
        "no connection within s3_connect_timeout_ms: check host and port of s3_endpoint, and what \
         stands between"
    )]
    ConnectTimeout,
    /// The host has as many connections as it allows.
    #[error("the host's limit of outbound connections is reached")]
    ConnectionLimit,
    /// The TLS handshake failed. Hosts tell components no more of it than that.
    #[error(
        "no TLS with s3_endpoint ({0}): check that its port speaks https, and that its certificate is \
         of this host, has not expired, and comes from an authority that the host trusts; the host's \
         own log may tell which"
    )]
    Tls(String),
    /// The connection broke before the answer's head was complete, or what came cannot be read as
    /// one: hosts do not tell these apart.
    #[error(
        "connection failed: it broke before the answer's head was whole, or what came is not an HTTP \
         answer with at most as many header fields as the host reads ({0})"
    )]
    Broken(String),
    /// The connection broke after the answer's head, before its first byte, or before all of a small
    /// object was here.
    #[error(
        "connection failed: it broke after the answer's head, before anything of it was sent on ({0})"
    )]
    BrokenAfterHead(String),
    /// The answer's head did not come within `s3_first_byte_timeout_ms`.
    #[error(
        "no answer within s3_first_byte_timeout_ms: storage is slow, or hangs in the TLS handshake"
    )]
    FirstByteTimeout,
    /// The first byte, or the next of a small object, did not come within
    /// `s3_between_bytes_timeout_ms`.
    #[error(
        "an answer without its first byte within s3_between_bytes_timeout_ms, or without all of a \
         small image: storage is slow"
    )]
    ContentTimeout,
    /// All attempts together took `s3_total_timeout_ms`.
    #[error("s3_total_timeout_ms is over, and there is no answer")]
    TotalTimeout,
    /// What is left of it is less than the next attempt has to wait for.
    #[error("s3_total_timeout_ms leaves no time for another attempt after {0}")]
    NoTimeLeft(String),
    /// The host will not send this request.
    #[error(
        "the host refuses to contact storage ({0}): check allowed_outbound_hosts in spin.toml, and \
         block_networks in the runtime configuration"
    )]
    Denied(String),
    /// The answer is not HTTP, or breaks its rules.
    #[error("the answer is not valid HTTP: {0}")]
    Protocol(String),
}

/// Why the settings cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A variable cannot be read.
    #[error("cannot read the variable {name}: {cause}")]
    Unreadable {
        /// The Spin variable.
        name: &'static str,
        /// What the host says.
        cause: String,
    },
    /// A variable's value cannot be used. Its value is not repeated: it may be a secret.
    #[error("the variable {name} must be {expected}")]
    Malformed {
        /// The Spin variable.
        name: &'static str,
        /// What would do.
        expected: &'static str,
    },
}

/// The store of kept images cannot be used, for this reason.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot use the key-value store that images are kept in: {0}")]
pub struct CacheError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_or_storage_says_is_quoted_and_what_cannot_be_shown_of_it_is_escaped() {
        let range = StorageError::Range {
            announced: Some("bytes\u{9b}".to_owned()),
            expected: "bytes 0-1/2".to_owned(),
        };
        for (message, expected) in [
            (
                UnusableRecord::MimeType("it's \r\n\u{1b}[31m".to_owned()).to_string(),
                r#"mime_type "it's \r\n\u{1b}[31m" is not an image type"#,
            ),
            (
                UnusableRecord::Hash("e\u{301}\u{2028}\u{202e}".to_owned()).to_string(),
                "hash \"e\u{301}\\u{2028}\\u{202e}\" cannot be an entity-tag",
            ),
            (
                StorageError::Encoded("gzip\u{85}".to_owned()).to_string(),
                r#"the object is stored with Content-Encoding "gzip\u{85}": store the image itself"#,
            ),
            (
                range.to_string(),
                "storage announces \"bytes\\u{9b}\", not the range bytes 0-1/2 of the record: \
                 import the image again",
            ),
        ] {
            assert_eq!(message, expected);
        }
    }
}
