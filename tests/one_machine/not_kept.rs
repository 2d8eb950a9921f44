//! What nginx does not keep, or for moments alone, and what is told where nothing is kept.

use serde_json::Value;

use crate::harness::app::Launch;
use crate::harness::front::{Front, Site};
use crate::harness::{ScriptedStorage, Step, Storage, TestImage, wait_for};

use super::kept::{app_on, behind_nginx, reached};

#[test]
fn other_spellings_of_an_id_are_served_by_the_app_and_not_kept() {
    let Some((storage, app, front)) = behind_nginx() else {
        return;
    };
    let image = TestImage::of_size(100_000);
    app.import(&storage, &image);
    let spellings = [
        image
            .path()
            .replace(&image.id.to_string(), &image.id.to_string().to_uppercase()),
        image.path().replace('-', ""),
        image.path().replace('-', "%2d"),
    ];

    for path in spellings.iter().cycle().take(6) {
        assert!(front.request("GET", path, &[]).bytes() == image.bytes);
    }

    assert_eq!(reached(&app, 6).len(), 6);
}

#[test]
fn an_image_that_is_not_there_is_kept_so_for_seconds_and_then_asked_for_anew() {
    let storage = Storage::start();
    let app = app_on(&storage);
    let short = Site::of("nginx.conf").with("proxy_cache_valid 404 5s", "proxy_cache_valid 404 1s");
    let (Some(front), Some(forgetful)) = (
        Front::nginx(app.address()),
        Front::nginx_of(short, app.address()),
    ) else {
        return;
    };
    let image = TestImage::of_size(100);

    let answers = [(); 2].map(|()| front.request("GET", &image.path(), &[]));
    assert_eq!(forgetful.request("GET", &image.path(), &[]).status, 404);
    let reached = reached(&app, 2);
    app.import(&storage, &image);

    for answer in answers {
        answer.assert_error_with(
            404,
            "Image not found",
            "image_not_found",
            &[
                ("access-control-allow-origin", "*"),
                (
                    "access-control-expose-headers",
                    "ETag, Content-Length, Content-Range, Accept-Ranges, Repr-Digest, X-Request-Id",
                ),
                ("cross-origin-resource-policy", "cross-origin"),
                ("server", "nginx"),
            ],
        );
    }
    assert_eq!(reached, [image.path(), image.path()]);
    wait_for("the image", || {
        let answer = forgetful.request("GET", &image.path(), &[]);
        (answer.status == 200).then_some(())
    });
}

#[test]
fn a_failure_is_never_kept() {
    let Some((storage, app, front)) = behind_nginx() else {
        return;
    };
    let image = TestImage::of_size(100_000);
    app.record(&image);

    let failures = [(); 2].map(|()| front.request("GET", &image.path(), &[]).status);
    storage.put(&image.key, &image.bytes);
    let mended = front.request("GET", &image.path(), &[]);

    assert_eq!(failures.map(|status| status.as_u16()), [500, 500]);
    assert!(mended.bytes() == image.bytes);
}

#[test]
fn a_transfer_that_breaks_off_looks_broken_through_both_and_is_not_kept() {
    let whole = "x".repeat(100_000);
    let broken = || Step::object(whole.len(), &whole[..60_000]).and_close();
    let mut steps: Vec<_> = (0..2).map(|_| broken()).collect();
    steps.push(Step::object(whole.len(), &whole));
    let storage = ScriptedStorage::start(steps);
    let credentials = ScriptedStorage::credentials();
    let app = Launch::new(storage.endpoint(), "bucket", &credentials)
        .variable("s3_max_attempts", "1")
        .start();
    let (Some(nginx), Some(caddy)) = (Front::nginx(app.address()), Front::caddy(app.address()))
    else {
        return;
    };
    let image = TestImage::of_bytes(whole.clone().into_bytes()).with_hash("any");
    app.record(&image);

    for front in [&caddy, &nginx] {
        // Where not even the head had come, both proxies say so in its place.
        let answer = front.try_send("GET", &image.path(), &[], b"");
        assert!(answer.is_ok_and(|answer| answer.is_broken() || answer.status == 503));
    }
    let mended = nginx.request("GET", &image.path(), &[]);

    assert!(mended.bytes() == whole.as_bytes());
}

#[test]
fn while_the_app_is_gone_what_is_kept_is_served_and_the_rest_is_a_503_of_json() {
    let storage = Storage::start();
    let app = app_on(&storage);
    let (Some(nginx), Some(caddy)) = (Front::nginx(app.address()), Front::caddy(app.address()))
    else {
        return;
    };
    let (kept, other) = (TestImage::of_size(1000), TestImage::of_size(1000));
    for image in [&kept, &other] {
        app.import(&storage, image);
    }
    nginx.request("GET", &kept.path(), &[]);
    drop(app);

    let served = nginx.request("GET", &kept.path(), &[]);

    assert!(served.bytes() == kept.bytes);
    for front in [&nginx, &caddy] {
        let answer = front.request("GET", &other.path(), &[]);
        let body: Value = serde_json::from_slice(answer.bytes()).unwrap();
        let busy = serde_json::json!({"detail": "Service is busy", "code": "service_busy"});
        assert_eq!((answer.status.as_u16(), body), (503, busy));
        for (name, value) in [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("retry-after", "1"),
        ] {
            assert_eq!(answer.headers[name], value);
        }
        assert!(answer.headers.contains_key("x-request-id"));
    }
}
