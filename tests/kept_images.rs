//! Small images are kept near: served from storage once, and from the key-value store afterwards.

use crate::harness::app::{BEARER, Launch, MetadataStore, TOKEN};
use crate::harness::response::Response;
use crate::harness::{App, Storage, TestImage, host, on_each_store, wait_for};

/// The largest image that is kept here, in bytes; more than one piece of the answer.
const LARGEST: usize = 200_000;

fn keeping(launch: Launch) -> Launch {
    launch.variable("cache_max_bytes", &LARGEST.to_string())
}

/// The log's field `cache` of the request that made this the number of entries.
fn cache(app: &App, entries: usize) -> serde_json::Value {
    app.log(entries)[entries - 1]["cache"].clone()
}

#[track_caller]
fn assert_image(response: &Response, image: &TestImage) {
    assert_eq!(response.status, 200);
    assert!(response.bytes() == image.bytes);
}

#[test]
fn an_image_comes_from_storage_once_and_is_answered_alike_afterwards() {
    for (storage, app) in on_each_store(keeping) {
        for size in [0, 1, 10_000, LARGEST] {
            let image = TestImage::of_size(size);
            app.import(&storage, &image);
            let (asked, entries) = (storage.asked(), app.log(0).len());

            let first = app.get(&image.path());
            assert_image(&first, &image);
            // It is logged once the image is kept, which is after the answer has gone.
            assert_eq!(cache(&app, entries + 1), "filled", "{size} bytes");
            let second = app.get(&image.path());
            assert_image(&second, &image);

            assert_eq!(second.fields(), first.fields());
            assert_eq!(storage.asked(), asked + 1, "{size} bytes");
            let entry = &app.log(entries + 2)[entries + 1];
            assert_eq!(entry["cache"], "hit", "{entry}");
            assert_eq!(entry["verified"], true, "{entry}");
            assert_eq!(entry["bytes"], size, "{entry}");
            assert!(entry.get("storage_first_byte_ms").is_none(), "{entry}");
        }
    }
}

#[test]
fn head_ranges_and_preconditions_are_answered_from_there_too() {
    for (storage, app) in on_each_store(keeping) {
        let image = TestImage::of_size(100_000);
        app.import(&storage, &image);
        assert_image(&app.get(&image.path()), &image);
        assert_eq!(cache(&app, 1), "filled");

        let head = app.request("HEAD", &image.path());
        assert_eq!((head.status.as_u16(), head.bytes().len()), (200, 0));
        assert_eq!(head.headers["content-length"], "100000");
        for (range, expected) in [
            ("bytes=0-", &image.bytes[..]),
            ("bytes=0-0", &image.bytes[..1]),
            ("bytes=70000-", &image.bytes[70_000..]),
            ("bytes=-1", &image.bytes[99_999..]),
        ] {
            let part = app.request_with("GET", &image.path(), &[("range", range)]);
            assert_eq!(part.status, 206, "{range}");
            assert!(part.bytes() == expected, "{range}");
        }
        let etag = head.headers["etag"].to_str().unwrap();
        let same = app.request_with("GET", &image.path(), &[("if-none-match", etag)]);
        assert_eq!(same.status, 304);
        let outside = app.request_with("GET", &image.path(), &[("range", "bytes=100000-")]);
        assert_eq!(outside.status, 416);

        assert_eq!(storage.asked(), 1);
    }
}

#[test]
fn a_part_or_a_head_keeps_nothing() {
    for (storage, app) in on_each_store(keeping) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        app.request("HEAD", &image.path());
        app.request_with("GET", &image.path(), &[("range", "bytes=1-")]);
        assert_eq!(cache(&app, 2), "miss");
        assert_image(&app.get(&image.path()), &image);

        assert_eq!(storage.asked(), 3);
        assert_eq!(cache(&app, 3), "filled");
    }
}

#[test]
fn what_is_too_large_or_has_no_sha_256_comes_from_storage_each_time() {
    for (storage, app) in on_each_store(keeping) {
        for image in [
            TestImage::of_size(LARGEST + 1),
            TestImage::of_size(1000).with_hash("d41d8cd98f00b204e9800998ecf8427e"),
        ] {
            app.import(&storage, &image);
            let asked = storage.asked();

            assert_image(&app.get(&image.path()), &image);
            assert_image(&app.get(&image.path()), &image);

            assert_eq!(storage.asked(), asked + 2);
        }
        assert!(app.log(4).iter().all(|entry| entry.get("cache").is_none()));
    }
}

#[test]
fn nothing_is_kept_unless_the_setting_says_so() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        assert_image(&app.get(&image.path()), &image);
        assert_image(&app.get(&image.path()), &image);

        assert_eq!(storage.asked(), 2);
        assert!(app.key_value().kept(&image).is_none());
    }
}

#[test]
fn another_object_under_the_key_is_neither_served_nor_kept() {
    for (storage, app) in on_each_store(keeping) {
        // More than is hashed unless it is to be kept, and without a checksum of storage's own.
        let image = TestImage::of_size(100_000);
        app.record(&image);
        storage.put(&image.key, &TestImage::of_size(100_000).bytes);

        app.get(&image.path()).assert_storage_error();

        assert_eq!(cache(&app, 1), "miss");
        assert!(app.key_value().kept(&image).is_none());
        storage.put(&image.key, &image.bytes);
        assert_image(&app.get(&image.path()), &image);
        assert_eq!(cache(&app, 2), "filled");
        assert!(app.key_value().kept(&image) == Some(image.bytes));
    }
}

#[test]
fn kept_bytes_are_not_served_without_a_record() {
    for (_storage, app) in on_each_store(keeping) {
        let image = TestImage::of_size(1000);
        app.key_value().keep(&image, &image.bytes);

        app.get(&image.path())
            .assert_error(404, "Image not found", "image_not_found");
    }
}

#[test]
fn bytes_that_are_not_as_many_as_the_record_says_are_replaced() {
    for (storage, app) in on_each_store(keeping) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        app.key_value().keep(&image, &image.bytes[..999]);

        assert_image(&app.get(&image.path()), &image);

        assert_eq!(cache(&app, 1), "filled");
        assert!(app.key_value().kept(&image) == Some(image.bytes));
    }
}

#[test]
fn deleting_a_record_takes_the_bytes_along_and_another_of_the_same_hash_puts_them_back() {
    for (storage, app) in on_each_store(|launch| keeping(launch).variable("records_token", TOKEN)) {
        let image = TestImage::of_size(1000);
        let twin = TestImage::of_bytes(image.bytes.clone());
        app.import(&storage, &image);
        app.import(&storage, &twin);
        assert_image(&app.get(&image.path()), &image);
        assert_eq!(cache(&app, 1), "filled");
        assert_image(&app.get(&twin.path()), &twin);
        assert_eq!(cache(&app, 2), "hit");

        let deleted = app.request_with("DELETE", &image.record_path(), &[BEARER]);

        assert_eq!(deleted.status, 204);
        assert!(app.key_value().kept(&image).is_none());
        assert_eq!(app.get(&image.path()).status, 404);
        assert_image(&app.get(&twin.path()), &twin);
        assert_eq!(cache(&app, 5), "filled");
        assert_image(&app.get(&twin.path()), &twin);
        assert_eq!(cache(&app, 6), "hit");
    }
}

#[test]
fn a_store_that_cannot_be_used_is_no_failure_of_a_request_and_the_log_says_why() {
    let storage = Storage::start();
    let app = keeping(Launch::on(&storage))
        .variable("records_token", TOKEN)
        .manifest(|text| text.replace("key_value_stores = [\"default\"]\n", ""))
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    assert_image(&app.get(&image.path()), &image);
    let deleted = app.request_with("DELETE", &image.record_path(), &[BEARER]);

    assert_eq!(deleted.status, 204);
    for entry in app.log(2) {
        assert_eq!(entry["cache"], "failed", "{entry}");
        assert_eq!(entry["level"], "warn", "{entry}");
        let cause = entry["cause"].as_str().unwrap();
        assert!(cause.contains("key_value_stores"), "{cause}");
    }
}

#[test]
fn a_client_that_takes_its_image_slowly_gets_what_is_kept_whole() {
    for (storage, app) in on_each_store(keeping) {
        let image = TestImage::of_size(LARGEST);
        app.import(&storage, &image);
        assert_image(&app.get(&image.path()), &image);
        assert_eq!(cache(&app, 1), "filled");

        let mut answer = app.open(&image.path());
        answer.read_bytes(10);

        assert!(answer.read_to_end().bytes() == image.bytes);
        assert_eq!(cache(&app, 2), "hit");
    }
}

#[test]
fn where_a_checksum_is_required_an_image_has_ranges_once_it_is_kept() {
    for (storage, app) in
        on_each_store(|launch| keeping(launch).variable("require_checksum", "true"))
    {
        // Larger than what is hashed otherwise: storage keeps no checksum of it.
        let image = TestImage::of_size(100_000);
        app.import(&storage, &image);
        let ask = || app.request_with("GET", &image.path(), &[("range", "bytes=1-")]);
        assert_eq!(app.request("HEAD", &image.path()).status, 200);

        let first = ask();
        assert_image(&first, &image);
        assert_eq!(first.headers["accept-ranges"], "none");
        assert_eq!(cache(&app, 2), "filled");

        let second = ask();
        assert_eq!(second.status, 206);
        assert!(second.bytes() == &image.bytes[1..]);
        assert_eq!(second.headers["accept-ranges"], "bytes");
        assert_eq!(cache(&app, 3), "hit");
    }
}

#[test]
fn a_redis_of_bounded_memory_lets_go_of_images_and_all_are_served() {
    if host::is_embedded_without("its key-value store is a file") {
        return;
    }
    let storage = Storage::start();
    let launch = keeping(Launch::on(&storage)).records_in(MetadataStore::Sqlite);
    let Some(launch) =
        launch.keeping_in_redis(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"])
    else {
        crate::harness::skip("REDIS_SERVER names no Redis: `cargo xtask test --host spin --redis`");
        return;
    };
    let mut app = launch.start();
    let images: Vec<_> = (0..40).map(|_| TestImage::of_size(100_000)).collect();
    for image in &images {
        app.import(&storage, image);
    }

    for _ in 0..2 {
        for image in &images {
            assert_image(&app.get(&image.path()), image);
        }
    }

    assert!(app.log(80).iter().all(|entry| entry["cache"] != "failed"));
    let redis = app.redis().unwrap();
    wait_for("a store that holds some of the images", || {
        (1..images.len())
            .contains(&redis.keys().len())
            .then_some(())
    });
}
