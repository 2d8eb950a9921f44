//! The operator's view: one line of JSON for each request.

use crate::harness::app::Launch;
use crate::harness::{App, Storage, TestImage};

#[test]
fn a_served_image_is_one_line_with_its_id_status_bytes_and_timings() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(70_000);
    app.import(&storage, &image);

    app.get(&image.path()).bytes();

    let log = app.log(1);
    let mut names: Vec<_> = log[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    let expected = [
        "bytes",
        "image_id",
        "level",
        "metadata_ms",
        "method",
        "path",
        "request_id",
        "status",
        "storage_first_byte_ms",
        "time",
        "total_ms",
        "verified",
    ];
    assert_eq!(names, expected);
    assert_eq!(log[0]["level"], "info");
    assert_eq!(log[0]["method"], "GET");
    assert_eq!(log[0]["path"], image.path());
    assert_eq!(log[0]["status"], 200);
    assert_eq!(log[0]["bytes"], 70_000);
    assert_eq!(log[0]["image_id"], image.id.as_hyphenated().to_string());
    for name in ["metadata_ms", "storage_first_byte_ms", "total_ms"] {
        assert!(
            log[0][name].as_f64().is_some_and(|ms| ms > 0.0),
            "{name}: {}",
            log[0]
        );
    }
    let time = log[0]["time"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
}

#[test]
fn every_request_is_logged_once_under_an_id_of_its_own() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let paths = [
        "/".to_owned(),
        "/api/v1/images/x/file".to_owned(),
        TestImage::of_size(0).path(),
    ];

    let mut answered = 0;
    let statuses = paths.map(|path| {
        let response = app.get(&path);
        // A line comes after its answer, and on Spin could meet the next one on its way.
        answered += 1;
        app.log(answered);
        response.status.as_u16()
    });

    let log = app.log(3);
    assert_eq!(log.len(), 3);
    let logged: Vec<_> = log
        .iter()
        .map(|entry| entry["status"].as_u64().unwrap())
        .collect();
    assert_eq!(logged, statuses.map(u64::from));
    let ids: std::collections::HashSet<_> = log
        .iter()
        .map(|entry| entry["request_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn an_error_carries_the_request_s_id_which_its_client_may_choose_and_an_image_does_not() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(10);
    app.import(&storage, &image);
    let chosen = [("x-request-id", "ingress/7f3a-1")];

    let failed = app.request_with("GET", "/", &chosen);
    app.log(1);
    let served = app.request_with("GET", &image.path(), &chosen);
    app.log(2);
    let unnamed = app.request_with("GET", "/", &[("x-request-id", "two words")]);

    assert_eq!(failed.headers["x-request-id"], "ingress/7f3a-1");
    assert!(!served.headers.contains_key("x-request-id"));
    let log = app.log(3);
    assert_eq!(log[0]["request_id"], "ingress/7f3a-1");
    assert_eq!(log[1]["request_id"], "ingress/7f3a-1");
    let made = unnamed.headers["x-request-id"].to_str().unwrap();
    assert_eq!(log[2]["request_id"], made);
    assert!(uuid::Uuid::try_parse(made).is_ok(), "{made}");
}

#[test]
fn a_line_has_a_level_and_the_code_of_its_error() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let missing = TestImage::of_size(10);
    app.record(&missing);

    for (number, (path, level, code)) in [
        ("/", "info", "not_found"),
        ("/api/v1/images/x/file?q", "info", "invalid_image_id"),
        (&missing.path(), "error", "storage_error"),
    ]
    .into_iter()
    .enumerate()
    {
        app.get(path);

        let entry = app.log(number + 1).swap_remove(number);
        assert_eq!(entry["level"], level, "{path}");
        assert_eq!(entry["code"], code, "{path}");
        assert_eq!(entry["path"], path.split('?').next().unwrap());
    }
}

#[test]
fn what_is_logged_is_a_setting() {
    let each = [200, 404, 200, 404];
    for (logged, statuses) in [
        ("all", &each[..]),
        ("failures", &[404, 404]),
        ("none", &[]),
        ("nonsense", &each),
    ] {
        let storage = Storage::start();
        let app = Launch::on(&storage).variable("log", logged).start();
        let image = TestImage::of_size(10);
        app.import(&storage, &image);

        let mut due = 0;
        for status in each {
            let path = image.path();
            let path = if status == 200 { &path } else { "/" };
            assert_eq!(app.get(path).status, status);
            // A line comes after its answer, and on Spin could meet the next one on its way.
            due += usize::from(statuses.contains(&status));
            app.log(due);
        }

        let log = app.log(due);
        let told: Vec<_> = log.iter().map(|entry| entry["status"].clone()).collect();
        assert_eq!(told, statuses, "{logged}");
    }
}

#[test]
fn lines_of_concurrent_requests_do_not_run_into_one_another() {
    let storage = Storage::start();
    let app = App::start(&storage);

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| drop(app.get("/"))));
        }
    });

    assert_eq!(app.log(200).len(), 200);
}

#[test]
fn a_request_that_is_part_of_a_trace_is_logged_with_its_trace_id() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    app.request_with("GET", "/", &[("traceparent", parent)]);

    assert_eq!(
        app.log(1)[0]["trace_id"],
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
}

#[test]
fn no_line_shows_a_credential() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(1000);
    app.record(&image);

    app.get(&image.path()).assert_storage_error();
    app.get("/");

    for entry in app.log(2) {
        let line = entry.to_string();
        assert!(
            !line.contains(&storage.credentials.secret_access_key),
            "{line}"
        );
        assert!(!line.contains(&storage.credentials.access_key_id), "{line}");
    }
}
