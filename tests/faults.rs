//! Nothing that storage or the network does makes the app lie, leak, hang or fall over.

mod site;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::faulty_link::Ending::{Close, Reset, Stall};
use crate::harness::faulty_link::Fault::{self, Chunked, Ends, Field, Instead, Surplus, Trickles};
use crate::harness::faulty_link::Place::{AfterHead, BeforeHead, MidBody, WithinHead};
use crate::harness::host::{is_spin, is_spin_without};
use crate::harness::portion::Portion::{self, Head, Whole};
use crate::harness::{ScriptedStorage, wait_for};
use site::{Case, LIMIT, SIZE, SLACK, Site};

/// Within the image.
const PART: Portion = Portion::Part(50_000, 149_999);

const AT_ONCE: Duration = Duration::ZERO;

#[test]
fn a_connection_that_is_refused_is_a_storage_error_until_storage_is_back() {
    let mut site = Site::start_refusing();
    let start = Instant::now();

    let response = site.request(Whole);

    assert!(start.elapsed() < SLACK);
    response.assert_storage_error();
    site.link.open();
    site.assert_aftermath(0, Some("no answer from storage after 3 attempt(s)"));
}

#[test]
fn a_connection_that_breaks_before_the_first_byte_is_a_storage_error() {
    const UNANSWERED: &str = "no answer from storage after 3 attempt(s): connection failed";
    const BROKEN: &str = "after 3 attempt(s): connection failed: it broke after the answer's head";
    let cases: [Case; 10] = [
        (Whole, || Ends(BeforeHead, Reset), 3, UNANSWERED),
        (PART, || Ends(BeforeHead, Reset), 3, UNANSWERED),
        (Head, || Ends(BeforeHead, Reset), 3, UNANSWERED),
        (Whole, || Ends(WithinHead, Reset), 3, UNANSWERED),
        (Whole, || Ends(AfterHead, Reset), 3, BROKEN),
        (PART, || Ends(AfterHead, Reset), 3, BROKEN),
        (Whole, || Ends(BeforeHead, Close), 3, UNANSWERED),
        (Head, || Ends(WithinHead, Close), 3, UNANSWERED),
        (PART, || Ends(WithinHead, Close), 3, UNANSWERED),
        (Whole, || Ends(AfterHead, Close), 3, BROKEN),
    ];

    Site::start().assert_storage_errors(AT_ONCE, cases);
}

#[test]
fn a_connection_that_breaks_once_before_the_first_byte_costs_another_attempt_alone() {
    let mut site = Site::start();
    for ask in [Whole, PART] {
        for place in [BeforeHead, WithinHead, AfterHead] {
            println!("{ask:?}, {place:?}:");
            site.link.inject([Some(Ends(place, Reset))]);

            let response = site.request(ask);

            ask.assert_served(&site.image, &response);
            site.assert_aftermath(2, None);
        }
    }
}

#[test]
fn connections_of_the_pool_that_have_died_use_up_no_attempt() {
    const IDLE: usize = 12;
    if is_spin_without("a connection of its pool that has died uses up an attempt") {
        return;
    }
    let mut site = Site::start_with(SIZE, |launch| launch.variable("s3_max_attempts", "1"));
    site.fill_pool(IDLE);
    site.link
        .inject((0..IDLE).map(|_| Some(Ends(BeforeHead, Reset))));

    let response = site.request(Whole);

    Whole.assert_served(&site.image, &response);
    site.assert_aftermath(IDLE + 1, None);
}

#[test]
fn a_storage_that_stalls_before_the_first_byte_is_a_storage_error_when_the_limit_is_over() {
    const LATE: &str = "after 1 attempt(s): no answer within s3_first_byte_timeout_ms";
    const STUCK: &str =
        "after 1 attempt(s): an answer without its first byte within s3_between_bytes_timeout_ms";
    let cases: [Case; 4] = [
        (Whole, || Ends(BeforeHead, Stall), 1, LATE),
        (PART, || Ends(WithinHead, Stall), 1, LATE),
        (Head, || Ends(WithinHead, Stall), 1, LATE),
        (Whole, || Ends(AfterHead, Stall), 1, STUCK),
    ];

    Site::start().assert_storage_errors(LIMIT, cases);
}

#[test]
fn a_transfer_that_breaks_or_stalls_after_the_first_byte_is_aborted() {
    let mut site = Site::start();
    for ask in [Whole, PART] {
        for (ending, waits) in [(Reset, AT_ONCE), (Close, AT_ONCE), (Stall, LIMIT)] {
            println!("{ask:?}, {ending:?}:");
            let (ending, tell) = ending.when_told();
            site.link.inject([Some(Ends(MidBody, ending))]);
            let start = Instant::now();

            let mut answer = site.open(ask);
            answer.read_some();
            drop(tell);
            let response = answer.read_to_end();

            let elapsed = start.elapsed();
            assert!(waits <= elapsed && elapsed < waits + SLACK, "{elapsed:?}");
            ask.assert_aborted(&site.image, response);
            site.assert_aftermath(1, Some("response aborted: storage's stream broke after"));
        }
    }
}

#[test]
fn an_answer_that_promises_another_object_is_a_storage_error() {
    const WHOLE_OBJECT: &str = "storage answered 200 after 1 attempt(s): it ignores ranges";
    const NO_LENGTH: &str = "something between storage and here takes it away";
    const OTHER_RANGE: &str = "not the range bytes 50000-149999/200000 of the record";
    let cases: [Case; 9] = [
        (Whole, || length(200_001), 1, "promises 200001 bytes"),
        (Whole, || length(199_999), 1, "promises 199999 bytes"),
        (PART, || length(100_001), 1, "promises 100001 bytes"),
        (Head, || length(200_001), 1, "promises 200001 bytes"),
        (Whole, || Chunked, 1, NO_LENGTH),
        (PART, || Chunked, 1, NO_LENGTH),
        (PART, || Instead(another_object()), 1, WHOLE_OBJECT),
        (PART, || range("50001-150000/200000"), 1, OTHER_RANGE),
        (PART, || range("50000-149999/200001"), 1, OTHER_RANGE),
    ];

    Site::start().assert_storage_errors(AT_ONCE, cases);
}

fn length(bytes: usize) -> Fault {
    Field("Content-Length", bytes.to_string())
}

fn range(range: &str) -> Fault {
    Field("Content-Range", format!("bytes {range}"))
}

/// A whole answer with as many bytes as the image, which are not the image's.
fn another_object() -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
    [head.into_bytes(), vec![b'x'; SIZE]].concat()
}

#[test]
fn a_refusal_is_a_storage_error_with_storage_s_own_code_in_the_log_alone() {
    const FORBIDDEN: &str = "storage answered 403 after 1 attempt(s) (AccessDenied)";
    const MISSING: &str = "storage answered 404 after 1 attempt(s) (NoSuchKey)";
    const SLOW_DOWN: &str = "storage answered 503 after 3 attempt(s) (SlowDown)";
    let cases: [Case; 3] = [
        (Whole, || refusal(403, "AccessDenied"), 1, FORBIDDEN),
        (PART, || refusal(404, "NoSuchKey"), 1, MISSING),
        (Whole, || refusal(503, "SlowDown"), 3, SLOW_DOWN),
    ];

    Site::start().assert_storage_errors(AT_ONCE, cases);
}

fn refusal(status: u16, code: &str) -> Fault {
    refusal_with(status, "", code)
}

/// As S3 refuses, with these fields besides its own.
fn refusal_with(status: u16, fields: &str, code: &str) -> Fault {
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>No.</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    );
    let length = document.len();
    let head = format!("HTTP/1.1 {status} -\r\n{fields}Content-Length: {length}\r\n\r\n");
    Instead((head + &document).into_bytes())
}

#[test]
fn a_redirect_is_a_storage_error_and_contacts_nobody() {
    let elsewhere = ScriptedStorage::start([]);
    let location = format!("Location: {}/bucket/key\r\n", elsewhere.endpoint());
    let mut site = Site::start();

    for status in [301, 302, 303, 307, 308] {
        for ask in [Whole, PART, Head] {
            println!("{status}, {ask:?}:");
            let location = location.clone();
            let redirect = move || refusal_with(status, &location, "PermanentRedirect");
            let cause = format!("storage answered {status} after 1 attempt(s)");
            site.assert_storage_error(AT_ONCE, ask, redirect, 1, &cause);
        }
    }

    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn an_answer_that_is_no_http_or_has_no_end_of_fields_is_a_storage_error() {
    const CAUSE: &str = "what came is not an HTTP answer with at most as many header fields";
    let cases: [Case; 5] = [
        (Whole, || Instead(TLS_ALERT.into()), 3, CAUSE),
        (PART, || Instead(vec![0; 100_000]), 3, CAUSE),
        (Head, || Instead(SMTP_GREETING.into()), 3, CAUSE),
        (Whole, || Instead(head_of_fields(1000, 100)), 3, CAUSE),
        (Whole, || Instead(head_of_fields(1, 1_000_000)), 3, CAUSE),
    ];

    Site::start().assert_storage_errors(AT_ONCE, cases);
}

const TLS_ALERT: &[u8] = b"\x15\x03\x01\0\x02\x02\x28";
const SMTP_GREETING: &[u8] = b"220 mail.example ESMTP\r\n";

/// The head of an answer that promises the image, with more fields of so many bytes each.
fn head_of_fields(fields: usize, bytes: usize) -> Vec<u8> {
    let fields = format!("x-amz-meta-a: {}\r\n", "a".repeat(bytes)).repeat(fields);
    format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n{fields}\r\n").into_bytes()
}

#[test]
fn whatever_comes_with_the_right_bytes_the_image_is_served() {
    let mut site = Site::start();
    let large_field = || Field("x-amz-meta-a", "a".repeat(100_000));
    let forged_answer_behind_it = || Surplus(another_object());

    for (ask, fault) in [
        (Whole, large_field()),
        (Whole, forged_answer_behind_it()),
        (PART, forged_answer_behind_it()),
        (Head, forged_answer_behind_it()),
        (Whole, Field("Content-Encoding", String::new())),
        (PART, range("50000-149999/*")),
    ] {
        site.link.inject([Some(fault)]);

        let response = site.request(ask);

        ask.assert_served(&site.image, &response);
        site.assert_aftermath(1, None);
    }
}

#[test]
fn a_storage_that_is_slow_within_its_limits_is_waited_for() {
    let mut site = Site::start_with(SIZE, |launch| {
        launch.without_variable("s3_first_byte_timeout_ms")
    });
    let (bytes, apart) = (2000, Duration::from_millis(2));
    site.link.inject([Some(Trickles { bytes, apart })]);
    let start = Instant::now();

    let response = site.request(Whole);

    assert!(start.elapsed() > LIMIT, "the limit is not for the whole");
    Whole.assert_served(&site.image, &response);
    site.assert_aftermath(1, None);
}

/// Far more than all buffers between storage and client.
const LARGE: usize = 50_000_000;

#[test]
fn a_client_that_reads_slowly_is_served_whatever_the_limits_for_storage() {
    let mut site = Site::start_with(LARGE, |launch| launch);

    let mut answer = site.open(Whole);
    answer.read_some();
    // The client's pause, which no condition ends but time.
    std::thread::sleep(LIMIT * 3 / 2);
    assert_eq!(site.link.connections().busy, 1, "storage is not held back");
    let response = answer.read_to_end();

    Whole.assert_served(&site.image, &response);
    site.assert_aftermath(1, None);
}

#[test]
fn a_client_that_goes_away_mid_body_ends_the_transfer_from_storage() {
    let mut site = Site::start_with(LARGE, |launch| launch);

    let mut answer = site.open(Whole);
    answer.read_some();
    drop(answer);

    site.assert_aftermath(1, Some("the client went away"));
}

#[test]
fn a_client_that_goes_away_while_storage_stalls_leaves_nothing_behind() {
    let mut site = Site::start();
    site.link.inject([Some(Ends(BeforeHead, Stall))]);
    let mut client = TcpStream::connect(site.app.address()).unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", site.image.path());
    client.write_all(request.as_bytes()).unwrap();
    wait_for("the request to storage", || {
        (site.link.connections().busy == 1).then_some(())
    });

    let start = Instant::now();
    drop(client);

    if is_spin() {
        // There, an instance works on until it has an answer, for nobody.
        site.assert_aftermath(1, Some("no answer within s3_first_byte_timeout_ms"));
        return;
    }
    wait_for("the end of the connection to storage", || {
        (site.link.connections().busy == 0).then_some(())
    });
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    site.assert_aftermath(1, Some("the client went away before it was answered"));
}
