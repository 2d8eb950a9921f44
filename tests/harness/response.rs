//! An HTTP exchange, seen by a client that trusts nobody.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};

use super::client::{Answer, Client, Error};
use super::images::TestImage;
use super::secrecy::Secrets;

/// A whole answer.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Body,
}

/// What came after the head.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// As much as the head promised.
    Whole(Vec<u8>),
    /// Less, and the client was told so by the connection's end.
    Broken(Vec<u8>),
}

/// A connection for each request.
static CLIENT: LazyLock<Client> = LazyLock::new(|| Client::new(0, super::PATIENCE * 4));

/// Asks an app and reads to the end. No answer may show what no app shows.
///
/// # Errors
/// When the connection ends before the head.
pub fn send(request: Request<impl AsRef<[u8]>>) -> Result<Response, Error> {
    let response = exchange(request)?;
    Secrets::default().assert_absent_from(&response);
    Ok(response)
}

/// As [`send`], of a request by its parts.
///
/// # Errors
/// When the connection ends before the head.
pub fn request(
    method: &str,
    url: &str,
    fields: &[(&str, &str)],
    content: &[u8],
) -> Result<Response, Error> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request.body(content).unwrap())
}

/// As `send`, of any server.
///
/// # Errors
/// When the connection ends before the head.
pub fn exchange(request: Request<impl AsRef<[u8]>>) -> Result<Response, Error> {
    Ok(open(request)?.read_to_end())
}

/// As `exchange`, but waits for the head alone.
///
/// # Errors
/// When the connection ends before the head.
pub fn open(request: Request<impl AsRef<[u8]>>) -> Result<Answer, Error> {
    CLIENT.ask(request.map(|content| Bytes::copy_from_slice(content.as_ref())))
}

impl Response {
    /// The body of a transfer that succeeded.
    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Whole(bytes) => bytes,
            Body::Broken(bytes) => panic!("the transfer failed after {} bytes", bytes.len()),
        }
    }

    /// Whether the transfer failed, and the client was told so.
    pub fn is_broken(&self) -> bool {
        matches!(self.body, Body::Broken(_))
    }

    /// All header fields but `Date` and `Connection`, which are the HTTP server's, sorted by name.
    pub fn fields(&self) -> Vec<(&str, &str)> {
        let mut fields: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .filter(|(name, _)| !matches!(*name, "date" | "connection"))
            .collect();
        fields.sort_unstable();
        fields
    }

    /// Asserts that this is a failure in the contract's shape, and nothing else.
    #[track_caller]
    pub fn assert_error(&self, status: u16, detail: &str, code: &str) {
        self.assert_error_with(status, detail, code, &[]);
    }

    /// As `assert_error`, with these fields besides those of every failure.
    #[track_caller]
    pub fn assert_error_with(
        &self,
        status: u16,
        detail: &str,
        code: &str,
        fields: &[(&str, &str)],
    ) {
        let body: serde_json::Value = serde_json::from_slice(self.bytes()).unwrap();
        assert_eq!(body, serde_json::json!({"detail": detail, "code": code}));
        assert_eq!(self.status, status);
        let length = self.bytes().len().to_string();
        let request_id = self.headers["x-request-id"].to_str().unwrap();
        assert!(uuid::Uuid::try_parse(request_id).is_ok(), "{request_id}");
        let mut expected = vec![
            ("cache-control", "no-store"),
            ("content-length", length.as_str()),
            ("content-type", "application/json"),
            ("x-request-id", request_id),
        ];
        if status == 405 && fields.is_empty() {
            expected.push(("allow", "GET, HEAD, OPTIONS"));
        }
        expected.extend(fields);
        expected.sort_unstable();
        assert_eq!(self.fields(), expected);
    }

    /// Asserts the one answer for everything that storage does wrong before the first byte.
    #[track_caller]
    pub fn assert_storage_error(&self) {
        self.assert_error(500, "Failed to retrieve image content", "storage_error");
    }

    /// Asserts 200 with exactly the contract's fields and the whole image, or none of it.
    #[track_caller]
    pub fn assert_image(&self, image: &TestImage, content: &[u8]) {
        let length = image.bytes.len();
        assert_eq!(self.status, 200);
        let fields = image_fields(image, length);
        let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(self.fields(), fields.collect::<Vec<_>>());
        assert!(self.bytes() == content, "other bytes than the image's");
    }

    /// Asserts 206 with exactly the contract's fields and the image's slice.
    #[track_caller]
    pub fn assert_part(&self, image: &TestImage, first: usize, last: usize) {
        let range = format!("bytes {first}-{last}/{}", image.bytes.len());
        let mut expected = image_fields(image, last - first + 1);
        expected.push(("content-range", range));
        expected.sort_unstable();
        assert_eq!(self.status, 206);
        let expected = expected.iter().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(self.fields(), expected.collect::<Vec<_>>());
        assert!(
            self.bytes() == &image.bytes[first..=last],
            "other bytes than the range's"
        );
    }

    /// Asserts 304 with exactly the contract's fields.
    #[track_caller]
    pub fn assert_not_modified(&self, image: &TestImage) {
        let etag = format!("\"{}\"", image.hash());
        assert_eq!(self.status, 304);
        let cache_control = "public, max-age=31536000, immutable";
        assert_eq!(
            self.fields(),
            [("cache-control", cache_control), ("etag", &etag)]
        );
        assert_eq!(self.bytes(), b"");
    }

    /// Asserts the one answer for a record that cannot be read or used.
    #[track_caller]
    pub fn assert_metadata_error(&self) {
        self.assert_error(500, "Failed to retrieve image metadata", "metadata_error");
    }
}

/// Those of an answer with `length` bytes of an image whose hash is its SHA-256.
fn image_fields(image: &TestImage, length: usize) -> Vec<(&'static str, String)> {
    let inert =
        "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox";
    let digest = format!("sha-256=:{}:", image.sha256_in_base64());
    vec![
        ("accept-ranges", "bytes".to_owned()),
        (
            "cache-control",
            "public, max-age=31536000, immutable".to_owned(),
        ),
        ("content-disposition", "inline".to_owned()),
        ("content-length", length.to_string()),
        ("content-security-policy", inert.to_owned()),
        ("content-type", image.mime_type.clone()),
        ("etag", format!("\"{}\"", image.hash())),
        ("repr-digest", digest),
        ("x-content-type-options", "nosniff".to_owned()),
    ]
}
