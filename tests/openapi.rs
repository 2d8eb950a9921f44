//! The OpenAPI document, held against the running app by schemathesis.

use std::path::PathBuf;
use std::process::Command;

use uuid::Uuid;

use crate::harness::app::Launch;
use crate::harness::{Storage, TestImage, root, say};

#[test]
fn the_app_answers_whatever_schemathesis_makes_of_the_openapi_document_as_documented() {
    let Some(schemathesis) = std::env::var_os("SCHEMATHESIS") else {
        say("skipped: schemathesis, which `cargo xtask test --all` brings");
        return;
    };
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cors_allowed_origins", "https://app.example")
        .start();
    let image = TestImage {
        id: documented(Uuid::try_parse),
        ..TestImage::of_size(1000)
    };
    storage.put(&image.key, &image.bytes);
    let hash = documented(|word| (word.len() == 64).then(|| word.to_owned()).ok_or(()));
    app.database()
        .insert_values(&image, &[&image.key, &image.mime_type, &hash, &1000]);

    let output = Command::new(schemathesis)
        .current_dir(storage.scratch_folder())
        .arg("--config-file")
        .arg(contracts().join("schemathesis.toml"))
        .arg("run")
        .arg(contracts().join("openapi.yaml"))
        .args(["--url", &app.url("")])
        .args(["--checks", "all", "--mode", "all", "--seed", "1"])
        .args(["--max-examples", "100", "--no-color", "--warnings", "off"])
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
