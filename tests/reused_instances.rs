//! Requests that share an instance of the component, as on WASI 0.3: what one of them does to others.
//!
//! The component for WASI 0.2 has an instance for each request, and passes all the same.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::app::{BEARER, Launch, TOKEN};
use crate::harness::host::is_embedded_without;
use crate::harness::vault::Vault;
use crate::harness::{App, Storage, TestImage, is_wasi_0_3, wait_for};

/// As many requests as one instance takes at once, unless a host is told otherwise.
const SHARING: usize = 16;
/// Far more than all buffers between storage and client.
const LARGE: usize = 20_000_000;

/// A download whose client reads nothing yet.
fn download(app: &App, image: &TestImage) -> TcpStream {
    let mut client = TcpStream::connect(app.address()).unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        image.path()
    );
    client.write_all(request.as_bytes()).unwrap();
    client
}

fn downloads(app: &App, storage: &Storage, image: &TestImage) -> Vec<TcpStream> {
    let clients: Vec<_> = (0..SHARING).map(|_| download(app, image)).collect();
    wait_for("all requests to storage", || {
        (storage.asked() >= SHARING).then_some(())
    });
    clients
}

#[test]
fn sixteen_slow_downloads_arrive_whole_and_keep_nobody_else_waiting() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let (large, small) = (TestImage::of_size(LARGE), TestImage::of_size(1000));
    app.import(&storage, &large);
    app.import(&storage, &small);
    let slow = downloads(&app, &storage, &large);

    let start = Instant::now();
    for _ in 0..50 {
        app.get(&small.path()).assert_image(&small, &small.bytes);
    }

    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    for mut client in slow {
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert!(answer.ends_with(&large.bytes));
    }
}

#[test]
fn new_credentials_count_within_a_second_while_those_before_still_serve() {
    if is_embedded_without("its variables have the values that they had at the start") {
        return;
    }
    let (storage, vault) = (Storage::start(), Vault::start());
    let secret = &storage.credentials.secret_access_key;
    vault.set("s3_secret_access_key", secret);
    let app = Launch::on(&storage)
        .runtime_config(&vault.provider())
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    app.get(&image.path()).assert_image(&image, &image.bytes);

    // That they count is seen by their being wrong.
    vault.set("s3_secret_access_key", "the-secret-of-tomorrow");
    let changed = Instant::now();

    wait_for("an answer by the new credentials", || {
        (app.get(&image.path()).status == 500).then_some(())
    });
    assert!(
        changed.elapsed() < Duration::from_millis(1500),
        "{:?}",
        changed.elapsed()
    );
    // What failed is not kept.
    vault.set("s3_secret_access_key", secret);
    app.get(&image.path()).assert_image(&image, &image.bytes);
}

/// A stack that is enough for records and not for what is signed for storage, so that a request for the
/// image ends in a trap.
fn app_that_can_trap(storage: &Storage, image: &TestImage) -> App {
    for kibibytes in (4..=32).rev().step_by(2) {
        let app = Launch::on(storage)
            .stack(kibibytes * 1024)
            .variable("records_token", TOKEN)
            .start();
        app.record(image);
        if app.get(&image.path()).status == 500 {
            return app;
        }
    }
    panic!("no stack is too small");
}

/// A `PUT` of the image's record of which half has been sent, and is waited for.
fn half_a_put(app: &App, image: &TestImage, record: &str) -> TcpStream {
    let mut client = TcpStream::connect(app.address()).unwrap();
    let (path, length, (name, value)) = (image.record_path(), record.len(), BEARER);
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    );
    client.write_all(head.as_bytes()).unwrap();
    // It comes once the component reads.
    let mut interim = [0; 25];
    client.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(&record.as_bytes()[..length / 2]).unwrap();
    client
}

/// Whether the connection has an answer or has ended.
fn is_told(client: &TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    let told = client.peek(&mut [0]);
    client.set_nonblocking(false).unwrap();
    !told.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_trap_is_told_to_who_shares_the_instance_and_others_are_served_after_it() {
    let storage = Storage::start();
    let image = TestImage::of_size(1000);
    storage.put(&image.key, &image.bytes);
    let app = app_that_can_trap(&storage, &image);
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let image = TestImage::of_size(1);
            let record = image.record().to_string();
            (half_a_put(&app, &image, &record), record)
        })
        .collect();

    if is_wasi_0_3() {
        wait_for("a trap in the instance that they share", || {
            assert_eq!(app.get(&image.path()).status, 500);
            waiting
                .iter()
                .any(|(client, _)| is_told(client))
                .then_some(())
        });
    } else {
        assert_eq!(app.get(&image.path()).status, 500);
    }

    let written = waiting.into_iter().filter_map(|(mut client, record)| {
        // Who is told that it failed need not take the rest.
        let _ = client.write_all(&record.as_bytes()[record.len() / 2..]);
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 201").then_some(())
    });
    assert_eq!(written.count() < 8, is_wasi_0_3());
    let another = TestImage::of_size(1);
    let fields = [BEARER, ("content-type", "application/json")];
    let record = another.record().to_string();
    let written = app.send("PUT", &another.record_path(), &fields, record.as_bytes());
    assert_eq!(written.status, 201);
}
