//! A headless Chromium: `tests/browser` looks, this starts what it looks at.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{can_run, is_installed, root, say, xtask};
use crate::up::running::Up;

#[test]
fn the_gallery_holds_in_a_browser() {
    assert_holds("gallery.test.mjs");
}

#[test]
fn an_svg_opened_in_a_browser_shows_what_it_embeds_and_runs_and_loads_nothing() {
    assert_holds("svg.test.mjs");
}

fn assert_holds(tests: &str) {
    let Some(folder) = browser_tests() else {
        return;
    };
    let data = TempDir::new().unwrap();
    let up = Up::start(data.path(), "sqlite");

    let output = Command::new("node")
        .current_dir(folder)
        .args(["--test", "--test-reporter=tap", tests])
        .env("GALLERY", up.gallery.as_ref().unwrap())
        .env("API", up.api())
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
        "{} browser tests of {tests} passed; see target/screenshots",
        count("# pass ").unwrap()
    ));
    assert_eq!(up.interrupt().code(), Some(0));
}

/// Where they are, if they can be run.
fn browser_tests() -> Option<PathBuf> {
    let folder = root().join("tests/browser");
    let needed = [
        ("node", is_installed("node")),
        ("chromium", is_installed("chromium")),
        (
            "playwright-core",
            folder.join("node_modules/playwright-core").is_dir(),
        ),
    ];
    let can_run_all = needed.into_iter().all(|(name, is_there)| {
        can_run(
            is_there,
            &format!("{name}, which `cargo xtask test --all` installs,"),
        )
    });
    can_run_all.then_some(folder)
}
