//! The host's own lines on standard error.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes a line. Unlike `eprintln!` it does not panic where nobody reads standard error any more.
pub fn report(line: impl Display) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
