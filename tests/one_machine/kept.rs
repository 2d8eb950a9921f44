//! What nginx keeps, for whom, and what it asks the app for again.

use std::thread;

use serde_json::Value;

use crate::harness::app::{BEARER, Launch, TOKEN};
use crate::harness::front::{Front, Site};
use crate::harness::response::Response;
use crate::harness::{App, ScriptedStorage, Step, Storage, TestImage, wait_for};

use super::guide;

const PAGE: &str = "https://app.example";

/// An app whose images every page may show, and whose records can be written.
fn app_on(storage: &Storage) -> App {
    Launch::on(storage)
        .variable("cors_allowed_origins", "*")
        .variable("records_token", TOKEN)
        .start()
}

/// The paths that have reached the app, in order, once there are this many.
fn reached(app: &App, count: usize) -> Vec<String> {
    // One of the test's own, so that what came before it is in the log.
    app.get("/last");
    let log = app.log(count + 1);
    let paths = log.iter().map(|entry| entry["path"].as_str().unwrap());
    paths
        .filter(|path| *path != "/last")
        .map(str::to_owned)
        .collect()
}

/// Caddy for TLS, and behind it nginx for what is kept, as the guide says.
fn caddy_before_nginx(app: &App) -> Option<[Front; 2]> {
    let nginx = Front::nginx_without_tls(app.address())?;
    let caddy = Front::caddy(&nginx.address())?;
    Some([caddy, nginx])
}

#[test]
fn an_image_that_was_served_once_never_reaches_the_app_again() {
    let storage = Storage::start();
    let app = app_on(&storage);
    let (Some(nginx), Some(both)) = (Front::nginx(app.address()), caddy_before_nginx(&app)) else {
        return;
    };
    for front in [&nginx, &both[0]] {
        let image = TestImage::of_size(100_000);
        app.import(&storage, &image);
        let path = image.path();
        let etag = format!("\"{}\"", image.hash());
        let asked_before = storage.asked();
        let get = |path: &str, fields: &[(&str, &str)]| front.request("GET", path, fields);

        let first = get(&path, &[]);
        let again = get(&path, &[]);
        let with_query = get(&format!("{path}?width=3"), &[]);
        let of_page = get(&path, &[("origin", PAGE)]);
        let part = get(&path, &[("range", "bytes=10-19")]);
        let last = get(&path, &[("range", "bytes=-1")]);
        let unmodified = get(&path, &[("if-none-match", &etag)]);
        let head = front.request("HEAD", &path, &[]);

        for whole in [first, again, with_query, of_page] {
            assert_eq!(whole.status, 200);
            assert!(whole.bytes() == image.bytes);
            assert_eq!(whole.headers["access-control-allow-origin"], "*");
            assert_eq!(whole.headers["etag"], etag.as_str());
        }
        assert_eq!(
            (part.status.as_u16(), part.bytes()),
            (206, &image.bytes[10..20])
        );
        assert_eq!(
            (last.status.as_u16(), last.bytes()),
            (206, &image.bytes[99_999..])
        );
        assert_eq!(
            (unmodified.status.as_u16(), head.status.as_u16()),
            (304, 200)
        );
        let of_image = |path: &String| path.contains(&image.id.to_string());
        let reached = reached(&app, 1).into_iter().filter(of_image).count();
        assert_eq!((reached, storage.asked() - asked_before), (1, 1));
    }
}

#[test]
fn a_range_that_comes_first_fetches_the_image_for_all_that_follow() {
    let storage = Storage::start();
    let app = app_on(&storage);
    let Some(front) = Front::nginx(app.address()) else {
        return;
    };
    let image = TestImage::of_size(100_000);
    app.import(&storage, &image);

    let part = front.request("GET", &image.path(), &[("range", "bytes=10-19")]);
    let whole = front.request("GET", &image.path(), &[]);

    assert_eq!(
        (part.status.as_u16(), part.bytes()),
        (206, &image.bytes[10..20])
    );
    assert!(whole.bytes() == image.bytes);
    assert_eq!(storage.asked(), 1);
}

#[test]
fn several_that_ask_at_once_have_an_image_fetched_once() {
    let storage = Storage::start();
    let app = app_on(&storage);
    let Some(front) = Front::nginx(app.address()) else {
        return;
    };
    let image = TestImage::of_size(2_000_000);
    app.import(&storage, &image);

    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = front.request("GET", &image.path(), &[]);
                assert!(answer.bytes() == image.bytes);
            });
        }
    });

    assert_eq!(reached(&app, 1), [image.path()]);
    assert_eq!(storage.asked(), 1);
}

#[test]
fn other_spellings_of_an_id_are_served_by_the_app_and_not_kept() {
    let storage = Storage::start();
    let app = app_on(&storage);
    let Some(front) = Front::nginx(app.address()) else {
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

/// The cross-origin fields that tell pages apart.
fn shown_to(answer: &Response) -> [Option<&str>; 2] {
    ["access-control-allow-origin", "vary"].map(|name| {
        answer
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    })
}

#[test]
fn with_a_list_of_origins_each_gets_its_own_answer_and_all_others_one_together() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cors_allowed_origins", PAGE)
        .start();
    let site = Site::of("nginx.conf").with(&format!("# \"{PAGE}\""), &format!("\"{PAGE}\""));
    let Some(front) = Front::nginx_of(site, app.address()) else {
        return;
    };
    let image = TestImage::of_size(100_000);
    app.import(&storage, &image);
    let get = |origin: &[(&str, &str)]| front.request("GET", &image.path(), origin);

    for _ in 0..2 {
        let of_page = get(&[("origin", PAGE)]);
        let of_nobody = get(&[]);
        let of_others = [
            get(&[("origin", "https://evil.example")]),
            get(&[("origin", "null")]),
        ];

        assert_eq!(shown_to(&of_page), [Some(PAGE), Some("Origin")]);
        for other in of_others.iter().chain([&of_nobody]) {
            assert_eq!(shown_to(other), [None, Some("Origin")]);
        }
    }
    assert_eq!(storage.asked(), 2);
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
    let storage = Storage::start();
    let app = app_on(&storage);
    let Some(front) = Front::nginx(app.address()) else {
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

#[test]
fn a_removed_image_is_kept_until_the_guides_line_takes_it_away() {
    let storage = Storage::start();
    let app = app_on(&storage);
    let Some(front) = Front::nginx(app.address()) else {
        return;
    };
    let (removed, other) = (TestImage::of_size(1000), TestImage::of_size(1000));
    for image in [&removed, &other] {
        app.import(&storage, image);
        front.request("GET", &image.path(), &[]);
    }
    front.request("DELETE", &removed.record_path(), &[BEARER]);
    let before = front.request("GET", &removed.path(), &[]);

    guide::run_purge(&removed.id.to_string(), &front.kept());

    assert_eq!(before.status, 200);
    assert_eq!(front.request("GET", &removed.path(), &[]).status, 404);
    let asked = storage.asked();
    assert_eq!(front.request("GET", &other.path(), &[]).status, 200);
    assert_eq!(storage.asked(), asked);
}

#[test]
fn nginx_writes_of_each_request_whether_it_was_kept_and_not_who_asked() {
    let storage = Storage::start();
    let app = app_on(&storage);
    let Some(front) = Front::nginx(app.address()) else {
        return;
    };
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);

    for _ in 0..2 {
        front.request("GET", &image.path(), &[]);
    }

    let log = wait_for("two lines of nginx", || {
        let log = front.access_log();
        (log.lines().count() == 2).then_some(log)
    });
    let kept: Vec<_> = log
        .lines()
        .map(|line| line.split(' ').nth(3).unwrap())
        .collect();
    assert_eq!(kept, ["MISS", "HIT"]);
    assert!(!log.contains("127.0.0.1"), "{log}");
}
