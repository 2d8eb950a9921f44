//! The gallery in a headless Chromium: `tests/browser` looks, this starts what it looks at.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{root, say};
use crate::up::running::{Up, xtask};

#[test]
fn the_gallery_holds_in_a_browser() {
    let Some(folder) = browser_tests() else {
        return;
    };
    let data = TempDir::new().unwrap();
    let up = Up::start(data.path(), "sqlite");

    let output = Command::new("node")
        .current_dir(folder)
        .args(["--test", "--test-reporter=tap", "gallery.test.mjs"])
        .env("GALLERY", up.gallery.as_ref().unwrap())
        .env("API", up.api())
        .env("STORAGE", &up.storage)
        .env("DATA", data.path())
        .env("XTASK", xtask())
        .env("SCREENSHOTS", root().join("target/screenshots"))
        .output()
        .unwrap();

    let report = String::from_utf8_lossy(&output.stdout);
    let count = |of: &str| report.lines().find_map(|line| line.strip_prefix(of));
    assert!(output.status.success(), "{report}");
    assert!(count("# tests ").is_some_and(|tests| tests != "0"));
    assert_eq!(count("# pass "), count("# tests "), "{report}");
    say(&format!(
        "{} browser tests passed; see target/screenshots",
        count("# pass ").unwrap()
    ));
    assert_eq!(up.interrupt().code(), Some(0));
}

/// Where they are, if they can be run; a run that must be complete (`CI=true`) does not do without.
fn browser_tests() -> Option<PathBuf> {
    let folder = root().join("tests/browser");
    let runs = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let missing = ["node", "chromium"]
        .into_iter()
        .find(|program| !runs(program))
        .or_else(|| {
            let is_there = folder.join("node_modules/playwright-core").is_dir();
            (!is_there).then_some("playwright-core")
        });
    let Some(missing) = missing else {
        return Some(folder);
    };
    let advice = format!("{missing}, which `cargo xtask test --all` brings");
    let must_be = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!must_be, "missing: {advice}");
    say(&format!("skipped: {advice}"));
    None
}
