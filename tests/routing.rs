//! Which paths, ids and methods there are.

use crate::harness::{TestImage, on_each_store};

#[test]
fn every_uuid_form_addresses_the_same_image() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        let forms = [
            image.id.as_hyphenated().to_string(),
            image.id.as_hyphenated().to_string().to_uppercase(),
            image.id.as_simple().to_string(),
            format!("%7B{}%7D", image.id.as_hyphenated()),
            format!("urn:uuid:{}", image.id.as_hyphenated()),
            image.id.as_hyphenated().to_string().replace('-', "%2D"),
        ];

        for form in forms {
            let response = app.get(&format!("/api/v1/images/{form}/file"));
            assert_eq!(response.bytes(), image.bytes, "{form}");
        }
    }
}

#[test]
fn a_query_changes_nothing() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        let response = app.get(&format!("{}?v=2&width=/100", image.path()));

        assert_eq!(response.bytes(), image.bytes);
    }
}

#[test]
fn an_unknown_image_is_not_found_and_storage_is_not_asked() {
    for (storage, app) in on_each_store(|launch| launch) {
        let response = app.get(&TestImage::of_size(0).path());

        response.assert_error(404, "Image not found", "image_not_found");
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn an_id_that_is_no_uuid_is_unprocessable() {
    for (storage, app) in on_each_store(|launch| launch) {
        for id in [
            "1",
            "not-a-uuid",
            "%FF%FE",
            "a%2Fb",
            "%00",
            "67e55044-10b1-426f-9247-bb680e5fe0c",
        ] {
            let response = app.get(&format!("/api/v1/images/{id}/file"));
            response.assert_error(422, "Image id is not a valid UUID", "invalid_image_id");
        }
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn another_method_is_not_allowed_and_the_allowed_ones_are_told() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"] {
            for path in [image.path(), "/api/v1/images/not-a-uuid/file".into()] {
                let response = app.request(method, &path);
                response.assert_error(405, "Method not allowed", "method_not_allowed");
            }
        }
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn every_other_path_is_not_found() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        let paths = [
            "/".into(),
            "/api/v1/images".into(),
            "/api/v1/images//file".into(),
            image.path() + "/",
            image.path().replace("/file", ""),
            image.path().replace("/v1/", "/v2/"),
            image.path().replace("/api/", "/API/"),
            image.path().replace("/file", "/x/file"),
            format!("/x{}", image.path()),
            format!("/?{}", image.path()),
        ];

        for path in paths {
            for method in ["GET", "OPTIONS", "DELETE"] {
                app.request(method, &path)
                    .assert_error(404, "Not found", "not_found");
            }
        }
    }
}
