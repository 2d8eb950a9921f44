//! Whether the app says that it is ready where, and only where, it can answer requests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::app::{Launch, MetadataStore};
use crate::harness::response::Response;
use crate::harness::{App, Storage, TestImage, broken_settings, on_each_store, root, skip};

const PATH: &str = "/readyz";

#[track_caller]
fn assert_ready(response: &Response) {
    assert_eq!(response.status, 200);
    assert_eq!(response.bytes(), br#"{"status":"ready"}"#);
    assert_eq!(
        response.fields(),
        [
            ("cache-control", "no-store"),
            ("content-length", "18"),
            ("content-type", "application/json"),
        ]
    );
}

#[track_caller]
fn assert_store_is_missed(response: &Response) {
    response.assert_error(503, "Failed to retrieve image metadata", "metadata_error");
}

#[track_caller]
fn assert_setting_is_missed(response: &Response) {
    let detail = "Service is not configured correctly";
    response.assert_error(503, detail, "configuration_error");
}

#[test]
fn it_is_ready_once_settings_and_records_can_be_read_and_storage_is_not_asked() {
    for (storage, app) in on_each_store(|launch| launch) {
        assert_ready(&app.get(PATH));

        assert_eq!(storage.asked(), 0);
        let line = &app.log(1)[0];
        assert_eq!(line["status"], 200, "{line}");
        assert!(line["metadata_ms"].is_number(), "{line}");
        assert!(line.get("cause").is_none(), "{line}");
    }
}

#[test]
fn a_storage_that_is_gone_leaves_it_ready() {
    for (storage, app) in on_each_store(|launch| launch) {
        storage.stop();

        assert_ready(&app.get(PATH));
    }
}

#[test]
fn a_query_changes_nothing_and_another_path_is_another() {
    for (_storage, app) in on_each_store(|launch| launch) {
        assert_ready(&app.get("/readyz?verbose=/1"));

        for path in ["/readyz/", "/READYZ", "/readyz/x"] {
            app.get(path).assert_error(404, "Not found", "not_found");
        }
    }
}

#[test]
fn no_page_of_another_origin_reads_it() {
    for (_storage, app) in on_each_store(|launch| launch.variable("cors_allowed_origins", "*")) {
        let origin = [("origin", "https://app.example")];

        assert_ready(&app.request_with("GET", PATH, &origin));
    }
}

#[test]
fn head_is_answered_as_get_is_without_content() {
    for (is_ready, limit) in [(true, "1000"), (false, "50MB")] {
        for (_storage, app) in on_each_store(|launch| launch.variable("max_image_bytes", limit)) {
            let same_id = [("x-request-id", "67e55044-10b1-426f-9247-bb680e5fe0c8")];
            let ask = |method| app.request_with(method, PATH, &same_id);
            let (get, head) = (ask("GET"), ask("HEAD"));

            assert_eq!(get.status == 200, is_ready);
            assert_eq!(head.status, get.status);
            assert_eq!(head.fields(), get.fields());
            assert_eq!(head.bytes(), b"");
        }
    }
}

#[test]
fn another_method_is_not_allowed_even_where_a_setting_is_broken() {
    for limit in ["1000", "50MB"] {
        for (_storage, app) in on_each_store(|launch| launch.variable("max_image_bytes", limit)) {
            for method in [
                "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE",
            ] {
                app.request(method, PATH).assert_error_with(
                    405,
                    "Method not allowed",
                    "method_not_allowed",
                    &[("allow", "GET, HEAD")],
                );
            }
        }
    }
}

/// One value for each variable that cannot be used.
fn broken() -> impl Iterator<Item = (&'static str, &'static str)> {
    let others = [
        ("s3_endpoint", "http://127.0.0.1:9000/path"),
        ("hash_max_bytes", "many"),
        ("cache_max_bytes", "262145"),
        ("records_token", "too-short"),
        ("log", "some"),
    ];
    broken_settings::OF_AN_IMAGE.into_iter().chain(others)
}

#[test]
fn each_setting_that_is_broken_keeps_it_from_being_ready_and_the_log_names_it() {
    let storage = Storage::start();
    thread::scope(|scope| {
        for (name, value) in broken() {
            // The manifest lets no app start whose `allowed_outbound_hosts` is not an origin.
            let launch = Launch::on(&storage)
                .variable(name, value)
                .manifest(|text| text.replace("[\"{{ s3_endpoint }}\"]", "[]"));
            scope.spawn(move || {
                let app = launch.start();

                assert_setting_is_missed(&app.get(PATH));

                let cause = app.cause();
                let words = format!("the variable {name} must be");
                assert!(cause.contains(&words), "{cause}");
                assert!(value.len() < 3 || !cause.contains(value), "{cause}");
            });
        }
    });
    assert_eq!(storage.asked(), 0);
}

#[test]
fn every_variable_of_the_manifest_is_among_those_that_are_broken() {
    let text = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();

    let mut declared: Vec<_> = manifest["variables"].as_table().unwrap().keys().collect();

    declared.sort_unstable();
    let mut broken: Vec<_> = broken().map(|(name, _)| name).collect();
    broken.sort_unstable();
    assert_eq!(declared, broken);
}

#[test]
fn a_variable_that_the_manifest_does_not_pass_on_keeps_it_from_being_ready() {
    let storage = Storage::start();
    for name in ["s3_bucket", "records_token"] {
        let line = format!("{name} = \"{{{{ {name} }}}}\"");
        let app = Launch::on(&storage)
            .manifest(|text| text.replace(&line, ""))
            .start();

        assert_setting_is_missed(&app.get(PATH));

        let words = format!("cannot read the variable {name}");
        assert!(app.cause().contains(&words), "{}", app.cause());
    }
}

#[test]
fn a_table_that_is_missing_keeps_it_from_being_ready_until_it_is_there() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let database = app.database();
    database.run("ALTER TABLE images RENAME TO elsewhere");

    assert_store_is_missed(&app.get(PATH));
    database.run("ALTER TABLE elsewhere RENAME TO images");

    assert_ready(&app.get(PATH));
    let cause = app.log(1)[0]["cause"].to_string();
    assert!(cause.contains("no such table: images"), "{cause}");
}

#[test]
fn a_record_that_nobody_can_use_leaves_it_ready() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let nil = TestImage {
        id: uuid::Uuid::nil(),
        ..TestImage::of_size(0)
    };
    app.database()
        .insert_values(&nil, &[&"", &"text/html", &"", &-1]);

    assert_ready(&app.get(PATH));
}

#[test]
fn a_store_that_the_manifest_does_not_grant_keeps_it_from_being_ready() {
    for (store, grant) in [
        (MetadataStore::Sqlite, "sqlite_databases"),
        (MetadataStore::KeyValue, "key_value_stores"),
    ] {
        let storage = Storage::start();
        let app = Launch::on(&storage)
            .records_in(store)
            .manifest(|text| text.replace(&format!("{grant} = [\"default\"]"), ""))
            .start();

        assert_store_is_missed(&app.get(PATH));

        assert!(app.cause().contains(grant), "{}", app.cause());
    }
}

#[test]
fn a_database_that_is_locked_keeps_it_from_being_ready_within_seconds() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let locker = app.database();
    locker.run("BEGIN EXCLUSIVE");

    let start = Instant::now();
    assert_store_is_missed(&app.get(PATH));
    let waited = start.elapsed();

    // A lock is waited for for 5 s.
    assert!(waited < Duration::from_secs(8), "{waited:?}");
    locker.run("COMMIT");
    assert_ready(&app.get(PATH));
}

/// How long it takes is Spin's; what counts is that no probe is told that all is well.
#[test]
fn a_redis_that_is_gone_keeps_it_from_being_ready() {
    let storage = Storage::start();
    let mut app = Launch::on(&storage)
        .records_in(MetadataStore::KeyValue)
        .start();
    let Some(redis) = app.redis() else {
        skip("records are in a file: `cargo xtask test --host spin --redis` keeps them in Redis");
        return;
    };
    redis.stop();

    let answer = beginning_within(Duration::from_secs(3), &app);

    assert!(answer.is_none_or(|line| line.starts_with("HTTP/1.1 503 ")));
}

/// How its answer to a probe begins, if it does so in time.
fn beginning_within(limit: Duration, app: &App) -> Option<String> {
    let mut connection = TcpStream::connect(app.address()).unwrap();
    connection.set_read_timeout(Some(limit)).unwrap();
    write!(connection, "GET {PATH} HTTP/1.1\r\nHost: probe\r\n\r\n").unwrap();
    let mut beginning = [0; 13];
    connection.read_exact(&mut beginning).ok()?;
    Some(String::from_utf8(beginning.into()).unwrap())
}
