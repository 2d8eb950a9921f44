//! The lines of requests that the host ends itself, among those of the component.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::app::Launch;
use crate::harness::host::is_spin_without;
use crate::harness::{App, ScriptedStorage};

fn start() -> App {
    let credentials = ScriptedStorage::credentials();
    Launch::new("http://127.0.0.1:1", "bucket", &credentials).start()
}

/// Sends these bytes and waits for the first of the answer.
fn status_of(app: &App, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

fn names(line: &Value) -> Vec<&str> {
    let mut names: Vec<_> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn every_request_that_the_host_answers_in_the_component_s_place_is_a_line_of_its_log() {
    if is_spin_without("it writes no such lines") {
        return;
    }
    let app = start();
    let many_fields = format!(
        "GET /a HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "A: b\r\n".repeat(101)
    );
    let of_request = |request: &'static [u8]| (request, Some(("GET", "/a")));
    let cases = [
        (
            of_request(b"GET /a?b=hunter2 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
            400,
            "warn",
            "Host",
        ),
        (
            of_request(b"GET /a HTTP/1.1\r\nHost: a\r\nX-Name: hunter2\xff\r\n\r\n"),
            500,
            "error",
            "`x-name`",
        ),
        (
            (b"hunter2\r\n\r\n", None),
            400,
            "warn",
            "head cannot be read",
        ),
        (
            (many_fields.as_bytes(), None),
            431,
            "warn",
            "head cannot be read",
        ),
    ];

    for (number, ((request, target), status, level, cause)) in cases.into_iter().enumerate() {
        assert_eq!(status_of(&app, request), status.to_string());

        let line = app.log(number + 1).swap_remove(number);
        let mut expected = vec![
            "bytes",
            "cause",
            "level",
            "request_id",
            "status",
            "time",
            "total_ms",
        ];
        if let Some((method, path)) = target {
            assert_eq!(
                (&line["method"], &line["path"]),
                (&method.into(), &path.into())
            );
            expected.extend(["method", "path"]);
            expected.sort_unstable();
        }
        assert_eq!(names(&line), expected);
        assert_eq!(
            (&line["status"], &line["bytes"]),
            (&status.into(), &0.into())
        );
        assert_eq!(line["level"], level);
        assert!(line["cause"].as_str().unwrap().contains(cause), "{line}");
        assert!(!line.to_string().contains("hunter2"), "{line}");
    }
}

#[test]
fn such_a_line_has_the_client_s_own_id_of_its_request_and_is_shown_too() {
    if is_spin_without("it writes no such lines") {
        return;
    }
    let app = start();

    status_of(&app, b"GET / HTTP/1.1\r\nX-Request-Id: mine-7\r\n\r\n");

    assert_eq!(app.log(1)[0]["request_id"], "mine-7");
    app.wait_for_error_line("\"mine-7\"");
}
