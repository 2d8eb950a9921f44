//! Requests that share an instance of the component, as on WASI 0.3: what one of them does to others.
//!
//! The component for WASI 0.2 has an instance for each request, and passes all the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::app::Launch;
use crate::harness::host::is_embedded_without;
use crate::harness::vault::Vault;
use crate::harness::{App, Storage, TestImage, wait_for};

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
