//! One structured line a request, for the operator alone.

use std::fmt;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::field::only_line;
use crate::image::ImageId;
use crate::quoted::is_shown;

/// What is told of one request, as one line of JSON. Absent fields are left out.
#[derive(Debug, Serialize)]
pub struct RequestLog {
    #[serde(serialize_with = "rfc3339")]
    time: OffsetDateTime,
    request_id: Uuid,
    /// The trace that the request is part of, so that this line joins the host's spans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
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
    #[serde(rename = "total_ms", serialize_with = "elapsed")]
    started: Instant,
    /// Why the request failed, or its answer was aborted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl RequestLog {
    /// Begins the record of a request that arrives now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            time: OffsetDateTime::now_utc(),
            request_id: Uuid::new_v4(),
            trace_id: None,
            image_id: None,
            status: 0,
            bytes: 0,
            metadata_ms: None,
            storage_first_byte_ms: None,
            started: Instant::now(),
            cause: None,
        }
    }

    /// Notes that the host does not take the reply, and so sends the client a 500 of its own.
    pub fn refused_by_host(&mut self) {
        self.status = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
        self.cause = Some("the host does not accept the response".into());
    }
}

impl fmt::Display for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        // Without such a character, as nearly always, the line is written at once.
        let mut rest = line.as_str();
        while let Some((place, character)) = rest.char_indices().find(|(_, c)| !is_shown(*c)) {
            // All of them stand in strings, and below U+10000 (RFC 8259 section 7).
            write!(f, "{}\\u{:04x}", &rest[..place], u32::from(character))?;
            rest = &rest[place + character.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// The trace-id of a `traceparent` (W3C Trace Context, sections 2.2 and 3.2).
#[must_use]
pub fn trace_id(headers: &HeaderMap) -> Option<String> {
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

/// To two places.
fn to_milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}

fn rfc3339<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = time.format(&Rfc3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

fn elapsed<S: Serializer>(start: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(to_milliseconds(start.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_without_absent_fields() {
        let mut log = RequestLog::start();
        log.status = 404;

        let line = log.to_string();

        assert!(!line.contains('\n'));
        let fields: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut names: Vec<_> = fields.as_object().unwrap().keys().collect();
        names.sort_unstable();
        assert_eq!(names, ["bytes", "request_id", "status", "time", "total_ms"]);
    }

    #[test]
    fn a_line_is_one_line_of_json_whatever_its_cause_holds() {
        let cause: String = (0..=0x2fff).filter_map(char::from_u32).collect();
        let mut log = RequestLog::start();
        log.cause = Some(cause.clone());

        let line = log.to_string();

        let fields: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(fields["cause"], cause);
        let breaks_lines = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        assert!(!line.contains(breaks_lines), "{line}");
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
        let mut log = RequestLog::start();
        log.status = 206;

        log.refused_by_host();

        assert_eq!(log.status, 500);
        let cause = log.cause.as_deref();
        assert_eq!(cause, Some("the host does not accept the response"));
    }

    #[test]
    fn a_failed_request_tells_its_cause_image_and_timings() {
        let mut log = RequestLog::start();
        log.image_id = ImageId::parse("67E5504410B1426F9247BB680E5FE0C8");
        log.cause = Some("two\nlines".into());

        timed(&mut log.metadata_ms, || ());
        log.storage_first_byte_ms = Some(to_milliseconds(Duration::from_micros(1_234_567)));

        let fields: serde_json::Value = serde_json::from_str(&log.to_string()).unwrap();
        assert_eq!(fields["image_id"], "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert_eq!(fields["cause"], "two\nlines");
        assert_eq!(fields["storage_first_byte_ms"], 1234.57);
        assert!(fields["metadata_ms"].is_number());
    }
}
