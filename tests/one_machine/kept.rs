//! What nginx keeps, for whom, and until when.

use std::thread;

use crate::harness::app::{BEARER, Launch, TOKEN};
use crate::harness::front::{Front, Site};
use crate::harness::response::Response;
use crate::harness::{App, Storage, TestImage, wait_for};

use super::guide;

const PAGE: &str = "https://app.example";

/// An app whose images every page may show, and whose records can be written.
pub fn app_on(storage: &Storage) -> App {
    Launch::on(storage)
        .variable("cors_allowed_origins", "*")
        .variable("records_token", TOKEN)
        .start()
}

/// Such an app, on a storage of its own, and nginx before it; none where that is missing.
pub fn behind_nginx() -> Option<(Storage, App, Front)> {
    let storage = Storage::start();
    let app = app_on(&storage);
    let front = Front::nginx(app.address())?;
    Some((storage, app, front))
}

/// The paths that have reached the app, in order, once there are this many.
pub fn reached(app: &App, count: usize) -> Vec<String> {
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
    let Some((storage, app, front)) = behind_nginx() else {
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
    let Some((storage, app, front)) = behind_nginx() else {
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
fn an_origin_that_nginx_does_not_list_is_answered_as_all_others_are() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cors_allowed_origins", PAGE)
        .start();
    let Some(front) = Front::nginx(app.address()) else {
        return;
    };
    let image = TestImage::of_size(100_000);
    app.import(&storage, &image);

    for origin in [&[("origin", PAGE)][..], &[]] {
        let answer = front.request("GET", &image.path(), origin);
        assert_eq!(shown_to(&answer), [None, Some("Origin")]);
    }
}

#[test]
fn a_removed_image_is_kept_until_the_guides_line_takes_it_away() {
    let Some((storage, app, front)) = behind_nginx() else {
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
fn nginx_writes_of_each_request_whether_it_was_kept_by_the_apps_id_and_not_who_asked() {
    let Some((storage, app, front)) = behind_nginx() else {
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
    let id = app.log(1)[0]["request_id"].as_str().unwrap().to_owned();
    assert_eq!(log.split(' ').nth(1), Some(&*id));
    assert!(!log.contains("127.0.0.1"), "{log}");
}
