//! Storage that is gone, refuses, lies or breaks off.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::harness::app::Launch;
use crate::harness::host::{is_spin, is_spin_without};
use crate::harness::storage::Credentials;
use crate::harness::{App, ScriptedStorage, Step, Storage, TestImage, on_each_store};

/// An app on a scripted storage, and an image of ten bytes in its records.
fn scripted(steps: impl Into<Vec<Step>>) -> (ScriptedStorage, App, TestImage) {
    scripted_with(steps, |launch| launch)
}

/// Far more than the limits that tests set, far less than the limits' defaults.
const AT_ONCE: Duration = Duration::from_secs(5);

fn scripted_with(
    steps: impl Into<Vec<Step>>,
    change: impl FnOnce(Launch) -> Launch,
) -> (ScriptedStorage, App, TestImage) {
    let storage = ScriptedStorage::start(steps);
    let credentials = ScriptedStorage::credentials();
    let launch = Launch::new(storage.endpoint(), "scripted-bucket", &credentials);
    let app = change(launch).start();
    // A script's object is nobody's image: its hash is none that it could be held against.
    let image = TestImage::of_size(10).with_hash("scripted");
    app.record(&image);
    (storage, app, image)
}

#[test]
fn a_storage_that_is_gone_is_a_storage_error_after_three_attempts() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    storage.stop();

    app.get(&image.path()).assert_storage_error();

    assert!(
        app.cause()
            .contains("no answer from storage after 3 attempt(s)"),
        "{}",
        app.cause()
    );
}

#[test]
fn a_wrong_secret_key_is_a_storage_error_and_the_log_says_which_setting_to_check() {
    let storage = Storage::start();
    let credentials = Credentials {
        secret_access_key: "another-secret".into(),
        ..storage.credentials.clone()
    };
    let app = Launch::new(&storage.endpoint(), &storage.bucket, &credentials).start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    app.get(&image.path()).assert_storage_error();

    let cause = app.cause();
    assert!(
        cause.contains("SignatureDoesNotMatch") && cause.contains("s3_secret_access_key"),
        "{cause}"
    );
    assert_eq!(storage.object_requests().len(), 1);
}

#[test]
fn a_missing_object_is_a_storage_error() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.record(&image);

        app.get(&image.path()).assert_storage_error();

        let cause = app.cause();
        assert!(
            cause.contains("404 after 1 attempt(s) (NoSuchKey)"),
            "{cause}"
        );
        assert_eq!(storage.asked(), 1);
    }
}

#[test]
fn a_missing_bucket_is_a_storage_error() {
    let storage = Storage::start();
    let app = Launch::new(&storage.endpoint(), "no-such-bucket", &storage.credentials).start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    app.get(&image.path()).assert_storage_error();

    assert!(
        app.cause()
            .contains("storage answered 404 after 1 attempt(s) (NoSuchBucket)"),
        "{}",
        app.cause()
    );
}

#[test]
fn an_object_of_another_length_than_its_record_is_a_storage_error() {
    let storage = Storage::start();
    let app = App::start(&storage);

    for (number, actual) in [0, 999, 1001].into_iter().enumerate() {
        let image = TestImage::of_size(1000);
        app.record(&image);
        storage.put(&image.key, &TestImage::of_size(actual).bytes);

        app.get(&image.path()).assert_storage_error();

        let cause = app.log(number + 1)[number]["cause"].to_string();
        assert!(
            cause.contains(&format!("promises {actual} bytes, the record 1000")),
            "{cause}"
        );
    }
}

#[test]
fn an_answer_that_does_not_tell_its_length_once_is_a_storage_error_that_does_not_blame_the_image() {
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
    let until_the_end = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789";
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 10\r\n\r\n0123456789";
    for answer in [chunked, until_the_end, twice] {
        let (storage, app, image) = scripted([Step::Send(answer.into())]);

        app.get(&image.path()).assert_storage_error();

        let cause = app.cause();
        let blamed = cause.contains("something between storage and here takes it away");
        assert!(blamed && !cause.contains("import"), "{answer}: {cause}");
        assert_eq!(storage.requests().len(), 1, "{answer}");
    }
}

#[test]
fn head_is_confirmed_by_an_answer_without_a_length() {
    let (_storage, app, image) = scripted([Step::Send("HTTP/1.1 200 OK\r\n\r\n".into())]);

    let response = app.request("HEAD", &image.path());

    assert_eq!(response.status, 200, "{}", app.cause());
    assert_eq!(response.headers["content-length"], "10");
}

#[test]
fn head_that_is_refused_has_its_hint_from_the_status() {
    for (status, hint) in [(403, "s3:ListBucket"), (404, "import the image again")] {
        let (_storage, app, image) = scripted([Step::status(status, "")]);

        assert_eq!(app.request("HEAD", &image.path()).status, 500);

        assert!(app.cause().contains(hint), "{}", app.cause());
    }
}

#[test]
fn a_range_that_is_the_whole_is_asked_for_as_the_whole() {
    let (storage, app, image) = scripted([Step::object(10, "0123456789")]);

    let response = app.request_with("GET", &image.path(), &[("range", "bytes=0-")]);

    assert_eq!(response.status, 206, "{}", app.cause());
    assert_eq!(response.headers["content-range"], "bytes 0-9/10");
    assert_eq!(response.bytes(), b"0123456789");
    let asked = storage.requests()[0].to_ascii_lowercase();
    assert!(!asked.contains("\r\nrange:"), "{asked}");
}

#[test]
fn a_server_that_ignores_ranges_is_a_storage_error_and_its_object_is_not_read() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    let (_storage, app, image) = scripted([Step::Send(whole.into())]);
    let start = Instant::now();

    let response = app.request_with("GET", &image.path(), &[("range", "bytes=1-")]);

    response.assert_storage_error();
    assert!(app.cause().contains("it ignores ranges"), "{}", app.cause());
    // Whoever reads a document waits a second for it.
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn an_object_whose_list_of_codings_names_none_is_served() {
    for codings in ["", "identity", "aws-chunked", ",aws-chunked , Identity"] {
        let (_storage, app, image) = scripted([Step::Send(format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\nContent-Length: 10\r\n\r\n0123456789"
        ))]);

        assert_eq!(app.get(&image.path()).bytes(), b"0123456789", "{codings}");
    }
}

#[test]
fn an_answer_of_many_header_fields_is_served_as_far_as_the_host_reads_them() {
    for (fields, is_served) in [(90, true), (150, !is_spin()), (300, false)] {
        let lines = "x-amz-meta-a: value\r\n".repeat(fields);
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 10\r\n\r\n0123456789");
        let (_storage, app, image) = scripted(vec![Step::Send(answer); 3]);

        let response = app.get(&image.path());

        if is_served {
            assert_eq!(response.bytes(), b"0123456789", "{fields}");
        } else {
            response.assert_storage_error();
            assert!(app.cause().contains("header fields"), "{}", app.cause());
        }
    }
}

#[test]
fn an_answer_in_chunks_is_a_storage_error_even_with_a_length() {
    if is_spin_without(
        "it hides Transfer-Encoding from components and leaves Content-Length in place",
    ) {
        return;
    }
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n\
                14\r\n01234567890123456789\r\n0\r\n\r\n";
    let (_storage, app, image) = scripted([Step::Send(both.into())]);

    app.get(&image.path()).assert_storage_error();
}

#[test]
fn an_object_that_is_stored_encoded_is_a_storage_error() {
    let gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n0123456789";
    let (_storage, app, image) = scripted([Step::Send(gzip.into())]);

    app.get(&image.path()).assert_storage_error();

    assert!(
        app.cause().contains("Content-Encoding \"gzip\""),
        "{}",
        app.cause()
    );
}

#[test]
fn transient_answers_and_broken_connections_are_tried_again() {
    let transient = [408, 425, 429, 500, 502, 503, 504, 509, 520, 522, 524];
    let failures = transient.map(|status| Step::status(status, ""));
    let broken = [
        Step::SendAndClose(String::new()),
        Step::SendAndClose("HTTP/1.1 200 OK\r\nCont".into()),
        Step::object(10, "").and_close(),
    ];

    for failure in failures.into_iter().chain(broken) {
        let steps = [
            failure.clone(),
            failure.clone(),
            Step::object(10, "0123456789"),
        ];
        let (storage, app, image) = scripted(steps);

        assert_eq!(app.get(&image.path()).bytes(), b"0123456789", "{failure:?}");

        assert_eq!(storage.requests().len(), 3, "{failure:?}");
    }
}

#[test]
fn storage_is_left_alone_for_as_long_as_it_asks() {
    let busy = Step::status(503, "Retry-After: 1\r\n");
    let (_storage, app, image) = scripted([busy, Step::object(10, "0123456789")]);
    let start = Instant::now();

    assert_eq!(app.get(&image.path()).bytes(), b"0123456789");

    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_storage_that_asks_to_be_left_alone_for_long_is_given_up_at_once() {
    for (retry_after, reason) in [
        ("3", "it asks for a pause of 3 s"),
        (
            "Fri, 24 May 2999 00:00:00 GMT",
            "it asks for a longer pause than",
        ),
    ] {
        let busy = Step::status(429, &format!("Retry-After: {retry_after}\r\n"));
        let (storage, app, image) = scripted([busy]);
        let start = Instant::now();

        app.get(&image.path()).assert_storage_error();

        assert!(start.elapsed() < Duration::from_secs(3));
        assert_eq!(storage.requests().len(), 1);
        assert!(app.cause().contains(reason), "{}", app.cause());
    }
}

#[test]
fn all_attempts_together_end_at_their_limit() {
    let busy = || Step::status(503, "Retry-After: 1\r\n");
    let cases = [
        (
            vec![Step::Send(String::new())],
            "s3_total_timeout_ms is over",
        ),
        (vec![Step::object(10, "")], "s3_total_timeout_ms is over"),
        (
            vec![busy(), busy()],
            "s3_total_timeout_ms leaves no time for another attempt after storage's answer 503",
        ),
    ];
    for (steps, cause) in cases {
        let (_storage, app, image) = scripted_with(steps, |launch| {
            launch.variable("s3_total_timeout_ms", "1500")
        });
        let start = Instant::now();

        app.get(&image.path()).assert_storage_error();

        assert!(start.elapsed() < AT_ONCE);
        assert!(app.cause().contains(cause), "{cause}: {}", app.cause());
    }
}

#[test]
fn attempts_end_at_the_setting() {
    for (setting, attempts) in [("1", 1), ("3", 3), ("4", 4)] {
        let steps = vec![Step::status(503, ""); 8];
        let (storage, app, image) =
            scripted_with(steps, |launch| launch.variable("s3_max_attempts", setting));

        app.get(&image.path()).assert_storage_error();

        assert_eq!(storage.requests().len(), attempts);
        let expected = format!("storage answered 503 after {attempts} attempt(s)");
        assert!(app.cause().contains(&expected), "{}", app.cause());
    }
}

#[test]
fn other_statuses_are_final_and_redirects_are_not_followed() {
    let elsewhere = ScriptedStorage::start([Step::object(10, "0123456789")]);
    let location = format!("Location: {}/images/k\r\n", elsewhere.endpoint());

    for status in [204, 301, 302, 307, 308, 400, 401, 403, 404, 410, 501] {
        let (storage, app, image) = scripted([Step::status(status, &location)]);

        app.get(&image.path()).assert_storage_error();

        assert_eq!(storage.requests().len(), 1, "{status}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_partial_answer_to_a_request_for_the_whole_is_a_storage_error() {
    let partial =
        "HTTP/1.1 206 -\r\nContent-Length: 10\r\nContent-Range: bytes 0-9/20\r\n\r\n0123456789";
    let (_storage, app, image) = scripted([Step::Send(partial.into())]);

    app.get(&image.path()).assert_storage_error();
}

#[test]
fn a_storage_that_does_not_answer_in_time_is_given_up_without_another_attempt() {
    let (storage, app, image) = scripted_with([Step::Send(String::new())], |launch| {
        launch.variable("s3_first_byte_timeout_ms", "200")
    });
    let start = Instant::now();

    app.get(&image.path()).assert_storage_error();

    assert!(start.elapsed() < AT_ONCE);

    assert!(
        app.cause().contains("s3_first_byte_timeout_ms"),
        "{}",
        app.cause()
    );
    assert_eq!(storage.requests().len(), 1);
}

#[test]
fn a_storage_that_takes_no_connection_in_time_is_given_up() {
    let (full, _waiting) = listener_with_a_full_backlog();
    let endpoint = format!("http://{}", full.local_addr().unwrap().as_socket().unwrap());
    let app = Launch::new(&endpoint, "bucket", &ScriptedStorage::credentials())
        .variable("s3_connect_timeout_ms", "200")
        .variable("s3_max_attempts", "1")
        .start();
    let image = TestImage::of_size(10);
    app.record(&image);
    let start = Instant::now();

    app.get(&image.path()).assert_storage_error();

    assert!(start.elapsed() < AT_ONCE);
    assert!(
        app.cause()
            .contains("no connection within s3_connect_timeout_ms"),
        "{}",
        app.cause()
    );
}

/// A socket that listens and accepts nothing, and the connections that wait for it.
fn listener_with_a_full_backlog() -> (Socket, Vec<TcpStream>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any_port: SocketAddr = ([127, 0, 0, 1], 0).into();
    listener.bind(&any_port.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let waiting = std::iter::from_fn(connect).collect();
    (listener, waiting)
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_a_storage_error_and_the_log_says_what_to_check() {
    // A label of more than 63 characters is asked of no name server, and a broadcast address is no
    // destination of a connection: neither leaves this machine.
    let no_name = format!("http://{}.example:9000", "a".repeat(64));
    for (endpoint, words) in [
        (
            &*no_name,
            "the host's name in s3_endpoint cannot be resolved",
        ),
        (
            "http://255.255.255.255:9000",
            "check host and port of s3_endpoint",
        ),
        (
            "http://127.0.0.1:1",
            "check host and port of s3_endpoint, that storage runs",
        ),
    ] {
        let app = Launch::new(endpoint, "bucket", &ScriptedStorage::credentials()).start();
        let image = TestImage::of_size(10);
        app.record(&image);

        app.get(&image.path()).assert_storage_error();

        assert!(app.cause().contains(words), "{endpoint}: {}", app.cause());
    }
}

#[test]
fn a_stream_that_stalls_before_its_first_byte_is_a_storage_error() {
    let (storage, app, image) = scripted_with([Step::object(10, "")], |launch| {
        launch.variable("s3_between_bytes_timeout_ms", "200")
    });
    let start = Instant::now();

    app.get(&image.path()).assert_storage_error();

    assert!(start.elapsed() < AT_ONCE);
    assert!(
        app.cause().contains("s3_between_bytes_timeout_ms"),
        "{}",
        app.cause()
    );
    assert_eq!(storage.requests().len(), 1);
}

#[test]
fn a_stream_that_breaks_or_stalls_later_is_a_failed_transfer_for_the_client() {
    for step in [
        Step::object(10, "0123").and_close(),
        Step::object(10, "0123"),
    ] {
        let (_storage, app, image) = scripted_with([step.clone()], |launch| {
            launch
                .variable("s3_between_bytes_timeout_ms", "200")
                .environment("RUST_BACKTRACE", "1")
        });
        let start = Instant::now();

        let bytes = app.get_broken(&image.path());

        assert!(start.elapsed() < AT_ONCE, "{step:?}");

        assert!(b"0123".starts_with(&bytes[..]), "{step:?}");
        let cause = app.cause();
        assert!(cause.contains("response aborted"), "{step:?}: {cause}");
        assert!(!cause.contains('\n'), "{step:?}: {cause}");
    }
}

#[test]
fn an_object_is_cut_where_its_length_ends_whatever_storage_sends_after_it() {
    let (_storage, app, image) = scripted([Step::object(10, "0123456789and more").and_close()]);

    assert_eq!(app.get(&image.path()).bytes(), b"0123456789");
}

#[test]
fn an_answer_that_is_not_http_is_a_storage_error() {
    for garbage in [
        "\0\0\0\0\r\n\r\n",
        "HTTP/1.1 two hundred\r\n\r\n",
        "220 smtp ready\r\n\r\n",
    ] {
        let (_storage, app, image) = scripted(vec![Step::SendAndClose(garbage.into()); 3]);

        app.get(&image.path()).assert_storage_error();
    }
}

#[test]
fn a_failure_leaves_the_next_request_unharmed() {
    let steps = [
        Step::object(10, "0123").and_close(),
        Step::status(403, ""),
        Step::object(10, "0123456789"),
    ];
    let (_storage, app, image) = scripted(steps);

    app.get_broken(&image.path());
    app.get(&image.path()).assert_storage_error();

    assert_eq!(app.get(&image.path()).bytes(), b"0123456789");
}

#[test]
fn a_storage_that_the_manifest_does_not_allow_is_a_storage_error_and_the_log_says_why() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .manifest(|text| text.replace("\"{{ s3_endpoint }}\"]", "\"http://127.0.0.1:1\"]"))
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    app.get(&image.path()).assert_storage_error();

    assert!(
        app.cause().contains("allowed_outbound_hosts"),
        "{}",
        app.cause()
    );
    assert_eq!(storage.object_requests().len(), 0);
}
