//! Storage behind `https`: whom the app trusts, and what the operator is told where it does not.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::harness::app::Launch;
use crate::harness::host::is_spin;
use crate::harness::tls::{AUTHORITY, Authority, Identity, TlsFront};
use crate::harness::{App, ScriptedStorage, Storage, TestImage};
use crate::storage_servers;

/// Storage that shows this certificate.
fn front(storage: &Storage, identity: &Identity) -> TlsFront {
    let origin = storage.direct_endpoint();
    TlsFront::start(identity, origin.strip_prefix("http://").unwrap())
}

/// Asks for an image that is there, where no TLS comes about.
fn fail(launch: Launch) -> App {
    let app = launch.variable("s3_max_attempts", "1").start();
    let image = TestImage::of_size(1000);
    app.record(&image);
    app.get(&image.path()).assert_storage_error();
    app
}

#[test]
fn images_are_served_from_a_storage_of_a_private_authority() {
    let storage = Storage::start();
    let front = front(&storage, &AUTHORITY.certify(&["127.0.0.1"]));
    let app = Launch::on(&storage)
        .variable("s3_endpoint", &front.endpoint())
        .trusting(&AUTHORITY, "127.0.0.1")
        .start();
    let image = TestImage::of_size(1_000_000);
    app.import(&storage, &image);

    for _ in 0..2 {
        assert!(app.get(&image.path()).bytes() == image.bytes);
        let part = app.request_with("GET", &image.path(), &[("range", "bytes=10-19")]);
        assert_eq!(part.bytes(), &image.bytes[10..20]);
        assert_eq!(app.request("HEAD", &image.path()).status, 200);
    }
}

#[test]
fn a_server_that_speaks_tls_is_asked_for_every_key_that_it_takes() {
    if let Some(storage) = Storage::start_over_tls() {
        storage_servers::hold_keys(&storage);
    }
}

#[test]
fn a_server_that_speaks_tls_is_asked_for_objects_of_any_length() {
    if let Some(storage) = Storage::start_over_tls() {
        storage_servers::hold_lengths(&storage);
    }
}

#[test]
fn a_server_that_speaks_tls_is_understood_where_it_refuses() {
    if let Some(storage) = Storage::start_over_tls() {
        storage_servers::hold_refusals(&storage);
    }
}

#[test]
fn a_certificate_that_does_not_hold_is_a_storage_error_and_the_logs_say_why() {
    let storage = Storage::start();
    let stranger = Authority::named("Nobody's authority");
    let here = &["127.0.0.1"][..];
    for (case, identity, words) in [
        (
            "of another authority",
            stranger.certify(here),
            "UnknownIssuer",
        ),
        ("expired", AUTHORITY.certify_until(2020, here), "xpired"),
        (
            "of another host",
            AUTHORITY.certify(&["storage.example"]),
            "not valid for name",
        ),
    ] {
        println!("{case}:");
        let front = front(&storage, &identity);
        let launch = Launch::on(&storage)
            .variable("s3_endpoint", &front.endpoint())
            .trusting(&AUTHORITY, "127.0.0.1");

        let app = fail(launch);

        let cause = app.cause();
        assert!(cause.contains("no TLS with s3_endpoint"), "{cause}");
        assert!(cause.contains("its certificate"), "{cause}");
        // Spin says it in its tracing, which is off unless RUST_LOG turns it on.
        if !is_spin() {
            app.wait_for_error_line(words);
        }
    }
}

#[test]
fn an_authority_that_is_trusted_at_another_host_is_not_at_this_one() {
    let storage = Storage::start();
    let front = front(&storage, &AUTHORITY.certify(&["127.0.0.1"]));
    let launch = Launch::on(&storage)
        .variable("s3_endpoint", &front.endpoint())
        .trusting(&AUTHORITY, "127.0.0.2");

    let app = fail(launch);

    assert!(app.cause().contains("no TLS"), "{}", app.cause());
}

#[test]
fn a_port_that_speaks_no_tls_is_a_storage_error_and_the_log_names_the_setting() {
    let storage = ScriptedStorage::start([]);
    let endpoint = storage.endpoint().replace("http://", "https://");

    let app = fail(Launch::new(
        &endpoint,
        "bucket",
        &ScriptedStorage::credentials(),
    ));

    let cause = app.cause();
    assert!(
        cause.contains("check that its port speaks https"),
        "{cause}"
    );
}

#[test]
fn a_handshake_that_hangs_is_given_up() {
    // Its backlog takes the connection, and nobody says anything on it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", silent.local_addr().unwrap());
    let launch = Launch::new(&endpoint, "bucket", &ScriptedStorage::credentials())
        .variable("s3_connect_timeout_ms", "300")
        .variable("s3_first_byte_timeout_ms", "4000");
    let start = Instant::now();

    let app = fail(launch);

    // Spin's limit for connecting ends with TCP, so that there the next limit counts.
    let (limit, words) = if is_spin() {
        (10, "hangs in the TLS handshake")
    } else {
        (4, "no connection within s3_connect_timeout_ms")
    };
    assert!(start.elapsed() < Duration::from_secs(limit));
    assert!(app.cause().contains(words), "{}", app.cause());
}
