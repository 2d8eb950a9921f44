//! What the host does at its bounds: as many instances as may be, peers that vanish, its own end.

use std::time::{Duration, Instant};

use crate::harness::app::Launch;
use crate::harness::host::is_spin_without;
use crate::harness::process::watched_connections;
use crate::harness::{App, Storage, TestImage, wait_for};

/// Far more than all buffers between the host and a client that takes nothing.
const LARGE: usize = 50_000_000;

#[test]
fn a_request_beyond_the_instances_is_told_to_come_again_until_one_has_ended() {
    if is_spin_without("it answers by an empty 500") {
        return;
    }
    for pooling in ["1", "0"] {
        println!("SPIN_WASMTIME_POOLING={pooling}:");
        let storage = Storage::start();
        let app = Launch::on(&storage)
            .environment("SPIN_MAX_INSTANCE_COUNT", "2")
            .environment("SPIN_WASMTIME_POOLING", pooling)
            .start();
        let (small, large) = (TestImage::of_size(1000), TestImage::of_size(LARGE));
        app.import(&storage, &small);
        app.import(&storage, &large);
        let downloads = [app.open(&large.path()), app.open(&large.path())];

        let response = app.get(&small.path());

        let retry_after = ("retry-after", "1");
        response.assert_error_with(503, "Service is busy", "service_busy", &[retry_after]);
        assert_eq!(app.get("/.well-known/spin/health").status, 200);
        let line = &app.log(1)[0];
        assert_eq!(line["code"], "service_busy");
        drop(downloads);
        wait_for("room for an instance", || {
            (app.get(&small.path()).status == 200).then_some(())
        });
    }
}

#[test]
fn a_count_of_instances_that_is_not_a_number_is_refused_by_name() {
    if is_spin_without("it ends with a panic") {
        return;
    }
    let launch = Launch::on(&Storage::start()).environment("SPIN_MAX_INSTANCE_COUNT", "many");

    let (status, errors) = launch.fail();

    assert_eq!(status.code(), Some(1));
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("SPIN_MAX_INSTANCE_COUNT"), "{errors}");
}

#[test]
fn silent_peers_on_both_sides_are_asked_whether_they_are_there() {
    if is_spin_without("it leaves clients' connections alone") {
        return;
    }
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(LARGE);
    app.import(&storage, &image);

    let mut download = app.open(&image.path());
    download.read_some();

    let port_of = |address: &str| address.rsplit_once(':').unwrap().1.parse().unwrap();
    let (inbound, outbound) = (port_of(app.address()), port_of(&storage.endpoint()));
    wait_for("a watched connection to storage", || {
        (watched_connections(app.process_id(), outbound) > 0).then_some(())
    });
    assert_eq!(download.count(), LARGE as u64);
    let _idle = std::net::TcpStream::connect(app.address()).unwrap();
    wait_for("a watched connection of a client", || {
        (watched_connections(app.process_id(), inbound) > 0).then_some(())
    });
}

#[test]
fn an_interrupt_waits_for_a_download_as_long_as_it_is_told_to() {
    if is_spin_without("it ends at once") {
        return;
    }
    let storage = Storage::start();
    let app = Launch::on(&storage).arguments(&["--grace", "1"]).start();
    let image = TestImage::of_size(LARGE);
    app.import(&storage, &image);
    let mut download = app.open(&image.path());
    download.read_some();
    let start = Instant::now();

    let (status, _) = app.interrupt();

    let elapsed = start.elapsed();
    assert_eq!(status.code(), Some(0));
    let (told, default) = (Duration::from_secs(1), Duration::from_secs(5));
    assert!(told <= elapsed && elapsed < default, "{elapsed:?}");
}
