//! An object that is not the record's is never served where anything tells.

use crate::harness::app::Launch;
use crate::harness::{App, ScriptedStorage, Step, Storage, TestImage, on_each_store};

/// More than the component hashes itself.
const LARGE: usize = 70_000;

/// Another image under the same key, of the same length.
fn swapped(image: &TestImage) -> TestImage {
    TestImage::of_size(image.bytes.len()).with_key(&image.key)
}

fn verified(app: &App, entries: usize) -> serde_json::Value {
    app.log(entries).swap_remove(entries - 1)["verified"].take()
}

#[test]
fn an_image_whose_checksum_storage_keeps_is_verified_and_one_swapped_for_it_is_never_served() {
    for (storage, app) in on_each_store(|launch| launch) {
        for size in [0, 10_000, LARGE] {
            let image = TestImage::of_size(size);
            app.record(&image);
            storage.put_with_checksum(&image);
            let before = app.log(0).len();

            assert!(app.get(&image.path()).bytes() == image.bytes);
            assert_eq!(app.request("HEAD", &image.path()).status, 200);

            let log = app.log(before + 2);
            assert_eq!(log[before]["verified"], true, "{}", log[before]);
            assert_eq!(log[before + 1]["verified"], true, "{}", log[before + 1]);

            if size == 0 {
                continue;
            }
            storage.put_with_checksum(&swapped(&image));
            app.get(&image.path()).assert_storage_error();
            let head = app.request("HEAD", &image.path());
            assert_eq!(head.status, 500);
            for entry in &app.log(before + 4)[before + 2..] {
                let cause = entry["cause"].as_str().unwrap();
                assert!(
                    cause.contains("another object lies under this key"),
                    "{cause}"
                );
                assert!(cause.contains(&image.sha256_in_base64()), "{cause}");
                assert_eq!(entry.get("verified"), None);
            }
        }
    }
}

#[test]
fn an_image_without_a_checksum_is_hashed_up_to_the_size_that_is_set() {
    let storage = Storage::start();
    for (setting, cases) in [
        (None, &[(0, true), (16_384, true), (16_385, false)][..]),
        (Some("65536"), &[(65_536, true), (65_537, false)]),
        (Some("0"), &[(1, false)]),
    ] {
        let launch = Launch::on(&storage);
        let app = match setting {
            Some(setting) => launch.variable("hash_max_bytes", setting).start(),
            None => launch.start(),
        };
        for (number, (size, is_hashed)) in cases.iter().enumerate() {
            let image = TestImage::of_size(*size);
            app.import(&storage, &image);

            assert!(app.get(&image.path()).bytes() == image.bytes);

            assert_eq!(verified(&app, 2 * number + 1), *is_hashed, "{size} bytes");
            let other = swapped(&image);
            storage.put(&other.key, &other.bytes);
            let response = app.get(&image.path());
            if *is_hashed && *size > 0 {
                response.assert_storage_error();
            } else {
                assert!(response.bytes() == other.bytes);
            }
            app.log(2 * number + 2);
        }
    }
}

/// What storage says with an object, whose bytes the component does not read, and what is told of it.
#[derive(Debug, Clone, Copy)]
enum Told {
    Verified,
    Unverified,
    Refused,
}

#[test]
fn a_checksum_counts_where_it_is_that_of_the_whole_object() {
    let image = TestImage::of_size(LARGE);
    let (right, wrong) = (image.sha256_in_base64(), swapped(&image).sha256_in_base64());
    for (fields, told) in [
        (String::new(), Told::Unverified),
        (sha256(&right), Told::Verified),
        (
            sha256(&right) + "x-amz-checksum-type: FULL_OBJECT\r\n",
            Told::Verified,
        ),
        (sha256(&wrong), Told::Refused),
        (
            sha256(&wrong) + "x-amz-checksum-type: FULL_OBJECT\r\n",
            Told::Refused,
        ),
        (sha256(&format!("{wrong}-3")), Told::Unverified),
        (
            sha256(&format!("{wrong}-1")) + "x-amz-checksum-type: COMPOSITE\r\n",
            Told::Unverified,
        ),
        (
            "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\r\nx-amz-checksum-type: FULL_OBJECT\r\n".into(),
            Told::Unverified,
        ),
        (sha256(""), Told::Unverified),
    ] {
        for method in ["GET", "HEAD"] {
            let (storage, app) = scripted(&image, method, &fields);

            let response = app.request(method, &image.path());

            let entry = app.log(1).swap_remove(0);
            match told {
                Told::Refused => assert_eq!(response.status, 500, "{fields}"),
                _ => assert_eq!(response.status, 200, "{fields}"),
            }
            let expected = match told {
                Told::Verified => Some(true),
                Told::Unverified => Some(false),
                Told::Refused => None,
            };
            let verified = entry.get("verified").and_then(serde_json::Value::as_bool);
            assert_eq!(verified, expected, "{method} {fields}");
            let head = &storage.requests()[0].to_ascii_lowercase();
            assert!(
                head.contains("\r\nx-amz-checksum-mode: enabled\r\n"),
                "{head}"
            );
            assert!(head.contains(";x-amz-checksum-mode;"), "{head}");
        }
    }
}

#[test]
fn a_hash_of_another_kind_asks_for_no_checksum_and_says_nothing_of_one() {
    let other = TestImage::of_size(LARGE);
    let fields = sha256(&other.sha256_in_base64());
    for hash in [
        "abc",
        &other.hash()[1..],
        &format!("sha512:{}", other.hash()),
    ] {
        let image = TestImage::of_size(LARGE).with_hash(hash);
        let (storage, app) = scripted(&image, "GET", &fields);

        let response = app.get(&image.path());

        assert!(response.bytes().len() == LARGE);
        assert!(!response.headers.contains_key("repr-digest"));
        assert_eq!(verified(&app, 1), false);
        assert!(!storage.requests()[0].contains("x-amz-checksum-mode"));
    }
}

#[test]
fn a_hash_with_its_name_before_it_is_the_same_sha_256() {
    let image = TestImage::of_size(LARGE);
    let hash = format!("sha256:{}", image.hash().to_uppercase());
    let image = image.with_hash(&hash);
    let fields = sha256(&image.sha256_in_base64());
    let (_storage, app) = scripted(&image, "GET", &fields);

    let response = app.get(&image.path());

    assert_eq!(response.headers["etag"], format!("\"{hash}\""));
    assert_eq!(response.headers["repr-digest"], digest_of(&image));
    assert_eq!(verified(&app, 1), true);
}

#[test]
fn a_part_is_not_verified_and_says_so_unless_it_is_the_whole() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(LARGE);
    app.record(&image);
    storage.put_with_checksum(&image);

    for (number, (range, is_verified)) in [("bytes=0-", true), ("bytes=1-", false)]
        .into_iter()
        .enumerate()
    {
        let response = app.request_with("GET", &image.path(), &[("range", range)]);

        assert_eq!(response.status, 206);
        assert_eq!(response.headers["repr-digest"], digest_of(&image));
        assert!(image.bytes.ends_with(response.bytes()));
        assert_eq!(verified(&app, number + 1), is_verified, "{range}");
    }
}

#[test]
fn each_answer_with_the_image_tells_its_sha_256_and_no_other_does() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cors_allowed_origins", "*")
        .start();
    let image = TestImage::of_size(100);
    app.import(&storage, &image);
    let etag = format!("\"{}\"", image.hash());

    for (method, fields, status, is_told) in [
        ("GET", &[][..], 200, true),
        ("GET", &[("range", "bytes=1-2")], 206, true),
        ("HEAD", &[], 200, true),
        ("GET", &[("if-none-match", etag.as_str())], 304, false),
        ("GET", &[("range", "bytes=100-")], 416, false),
        ("POST", &[], 405, false),
    ] {
        let response = app.request_with(method, &image.path(), fields);

        assert_eq!(response.status, status);
        let told = response.headers.get("repr-digest");
        let told = told.map(|digest| digest.to_str().unwrap().to_owned());
        assert_eq!(told, is_told.then(|| digest_of(&image)), "{status}");
        let exposed = response.headers["access-control-expose-headers"]
            .to_str()
            .unwrap();
        assert!(exposed.contains("Repr-Digest"), "{exposed}");
    }
}

#[test]
fn where_checksums_are_required_nothing_is_served_that_cannot_be_verified() {
    for (storage, app) in on_each_store(|launch| launch.variable("require_checksum", "true")) {
        let kept = TestImage::of_size(LARGE);
        app.record(&kept);
        storage.put_with_checksum(&kept);
        let (small, large) = (TestImage::of_size(1000), TestImage::of_size(LARGE));
        app.import(&storage, &small);
        app.import(&storage, &large);

        for (number, (method, image, is_served)) in [
            ("GET", &kept, true),
            ("HEAD", &kept, true),
            ("GET", &small, true),
            ("HEAD", &small, true),
            ("GET", &large, false),
            ("HEAD", &large, false),
        ]
        .into_iter()
        .enumerate()
        {
            let response = app.request(method, &image.path());

            let status = if is_served { 200 } else { 500 };
            assert_eq!(response.status, status, "{method} {}", image.bytes.len());
            let entry = app.log(number + 1).swap_remove(number);
            if is_served {
                assert_eq!(entry["verified"], true);
                assert_eq!(response.headers["accept-ranges"], "none");
            } else {
                let cause = entry["cause"].as_str().unwrap();
                assert!(cause.contains("require_checksum"), "{cause}");
            }
        }
    }
}

#[test]
fn where_checksums_are_required_a_range_is_answered_with_the_whole() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("require_checksum", "true")
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    for range in ["bytes=10-19", "bytes=5000-"] {
        let response = app.request_with("GET", &image.path(), &[("range", range)]);

        assert_eq!(response.status, 200, "{range}");
        assert!(response.bytes() == image.bytes);
    }
}

#[test]
fn where_checksums_are_required_a_hash_of_another_kind_is_not_asked_for() {
    let image = TestImage::of_size(LARGE).with_hash("abc");
    let storage = ScriptedStorage::start([]);
    let app = Launch::new(
        storage.endpoint(),
        "scripted-bucket",
        &ScriptedStorage::credentials(),
    )
    .variable("require_checksum", "true")
    .start();
    app.record(&image);

    app.get(&image.path()).assert_storage_error();

    assert!(app.cause().contains("not a SHA-256"), "{}", app.cause());
    assert_eq!(storage.requests().len(), 0);
}

/// An app with the image's record, whose object comes with these fields.
fn scripted(image: &TestImage, method: &str, fields: &str) -> (ScriptedStorage, App) {
    let body = if method == "GET" {
        "x".repeat(LARGE)
    } else {
        String::new()
    };
    let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {LARGE}\r\n\r\n{body}");
    let storage = ScriptedStorage::start([Step::Send(answer)]);
    let app = Launch::new(
        storage.endpoint(),
        "scripted-bucket",
        &ScriptedStorage::credentials(),
    )
    .start();
    app.record(image);
    (storage, app)
}

fn sha256(checksum: &str) -> String {
    format!("x-amz-checksum-sha256: {checksum}\r\n")
}

fn digest_of(image: &TestImage) -> String {
    format!("sha-256=:{}:", image.sha256_in_base64())
}
