//! The records route: who may write, what is accepted, and what a record's image answers then.

use std::thread;

use http::StatusCode;
use serde_json::{Value, json};

use crate::harness::app::{BEARER, Launch, MetadataStore, TOKEN};
use crate::harness::database::Database;
use crate::harness::host::is_embedded_without;
use crate::harness::response::Response;
use crate::harness::vault::Vault;
use crate::harness::{App, Storage, TestImage, is_wasi_0_3, on_each_store};

const JSON: (&str, &str) = ("content-type", "application/json");
const METHODS: [&str; 6] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST"];
const ALLOW: (&str, &str) = ("allow", "GET, HEAD, PUT, DELETE");

fn with_token(launch: Launch) -> Launch {
    launch.variable("records_token", TOKEN)
}

fn put(app: &App, image: &TestImage, record: &Value) -> Response {
    put_text(app, image, &record.to_string())
}

fn put_text(app: &App, image: &TestImage, content: &str) -> Response {
    let fields = [BEARER, JSON];
    app.send("PUT", &image.record_path(), &fields, content.as_bytes())
}

fn ask(app: &App, method: &str, image: &TestImage) -> Response {
    app.request_with(method, &image.record_path(), &[BEARER])
}

/// Asserts an answer without content and with exactly these fields.
#[track_caller]
fn assert_empty(response: &Response, status: u16, fields: &[(&str, &str)]) {
    assert_eq!(response.status, status);
    let mut expected = [fields, &[("cache-control", "no-store")]].concat();
    expected.sort_unstable();
    assert_eq!(response.fields(), expected);
    assert_eq!(response.bytes(), b"");
}

#[test]
fn an_image_is_served_from_when_its_record_is_written_until_it_is_taken_away() {
    for (storage, app) in on_each_store(with_token) {
        let image = TestImage::of_size(100_000);
        storage.put(&image.key, &image.bytes);

        let created = put(&app, &image, &image.record());
        let served = app.get(&image.path());
        let removed = ask(&app, "DELETE", &image);

        let path = image.path();
        let fields = [("content-length", "0"), ("location", path.as_str())];
        assert_empty(&created, 201, &fields);
        served.assert_image(&image, &image.bytes);
        assert_empty(&removed, 204, &[]);
        app.get(&image.path())
            .assert_error(404, "Image not found", "image_not_found");
        for method in ["DELETE", "GET"] {
            ask(&app, method, &image).assert_error(404, "Image not found", "image_not_found");
        }
        // Its object stays.
        assert_eq!(put(&app, &image, &image.record()).status, 201);
        app.get(&image.path()).assert_image(&image, &image.bytes);
    }
}

#[test]
fn a_record_is_read_as_it_was_written_whether_there_is_an_object_or_not() {
    for (storage, app) in on_each_store(with_token) {
        let image = TestImage::of_size(1000).with_type("image/svg+xml; charset=utf-8");
        put(&app, &image, &image.record());

        let read = ask(&app, "GET", &image);
        let head = ask(&app, "HEAD", &image);

        assert_eq!(read.status, 200);
        let content: Value = serde_json::from_slice(read.bytes()).unwrap();
        assert_eq!(content, image.record());
        let length = read.bytes().len().to_string();
        let expected = [
            ("cache-control", "no-store"),
            ("content-length", length.as_str()),
            ("content-type", "application/json"),
        ];
        assert_eq!(read.fields(), expected);
        assert_eq!(
            (head.status, head.fields()),
            (StatusCode::OK, read.fields())
        );
        assert_eq!(head.bytes(), b"");
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn a_record_longer_than_a_host_takes_at_once_is_read_whole() {
    for (_storage, app) in on_each_store(with_token) {
        let image = TestImage::of_size(1000);
        let mut record = image.record();
        record["hash"] = "h".repeat(15_000).into();
        assert_eq!(put(&app, &image, &record).status, 201);

        let read = ask(&app, "GET", &image);

        let content: Value = serde_json::from_slice(read.bytes()).unwrap();
        assert_eq!(content, record);
    }
}

#[test]
fn the_same_record_again_is_204_as_is_one_that_moves_the_object_and_any_other_is_409() {
    for (storage, app) in on_each_store(with_token) {
        let image = TestImage::of_size(1000);
        let with = |field: &str, value: Value| {
            let mut record = image.record();
            record[field] = value;
            record
        };
        put(&app, &image, &image.record());

        assert_empty(&put(&app, &image, &image.record()), 204, &[]);
        for changed in [
            with("hash", "another".into()),
            with("mime_type", "image/gif".into()),
            with("size_bytes", 1001.into()),
        ] {
            let refused = put(&app, &image, &changed);
            refused.assert_error(409, "Another image has this id", "image_exists");
        }
        let moved = with("storage_key", "private/elsewhere.png".into());
        assert_empty(&put(&app, &image, &moved), 204, &[]);

        let known = app.records();
        assert_eq!(known.values().collect::<Vec<_>>(), [&moved]);
        storage.put("private/elsewhere.png", &image.bytes);
        app.get(&image.path()).assert_image(&image, &image.bytes);
    }
}

#[test]
fn a_change_can_be_made_to_depend_on_whether_there_is_a_record() {
    for (_storage, app) in on_each_store(with_token) {
        let image = TestImage::of_size(1000);
        let record = image.record().to_string();
        for (method, condition, status) in [
            ("PUT", ("if-match", "*"), 412),
            ("PUT", ("if-none-match", "*"), 201),
            ("PUT", ("if-none-match", "*"), 412),
            ("PUT", ("if-match", "\"a-tag\""), 412),
            ("DELETE", ("if-none-match", "*"), 412),
            ("DELETE", ("if-match", "*"), 204),
            ("DELETE", ("if-match", "*"), 404),
        ] {
            let fields = [BEARER, JSON, condition];
            let answer = app.send(method, &image.record_path(), &fields, record.as_bytes());
            assert_eq!(answer.status, status, "{method} {condition:?}");
        }
    }
}

#[test]
fn without_the_token_every_method_is_401_before_the_id_is_looked_at() {
    for (_storage, app) in on_each_store(with_token) {
        let image = TestImage::of_size(1000);
        put(&app, &image, &image.record());
        let wrong = [
            None,
            Some("Bearer 0123456789-token-of-the-test"),
            Some("Bearer 0123456789-token-of-the-tests-"),
            Some("Basic 0123456789-token-of-the-tests"),
            Some("Bearer "),
        ];

        for shown in wrong {
            for path in [&image.record_path(), "/api/v1/images/no-uuid"] {
                for method in METHODS {
                    let authorization = shown.map(|shown| ("authorization", shown));
                    let answer = app.request_with(method, path, authorization.as_slice());

                    let challenge = ("www-authenticate", "Bearer");
                    if method == "HEAD" {
                        assert_eq!(answer.status, 401);
                        assert_eq!(answer.bytes(), b"");
                        continue;
                    }
                    let detail = "A valid token is required";
                    answer.assert_error_with(401, detail, "unauthorized", &[challenge]);
                }
            }
        }
        assert_eq!(ask(&app, "GET", &image).status, 200);
        for entry in app.log(1 + wrong.len() * 12 + 1) {
            assert!(!entry.to_string().contains("0123456789"), "{entry}");
        }
    }
}

#[test]
fn without_a_token_in_the_settings_there_is_no_route_whatever_the_request_shows() {
    for value in [None, Some(""), Some(" \n")] {
        let storage = Storage::start();
        let launch = Launch::on(&storage);
        let launch = value.into_iter().fold(launch, |launch, value| {
            launch.variable("records_token", value)
        });
        let app = launch.start();
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for method in METHODS {
            for authorization in [BEARER, ("authorization", "Bearer ")] {
                let fields = [authorization, JSON];
                let answer = app.request_with(method, &image.record_path(), &fields);
                assert_eq!(answer.status, 404, "{value:?} {method}");
                if method != "HEAD" {
                    answer.assert_error(404, "Not found", "not_found");
                }
            }
        }
        app.get(&image.path()).assert_image(&image, &image.bytes);
    }
}

#[test]
fn a_token_that_can_be_guessed_closes_the_route_and_leaves_images_alone() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("records_token", "fifteen-letters")
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    let refused = app.request_with(
        "GET",
        &image.record_path(),
        &[("authorization", "Bearer fifteen-letters")],
    );

    refused.assert_error(
        500,
        "Service is not configured correctly",
        "configuration_error",
    );
    let cause = app.cause();
    assert!(cause.contains("records_token"), "{cause}");
    assert!(!cause.contains("fifteen-letters"), "{cause}");
    app.get(&image.path()).assert_image(&image, &image.bytes);
}

#[test]
fn a_token_made_with_echo_is_the_token_without_its_line_break() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("records_token", &format!("{TOKEN}\n"))
        .start();
    let image = TestImage::of_size(1000);

    assert_eq!(put(&app, &image, &image.record()).status, 201);
}

#[test]
fn another_method_is_not_allowed_and_an_id_that_is_no_uuid_is_unprocessable() {
    for (_storage, app) in on_each_store(with_token) {
        for method in ["OPTIONS", "POST", "PATCH"] {
            for id in [&*TestImage::of_size(1).record_path(), "/api/v1/images/x"] {
                let answer = app.request_with(method, id, &[BEARER]);
                let detail = "Method not allowed";
                answer.assert_error_with(405, detail, "method_not_allowed", &[ALLOW]);
            }
        }
        for method in ["GET", "PUT", "DELETE"] {
            let answer = app.request_with(method, "/api/v1/images/x", &[BEARER, JSON]);
            let detail = "Image id is not a valid UUID";
            answer.assert_error(422, detail, "invalid_image_id");
        }
    }
}

#[test]
fn a_record_that_breaks_a_rule_is_refused_with_the_field_and_the_rule() {
    for (_storage, app) in on_each_store(with_token) {
        let image = TestImage::of_size(1000);
        let with = |field: &str, value: Value| {
            let mut record = image.record();
            record[field] = value;
            record
        };
        let without = |field: &str| {
            let mut record = image.record();
            record.as_object_mut().unwrap().remove(field);
            record
        };
        let table = [
            (with("storage_key", "".into()), "storage_key is empty"),
            (
                with("storage_key", "k".repeat(1025).into()),
                "storage_key is longer than 1024 bytes",
            ),
            (
                with("storage_key", "a/../b".into()),
                "storage_key holds a '.' or '..' segment",
            ),
            (
                with("storage_key", "a\nb".into()),
                "storage_key holds a control character",
            ),
            (with("storage_key", 7.into()), "storage_key is not text"),
            (
                with("mime_type", "text/html".into()),
                "mime_type \"text/html\" is not an image type",
            ),
            (with("mime_type", "image/*".into()), "is not an image type"),
            (with("mime_type", Value::Null), "mime_type is missing"),
            (with("hash", "".into()), "cannot be an entity-tag"),
            (with("hash", "a b".into()), "cannot be an entity-tag"),
            (with("hash", "a\"b".into()), "cannot be an entity-tag"),
            (with("size_bytes", (-1).into()), "size_bytes -1 is negative"),
            (
                with("size_bytes", "1".into()),
                "size_bytes is not an integer",
            ),
            (
                with("size_bytes", 1.5.into()),
                "size_bytes is not an integer",
            ),
            (
                with("size_bytes", 52_428_801.into()),
                "size_bytes 52428801 is above max_image_bytes, which is 52428800",
            ),
            (with("id", "x".into()), "unknown field `id`"),
            (without("storage_key"), "storage_key is missing"),
            (without("mime_type"), "mime_type is missing"),
            (without("hash"), "hash is missing"),
            (without("size_bytes"), "size_bytes is missing"),
            (json!([]), "the record is not a JSON object"),
            (json!("text"), "the record is not a JSON object"),
        ];

        for (record, rule) in table {
            let answer = put(&app, &image, &record);

            let said: Value = serde_json::from_slice(answer.bytes()).unwrap();
            assert_eq!(answer.status, 422, "{record}");
            assert_eq!(said["code"], "invalid_record");
            assert!(said["detail"].as_str().unwrap().contains(rule), "{said}");
        }
        assert_eq!(app.records().len(), 0);
    }
}

#[test]
fn content_that_is_no_json_of_a_record_s_length_is_refused_by_what_is_wrong_with_it() {
    for (_storage, app) in on_each_store(with_token) {
        let image = TestImage::of_size(1000);
        let record = image.record().to_string();
        let long = |length: usize| record.clone() + &" ".repeat(length - record.len());
        let put = |content_type, content: &str| {
            let fields = [BEARER, ("content-type", content_type)];
            app.send("PUT", &image.record_path(), &fields, content.as_bytes())
        };
        let type_of = "application/json";

        for length in [16 * 1024 + 1, 20_000, 200_000] {
            let refused = put(type_of, &long(length));
            let detail = "Record is longer than 16384 bytes";
            refused.assert_error(413, detail, "record_too_large");
        }
        for other in ["text/plain", "application/x-www-form-urlencoded", "json"] {
            let refused = put(other, &record);
            let detail = "Content-Type is not application/json";
            refused.assert_error(415, detail, "unsupported_media_type");
        }
        for content in ["", "{", "storage_key=k", &record[1..]] {
            let said: Value = serde_json::from_slice(put(type_of, content).bytes()).unwrap();
            assert_eq!(said["code"], "invalid_json", "{content}: {said}");
        }
        assert_eq!(app.records().len(), 0);
        let longest = put("application/json; charset=utf-8", &long(16 * 1024));
        assert_eq!(longest.status, 201);
    }
}

#[test]
fn no_page_of_another_origin_reads_anything_of_the_route() {
    for allowed in ["*", "https://app.example"] {
        let storage = Storage::start();
        let app = with_token(Launch::on(&storage))
            .variable("cors_allowed_origins", allowed)
            .start();
        let image = TestImage::of_size(1000);
        let origin = ("origin", "https://app.example");
        let preflight = [origin, ("access-control-request-method", "PUT")];

        for (method, fields, status) in [
            ("PUT", &[BEARER, JSON, origin][..], 201),
            ("GET", &[BEARER, origin], 200),
            ("GET", &[origin], 401),
            ("OPTIONS", &preflight, 401),
            ("OPTIONS", &[&preflight[..], &[BEARER]].concat(), 405),
            ("DELETE", &[BEARER, origin], 204),
            ("DELETE", &[BEARER, origin], 404),
        ] {
            let record = image.record().to_string();
            let answer = app.send(method, &image.record_path(), fields, record.as_bytes());

            assert_eq!(answer.status, status, "{method}");
            for (name, _) in answer.fields() {
                let is_cross_origin = name.starts_with("access-control") || name == "vary";
                assert!(!is_cross_origin, "{method}: {name}");
                assert_ne!(name, "cross-origin-resource-policy", "{method}");
            }
        }
        let image_route = app.request_with("GET", &image.path(), &[origin]);
        assert!(
            image_route
                .headers
                .contains_key("access-control-allow-origin")
        );
    }
}

#[test]
fn a_record_that_nobody_can_use_is_an_error_to_read_a_conflict_to_write_and_can_be_taken_away() {
    let storage = Storage::start();
    for store in [MetadataStore::Sqlite, MetadataStore::KeyValue] {
        let app = with_token(Launch::on(&storage)).records_in(store).start();
        let image = TestImage::of_size(1000);
        match store {
            MetadataStore::Sqlite => app
                .database()
                .insert_values(&image, &[&"k", &"text/html", &"h", &1]),
            MetadataStore::KeyValue => app.key_value().set(&image, b"no record"),
        }

        ask(&app, "GET", &image).assert_metadata_error();
        assert_eq!(put(&app, &image, &image.record()).status, 409);
        assert_eq!(ask(&app, "DELETE", &image).status, 204);
        assert_eq!(put(&app, &image, &image.record()).status, 201);
    }
}

#[test]
fn of_many_that_write_one_record_at_once_in_sqlite_one_creates_it_and_the_rest_agree_or_conflict() {
    let storage = Storage::start();
    let app = with_token(Launch::on(&storage)).start();
    let image = TestImage::of_size(1000);
    let record_of = |writer: usize| {
        let mut record = image.record();
        record["hash"] = format!("hash-{}", writer % 3).into();
        record
    };

    let statuses: Vec<(usize, u16)> = thread::scope(|scope| {
        let writers: Vec<_> = (0..12)
            .map(|writer| {
                let (app, image, record) = (&app, &image, record_of(writer));
                scope.spawn(move || (writer, put(app, image, &record).status.as_u16()))
            })
            .collect();
        let ended = writers.into_iter().map(|writer| writer.join().unwrap());
        ended.collect()
    });

    let stored = app.records().into_values().next().unwrap();
    let created: Vec<_> = statuses
        .iter()
        .filter(|(_, status)| *status == 201)
        .collect();
    assert_eq!(created.len(), 1, "{statuses:?}");
    for (writer, status) in statuses {
        let agrees = record_of(writer) == stored;
        assert!(
            matches!((agrees, status), (true, 201 | 204) | (false, 409)),
            "{writer}: {status}, {stored}"
        );
    }
}

#[test]
fn of_many_that_want_to_be_the_first_in_sqlite_one_is() {
    let storage = Storage::start();
    let app = with_token(Launch::on(&storage)).start();
    let image = TestImage::of_size(1000);
    let fields = [BEARER, JSON, ("if-none-match", "*")];
    let record_of = |writer: usize| {
        let mut record = image.record();
        record["storage_key"] = format!("private/{writer}.png").into();
        record
    };

    let statuses: Vec<u16> = thread::scope(|scope| {
        let writers: Vec<_> = (0..12)
            .map(|writer| {
                let (app, image, content) = (&app, &image, record_of(writer).to_string());
                scope.spawn(move || {
                    let answer = app.send("PUT", &image.record_path(), &fields, content.as_bytes());
                    answer.status.as_u16()
                })
            })
            .collect();
        let ended = writers.into_iter().map(|writer| writer.join().unwrap());
        ended.collect()
    });

    let stored = app.records().into_values().next().unwrap();
    for (writer, status) in statuses.iter().enumerate() {
        let is_first = record_of(writer) == stored;
        assert_eq!(*status, if is_first { 201 } else { 412 }, "{statuses:?}");
    }
}

#[test]
fn a_store_that_fails_is_a_metadata_error_to_every_method() {
    let storage = Storage::start();
    let app = with_token(Launch::on(&storage)).start();
    let image = TestImage::of_size(1000);
    let database: Database = app.database();
    database.run("DROP TABLE images");

    put(&app, &image, &image.record()).assert_metadata_error();
    for method in ["GET", "DELETE"] {
        ask(&app, method, &image).assert_metadata_error();
    }

    for entry in app.log(3) {
        let cause = entry["cause"].to_string();
        assert!(cause.contains("no such table"), "{cause}");
    }
}

#[test]
fn each_request_is_logged_with_its_image_and_status() {
    let storage = Storage::start();
    let app = with_token(Launch::on(&storage)).start();
    let image = TestImage::of_size(1000);

    put(&app, &image, &image.record());

    let log = app.log(1);
    assert_eq!(log[0]["status"], 201);
    assert_eq!(log[0]["image_id"], image.id.to_string());
    assert!(log[0]["metadata_ms"].is_number());
}

#[test]
fn a_request_for_an_image_never_reads_the_token() {
    if is_embedded_without("a variables provider that tells what it was asked for") {
        return;
    }
    let (storage, vault) = (Storage::start(), Vault::start());
    vault.set("records_token", TOKEN);
    let app = Launch::on(&storage)
        .without_variable("records_token")
        .runtime_config(&vault.provider())
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    // How often the bucket's name and the token were asked for.
    let asked_by = |method: &str, path: &str, fields: &[(&str, &str)]| {
        let before = vault.asked().len();
        app.request_with(method, path, fields);
        let asked = vault.asked().split_off(before);
        ["s3_bucket", "records_token"].map(|name| asked.iter().filter(|&by| by == name).count())
    };

    for (method, path, fields) in [
        ("OPTIONS", image.path(), &[][..]),
        ("GET", image.path(), &[("if-none-match", "*")]),
        ("GET", TestImage::of_size(1).path(), &[]),
        ("GET", "/other".to_owned(), &[]),
    ] {
        assert_eq!(asked_by(method, &path, fields), [0, 0], "{method} {path}");
    }
    // Before it lets a component contact anybody, Spin itself looks at every variable once.
    for method in ["GET", "HEAD"] {
        let [bucket, token] = asked_by(method, &image.path(), &[]);
        if is_wasi_0_3() {
            // An instance is used again, and keeps what it has looked up for a second.
            assert!(bucket <= 2 && token <= 1, "{method}: {bucket}, {token}");
        } else {
            assert_eq!([bucket, token], [2, 1], "{method}");
        }
    }
    assert_eq!(asked_by("GET", &image.record_path(), &[BEARER]), [0, 1]);
}
