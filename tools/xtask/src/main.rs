//! `cargo xtask <verb>`; everything of it is in the library, which the benchmark uses too.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::run()
}
