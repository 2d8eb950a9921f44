//! Clients that take their time, or nothing at all.

use std::time::{Duration, Instant};

use crate::harness::app::Launch;
use crate::harness::client::KeepAliveClient;
use crate::harness::faulty_link::FaultyLink;
use crate::harness::{App, Storage, TestImage, wait_for};

/// Far more than all buffers between storage and client.
const LARGE: usize = 50_000_000;

/// An app whose way to storage can be looked at, and a large image.
fn start(client_timeout: Duration) -> (FaultyLink, App, Storage, TestImage) {
    let storage = Storage::start();
    let link = FaultyLink::to(&storage);
    link.open();
    let limit = client_timeout.as_millis().to_string();
    let app = link
        .launch(&storage, Duration::from_secs(30))
        .variable("client_timeout_ms", &limit)
        .start();
    let image = TestImage::of_size(LARGE);
    app.import(&storage, &image);
    (link, app, storage, image)
}

#[test]
fn a_client_that_takes_nothing_is_given_up_and_its_connection_to_storage_is_free() {
    let limit = Duration::from_millis(1500);
    let (link, app, _storage, image) = start(limit);
    let request = http::Request::get(app.url(&image.path())).body(()).unwrap();
    let mut answer = KeepAliveClient::new().ask(request).unwrap();
    answer.read_some();
    let start = Instant::now();

    let entry = app.log(1).swap_remove(0);

    assert!(start.elapsed() >= limit, "{entry}");
    assert_eq!(entry["cause"], "the client took nothing for 1.5 s");
    assert_eq!(entry["level"], "warn");
    wait_for("the end of the connection to storage", || {
        (link.connections().busy == 0).then_some(())
    });
    assert!(answer.read_to_end().is_broken());
}

#[test]
fn a_client_that_makes_room_within_the_limit_is_served_to_the_end() {
    let limit = Duration::from_secs(2);
    let (_link, app, _storage, image) = start(limit);
    let request = http::Request::get(app.url(&image.path())).body(()).unwrap();
    let mut answer = KeepAliveClient::new().ask(request).unwrap();

    // The client's pauses, which no condition ends but time: several limits long in all.
    for _ in 0..6 {
        std::thread::sleep(limit / 2);
        answer.read_bytes(4_000_000);
    }
    let response = answer.read_to_end();

    assert!(response.bytes() == image.bytes);
    assert!(app.log(1)[0].get("cause").is_none());
}

#[test]
fn a_client_whose_content_does_not_come_is_given_up() {
    use std::io::{Read, Write};
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("records_token", "0123456789abcdef")
        .variable("client_timeout_ms", "1000")
        .start();
    let path = TestImage::of_size(0).path();
    let record = path.trim_end_matches("/file");
    let mut client = std::net::TcpStream::connect(app.address()).unwrap();
    let head = format!("PUT {record} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{{");
    client.write_all(head.as_bytes()).unwrap();
    let start = Instant::now();

    let mut status_line = [0; 12];
    client.read_exact(&mut status_line).unwrap();

    assert_eq!(&status_line, b"HTTP/1.1 401");
    let elapsed = start.elapsed();
    assert!(Duration::from_secs(1) <= elapsed && elapsed < Duration::from_secs(10));
}
