//! The line of a request that the host ends itself, in the form of the lines of its component.

use std::{
    fmt::{self, Write as _},
    time::Instant,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{capabilities::stdio, diagnostics::is_shown};

/// Most bytes of a path that a line shows.
const MAX_PATH: usize = 200;

/// Most characters of a client's own id of its request.
const MAX_REQUEST_ID: usize = 128;

/// The field that names a request, in requests and in answers that are errors.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What servers log for a client that went away before its answer; it is never sent.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What is known of a request as soon as it has come.
pub struct RequestLog {
    output: stdio::Instance,
    time: OffsetDateTime,
    started: Instant,
    request_id: Option<HeaderValue>,
    target: Option<(Method, Uri)>,
}

/// How a request ended.
pub struct End<'a> {
    /// Status that the client got.
    pub status: StatusCode,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Name of the error in the contract.
    pub code: Option<&'static str>,
    /// Why the component could not answer.
    pub cause: &'a str,
}

impl RequestLog {
    /// Of a request that arrives now, among the output of its component.
    pub fn of<B>(request: &Request<B>, output: stdio::Instance) -> Self {
        let target = (request.method().clone(), request.uri().clone());
        Self {
            request_id: own_id(request.headers()).cloned(),
            target: Some(target),
            ..Self::of_broken_head(output)
        }
    }

    /// Of a request without a head that could be read.
    pub fn of_broken_head(output: stdio::Instance) -> Self {
        Self {
            output,
            time: OffsetDateTime::now_utc(),
            started: Instant::now(),
            request_id: None,
            target: None,
        }
    }

    /// Tells of an answer that the host gives. Gives the request's id, which an error carries.
    pub fn answered(&self, end: &End<'_>) -> HeaderValue {
        let level = if end.status.is_server_error() {
            "error"
        } else {
            "warn"
        };
        self.write(level, end.status.as_u16(), end)
    }

    /// Tells of an answer that broke off after its head.
    pub fn broke_off(&self, end: &End<'_>) {
        self.write("error", end.status.as_u16(), end);
    }

    /// Tells of a client that did not wait for its answer.
    pub fn client_went_away(&self) {
        let end = End {
            status: StatusCode::OK,
            bytes: 0,
            code: None,
            cause: "the client went away before it was answered",
        };
        self.write("warn", CLIENT_CLOSED_REQUEST, &end);
    }

    fn write(&self, level: &'static str, status: u16, end: &End<'_>) -> HeaderValue {
        let request_id = self.request_id.clone().unwrap_or_else(new_id);
        let line = self.line(level, status, &request_id, end);
        // Text and numbers always are JSON.
        let line = serde_json::to_string(&line).unwrap_or_default();
        self.output
            .write_error(format!("{}\n", Shown(&line)).as_bytes());
        request_id
    }

    fn line<'a>(
        &'a self,
        level: &'static str,
        status: u16,
        request_id: &'a HeaderValue,
        end: &End<'a>,
    ) -> Line<'a> {
        let target = self.target.as_ref();
        Line {
            time: self.time.format(&Rfc3339).unwrap_or_default(),
            level,
            request_id: request_id.to_str().unwrap_or_default(),
            method: target.map(|(method, _)| method.as_str()),
            path: target.map(|(_, uri)| beginning(uri.path())),
            status,
            bytes: end.bytes,
            total_ms: (self.started.elapsed().as_secs_f64() * 1e5).round() / 1e2,
            code: end.code,
            cause: end.cause,
        }
    }
}

fn new_id() -> HeaderValue {
    // Hexadecimal digits and hyphens always are a field value.
    HeaderValue::try_from(Uuid::new_v4().to_string()).unwrap_or(HeaderValue::from_static("-"))
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    status: u16,
    bytes: u64,
    total_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    cause: &'a str,
}

/// JSON whose characters that are not shown are escaped as JSON does.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = [0; 2];
        self.0.chars().try_for_each(|character| {
            if is_shown(character) {
                return f.write_char(character);
            }
            let units = character.encode_utf16(&mut units);
            units.iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))
        })
    }
}

/// The client's id of its request, where it gives one that a line can show.
fn own_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(X_REQUEST_ID).iter();
    let id = values.next().filter(|id| {
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    });
    id.filter(|_| values.next().is_none())
}

fn beginning(path: &str) -> &str {
    &path[..path.floor_char_boundary(MAX_PATH)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn request(path: &str, ids: &[&str]) -> Request<()> {
        let mut request = Request::get(path);
        for id in ids {
            request = request.header("x-request-id", *id);
        }
        request.body(()).unwrap()
    }

    fn line_of(request: &Request<()>, cause: &str) -> serde_json::Value {
        let log = RequestLog::of(request, stdio::Instance::silent());
        let end = End {
            status: StatusCode::SERVICE_UNAVAILABLE,
            bytes: 5,
            code: Some("service_busy"),
            cause,
        };
        let request_id = log.request_id.clone().unwrap_or_else(new_id);
        let line = serde_json::to_string(&log.line("error", 503, &request_id, &end)).unwrap();
        let shown = Shown(&line).to_string();
        assert!(shown.chars().all(is_shown), "{shown}");
        serde_json::from_str(&shown).unwrap()
    }

    #[test]
    fn a_line_has_the_request_s_own_id_where_that_can_be_shown() {
        let longest = "a".repeat(128);
        for (ids, is_taken) in [
            (&["a-b_7"][..], true),
            (&[&*longest], true),
            (&[&*"a".repeat(129)], false),
            (&["a b"], false),
            (&[""], false),
            (&["a", "a"], false),
            (&[], false),
        ] {
            let line = line_of(&request("/", ids), "full");

            let id = line["request_id"].as_str().unwrap();
            assert_eq!(ids.first() == Some(&id), is_taken, "{ids:?}");
            assert_eq!(Uuid::parse_str(id).is_ok(), !is_taken, "{ids:?}");
        }
    }

    #[test]
    fn a_line_shows_the_beginning_of_a_path_without_its_query() {
        let long = format!("/{}", "ä".repeat(150));
        for (path, shown) in [
            ("/a%20b?token=secret", "/a%20b".to_owned()),
            (&*long, format!("/{}", "ä".repeat(99))),
        ] {
            assert_eq!(line_of(&request(path, &[]), "full")["path"], shown);
        }
    }

    #[test]
    fn a_line_is_one_line_whatever_its_cause_holds() {
        let cause = "a\n\u{1b}[31m\u{202e}\u{feff}\u{e0001}\"";

        assert_eq!(line_of(&request("/", &[]), cause)["cause"], cause);
    }

    #[test]
    fn a_request_whose_head_is_broken_has_neither_method_nor_path() {
        let log = RequestLog::of_broken_head(stdio::Instance::silent());
        let end = End {
            status: StatusCode::BAD_REQUEST,
            bytes: 0,
            code: None,
            cause: "no",
        };

        let line = serde_json::to_value(log.line("warn", 400, &new_id(), &end)).unwrap();

        let names: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            [
                "bytes",
                "cause",
                "level",
                "request_id",
                "status",
                "time",
                "total_ms"
            ]
        );
    }
}
