//! The record: found, not found, not usable, not readable.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::ToSql;
use rusqlite::types::Null;
use serde_json::json;

use crate::harness::app::{BEARER, Launch, MetadataStore, TOKEN};
use crate::harness::database::Database;
use crate::harness::host::is_embedded_without;
use crate::harness::{App, Storage, TestImage, on_each_store};

const CREATE_TABLE: &str = ": create it by `spin up --sqlite @migrations/0001_images.sql`, or on \
    libSQL as docs/spinkube.md says";
const OTHER_TABLE: &str = ": the table images is not the one of migrations/0001_images.sql";

#[test]
fn a_record_written_while_the_app_runs_is_found() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        assert_eq!(app.get(&image.path()).status, 404);

        app.import(&storage, &image);

        assert_eq!(app.get(&image.path()).bytes(), image.bytes);
    }
}

#[test]
fn a_record_that_breaks_a_rule_is_refused_before_storage_is_asked_and_its_rule_is_logged() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let long_key = "k".repeat(1025);
    let broken: [([&dyn ToSql; 4], &str); 14] = [
        ([&"", &"image/png", &"h", &1], "storage_key is empty"),
        (
            [&long_key, &"image/png", &"h", &1],
            "storage_key is longer than 1024 bytes",
        ),
        (
            [&"a/../b", &"image/png", &"h", &1],
            "storage_key holds a '.' or '..' segment",
        ),
        (
            [&"a\nb", &"image/png", &"h", &1],
            "storage_key holds a control character",
        ),
        (
            [&vec![1_u8], &"image/png", &"h", &1],
            "storage_key is not text",
        ),
        (
            [&"k", &"text/html", &"h", &1],
            "mime_type \"text/html\" is not an image type",
        ),
        (
            [&"k", &"image/*", &"h", &1],
            "mime_type \"image/*\" is not an image type",
        ),
        ([&"k", &"", &"h", &1], "mime_type \"\" is not an image type"),
        (
            [&"k", &"image/png\r\nx: y", &"h", &1],
            "is not an image type",
        ),
        (
            [&"k", &"image/png", &"", &1],
            "hash \"\" cannot be an entity-tag",
        ),
        ([&"k", &"image/png", &"a\"b", &1], "cannot be an entity-tag"),
        ([&"k", &"image/png", &"a b", &1], "cannot be an entity-tag"),
        ([&"k", &"image/png", &"h", &-1], "size_bytes -1 is negative"),
        (
            [&"k", &"image/png", &"h", &"many"],
            "size_bytes is not an integer",
        ),
    ];

    for (number, (values, rule)) in broken.iter().enumerate() {
        let image = TestImage::of_size(0);
        app.database().insert_values(&image, values);

        app.get(&image.path()).assert_metadata_error();

        let cause = app.log(number + 1)[number]["cause"].to_string();
        let shown = cause.replace("\\\"", "\"");
        assert!(shown.contains(rule), "{rule}: {shown}");
    }
    assert_eq!(storage.object_requests().len(), 0);
}

#[test]
fn a_column_of_another_type_than_the_schema_s_is_a_metadata_error() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let database = app.database();
    database.run(
        "DROP TABLE images; CREATE TABLE images (id, storage_key, mime_type, hash, size_bytes)",
    );
    let image = TestImage::of_size(0);
    database.insert_values(&image, &[&"k", &"image/png", &Null, &1]);

    app.get(&image.path()).assert_metadata_error();

    assert!(app.cause().contains("hash is not text"), "{}", app.cause());
}

#[test]
fn text_that_is_not_utf_8_is_a_metadata_error() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(0);
    app.record(&image);
    app.database()
        .run("UPDATE images SET storage_key = CAST(x'ff' AS TEXT)");

    app.get(&image.path()).assert_metadata_error();

    assert_eq!(storage.asked(), 0);
}

#[test]
fn a_missing_table_is_a_metadata_error_and_the_log_names_the_migration_and_the_command() {
    let storage = Storage::start();
    let app = App::start(&storage);
    app.database().run("DROP TABLE images");

    app.get(&TestImage::of_size(0).path())
        .assert_metadata_error();

    let cause = app.cause();
    assert!(cause.contains("no such table: images"), "{cause}");
    assert!(cause.ends_with(CREATE_TABLE), "{cause}");
}

#[test]
fn a_table_of_other_columns_is_a_metadata_error_and_the_log_names_the_schema() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("records_token", TOKEN)
        .start();
    app.database().run(
        "DROP TABLE images; CREATE TABLE images (id, storage_key, mime_type, hash, size INTEGER)",
    );
    let image = TestImage::of_size(0);
    let record =
        json!({"storage_key": "k", "mime_type": "image/png", "hash": "h", "size_bytes": 1});

    app.get(&image.path()).assert_metadata_error();
    let fields = [BEARER, ("content-type", "application/json")];
    let path = image.path().replace("/file", "");
    app.send("PUT", &path, &fields, record.to_string().as_bytes())
        .assert_metadata_error();

    for entry in app.log(2) {
        let cause = entry["cause"].as_str().unwrap();
        assert!(cause.contains("size_bytes"), "{cause}");
        assert!(cause.ends_with(OTHER_TABLE), "{cause}");
    }
}

#[test]
fn requests_that_meet_a_locked_database_wait_beside_each_other_and_not_in_line() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    let locker = app.database();
    locker.run("BEGIN EXCLUSIVE");

    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| app.get(&image.path()).assert_metadata_error());
        }
    });
    let waited = start.elapsed();

    // A lock is waited for for 5 s; in line, the second answer would take 10 s.
    assert!(waited < Duration::from_secs(8), "{waited:?}");
    locker.run("COMMIT");
    assert_eq!(app.get(&image.path()).bytes(), image.bytes);
}

#[test]
fn a_database_that_the_manifest_does_not_grant_is_a_metadata_error() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .manifest(|text| text.replace("sqlite_databases = [\"default\"]", ""))
        .start();

    app.get(&TestImage::of_size(0).path())
        .assert_metadata_error();

    assert!(app.cause().contains("sqlite_databases"), "{}", app.cause());
}

#[test]
fn a_key_value_record_that_breaks_a_rule_is_refused_and_its_rule_is_logged() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .records_in(MetadataStore::KeyValue)
        .start();
    let broken: [(&[u8], &str); 7] = [
        (b"", "its value cannot be read"),
        (b"\xff\xfe", "its value cannot be read"),
        (b"[1,2]", "its value cannot be read"),
        (br#"["k","image/png","h",1]"#, "its value cannot be read"),
        (
            br#"{"storage_key":"k","mime_type":"image/png","hash":"h"}"#,
            "size_bytes",
        ),
        (
            br#"{"storage_key":"k","mime_type":"text/html","hash":"h","size_bytes":1}"#,
            "is not an image type",
        ),
        (
            br#"{"storage_key":"k","mime_type":"image/png","hash":"h","size_bytes":-1}"#,
            "is negative",
        ),
    ];

    for (number, (value, rule)) in broken.iter().enumerate() {
        let image = TestImage::of_size(0);
        app.key_value().set(&image, value);

        app.get(&image.path()).assert_metadata_error();

        let cause = app.log(number + 1)[number]["cause"].to_string();
        assert!(cause.contains(rule), "{rule}: {cause}");
    }
    assert_eq!(storage.asked(), 0);
}

#[test]
fn a_key_value_store_that_the_manifest_does_not_grant_is_a_metadata_error() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .records_in(MetadataStore::KeyValue)
        .manifest(|text| text.replace("key_value_stores = [\"default\"]", ""))
        .start();

    app.get(&TestImage::of_size(0).path())
        .assert_metadata_error();

    assert!(app.cause().contains("key_value_stores"), "{}", app.cause());
}

#[test]
fn a_database_in_another_file_is_read_where_the_runtime_configuration_names_it() {
    if is_embedded_without("it has one database, in the state folder") {
        return;
    }
    let storage = Storage::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    let database = Database::create(folder.path());
    let path = folder.path().join("state/sqlite_db.db");
    let table = format!(
        "[sqlite_database.default]\ntype = \"spin\"\npath = {:?}\n",
        path.display().to_string()
    );
    let app = Launch::on(&storage).runtime_config(&table).start();
    let image = TestImage::of_size(1000);
    storage.put(&image.key, &image.bytes);
    database.insert(&image);

    assert_eq!(app.get(&image.path()).bytes(), image.bytes);
}

#[test]
fn an_image_above_the_limit_is_refused_before_storage_is_asked() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("max_image_bytes", "1000")
        .start();
    let (allowed, refused) = (TestImage::of_size(1000), TestImage::of_size(1001));
    app.import(&storage, &allowed);
    app.import(&storage, &refused);

    assert_eq!(app.get(&allowed.path()).bytes(), allowed.bytes);
    app.log(1);
    app.get(&refused.path()).assert_storage_error();

    assert_eq!(storage.object_requests().len(), 1);
    let cause = app.log(2)[1]["cause"].to_string();
    assert!(
        cause.contains("1001 bytes, max_image_bytes is 1000"),
        "{cause}"
    );
}
