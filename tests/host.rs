//! The program that runs the manifest: how it starts, refuses and stops.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::harness::app::Launch;
use crate::harness::host::{is_spin, is_spin_without};
use crate::harness::{App, ScriptedStorage, Step, Storage, TestImage};

fn launch() -> Launch {
    Launch::new(
        "http://127.0.0.1:1",
        "bucket",
        &ScriptedStorage::credentials(),
    )
}

/// Asserts that a start is refused by naming `culprit`. This repository's host does so in one line
/// that also holds `advice`; Spin has its own words.
#[track_caller]
fn assert_refused(launch: Launch, culprit: &str, advice: &[&str]) {
    let (status, errors) = launch.fail();

    assert!(!status.success(), "{errors}");
    assert!(
        errors.to_lowercase().contains(culprit),
        "{culprit:?} is not in {errors}"
    );
    // Spin refuses in its own words.
    if is_spin() {
        return;
    }
    assert_eq!(status.code(), Some(1), "{errors}");
    assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    for word in advice {
        assert!(errors.contains(word), "{word:?} is not in {errors}");
    }
}

#[test]
fn an_unknown_manifest_key_is_refused_by_file_and_key() {
    let launch = launch().manifest(|text| {
        text.replace(
            "[component.image-proxy]\n",
            "[component.image-proxy]\nfavourite_colour = \"red\"\n",
        )
    });

    assert_refused(launch, "favourite_colour", &["spin.toml"]);
}

#[test]
fn a_missing_required_variable_is_refused_by_name_and_with_what_to_do() {
    let launch = launch().without_variable("s3_bucket");

    assert_refused(
        launch,
        "s3_bucket",
        &["spin.toml", "SPIN_VARIABLE_S3_BUCKET"],
    );
}

#[test]
fn an_unknown_variable_in_a_template_is_refused() {
    let launch =
        launch().manifest(|text| text.replace("\"{{ s3_region }}\"", "\"{{ no_such_variable }}\""));

    assert_refused(launch, "no_such_variable", &["spin.toml"]);
}

#[test]
fn a_database_that_does_not_exist_is_refused() {
    let launch = launch().manifest(|text| {
        text.replace(
            "sqlite_databases = [\"default\"]",
            "sqlite_databases = [\"other\"]",
        )
    });

    assert_refused(launch, "database", &["spin.toml", "`other`"]);
}

#[test]
fn sql_for_a_database_that_does_not_exist_is_refused() {
    let launch = launch().arguments(&["--sqlite", "@migrations/0001_images.sql:other"]);

    assert_refused(launch, "other", &["--sqlite", "`default`"]);
}

#[test]
fn a_key_value_store_that_does_not_exist_is_refused() {
    let launch = launch().manifest(|text| {
        text.replace(
            "key_value_stores = [\"default\"]",
            "key_value_stores = [\"other\"]",
        )
    });

    assert_refused(launch, "other", &["spin.toml", "key_value_stores"]);
}

#[test]
fn a_missing_component_is_refused_by_path_and_with_the_command_that_builds_it() {
    let launch = launch().manifest(|text| text.replace("image_proxy.wasm", "absent.wasm"));

    assert_refused(launch, "absent.wasm", &["cargo xtask build"]);
}

#[test]
fn a_taken_port_is_refused_by_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let launch = launch();

    let output = launch.command_listening(&address).output().unwrap();

    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors.contains(&address) && errors.contains("in use"),
        "{errors}"
    );
    // Spin says more than one line.
    if !is_spin() {
        assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    }
}

#[test]
fn a_secret_is_shown_neither_at_start_nor_when_it_fails() {
    let launch = launch()
        .variable("s3_secret_access_key", "very-secret")
        .without_variable("s3_bucket");

    let output = launch.command_listening("127.0.0.1:0").output().unwrap();

    for stream in [output.stdout, output.stderr] {
        assert!(!String::from_utf8(stream).unwrap().contains("very-secret"));
    }
}

#[test]
fn a_variable_comes_from_the_runtime_configuration_before_the_environment() {
    let storage = Storage::start();
    let launch = Launch::on(&storage).variable("max_image_bytes", "1000");
    let (small, large) = (TestImage::of_size(1000), TestImage::of_size(1001));

    let app = launch
        .environment("SPIN_VARIABLE_MAX_IMAGE_BYTES", "5")
        .start();
    app.import(&storage, &small);
    app.import(&storage, &large);

    assert_eq!(app.get(&small.path()).status, 200);
    app.get(&large.path()).assert_storage_error();
}

#[test]
fn a_variable_that_no_runtime_configuration_gives_comes_from_the_environment() {
    let storage = Storage::start();
    let launch = Launch::on(&storage).without_variable("s3_bucket");

    let app = launch
        .environment("SPIN_VARIABLE_S3_BUCKET", &storage.bucket)
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    assert_eq!(app.get(&image.path()).bytes(), image.bytes);
}

#[test]
fn a_variable_of_the_command_line_comes_before_all_others_as_text_or_from_a_file() {
    let storage = Storage::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bucket");
    std::fs::write(&file, &storage.bucket).unwrap();
    let from_file = format!("s3_bucket=@{}", file.display());

    let app = Launch::on(&storage)
        .variable("max_image_bytes", "5")
        .variable("s3_bucket", "another")
        .environment("SPIN_VARIABLE_MAX_IMAGE_BYTES", "6")
        .arguments(&["--variable", "max_image_bytes=1000"])
        .arguments(&["--variable", &from_file])
        .start();
    let (small, large) = (TestImage::of_size(1000), TestImage::of_size(1001));
    app.import(&storage, &small);
    app.import(&storage, &large);

    assert_eq!(app.get(&small.path()).bytes(), small.bytes);
    app.get(&large.path()).assert_storage_error();
}

#[test]
fn a_value_that_no_variable_takes_is_a_warning_that_names_it_wherever_it_is_given() {
    if is_spin_without("it ignores them and says nothing") {
        return;
    }
    let launch = launch()
        .without_variable("s3_bucket")
        .variable("s3_bukcet", "hunter2")
        .environment("SPIN_VARIABLE_S3_BUKCET", "hunter2")
        .arguments(&["--variable", "s3_buckets=hunter2"]);

    let (status, errors) = launch.fail();

    let lines: Vec<_> = errors.lines().collect();
    let [argument, file, environment, error] = lines[..] else {
        panic!("{errors}");
    };
    for (line, words) in [
        (argument, ["Warning: --variable: ", "`s3_buckets`"]),
        (file, ["runtime-config.toml: ", "`s3_bukcet`"]),
        (environment, ["environment: ", "`SPIN_VARIABLE_S3_BUKCET`"]),
        (error, ["Error: ", "SPIN_VARIABLE_S3_BUCKET"]),
    ] {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    assert!(!errors.contains("hunter2"), "{errors}");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn of_several_providers_the_first_that_has_a_value_gives_it() {
    let storage = Storage::start();
    let providers = r#"
[[variables_provider]]
type = "env"
prefix = "SITE"
[[variables_provider]]
type = "static"
values = { max_image_bytes = "7", s3_bucket = "another" }
"#;

    let app = Launch::on(&storage)
        .variable("max_image_bytes", "5")
        .runtime_config(providers)
        .environment("SITE_S3_BUCKET", &storage.bucket)
        .environment("SPIN_VARIABLE_MAX_IMAGE_BYTES", "6")
        .start();
    let (small, large) = (TestImage::of_size(7), TestImage::of_size(8));
    app.import(&storage, &small);
    app.import(&storage, &large);

    assert_eq!(app.get(&small.path()).bytes(), small.bytes);
    app.get(&large.path()).assert_storage_error();
}

#[test]
fn a_route_takes_its_own_paths_and_no_other_reaches_the_component() {
    // With a wildcard, the path before it and all below; a named segment, exactly one.
    for (route, taken, others) in [
        (
            "/api/...",
            vec!["/api", "/api/", "/api/v1", "/api/v1/images/x/file"],
            vec!["/", "/apis", "/other/api/v1"],
        ),
        (
            "/api/v1/images/:id/file",
            vec!["/api/v1/images/x/file", "/api/v1/images/y/file?a=b"],
            vec!["/api/v1/images/x", "/api/v1/images/x/file/more", "/"],
        ),
    ] {
        let app = launch()
            .manifest(|text| text.replace("\"/...\"", &format!("{route:?}")))
            .start();

        for path in taken {
            let response = app.get(path);
            let is_json = response.headers.get("content-type").is_some();
            assert!(is_json, "{route} takes {path}: {}", response.status);
        }
        for path in others {
            let response = app.get(path);
            assert_eq!(response.status, 404, "{route}, {path}");
            assert!(response.headers.get("content-type").is_none(), "{path}");
        }
    }
}

#[test]
fn the_health_endpoint_answers_without_the_component() {
    let app = launch().start();

    let response = app.get("/.well-known/spin/health");

    assert_eq!(
        (response.status.as_u16(), response.bytes()),
        (200, &b"OK"[..])
    );
    app.get("/");
    assert_eq!(app.log(1).len(), 1);
}

#[test]
fn an_interrupt_lets_a_download_end_and_then_the_app() {
    if is_spin_without("it ends at once") {
        return;
    }
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(20_000_000);
    app.import(&storage, &image);

    let mut download = app.open(&image.path());
    download.read_some();
    let ended = std::thread::scope(|scope| {
        let interrupted = scope.spawn(|| app.interrupt());
        assert_eq!(download.count(), 20_000_000);
        interrupted.join().unwrap()
    });

    assert_eq!(ended.0.code(), Some(0));
}

#[test]
fn a_client_that_goes_away_ends_its_request() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(50_000_000);
    app.import(&storage, &image);

    let mut download = app.open(&image.path());
    download.read_some();
    drop(download);

    assert_eq!(app.cause(), "the client went away");
    assert!(app.log(1)[0]["bytes"].as_u64().unwrap() < 50_000_000);
}

#[test]
fn connections_to_storage_are_used_again() {
    let steps = vec![Step::object(10, "0123456789"); 4];
    let storage = ScriptedStorage::start(steps);
    let app = Launch::new(
        storage.endpoint(),
        "bucket",
        &ScriptedStorage::credentials(),
    )
    .start();
    let image = TestImage::of_size(10);
    app.record(&image);

    for _ in 0..4 {
        app.get(&image.path()).bytes();
    }

    assert_eq!(storage.requests().len(), 4);
    assert!(
        storage.connections() < 4,
        "{} connections",
        storage.connections()
    );
}

#[test]
fn a_header_field_that_is_not_utf_8_is_a_500_before_the_component_is_asked() {
    let app = launch().start();

    for (value, status) in [
        (&b"\xff"[..], "HTTP/1.1 500"),
        ("ä".as_bytes(), "HTTP/1.1 404"),
    ] {
        let mut stream = TcpStream::connect(app.address()).unwrap();
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Name: ";
        stream
            .write_all(&[head, value, b"\r\n\r\n"].concat())
            .unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), status);
    }

    // Besides the component's line, this host has one of its own.
    let lines = if is_spin() { 1 } else { 2 };
    assert_eq!(app.log(lines).len(), lines);
}

#[test]
fn a_request_names_one_valid_host() {
    if is_spin_without(
        "it takes several, and ends the connection without an answer where one is invalid",
    ) {
        return;
    }
    let app = launch().start();
    let table = [
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "HTTP/1.1 400",
        ),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "HTTP/1.1 400"),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404"),
        ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 404"),
    ];

    for (request, status) in table {
        let mut stream = TcpStream::connect(app.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), status, "{request}");
    }
}
