//! The OpenAPI document, held against the running app by schemathesis, one path at a time: a record
//! that schemathesis makes up has no object, so its image could not be served.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use uuid::Uuid;

use crate::harness::app::{Launch, TOKEN};
use crate::harness::{App, Storage, TestImage, can_run, on_each_store, root};

#[test]
fn the_app_answers_whatever_schemathesis_makes_of_the_openapi_document_as_documented() {
    let Some(schemathesis) = schemathesis() else {
        return;
    };
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cors_allowed_origins", "https://app.example")
        .start();
    let image = TestImage {
        id: documented(Uuid::try_parse),
        ..TestImage::of_bytes(b"foo".into())
    };
    let hash = documented(|word| (word.len() == 64).then(|| word.to_owned()).ok_or(()));
    assert_eq!(hash, image.hash(), "the documented hash is of other bytes");
    app.import(&storage, &image);

    assert_documented(schemathesis, "/api/v1/images/{id}/file", &storage, &app);
}

#[test]
fn the_records_route_answers_whatever_schemathesis_makes_of_the_openapi_document_as_documented() {
    let Some(schemathesis) = schemathesis() else {
        return;
    };
    let apps = on_each_store(|launch| {
        launch
            .variable("cors_allowed_origins", "https://app.example")
            .variable("records_token", TOKEN)
    });
    thread::scope(|scope| {
        for (storage, app) in apps {
            let schemathesis = schemathesis.clone();
            scope.spawn(move || {
                assert_documented(schemathesis, "/api/v1/images/{id}", &storage, &app);

                let log = app.log(1);
                for status in [200, 201, 204, 401, 409] {
                    let is_answered = log.iter().any(|entry| entry["status"] == status);
                    assert!(is_answered, "no request was answered with {status}");
                }
                assert_eq!(storage.asked(), 0);
            });
        }
    });
}

#[test]
fn the_readiness_route_answers_whatever_schemathesis_makes_of_the_openapi_document_as_documented() {
    let Some(schemathesis) = schemathesis() else {
        return;
    };
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cors_allowed_origins", "https://app.example")
        .start();

    assert_documented(schemathesis, "/readyz", &storage, &app);

    assert_eq!(storage.asked(), 0);
}

/// The program; without it, a test is skipped.
fn schemathesis() -> Option<OsString> {
    let program = std::env::var_os("SCHEMATHESIS");
    let what = "schemathesis, which `cargo xtask test --all` installs,";
    can_run(program.is_some(), what);
    program
}

#[track_caller]
fn assert_documented(schemathesis: OsString, path: &str, storage: &Storage, app: &App) {
    let output = Command::new(schemathesis)
        .current_dir(storage.scratch_folder())
        .arg("--config-file")
        .arg(contracts().join("schemathesis.toml"))
        .arg("run")
        .arg(contracts().join("openapi.yaml"))
        .args(["--url", &app.url(""), "--include-path", path])
        .args(["--checks", "all", "--mode", "all", "--seed", "1"])
        .args(["--max-examples", "100", "--no-color", "--warnings", "off"])
        .env("RECORDS_TOKEN", TOKEN)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();

    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(report.contains("No issues found"), "{report}");
}

fn contracts() -> PathBuf {
    root().join("specs/002-api-image-proxy/contracts")
}

/// The first word of the document that is what its examples ask for.
fn documented<T, E>(parse: impl Fn(&str) -> Result<T, E>) -> T {
    let document = std::fs::read_to_string(contracts().join("openapi.yaml")).unwrap();
    let mut words = document.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    words.find_map(|word| parse(word).ok()).unwrap()
}
