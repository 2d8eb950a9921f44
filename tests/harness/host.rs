//! Which program runs the manifest: the one thing that differs between hosts.

use std::path::PathBuf;

use super::{root, skip};

/// A real Spin where `SPIN_BIN` names one, else `IMAGE_PROXY_HOST`, else what `cargo xtask build`
/// makes. All take the arguments of `spin up`.
pub fn program() -> PathBuf {
    match std::env::var_os("SPIN_BIN") {
        Some(spin) => existing(spin.into()),
        None => embedded(),
    }
}

/// This repository's host.
pub fn embedded() -> PathBuf {
    let built = || root().join("target/release/image-proxy-host");
    existing(std::env::var_os("IMAGE_PROXY_HOST").map_or_else(built, PathBuf::from))
}

fn existing(program: PathBuf) -> PathBuf {
    let is_there = program.exists() || program.components().count() == 1;
    assert!(
        is_there,
        "{} is missing: run `cargo xtask test`",
        program.display()
    );
    program
}

/// Whether a real Spin runs the applications of the tests.
pub fn is_spin() -> bool {
    std::env::var_os("SPIN_BIN").is_some()
}

/// Skips a test that does not apply to this repository's host, where that is what runs.
pub fn is_embedded_without(reason: &str) -> bool {
    let is_embedded = !is_spin();
    if is_embedded {
        skip(&format!("on the embedded host: {reason}"));
    }
    is_embedded
}

/// Skips a test that does not apply to a real Spin, where that is what runs.
pub fn is_spin_without(reason: &str) -> bool {
    let is_spin = is_spin();
    if is_spin {
        skip(&format!("on Spin: {reason}"));
    }
    is_spin
}
