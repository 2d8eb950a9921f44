//! The application is asked for its images once, so that it keeps them.

use std::process::{Child, Command, Stdio};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::STORES;
use super::program::{Ended, Workshop};
use super::verbs::{imported, key_of, row, told, write_rows};
use crate::harness::app::MetadataStore;
use crate::harness::images::{gif, hex};
use crate::harness::process::signal;
use crate::harness::scripted_storage::{ScriptedStorage, Step};
use crate::harness::{importer, wait_for};

/// Bytes of the largest image that is kept here.
const KEPT: usize = 131_072;
/// Bytes of the largest image that any application keeps.
const MOST_KEPT: usize = 262_144;
/// What there is to know of storage.
const STORAGE: [&str; 4] = [
    "SPIN_VARIABLE_S3_ENDPOINT",
    "SPIN_VARIABLE_S3_BUCKET",
    "SPIN_VARIABLE_S3_ACCESS_KEY_ID",
    "SPIN_VARIABLE_S3_SECRET_ACCESS_KEY",
];

fn keeping(store: MetadataStore, bytes: usize) -> Workshop {
    Workshop::of(|launch| {
        let launch = launch.records_in(store);
        launch.variable("cache_max_bytes", &bytes.to_string())
    })
}

/// The id of an image of so many bytes whose record has this hash.
fn recorded(workshop: &Workshop, number: u128, hash: &str, size: usize) -> String {
    let id = Uuid::from_u128(number).to_string();
    let (key, bytes) = (format!("{number}.gif"), gif("recorded", size));
    workshop.storage.put(&key, &bytes);
    let mut row = row(&id, &key, &bytes);
    row["hash"] = hash.into();
    write_rows(workshop, &[row]);
    workshop.run(&["records", "rows.jsonl"]).assert_code(0);
    id
}

/// Waits until so many images are kept: each is when its client has it all, or a moment later.
fn wait_until_filled(workshop: &Workshop, images: usize) {
    wait_for("images that are kept", || {
        let log = workshop.app.log(0);
        let filled = log.iter().filter(|entry| entry["cache"] == "filled");
        (filled.count() == images).then_some(())
    });
}

#[test]
fn warmed_images_are_served_without_storage_whose_key_nobody_has_to_know() {
    for store in STORES {
        println!("records in {store:?}:");
        let workshop = keeping(store, KEPT);
        let large = gif("large", KEPT);
        workshop.write("large.gif", &large);
        let ids = imported(&workshop, &["a", "b"]);
        let asked = workshop.storage.asked();
        let warm = || {
            let mut warm = workshop.command(&["warm"], &[]);
            for variable in STORAGE {
                warm.env_remove(variable);
            }
            Ended::of(warm.output().unwrap())
        };

        let first = warm();
        wait_until_filled(&workshop, 3);
        let second = warm();

        for ended in [&first, &second] {
            ended.assert_code(0);
            assert_eq!(ended.stdout, "3 served, 0 not served\n");
            assert_eq!(ended.stderr, "");
        }
        for (id, name) in ids.iter().zip(["a", "b"]) {
            let path = format!("/api/v1/images/{id}/file");
            assert_eq!(workshop.app.get(&path).bytes(), gif(name, 1000));
        }
        assert_eq!(workshop.storage.asked(), asked + 3);
    }
}

#[test]
fn an_image_that_cannot_be_kept_is_told_and_not_asked_for() {
    let workshop = keeping(MetadataStore::Sqlite, MOST_KEPT);
    let ids = imported(&workshop, &["a"]);
    let sha256 = |size| hex(&Sha256::digest(gif("recorded", size)));
    let most = recorded(&workshop, 1, &sha256(MOST_KEPT), MOST_KEPT);
    let above = recorded(&workshop, 2, &sha256(MOST_KEPT + 1), MOST_KEPT + 1);
    let md5 = recorded(&workshop, 3, "d41d8cd98f00b204e9800998ecf8427e", 1000);
    let asked = workshop.storage.asked();
    let warm = |options: &[&str]| {
        let all = [&ids[0], &most, &above, &md5].map(String::as_str);
        let words = [&["warm", "--json"], options, &all].concat();
        workshop.run(&words)
    };

    let fewer = warm(&["--max-bytes", "1000"]);
    let asked_by_fewer = workshop.storage.asked() - asked;
    let all = warm(&[]);
    wait_until_filled(&workshop, 2);

    fewer.assert_code(0);
    all.assert_code(0);
    assert_eq!(asked_by_fewer, 1);
    assert_eq!((fewer.count("served"), fewer.count("skipped")), (1, 3));
    assert_eq!((all.count("served"), all.count("skipped")), (2, 2));
    for (ended, id, outcome, reason) in [
        (&fewer, &ids[0], "served", ""),
        (&fewer, &most, "skipped", "has 262144 bytes, more than"),
        (&fewer, &above, "skipped", "has 262145 bytes, more than"),
        (&fewer, &md5, "skipped", "has a hash that is not a SHA-256"),
        (&all, &most, "served", ""),
        (&all, &above, "skipped", "has 262145 bytes, more than"),
        (&all, &md5, "skipped", "has a hash that is not a SHA-256"),
    ] {
        let (told, said) = told(ended, id);
        assert_eq!(told, outcome, "{id}: {said}");
        assert!(said.starts_with(reason), "{id}: {said}");
    }
    assert!(all.stderr.contains(&format!("skipped: {md5} has")));
}

#[test]
fn more_bytes_than_any_application_keeps_are_not_asked_for() {
    let workshop = Workshop::new();

    for bytes in ["262145", "0", "many"] {
        let ended = workshop.run(&["warm", "--max-bytes", bytes]);

        ended.assert_code(2);
        assert!(ended.stderr.contains("1 to 262144"), "{}", ended.stderr);
    }
}

#[test]
fn an_image_that_is_not_served_is_told_with_what_came_instead() {
    for store in STORES {
        println!("records in {store:?}:");
        let workshop = keeping(store, KEPT);
        let ids = imported(&workshop, &["good", "gone"]);
        std::fs::remove_file(workshop.storage.path(&key_of(&workshop, &ids[1]))).unwrap();
        let unknown = Uuid::nil().to_string();

        let ended = workshop.run(&["warm", "--json", &ids[0], &ids[1], &unknown]);

        ended.assert_code(1);
        assert_eq!((ended.count("served"), ended.count("unserved")), (1, 2));
        assert_eq!(told(&ended, &ids[0]).0, "served");
        for (id, said) in [
            (
                &ids[1],
                "was answered with 500 Internal Server Error (storage_error): \
                 Failed to retrieve image content; the application's log has the cause",
            ),
            (&unknown, "has no record"),
        ] {
            assert_eq!(told(&ended, id), ("unserved".into(), said.into()));
            let line = format!("unserved: {id} {said}\n");
            assert!(ended.stderr.contains(&line), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_dry_run_asks_for_no_image() {
    let workshop = keeping(MetadataStore::Sqlite, KEPT);
    imported(&workshop, &["a", "b"]);
    let asked = workshop.storage.asked();

    let ended = workshop.run(&["warm", "--dry-run"]);

    ended.assert_code(0);
    let expected = "dry run, nothing was changed: 2 served, 0 not served";
    assert_eq!(ended.last_line(), expected);
    assert_eq!(workshop.storage.asked(), asked);
}

/// The importer on an application that says what the test wants said.
fn begin(application: &ScriptedStorage, words: &[&str]) -> Child {
    let mut command = Command::new(importer());
    command
        .args(["warm", "--json", "--records", application.endpoint()])
        .args(words)
        .env_remove("IMAGE_PROXY_GALLERY")
        .env("IMAGE_PROXY_RECORDS_TOKEN", "any")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn end(process: Child) -> Ended {
    Ended::of(process.wait_with_output().unwrap())
}

/// The record of an image of this length.
fn record(size: usize) -> Step {
    let mut row = row(&Uuid::nil().to_string(), "k", &gif("any", size));
    row.as_object_mut().unwrap().remove("id");
    let record = row.to_string();
    Step::object(record.len(), &record)
}

#[test]
fn only_an_image_that_comes_whole_counts_as_served() {
    let (id, whole) = (Uuid::nil().to_string(), "x".repeat(1000));
    let busy = r#"{"detail":"Service is busy","code":"service_busy"}"#;
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n{whole}\r\n0\r\n\r\n");
    let failure = |status: &str, body: &str| {
        let length = body.len();
        Step::Send(format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    };
    for (steps, outcome, reason) in [
        (vec![Step::object(1000, &whole)], "served", ""),
        (vec![Step::Send(chunked)], "served", ""),
        (
            vec![
                failure("503 Service Unavailable", busy),
                failure("502 Bad Gateway", "<html>"),
                Step::object(1000, &whole),
            ],
            "served",
            "",
        ),
        (
            vec![Step::object(1000, "abc").and_close()],
            "unserved",
            "broke off after 3 of 1000 bytes",
        ),
        (
            vec![Step::object(3, "abc")],
            "unserved",
            "was answered with 3 bytes, and has a record of 1000",
        ),
        (
            vec![Step::status(302, "Location: /elsewhere\r\n")],
            "unserved",
            "was answered with 302 Found",
        ),
    ] {
        let application = ScriptedStorage::start([vec![record(1000)], steps].concat());

        let ended = end(begin(&application, &[&id]));

        assert_eq!(told(&ended, &id), (outcome.into(), reason.into()));
        ended.assert_code(i32::from(outcome != "served"));
        let requests = application.requests();
        assert!(requests[0].contains("Bearer any"), "{requests:?}");
        let path = format!("GET /api/v1/images/{id}/file HTTP/1.1\r\n");
        for request in &requests[1..] {
            assert!(request.starts_with(&path), "{request}");
            assert!(!request.contains("Bearer"), "{request}");
        }
    }
}

#[test]
fn an_image_is_asked_for_where_its_record_is_and_told_under_the_origin() {
    let id = Uuid::nil().to_string();
    let application = ScriptedStorage::start([record(100), Step::object(100, &"x".repeat(100))]);

    let ended = end(begin(
        &application,
        &["--origin", "https://cdn.example", &id],
    ));

    ended.assert_code(0);
    let url = format!("https://cdn.example/api/v1/images/{id}/file");
    assert_eq!(ended.objects().0[0]["url"], url);
    assert_eq!(application.requests().len(), 2);
}

#[test]
fn without_ids_or_a_gallery_it_is_said_what_to_give() {
    let application = ScriptedStorage::start([]);

    let ended = end(begin(&application, &[]));

    ended.assert_code(1);
    assert!(ended.stderr.contains("give ids, or --gallery"));
}

#[test]
fn warming_that_is_interrupted_says_so() {
    let id = Uuid::nil().to_string();
    let application = ScriptedStorage::start([record(1000), Step::Send(String::new())]);
    let process = begin(&application, &["--parallel", "1", &id, &id]);

    wait_for("a request for the image", || {
        (application.requests().len() > 1).then_some(())
    });
    signal(process.id(), "INT");
    let ended = end(process);

    ended.assert_code(130);
    assert_eq!(ended.signal, None);
    assert_eq!(ended.count("left_out"), 2);
    assert_eq!(ended.objects().1["reason"], "interrupted");
}
