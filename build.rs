//! Link settings of the component.

/// Room for a whole request: memory that grows is memory whose protection the host has to change
/// and to change back.
const INITIAL_MEMORY_BYTES: u32 = 24 * 64 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_TARGET_FAMILY").is_some_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={INITIAL_MEMORY_BYTES}");
    }
}
