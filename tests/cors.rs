//! Pages of other origins (Fetch Standard, "CORS protocol").

use crate::harness::app::Launch;
use crate::harness::response::Response;
use crate::harness::{App, Storage, TestImage, on_each_store};

const PAGE: &str = "https://app.example";
const LIST: &str = "https://app.example/, HTTP://127.0.0.1:4200";
const EXPOSED: &str =
    "ETag, Content-Length, Content-Range, Accept-Ranges, Repr-Digest, X-Request-Id";

/// The cross-origin fields of a response, `Vary` among them.
fn cross_origin(response: &Response) -> Vec<(&str, &str)> {
    let is_cross_origin = |name: &str| {
        name.starts_with("access-control") || name.starts_with("cross-origin") || name == "vary"
    };
    response
        .fields()
        .into_iter()
        .filter(|(name, _)| is_cross_origin(name))
        .collect()
}

/// Method, path, header fields, and the status that they lead to.
type Case<'a> = (&'a str, String, &'a [(&'a str, &'a str)], u16);

/// A response of every kind that this image can lead to.
fn every_response(app: &App, image: &TestImage, origin: &[(&str, &str)]) -> Vec<Response> {
    let etag = format!("\"{}\"", image.hash());
    let absent = TestImage::of_size(10);
    app.record(&absent);
    let requests: [Case; 11] = [
        ("GET", image.path(), &[], 200),
        ("HEAD", image.path(), &[], 200),
        ("GET", image.path(), &[("range", "bytes=0-1")], 206),
        ("GET", image.path(), &[("if-none-match", &etag)], 304),
        ("GET", image.path(), &[("if-match", "\"x\"")], 412),
        ("GET", image.path(), &[("range", "bytes=9999-")], 416),
        ("POST", image.path(), &[], 405),
        ("OPTIONS", image.path(), &[], 204),
        ("GET", "/api/v1/images/x/file".into(), &[], 422),
        ("GET", "/".into(), &[], 404),
        ("GET", absent.path(), &[], 500),
    ];
    requests
        .into_iter()
        .map(|(method, path, fields, status)| {
            let fields = [fields, origin].concat();
            let response = app.request_with(method, &path, &fields);
            assert_eq!(response.status, status, "{method} {path} {fields:?}");
            response
        })
        .collect()
}

#[test]
fn without_allowed_origins_no_response_has_a_cross_origin_field() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for response in every_response(&app, &image, &[("origin", PAGE)]) {
            assert_eq!(cross_origin(&response), []);
        }
    }
}

#[test]
fn with_any_origin_every_response_may_be_read_from_everywhere_and_varies_by_nothing() {
    for (storage, app) in on_each_store(|launch| launch.variable("cors_allowed_origins", "*")) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for origin in [&[][..], &[("origin", PAGE)]] {
            for response in every_response(&app, &image, origin) {
                assert_eq!(
                    cross_origin(&response),
                    [
                        ("access-control-allow-origin", "*"),
                        ("access-control-expose-headers", EXPOSED),
                        ("cross-origin-resource-policy", "cross-origin"),
                    ]
                );
            }
        }
    }
}

#[test]
fn with_a_list_every_response_varies_by_origin_and_a_listed_one_is_echoed() {
    for (storage, app) in on_each_store(|launch| launch.variable("cors_allowed_origins", LIST)) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for origin in [PAGE, "http://127.0.0.1:4200"] {
            for response in every_response(&app, &image, &[("origin", origin)]) {
                assert_eq!(
                    cross_origin(&response),
                    [
                        ("access-control-allow-origin", origin),
                        ("access-control-expose-headers", EXPOSED),
                        ("cross-origin-resource-policy", "cross-origin"),
                        ("vary", "Origin"),
                    ]
                );
            }
        }
        for other in [
            &[][..],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
        ] {
            for response in every_response(&app, &image, other) {
                let expected = [
                    ("cross-origin-resource-policy", "cross-origin"),
                    ("vary", "Origin"),
                ];
                assert_eq!(cross_origin(&response), expected);
            }
        }
    }
}

#[test]
fn a_preflight_is_answered_in_full_for_a_listed_origin_alone() {
    for (storage, app) in on_each_store(|launch| launch.variable("cors_allowed_origins", LIST)) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        let preflight = |origin| {
            let fields = [
                ("origin", origin),
                ("access-control-request-method", "GET"),
                (
                    "access-control-request-headers",
                    "cache-control,range,traceparent",
                ),
            ];
            app.request_with("OPTIONS", &image.path(), &fields)
        };

        let (allowed, refused) = (preflight(PAGE), preflight("https://evil.example"));

        assert_eq!(
            (allowed.status.as_u16(), refused.status.as_u16()),
            (204, 204)
        );
        assert_eq!(
            allowed.fields(),
            [
                ("access-control-allow-headers", "*"),
                ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
                ("access-control-allow-origin", PAGE),
                ("access-control-max-age", "86400"),
                ("allow", "GET, HEAD, OPTIONS"),
                ("cross-origin-resource-policy", "cross-origin"),
                ("vary", "Origin"),
            ]
        );
        assert_eq!(
            refused.fields(),
            [
                ("allow", "GET, HEAD, OPTIONS"),
                ("cross-origin-resource-policy", "cross-origin"),
                ("vary", "Origin"),
            ]
        );
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn a_broken_setting_elsewhere_leaves_the_cross_origin_fields_in_place() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cors_allowed_origins", LIST)
        .variable("s3_max_attempts", "many")
        .start();
    let image = TestImage::of_size(1);
    app.import(&storage, &image);

    let response = app.request_with("GET", &image.path(), &[("origin", PAGE)]);

    assert_eq!(response.status, 500);
    assert_eq!(response.headers["access-control-allow-origin"], PAGE);
    assert_eq!(response.headers["vary"], "Origin");
}

#[test]
fn a_failure_before_the_first_byte_carries_the_cross_origin_fields_too() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cors_allowed_origins", "*")
        .start();
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    storage.stop();

    let response = app.request_with("GET", &image.path(), &[("origin", PAGE)]);

    assert_eq!(response.status, 500);
    assert_eq!(response.headers["access-control-allow-origin"], "*");
}
