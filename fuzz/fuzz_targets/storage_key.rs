//! Storage keys: any text is a key or breaks a rule, and storage is asked for a key by a path that
//! holds nothing but its percent-encoding and that every HTTP client sends as it was signed.

#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use http::Uri;
use http::header::AUTHORIZATION;
use image_proxy::config::{Config, StorageConfig};
use image_proxy::error::TransportError;
use image_proxy::image::StorageKey;
use image_proxy::storage::StorageBackend;
use image_proxy::storage::s3::S3Storage;
use image_proxy::storage::transport::{StorageRequest, StorageResponse, Transport};
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;

/// Two ways to address an object, and what stands before its key in the path.
static BUCKETS: LazyLock<[(StorageConfig, &str); 2]> =
    LazyLock::new(|| [(bucket("path"), "/images/"), (bucket("virtual"), "/")]);

fuzz_target!(|input: (Option<u16>, &str)| {
    let (length, text) = input;
    let length = usize::from(length.unwrap_or_default());
    let text = format!("{text:k<length$}");

    let parsed = StorageKey::parse(text.clone());
    assert_eq!(parsed.is_ok(), is_usable(&text));
    let Ok(key) = parsed else { return };
    assert_eq!(key.as_str(), text);

    for (config, prefix) in &*BUCKETS {
        let request = request_for(&key, config);

        let encoded = request
            .path
            .strip_prefix(prefix)
            .expect("the bucket comes first");
        assert!(is_percent_encoded(encoded), "{encoded}");
        assert!(percent_decode_str(encoded).eq(text.bytes()), "{encoded}");

        let sent = format!("http://127.0.0.1:9000{}", request.path);
        let uri: Uri = sent.parse().expect("the path is a URI's");
        assert_eq!(uri.path(), request.path);
        assert_eq!(uri.to_string(), sent);

        let is_signed = request
            .headers
            .iter()
            .any(|(name, _)| name == AUTHORIZATION);
        assert!(is_signed);
    }
});

/// 1 to 1024 bytes without control characters and without `.` and `..` segments.
fn is_usable(key: &str) -> bool {
    let is_control = |character| matches!(character, '\0'..='\x1f' | '\x7f'..='\u{9f}');
    let segments = format!("/{key}/");
    matches!(key.len(), 1..=1024)
        && !key.contains(is_control)
        && !segments.contains("/./")
        && !segments.contains("/../")
}

/// Unreserved characters (RFC 3986 section 2.3), slashes, and `%XX` in upper case.
fn is_percent_encoded(path: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    let mut pieces = path.split('%');
    pieces
        .next()
        .is_some_and(|piece| piece.bytes().all(|byte| is_plain(&byte)))
        && pieces.all(|piece| match piece.as_bytes() {
            [high, low, rest @ ..] => is_hex(high) && is_hex(low) && rest.iter().all(is_plain),
            _ => false,
        })
}

/// What storage is sent to get the object.
fn request_for(key: &StorageKey, config: &StorageConfig) -> StorageRequest {
    let recorder = Recorder::default();
    let answer = S3Storage::new(config, &recorder).get(key, 1, None);
    assert!(answer.is_err());
    recorder.0.take().expect("a request was sent")
}

/// Keeps the request and gives no answer.
#[derive(Default)]
struct Recorder(RefCell<Option<StorageRequest>>);

impl Transport for &Recorder {
    type Body = ();

    fn send(&self, request: &StorageRequest) -> Result<StorageResponse<()>, TransportError> {
        let request = StorageRequest {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
        };
        let earlier = self.0.replace(Some(request));
        assert!(earlier.is_none(), "an answer that is refused is final");
        Err(TransportError::Denied(String::new()))
    }

    fn read_error_document(&self, (): ()) -> String {
        String::new()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn pause_below(&self, _limit: Duration) {}
}

fn bucket(addressing_style: &str) -> StorageConfig {
    let config = Config::read(|name| {
        let value = match name {
            "s3_endpoint" => "http://127.0.0.1:9000",
            "s3_region" => "us-east-1",
            "s3_bucket" => "images",
            "s3_addressing_style" => addressing_style,
            "s3_access_key_id" | "s3_secret_access_key" => "example",
            "metadata_store" => "sqlite",
            "s3_session_token" | "cors_allowed_origins" => "",
            _ => "3",
        };
        Ok(value.to_owned())
    });
    config.expect("the settings are valid").storage
}
