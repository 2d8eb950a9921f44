//! Programs that people use: curl, wget, and a player that seeks.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::response::Response;
use crate::harness::{App, Storage, TestImage, can_run, is_installed};

/// Whether a program can be tried.
fn can_try(program: &str) -> bool {
    can_run(
        is_installed(program),
        &format!("{program}, which `apt-get install {program}` installs,"),
    )
}

/// Runs a program in a folder without the caller's settings.
fn run(program: &str, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .current_dir(folder)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder)
        .args(arguments)
        .output()
        .unwrap()
}

/// An app with one image, the image's URL, and a folder to work in.
fn serving(size: usize) -> (Storage, App, TestImage, String, tempfile::TempDir) {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(size);
    app.import(&storage, &image);
    let url = app.url(&image.path());
    (storage, app, image, url, tempfile::tempdir().unwrap())
}

#[test]
fn curl_resumes_a_download_that_broke_off() {
    if !can_try("curl") {
        return;
    }
    let (storage, _app, image, url, folder) = serving(1_000_000);
    let file = folder.path().join("image");
    std::fs::write(&file, &image.bytes[..300_000]).unwrap();

    let output = run(
        "curl",
        folder.path(),
        &["-fsS", "-C", "-", "-o", "image", &url],
    );

    assert!(output.status.success(), "{output:?}");
    assert!(std::fs::read(&file).unwrap() == image.bytes);
    assert_eq!(
        storage.object_requests()[0].headers["range"],
        "bytes=300000-999999"
    );
}

#[test]
fn curl_does_not_download_again_what_it_has_under_the_same_etag() {
    if !can_try("curl") {
        return;
    }
    let (storage, _app, image, url, folder) = serving(1000);
    let arguments = [
        "-fsS",
        "--etag-save",
        "etag",
        "--etag-compare",
        "etag",
        "-o",
        "image",
        "-w",
        "%{http_code}",
        &url,
    ];

    let first = run("curl", folder.path(), &arguments);
    let second = run("curl", folder.path(), &arguments);

    assert_eq!(String::from_utf8_lossy(&first.stdout), "200", "{first:?}");
    assert_eq!(String::from_utf8_lossy(&second.stdout), "304", "{second:?}");
    assert!(std::fs::read(folder.path().join("image")).unwrap() == image.bytes);
    assert_eq!(storage.asked(), 1);
}

#[test]
fn curl_asking_by_date_gets_the_image_since_it_has_no_date() {
    if !can_try("curl") {
        return;
    }
    let (_storage, _app, image, url, folder) = serving(1000);

    let output = run(
        "curl",
        folder.path(),
        &["-fsS", "-z", "2020-01-01", "-o", "image", &url],
    );

    assert!(output.status.success(), "{output:?}");
    assert!(std::fs::read(folder.path().join("image")).unwrap() == image.bytes);
}

#[test]
fn curl_sees_the_head_alone_with_head() {
    if !can_try("curl") {
        return;
    }
    let (_storage, _app, image, url, folder) = serving(1000);

    let output = run("curl", folder.path(), &["-fsS", "-I", &url]);

    let head = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    assert!(head.contains("content-length: 1000\r\n"), "{head}");
    assert!(
        head.contains(&format!("etag: \"{}\"\r\n", image.hash())),
        "{head}"
    );
}

#[test]
fn wget_resumes_a_download_that_broke_off_and_leaves_a_whole_one_alone() {
    if !can_try("wget") {
        return;
    }
    let (storage, _app, image, url, folder) = serving(1_000_000);
    let file = folder.path().join("image");
    std::fs::write(&file, &image.bytes[..300_000]).unwrap();
    let arguments = ["-q", "-c", "--no-proxy", "-O", "image", &url];

    let resumed = run("wget", folder.path(), &arguments);
    assert!(resumed.status.success(), "{resumed:?}");
    assert!(std::fs::read(&file).unwrap() == image.bytes);
    let asked = storage.asked();

    let again = run("wget", folder.path(), &arguments);
    assert!(again.status.success(), "{again:?}");
    assert!(std::fs::read(&file).unwrap() == image.bytes);
    assert_eq!(
        storage.asked(),
        asked,
        "a whole file is told by 416, without storage"
    );
}

#[test]
fn a_player_that_seeks_gets_each_stretch_that_it_asks_for() {
    let (storage, app, image, _url, _folder) = serving(2_000_000);
    let etag = format!("\"{}\"", image.hash());
    let ask = |range: &str| -> Response {
        let fields = [("range", range), ("if-range", etag.as_str())];
        app.request_with("GET", &image.path(), &fields)
    };

    ask("bytes=0-").assert_part(&image, 0, 1_999_999);
    ask("bytes=0-1").assert_part(&image, 0, 1);
    ask("bytes=1500000-").assert_part(&image, 1_500_000, 1_999_999);
    ask("bytes=1400000-1600000").assert_part(&image, 1_400_000, 1_600_000);
    ask("bytes=-65536").assert_part(&image, 1_934_464, 1_999_999);
    ask("bytes=700000-700000").assert_part(&image, 700_000, 700_000);

    assert_eq!(storage.asked(), 6);
}
