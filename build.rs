//! Link settings of the component.

/// What a host may have to clear for each request, whether it was used or not. A test runs the deepest
/// requests in half of it.
const STACK_BYTES: u32 = 64 * 1024;

/// Room for a whole request: memory that grows is memory whose protection the host has to change
/// and to change back.
const INITIAL_MEMORY_BYTES: u32 = 8 * 64 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_TARGET_FAMILY").is_some_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK_BYTES}");
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={INITIAL_MEMORY_BYTES}");
    }
}
