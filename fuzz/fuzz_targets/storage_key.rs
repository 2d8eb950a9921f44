//! Storage keys: any text is a key or breaks a rule, and storage is asked for a key by a path that
//! holds nothing but its percent-encoding and that every HTTP client sends as it was signed.

#![no_main]

use std::cell::RefCell;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use http::Uri;
use http::header::AUTHORIZATION;
use image_proxy::config::{Settings, StorageConfig};
use image_proxy::error::TransportError;
use image_proxy::image::{Image, Record, StorageKey};
use image_proxy::storage::s3::S3Storage;
use image_proxy::storage::transport::{Pause, StorageRequest, StorageResponse, Transport};
use image_proxy::storage::{Handover, StorageBackend};
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
    let image = Image::try_from(Record {
        storage_key: key.as_str().to_owned(),
        mime_type: "image/png".into(),
        hash: "1".into(),
        size_bytes: 1,
    })
    .expect("the key is usable");
    let storage = S3Storage::new(config.clone(), &recorder);
    let answer = pin!(storage.get(&image, None, Handover::Streamed))
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(answer, Poll::Ready(Err(_))));
    recorder.0.take().expect("a request was sent")
}

/// Keeps the request and gives no answer.
#[derive(Default)]
struct Recorder(RefCell<Option<StorageRequest>>);

impl Transport for &Recorder {
    type Body = ();

    async fn send(&self, request: &StorageRequest) -> Result<StorageResponse<()>, TransportError> {
        let request = StorageRequest {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
        };
        let earlier = self.0.replace(Some(request));
        assert!(earlier.is_none(), "an answer that is refused is final");
        Err(TransportError::Denied(String::new()))
    }

    async fn await_first_byte(&self, (): &mut ()) -> Result<(), TransportError> {
        unreachable!("there is no answer")
    }

    async fn read_whole(&self, (): &mut (), _: u64) -> Result<Vec<u8>, TransportError> {
        unreachable!("there is no answer")
    }

    async fn read_error_document(&self, (): ()) -> String {
        unreachable!("there is no answer")
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn time_left(&self) -> Duration {
        unreachable!("a refusal is final")
    }

    async fn pause(&self, _: Pause) {
        unreachable!("a refusal is final")
    }
}

fn bucket(addressing_style: &str) -> StorageConfig {
    let variable = |name: &str| {
        let value = match name {
            "s3_endpoint" => "http://127.0.0.1:9000",
            "s3_region" => "us-east-1",
            "s3_bucket" => "images",
            "s3_addressing_style" => addressing_style,
            "s3_access_key_id" | "s3_secret_access_key" => "example",
            "s3_session_token" => "",
            _ => "3",
        };
        Ok(value.to_owned())
    };
    let settings = Settings::new(&variable);
    settings.storage().expect("the settings are valid")
}
