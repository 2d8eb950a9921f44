//! Memory does not grow with the image.

use crate::harness::client::KeepAliveClient;
use crate::harness::host::is_spin_without;
use crate::harness::process::{peak_resident_bytes, resident_bytes};
use crate::harness::{App, Storage, TestImage, say, wait_for};

const MIB: u64 = 1024 * 1024;
const CLIENTS: usize = 32;
const CONNECTIONS: usize = 16;
const IMAGE_BYTES: usize = 50 * 1024 * 1024;

/// An app that has served a small image, and holds a large one.
fn start() -> (Storage, App, TestImage) {
    let storage = Storage::start();
    let app = App::start(&storage);
    let (small, large) = (TestImage::of_size(1000), TestImage::of_size(IMAGE_BYTES));
    app.import(&storage, &small);
    app.import(&storage, &large);
    app.get(&small.path()).bytes();
    (storage, app, large)
}

#[test]
fn thirty_two_downloads_of_fifty_megabytes_need_at_most_64_mib_more_than_rest() {
    let (_storage, app, large) = start();
    let at_rest = peak_resident_bytes(app.process_id());

    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| assert_eq!(app.open(&large.path()).count(), IMAGE_BYTES as u64));
        }
    });

    let under_load = peak_resident_bytes(app.process_id());
    say(&format!(
        "memory: resident {} MiB at rest, {} MiB under load",
        at_rest / MIB,
        under_load / MIB
    ));
    let (status, output) = app.interrupt();
    if is_spin_without("its memory is its own, and it does not tell the size of a component's") {
        return;
    }
    assert!(
        under_load <= at_rest + 64 * MIB,
        "{under_load} bytes, {at_rest} at rest"
    );
    assert!(status.success());
    let linear = largest_component_memory(&output);
    say(&format!(
        "memory: largest component memory {} KiB",
        linear / 1024
    ));
    assert!(linear <= 4 * MIB, "a component holds {linear} bytes");
}

#[test]
fn sixty_four_clients_that_read_nothing_and_go_leave_at_most_64_mib_more_than_rest() {
    let (_storage, app, large) = start();
    let at_rest = resident_bytes(app.process_id());

    let downloads: Vec<_> = (0..64).map(|_| app.open(&large.path())).collect();
    drop(downloads);

    // One line for each, once it has ended.
    app.log(65);
    if is_spin_without("its memory is its own") {
        return;
    }
    wait_for("memory as at rest", || {
        (resident_bytes(app.process_id()) <= at_rest + 64 * MIB).then_some(())
    });
}

#[test]
fn a_hundred_thousand_requests_leave_no_more_memory_than_the_first_ten_thousand() {
    let (storage, app, _) = start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    let ask = |requests: usize| {
        let url = app.url(&image.path());
        let etag = format!("\"{}\"", image.hash());
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    let client = KeepAliveClient::new();
                    for _ in 0..requests / CONNECTIONS {
                        let request = http::Request::get(&url).header("if-none-match", &etag);
                        let answer = client.ask(request.body(()).unwrap()).unwrap();
                        assert_eq!(answer.read_to_end().status, 304);
                    }
                });
            }
        });
        resident_bytes(app.process_id())
    };

    let (first, last) = (ask(10_000), ask(90_000));

    say(&format!(
        "memory: resident {} MiB after 10,000 requests, {} MiB after 100,000",
        first / MIB,
        last / MIB
    ));
    // A leak of half a kilobyte a request would be more.
    assert!(last <= first + 32 * MIB, "{first} bytes, {last} at the end");
}

/// What the embedded host says when it ends.
fn largest_component_memory(output: &[String]) -> u64 {
    let line = output
        .iter()
        .find_map(|line| line.strip_prefix("Largest component memory: "));
    line.unwrap().trim_end_matches(" bytes").parse().unwrap()
}
