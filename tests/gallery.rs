//! A headless Chromium: `tests/browser` looks, this starts what it looks at.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{can_run, is_installed, root, say, xtask};
use crate::up::running::Up;

#[test]
fn the_gallery_holds_in_a_browser() {
    assert_holds_on_what_is_up("gallery.test.mjs");
}

#[test]
fn a_page_takes_the_sizes_that_it_needs_and_nothing_moves_when_they_come() {
    assert_holds_on_pictures_of_its_own("sizes.test.mjs");
}

#[test]
fn the_samples_come_in_sizes_that_keep_their_colours_and_make_a_phone_load_little() {
    assert_holds_on_what_is_up("up-sizes.test.mjs");
}

#[test]
fn each_picture_has_an_address_that_back_and_links_follow() {
    assert_holds_on_pictures_of_its_own("address.test.mjs");
}

#[test]
fn pictures_and_windows_of_any_shape_fingers_and_less_motion_are_served() {
    assert_holds_on_pictures_of_its_own("shapes.test.mjs");
}

#[test]
fn three_thousand_pictures_scroll_at_fifty_frames_a_second() {
    assert_holds_on_pictures_of_its_own("speed.test.mjs");
}

#[test]
fn an_svg_opened_in_a_browser_shows_what_it_embeds_and_runs_and_loads_nothing() {
    assert_holds_on_what_is_up("svg.test.mjs");
}

/// Runs browser tests of the page and API that `cargo xtask up` serves.
fn assert_holds_on_what_is_up(tests: &str) {
    let Some(folder) = browser_tests() else {
        return;
    };
    let data = TempDir::new().unwrap();
    let up = Up::start(data.path(), "sqlite");

    assert_passes(
        node(&folder, tests)
            .env("GALLERY", up.gallery.as_ref().unwrap())
            .env("API", up.api())
            .env("DATA", data.path())
            .env("XTASK", xtask()),
        tests,
    );

    assert_eq!(up.interrupt().code(), Some(0));
}

/// Runs browser tests that start the page's server themselves, and an API of pictures that they draw.
fn assert_holds_on_pictures_of_its_own(tests: &str) {
    let Some(folder) = browser_tests() else {
        return;
    };
    let server = xtask().with_file_name("image-proxy-gallery");

    assert_passes(node(&folder, tests).env("GALLERY_SERVER", server), tests);
}

fn node(folder: &Path, tests: &str) -> Command {
    let mut command = Command::new("node");
    command
        .current_dir(folder)
        .args(["--test", "--test-reporter=tap", tests])
        .env("SCREENSHOTS", root().join("target/screenshots"));
    command
}

fn assert_passes(command: &mut Command, tests: &str) {
    let output = command.output().unwrap();

    let report = String::from_utf8_lossy(&output.stdout);
    let count = |of: &str| report.lines().find_map(|line| line.strip_prefix(of));
    assert!(output.status.success(), "{report}");
    assert!(count("# tests ").is_some_and(|tests| tests != "0"));
    assert_eq!(count("# pass "), count("# tests "), "{report}");
    say(&format!(
        "{} browser tests of {tests} passed; see target/screenshots",
        count("# pass ").unwrap()
    ));
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
