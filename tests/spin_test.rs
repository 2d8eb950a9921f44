//! The program that runs the tests of `tests/spin-test/`: what it says, and how it ends.
//!
//! It is this repository's own, whatever runs the application in other tests.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::{default_wasm, embedded_host, root};

const RANGE: &str = "a_range_is_answered_with_that_part";
const REVALIDATION: &str = "a_revalidation_is_answered_without_storage";

/// Runs the tests against a manifest whose text `change` has changed.
fn run(change: impl Fn(String) -> String, arguments: &[&str]) -> Output {
    let folder = manifest(change);
    Command::new(embedded_host())
        .args(["spin-test", "--from"])
        .arg(folder.path())
        .args(arguments)
        .output()
        .unwrap()
}

fn manifest(change: impl Fn(String) -> String) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    let built = default_wasm().parent().unwrap().display().to_string();
    let text = text.replace("\"target/wasm32-wasip2/release", &format!("\"{built}"));
    std::fs::write(folder.path().join("spin.toml"), change(text)).unwrap();
    folder
}

#[track_caller]
fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn every_test_is_named_and_the_component_passes_it() {
    let listed = run(|text| text, &["--list"]);
    let output = run(|text| text, &[]);

    let names: Vec<_> = stdout(&listed)
        .lines()
        .map(|line| line.strip_suffix(": test").unwrap())
        .collect();
    assert!(names.contains(&RANGE) && names.contains(&REVALIDATION));
    let passed = format!("test result: ok. {} passed; 0 failed;", names.len());
    assert!(stdout(&output).contains(&passed), "{}", stdout(&output));
    for name in names {
        let line = format!("test {name} ... ok\n");
        assert!(stdout(&output).contains(&line), "{}", stdout(&output));
    }
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_filter_leaves_the_other_tests_out() {
    let output = run(|text| text, &["a_range"]);

    assert!(
        stdout(&output).contains("running 1 test\n"),
        "{}",
        stdout(&output)
    );
    assert!(stdout(&output).contains(&format!("test {RANGE} ... ok")));
    assert!(!stdout(&output).contains(REVALIDATION));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_test_that_fails_shows_what_was_said_and_leaves_the_others_alone() {
    // The manifest no longer allows storage's host, so that what asks storage fails.
    let forbid = |text: String| text.replace("[\"{{ s3_endpoint }}\"]", "[]");

    let output = run(forbid, &[]);

    let said = stdout(&output);
    assert!(said.contains(&format!("test {RANGE} ... FAILED")), "{said}");
    assert!(said.contains("test an_unknown_image_is_answered_without_storage ... FAILED"));
    assert!(said.contains("test a_setting_that_cannot_be_used_is_named_to_nobody_outside ... ok"));
    let (_, failure) = said.split_once(&format!("---- {RANGE} ----")).unwrap();
    assert!(failure.contains("allowed_outbound_hosts"), "{failure}");
    assert!(failure.contains("panicked at"), "{failure}");
    assert!(said.contains("test result: FAILED. "), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_manifest_without_tests_is_refused_with_what_it_lacks() {
    let rename = |text: String| text.replace("tool.spin-test", "tool.other");

    let output = run(rename, &[]);

    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors.contains("spin.toml") && errors.contains("[component.image-proxy.tool.spin-test]"),
        "{errors}"
    );
}
