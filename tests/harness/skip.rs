//! Tests that cannot show here what they are for. Each says so, and `cargo xtask test` counts it and
//! lists its reason.

use std::io::Write as _;
use std::thread;

/// Whether a test can be run that needs `what`, which somebody can install. A run that must be complete
/// (`CI=true`) does not do without.
#[track_caller]
pub fn can_run(is_there: bool, what: &str) -> bool {
    let must_be = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(is_there || !must_be, "missing: {what}");
    if !is_there {
        skip(&format!("{what} is missing"));
    }
    is_there
}

/// Says that this test is skipped, for a reason that nothing installed could change.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    // Past the test runner, which hides what a passing test prints. In one piece, and from the start
    // of a line, whatever else is being printed.
    let line = format!("\nskipped: {test}: {reason}\n");
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}
