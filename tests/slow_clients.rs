//! Clients that take their time, or nothing at all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::harness::app::Launch;
use crate::harness::client::KeepAliveClient;
use crate::harness::faulty_link::FaultyLink;
use crate::harness::host::{is_spin, is_spin_without};
use crate::harness::{App, Storage, TestImage, is_wasi_0_3, skip, wait_for};

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

/// What a client takes now and then, in bytes.
const TAKEN: usize = 64 * 1024;

#[test]
fn a_client_that_takes_a_little_now_and_then_is_served_to_the_end() {
    if is_spin_without("the kernel takes hundreds of kilobytes at once for its clients") {
        return;
    }
    let limit = Duration::from_secs(4);
    let (_link, app, storage, _) = start(limit);
    let image = TestImage::of_size(1_500_000);
    app.import(&storage, &image);
    let client = slow_client(&app, &image.path(), TAKEN);

    // The client's pauses, which no condition ends but time.
    let mut answer = Vec::new();
    loop {
        std::thread::sleep(limit / 5);
        let mut some = (&client).take(TAKEN as u64);
        if some.read_to_end(&mut answer).unwrap() < TAKEN {
            break;
        }
    }

    assert!(answer.ends_with(&image.bytes));
    assert!(app.log(1)[0].get("cause").is_none());
}

/// A connection with this much room in the client's kernel, on which the image is asked for.
fn slow_client(app: &App, path: &str, room: usize) -> TcpStream {
    let address: SocketAddr = app.address().parse().unwrap();
    let client = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(room).unwrap();
    client.connect(&address.into()).unwrap();
    let mut client = TcpStream::from(client);
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    client
}

/// Instances of the host, which Spin limits by the same variable.
const INSTANCES: usize = 8;

#[test]
fn a_host_whose_instances_are_all_held_by_clients_that_take_nothing_is_free_again_after_the_limit()
{
    if is_wasi_0_3() {
        skip("on WASI 0.3: an instance takes other requests as soon as an answer has begun");
        return;
    }
    // Long enough to be seen full also where much else runs.
    let limit = Duration::from_secs(8);
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("client_timeout_ms", &limit.as_millis().to_string())
        .environment("SPIN_MAX_INSTANCE_COUNT", &INSTANCES.to_string())
        .start();
    let image = TestImage::of_size(LARGE);
    app.import(&storage, &image);
    let unknown = TestImage::of_size(0).path();
    let path = image.path();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let start = Instant::now();

    // More than there are instances: one that comes while another request is about to end is refused.
    let mut held = Vec::new();
    wait_for("as many downloads as there are instances", || {
        let mut client = TcpStream::connect(app.address()).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        held.push(client);
        (storage.asked() == INSTANCES).then_some(())
    });
    let full = Instant::now();

    assert_eq!(busy_or_right(&app, &unknown), Answered::Busy);
    wait_for("a host that is free", || {
        (busy_or_right(&app, &unknown) == Answered::Right).then_some(())
    });
    assert!(start.elapsed() >= limit, "nobody was given up");
    assert!(full.elapsed() < limit + Duration::from_secs(5));
    wait_for("as many requests at once as there are instances", || {
        let answers: Vec<_> = std::thread::scope(|scope| {
            let ask = || busy_or_right(&app, &unknown);
            let asking: Vec<_> = (0..INSTANCES).map(|_| scope.spawn(ask)).collect();
            asking
                .into_iter()
                .map(|answer| answer.join().unwrap())
                .collect()
        });
        answers
            .iter()
            .all(|answered| *answered == Answered::Right)
            .then_some(())
    });
    drop(held);
}

#[derive(Debug, PartialEq, Eq)]
enum Answered {
    Right,
    Busy,
}

/// What an ordinary request gets. Where there is no instance for it, this repository's host says so in
/// the contract's form, and Spin gives an empty 500.
#[track_caller]
fn busy_or_right(app: &App, unknown: &str) -> Answered {
    let response = app.get(unknown);
    if response.status == 404 {
        response.assert_error(404, "Image not found", "image_not_found");
        return Answered::Right;
    }
    if is_spin() {
        assert_eq!(
            (response.status.as_u16(), response.bytes()),
            (500, &b""[..])
        );
    } else {
        let retry = [("retry-after", "1")];
        response.assert_error_with(503, "Service is busy", "service_busy", &retry);
    }
    Answered::Busy
}

#[test]
fn a_client_whose_content_does_not_come_is_given_up() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("records_token", "0123456789abcdef")
        .variable("client_timeout_ms", "1000")
        .start();
    let path = TestImage::of_size(0).path();
    let record = path.trim_end_matches("/file");
    let mut client = TcpStream::connect(app.address()).unwrap();
    let head = format!("PUT {record} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{{");
    client.write_all(head.as_bytes()).unwrap();
    let start = Instant::now();

    let mut status_line = [0; 12];
    client.read_exact(&mut status_line).unwrap();

    assert_eq!(&status_line, b"HTTP/1.1 401");
    let elapsed = start.elapsed();
    assert!(Duration::from_secs(1) <= elapsed && elapsed < Duration::from_secs(10));
}
