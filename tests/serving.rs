//! The image, whole.

use crate::harness::app::Launch;
use crate::harness::{App, Storage, TestImage, on_each_store};

#[test]
fn a_known_image_is_served_whole_with_exactly_the_contract_s_headers() {
    for (storage, app) in on_each_store(|launch| launch) {
        for mime_type in [
            "image/png",
            "image/jpeg",
            "image/svg+xml",
            "image/webp; q=1",
        ] {
            let image = TestImage::of_size(100_000).with_type(mime_type);
            app.import(&storage, &image);

            let response = app.get(&image.path());

            response.assert_image(&image, &image.bytes);
        }
    }
}

#[test]
fn images_of_every_size_arrive_byte_for_byte() {
    let storage = Storage::start();
    let app = App::start(&storage);

    for size in [
        0, 1, 2, 8191, 8192, 65_536, 1_048_576, 1_048_577, 10_000_000, 52_428_800,
    ] {
        let image = TestImage::of_size(size);
        app.import(&storage, &image);

        let response = app.get(&image.path());

        assert!(response.bytes() == image.bytes, "{size} bytes");
    }
}

#[test]
fn one_image_costs_one_signed_request_for_the_whole_object() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    app.get(&image.path()).bytes();

    let requests = storage.object_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].method, "GET");
    assert_eq!(
        requests[0].path_and_query,
        format!("/{}/{}", storage.bucket, image.key)
    );
    let authorization = requests[0].headers["authorization"].to_str().unwrap();
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 "),
        "{authorization}"
    );
    assert!(!requests[0].headers.contains_key("range"));
}

#[test]
fn nothing_of_the_client_s_request_reaches_storage() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    app.request_with(
        "GET",
        &image.path(),
        &[("cookie", "session=1"), ("x-forwarded-for", "10.1.2.3")],
    );

    let requests = storage.object_requests();
    let mut names: Vec<_> = requests[0]
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "authorization",
            "host",
            "x-amz-checksum-mode",
            "x-amz-content-sha256",
            "x-amz-date"
        ]
    );
}

#[test]
fn a_key_is_found_whatever_characters_it_holds() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let keys = [
        "plain.png",
        "with space/and+plus (1).png",
        "100%/%2F.png",
        "a&b=c;d@e,f$g!h'i.png",
        "тест/תמונה/画像\u{3000}.png",
        "e\u{301} é 🖼.png",
    ];

    for key in keys {
        let image = TestImage::of_size(1000).with_key(key);
        app.import(&storage, &image);
        assert_eq!(app.get(&image.path()).bytes(), image.bytes, "{key}");
    }
}

#[test]
fn a_bucket_named_by_the_endpoint_s_host_is_served_from() {
    let storage = Storage::start_virtual_hosted();
    let app = Launch::on(&storage)
        .variable("s3_addressing_style", "virtual")
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    let response = app.get(&image.path());

    assert_eq!(response.bytes(), image.bytes);
    let requests = storage.object_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path_and_query, format!("/{}", image.key));
}

#[test]
fn a_session_token_is_sent_with_the_signature() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("s3_session_token", "temporary")
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    app.get(&image.path());

    let requests = storage.object_requests();
    assert_eq!(requests[0].headers["x-amz-security-token"], "temporary");
    let authorization = requests[0].headers["authorization"].to_str().unwrap();
    assert!(
        authorization.contains("x-amz-security-token"),
        "{authorization}"
    );
}

#[test]
fn concurrent_requests_each_get_their_own_image() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let images: Vec<_> = (1..=16).map(|n| TestImage::of_size(n * 30_000)).collect();
    for image in &images {
        app.import(&storage, image);
    }

    std::thread::scope(|scope| {
        for image in images.iter().chain(&images) {
            scope.spawn(|| assert!(app.get(&image.path()).bytes() == image.bytes));
        }
    });
}
