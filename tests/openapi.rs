//! The OpenAPI document, held against the running app by schemathesis.

use std::process::Command;

use uuid::Uuid;

use crate::harness::app::Launch;
use crate::harness::{Storage, TestImage, root, say};

const DOCUMENT: &str = "specs/002-api-image-proxy/contracts/openapi.yaml";

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
        id: documented_id(),
        ..TestImage::of_size(1000)
    };
    app.import(&storage, &image);

    let output = Command::new(schemathesis)
        .current_dir(storage.scratch_folder())
        .arg("run")
        .arg(root().join(DOCUMENT))
        .args(["--url", &app.url("")])
        .args([
            "--checks",
            "all",
            "--mode",
            "all",
            "--seed",
            "1",
            "--max-examples",
            "100",
        ])
        .args(["--no-color", "--warnings", "off"])
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

/// The image that the document's examples ask for.
fn documented_id() -> Uuid {
    let document = std::fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let mut words = document.split_whitespace();
    words
        .find_map(|word| Uuid::try_parse(word.trim_matches(['"', '\''])).ok())
        .unwrap()
}
