//! One structured line a request, for the operator alone.

use std::fmt;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::config::Logged;
use crate::error::{CacheError, Error, StorageError};
use crate::field::only_line;
use crate::image::ImageId;
use crate::quoted::is_shown;

/// The field that names a request, in requests and in answers that are errors.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Most bytes of a request's id that is taken from the client.
const MAX_REQUEST_ID_BYTES: usize = 128;
/// Most bytes of a path that are logged.
const MAX_PATH_BYTES: usize = 200;

/// How much a line matters to who watches the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// An answer as it should be, a client's mistake included.
    Info,
    /// A client that went away, or was given up; images that cannot be kept.
    Warn,
    /// The service failed.
    Error,
}

/// What the store of kept images has to do with a request for an image that may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheUse {
    /// The image was there.
    Hit,
    /// It was not.
    Miss,
    /// It was not, and is now.
    Filled,
    /// The store could not be read or written.
    Failed,
}

/// What is told of one request, as one line of JSON. Absent fields are left out.
#[derive(Debug, Serialize)]
pub struct RequestLog {
    #[serde(serialize_with = "rfc3339")]
    time: OffsetDateTime,
    level: Level,
    #[serde(serialize_with = "text")]
    request_id: HeaderValue,
    /// The trace that the request is part of, so that this line joins the host's spans.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    method: String,
    /// Without the query.
    path: String,
    /// The image asked for, once the path has named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<ImageId>,
    /// Status of the answer.
    pub status: u16,
    /// Body bytes handed to the host.
    pub bytes: u64,
    /// Reading the record, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_ms: Option<f64>,
    /// From asking storage to the head of its answer, retries included, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_first_byte_ms: Option<f64>,
    /// Whether an image that was answered is known to be that of the record's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// What the store of kept images has to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheUse>,
    #[serde(rename = "total_ms", serialize_with = "elapsed")]
    started: Instant,
    /// The contract's name of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// Why the request failed, or its answer was aborted.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

impl RequestLog {
    /// Begins the record of a request that arrives now.
    #[must_use]
    pub fn start(method: &Method, path_with_query: &str, headers: &HeaderMap) -> Self {
        Self {
            time: OffsetDateTime::now_utc(),
            level: Level::Info,
            request_id: request_id(headers),
            trace_id: trace_id(headers),
            method: method.to_string(),
            path: path(path_with_query),
            image_id: None,
            status: 0,
            bytes: 0,
            metadata_ms: None,
            storage_first_byte_ms: None,
            verified: None,
            cache: None,
            started: Instant::now(),
            code: None,
            cause: None,
        }
    }

    /// The request's name, which its client or what stands before the service may have chosen.
    #[must_use]
    pub fn request_id(&self) -> &HeaderValue {
        &self.request_id
    }

    /// Notes that the answer is this error.
    pub fn failed(&mut self, error: &Error) {
        if error.status().is_server_error() {
            self.level = Level::Error;
        }
        self.code = Some(error.code());
        self.cause = Some(error.to_string());
    }

    /// Notes that the service broke off an answer that had begun, or could not end it.
    pub fn aborted(&mut self, cause: String) {
        self.level = Level::Error;
        self.cause = Some(cause);
    }

    /// What failed before that stays the cause.
    fn client_failed(&mut self, cause: String) {
        if self.cause.is_none() {
            self.level = Level::Warn;
            self.cause = Some(cause);
        }
    }

    /// Notes that storage's stream broke before all of the `expected` bytes had been sent.
    pub fn interrupted(&mut self, expected: u64, cause: String) {
        let error = StorageError::Interrupted {
            received: self.bytes,
            expected,
            cause,
        };
        self.aborted(format!("response aborted: {error}"));
    }

    /// Notes that the client closed its connection before it had its answer.
    pub fn client_went_away(&mut self) {
        self.client_failed("the client went away".into());
    }

    /// Notes that the client was given up.
    pub fn client_took_nothing(&mut self, limit: Duration) {
        let limit = in_seconds(limit);
        self.client_failed(format!("the client took nothing for {limit} s"));
    }

    /// Notes that images cannot be kept, which is no failure of the request.
    pub fn cache_failed(&mut self, error: &CacheError) {
        self.cache = Some(CacheUse::Failed);
        if self.cause.is_none() {
            self.level = Level::Warn;
            self.cause = Some(error.to_string());
        }
    }

    /// Notes that the host does not take the reply, and so sends the client a 500 of its own.
    pub fn refused_by_host(&mut self) {
        self.status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
        self.aborted("the host does not accept the response".into());
    }

    /// Why the request failed, where it did.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Whether this line is one of those that are logged.
    #[must_use]
    pub fn is_logged(&self, logged: Logged) -> bool {
        match logged {
            Logged::All => true,
            Logged::Failures => self.cause.is_some(),
            Logged::None => false,
        }
    }
}

/// The client's, where it is visible ASCII and not too long; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_sound = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        let is_visible = bytes.iter().all(u8::is_ascii_graphic);
        is_visible && (1..=MAX_REQUEST_ID_BYTES).contains(&bytes.len())
    };
    match only_line(headers, X_REQUEST_ID).filter(is_sound) {
        Some(given) => given.clone(),
        None => new_request_id(),
    }
}

#[expect(
    clippy::expect_used,
    reason = "a UUID is hexadecimal digits and hyphens"
)]
fn new_request_id() -> HeaderValue {
    HeaderValue::try_from(Uuid::new_v4().to_string()).expect("visible ASCII")
}

/// Without its query, and not all of it where it is long.
fn path(path_with_query: &str) -> String {
    let path = path_with_query.split('?').next().unwrap_or_default();
    let end = path.floor_char_boundary(MAX_PATH_BYTES);
    path[..end].to_owned()
}

impl fmt::Display for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        // Without such a character, as nearly always, the line is written at once.
        let mut rest = line.as_str();
        while let Some((place, character)) = rest.char_indices().find(|(_, c)| !is_shown(*c)) {
            f.write_str(&rest[..place])?;
            // All of them stand in strings (RFC 8259 section 7).
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(f, "\\u{unit:04x}")?;
            }
            rest = &rest[place + character.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// The trace-id of a `traceparent` (W3C Trace Context, sections 2.2 and 3.2).
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let line = only_line(headers, "traceparent")?;
    let mut parts = line.to_str().ok()?.split('-');
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let version = parts.next().filter(|version| is_hex(version, 2))?;
    let trace_id = parts.next().filter(|id| is_hex(id, 32))?;
    parts.next().filter(|parent_id| is_hex(parent_id, 16))?;
    parts.next().filter(|flags| is_hex(flags, 2))?;
    let is_valid = version != "ff" && trace_id.bytes().any(|digit| digit != b'0');
    (is_valid && (version != "00" || parts.next().is_none())).then(|| trace_id.to_owned())
}

/// Runs `work` and notes how many milliseconds it took, whether it succeeds or not.
pub fn timed<T>(milliseconds: &mut Option<f64>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let outcome = work();
    *milliseconds = Some(to_milliseconds(start.elapsed()));
    outcome
}

/// As [`timed`], of work that waits.
pub async fn timed_async<T>(milliseconds: &mut Option<f64>, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let outcome = work.await;
    *milliseconds = Some(to_milliseconds(start.elapsed()));
    outcome
}

/// To two places.
fn to_milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}

/// To the millisecond, without zeros at the end. Floating point would make the component 15 kB larger.
fn in_seconds(duration: Duration) -> String {
    let text = format!("{}.{:03}", duration.as_secs(), duration.subsec_millis());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn rfc3339<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = time.format(&Rfc3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

fn text<S: Serializer>(value: &HeaderValue, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.to_str().unwrap_or_default())
}

fn elapsed<S: Serializer>(start: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(to_milliseconds(start.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::MetadataError;

    impl RequestLog {
        /// Of a request that a test makes up.
        pub(crate) fn example() -> Self {
            Self::start(&Method::GET, "/", &HeaderMap::new())
        }
    }

    fn line(log: &RequestLog) -> serde_json::Value {
        serde_json::from_str(&log.to_string()).unwrap()
    }

    #[test]
    fn a_line_is_one_json_object_without_absent_fields() {
        let mut log = RequestLog::example();
        log.status = 404;

        let line = log.to_string();

        assert!(!line.contains('\n'));
        let fields: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut names: Vec<_> = fields.as_object().unwrap().keys().collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "bytes",
                "level",
                "method",
                "path",
                "request_id",
                "status",
                "time",
                "total_ms"
            ]
        );
    }

    #[test]
    fn the_path_is_told_without_its_query_and_at_most_200_bytes_of_it() {
        let longer_path = format!("/{}ä", "a".repeat(198));
        for (path_with_query, told) in [
            ("/a/b?c=d?e", "/a/b"),
            ("", ""),
            (&longer_path, &longer_path[..199]),
            (&"x".repeat(300), &"x".repeat(200)),
        ] {
            let log = RequestLog::start(&Method::PUT, path_with_query, &HeaderMap::new());
            let line = line(&log);
            assert_eq!(line["path"], told);
            assert_eq!(line["method"], "PUT");
        }
    }

    #[test]
    fn a_request_keeps_the_id_that_it_comes_with_where_that_is_visible_ascii() {
        let id = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            }
            let log = RequestLog::start(&Method::GET, "/", &headers);
            line(&log)["request_id"].as_str().unwrap().to_owned()
        };

        let longest = "a".repeat(128);
        for kept in ["a", "req-1/2:3=\"x\"", &longest] {
            assert_eq!(id(&[kept.as_bytes()]), kept);
        }
        let (none, too_long): (&[&[u8]], _) = (&[], "a".repeat(129));
        for replaced in [
            none,
            &[b""],
            &[b"two words"],
            &["ä".as_bytes()],
            &[b"a", b"b"],
            &[too_long.as_bytes()],
        ] {
            assert!(Uuid::try_parse(&id(replaced)).is_ok(), "{replaced:?}");
        }
    }

    #[test]
    fn a_line_has_the_level_that_its_end_has() {
        let level = |end: fn(&mut RequestLog)| {
            let mut log = RequestLog::example();
            end(&mut log);
            line(&log)["level"].as_str().unwrap().to_owned()
        };

        assert_eq!(level(|_| ()), "info");
        assert_eq!(level(|log| log.failed(&Error::ImageNotFound)), "info");
        assert_eq!(
            level(|log| log.client_failed("the client went away".into())),
            "warn"
        );
        assert_eq!(
            level(|log| log.aborted("storage broke off".into())),
            "error"
        );
        assert_eq!(level(RequestLog::refused_by_host), "error");
        let metadata = |log: &mut RequestLog| {
            log.failed(&MetadataError::Unavailable("locked".into()).into());
        };
        assert_eq!(level(metadata), "error");
    }

    #[test]
    fn a_line_is_logged_where_the_setting_says_so() {
        let right = RequestLog::example();
        let mut failed = RequestLog::example();
        failed.failed(&Error::ImageNotFound);

        for (logged, of_right, of_failed) in [
            (Logged::All, true, true),
            (Logged::Failures, false, true),
            (Logged::None, false, false),
        ] {
            assert_eq!(right.is_logged(logged), of_right);
            assert_eq!(failed.is_logged(logged), of_failed);
        }
    }

    #[test]
    fn a_line_is_one_line_of_json_whatever_its_cause_holds() {
        let cause: String = (0..=0x2fff)
            .chain(0xe_0000..=0xe_007f)
            .filter_map(char::from_u32)
            .collect();
        let mut log = RequestLog::example();
        log.cause = Some(cause.clone());

        let line = log.to_string();

        let fields: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(fields["cause"], cause);
        assert!(line.chars().all(is_shown), "{line}");
    }

    #[test]
    fn the_trace_id_is_read_from_a_valid_traceparent_alone() {
        const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        let read = |value: &str| {
            let value = http::HeaderValue::from_str(value).unwrap();
            trace_id(&HeaderMap::from_iter([(
                http::HeaderName::from_static("traceparent"),
                value,
            )]))
        };

        for valid in [
            format!("00-{ID}-00f067aa0ba902b7-01"),
            format!("01-{ID}-00f067aa0ba902b7-00-later"),
        ] {
            assert_eq!(read(&valid).as_deref(), Some(ID), "{valid}");
        }
        for invalid in [
            String::new(),
            ID.to_owned(),
            format!("ff-{ID}-00f067aa0ba902b7-01"),
            format!("00-{ID}-00f067aa0ba902b7"),
            format!("00-{ID}-00f067aa0ba902b7-01-more"),
            format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{ID}x-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(read(&invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_reply_that_the_host_refuses_is_logged_as_the_500_that_the_host_sends_instead() {
        let mut log = RequestLog::example();
        log.status = 206;

        log.refused_by_host();

        assert_eq!(log.status, 500);
        let cause = log.cause.as_deref();
        assert_eq!(cause, Some("the host does not accept the response"));
    }

    #[test]
    fn a_client_that_does_not_wait_for_an_error_leaves_its_cause_in_the_log() {
        let mut log = RequestLog::example();
        log.failed(&Error::ImageNotFound);
        let cause = log.cause.clone();

        log.client_went_away();

        assert_eq!((log.cause, log.level), (cause, Level::Info));
    }

    #[test]
    fn a_failed_request_tells_its_cause_image_and_timings() {
        let mut log = RequestLog::example();
        log.image_id = ImageId::parse("67E5504410B1426F9247BB680E5FE0C8");
        let cause = MetadataError::Unavailable("two\nlines".into());
        log.failed(&cause.into());

        timed(&mut log.metadata_ms, || ());
        log.storage_first_byte_ms = Some(to_milliseconds(Duration::from_micros(1_234_567)));

        let fields: serde_json::Value = serde_json::from_str(&log.to_string()).unwrap();
        assert_eq!(fields["image_id"], "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert_eq!(fields["cause"], "cannot use the metadata store: two\nlines");
        assert_eq!(fields["code"], "metadata_error");
        assert_eq!(fields["storage_first_byte_ms"], 1234.57);
        assert!(fields["metadata_ms"].is_number());
    }
}
