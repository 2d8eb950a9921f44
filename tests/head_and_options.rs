//! HEAD and OPTIONS (RFC 9110 sections 9.3.2 and 9.3.7).

use crate::harness::{TestImage, on_each_store};

/// Of a `HEAD` and its `GET`, so that the fields of both can be compared.
const SAME_ID: (&str, &str) = ("x-request-id", "67e55044-10b1-426f-9247-bb680e5fe0c8");

#[test]
fn head_has_the_fields_of_get_once_storage_has_confirmed_the_object() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        app.request("HEAD", &image.path()).assert_image(&image, b"");

        let requests = storage.object_requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, "HEAD");
    }
}

#[test]
fn head_of_an_object_that_storage_does_not_have_as_promised_fails() {
    for (storage, app) in on_each_store(|launch| launch) {
        let (absent, shorter) = (TestImage::of_size(1000), TestImage::of_size(1000));
        app.record(&absent);
        app.record(&shorter);
        storage.put(&shorter.key, b"short");

        for image in [absent, shorter] {
            let ask = |method| app.request_with(method, &image.path(), &[SAME_ID]);
            let (head, get) = (ask("HEAD"), ask("GET"));
            get.assert_storage_error();
            assert_eq!((head.status, head.bytes()), (get.status, &b""[..]));
            assert_eq!(head.fields(), get.fields());
        }
    }
}

#[test]
fn head_fails_as_get_does_and_without_a_body() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        let requests: [(String, &[(&str, &str)]); 4] = [
            ("/".into(), &[]),
            ("/api/v1/images/x/file".into(), &[]),
            (TestImage::of_size(0).path(), &[]),
            (image.path(), &[("if-match", "\"other\"")]),
        ];

        for (path, fields) in requests {
            let fields = [fields, &[SAME_ID]].concat();
            let ask = |method| app.request_with(method, &path, &fields);
            let (head, get) = (ask("HEAD"), ask("GET"));
            assert_eq!(head.status, get.status, "{path}");
            assert_eq!(head.fields(), get.fields(), "{path}");
            assert_eq!(head.bytes(), b"", "{path}");
        }
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn range_is_defined_for_get_alone() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for range in ["bytes=0-9", "bytes=5000-"] {
            let response = app.request_with("HEAD", &image.path(), &[("range", range)]);
            response.assert_image(&image, b"");
        }
    }
}

#[test]
fn options_tells_the_methods_and_asks_neither_records_nor_storage() {
    for (storage, app) in on_each_store(|launch| launch) {
        let paths = [
            TestImage::of_size(0).path(),
            "/api/v1/images/not-a-uuid/file".into(),
        ];

        for path in paths {
            let response = app.request("OPTIONS", &path);
            assert_eq!(response.status, 204);
            assert_eq!(response.fields(), [("allow", "GET, HEAD, OPTIONS")]);
            assert_eq!(response.bytes(), b"");
        }
        assert_eq!(storage.asked(), 0);
        assert!(
            app.log(2)
                .iter()
                .all(|entry| entry.get("metadata_ms").is_none())
        );
    }
}
