//! If-Match and If-None-Match (RFC 9110 section 13).

use crate::harness::{TestImage, on_each_store};

const DETAIL: &str = "Image does not match the precondition";

#[test]
fn a_client_that_has_the_image_gets_304_and_storage_is_not_asked() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        let etag = format!("\"{}\"", image.hash());
        let values = [
            etag.clone(),
            format!("W/{etag}"),
            "*".into(),
            format!("\"other\", {etag}"),
            format!(",,{etag} ,\t\"a,b\""),
        ];

        for value in values {
            for method in ["GET", "HEAD"] {
                let fields = [("if-none-match", value.as_str())];
                app.request_with(method, &image.path(), &fields)
                    .assert_not_modified(&image);
            }
        }
        let two_lines = [
            ("if-none-match", "\"other\""),
            ("if-none-match", etag.as_str()),
        ];
        app.request_with("GET", &image.path(), &two_lines)
            .assert_not_modified(&image);
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn a_client_that_has_another_image_gets_this_one() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for value in [
            "\"other\"",
            "",
            "junk",
            &image.hash(),
            "\"*\"",
            "*, \"other\"",
        ] {
            let response = app.request_with("GET", &image.path(), &[("if-none-match", value)]);
            response.assert_image(&image, &image.bytes);
        }
    }
}

#[test]
fn a_precondition_that_fails_is_412_and_storage_is_not_asked() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        let weak = format!("W/\"{}\"", image.hash());

        for value in ["\"other\"", &weak, "", "junk"] {
            let response = app.request_with("GET", &image.path(), &[("if-match", value)]);
            response.assert_error(412, DETAIL, "precondition_failed");
        }
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn a_precondition_that_holds_changes_nothing() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        let etag = format!("\"{}\"", image.hash());

        for value in [etag.as_str(), "*", &format!("\"other\", {etag}")] {
            let response = app.request_with("GET", &image.path(), &[("if-match", value)]);
            response.assert_image(&image, &image.bytes);
        }
    }
}

#[test]
fn preconditions_are_weighed_in_order_and_before_the_range() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        let etag = format!("\"{}\"", image.hash());
        let both = |if_match: &str, if_none_match: &str, range: &str| {
            let fields = [
                ("if-match", if_match),
                ("if-none-match", if_none_match),
                ("range", range),
            ];
            app.request_with("GET", &image.path(), &fields)
        };

        both(&etag, &etag, "bytes=0-9").assert_not_modified(&image);
        both(&etag, &etag, "bytes=5000-").assert_not_modified(&image);
        both("\"x\"", &etag, "bytes=0-9").assert_error(412, DETAIL, "precondition_failed");
        both(&etag, "\"x\"", "bytes=0-9").assert_part(&image, 0, 9);
    }
}

#[test]
fn dates_are_ignored_since_an_image_has_none() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for name in ["if-modified-since", "if-unmodified-since"] {
            let fields = [(name, "Sat, 29 Oct 1994 19:43:31 GMT")];
            let response = app.request_with("GET", &image.path(), &fields);
            response.assert_image(&image, &image.bytes);
        }
    }
}

#[test]
fn an_unknown_image_is_not_found_whatever_the_preconditions() {
    for (_storage, app) in on_each_store(|launch| launch) {
        for fields in [
            ("if-match", "*"),
            ("if-none-match", "*"),
            ("range", "bytes=0-"),
        ] {
            let response = app.request_with("GET", &TestImage::of_size(0).path(), &[fields]);
            response.assert_error(404, "Image not found", "image_not_found");
        }
    }
}
