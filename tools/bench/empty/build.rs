//! Link settings of the empty component: as little memory as it can do with.

/// Of a stack, which is 1 MiB unless somebody asks for less.
const STACK_BYTES: u32 = 128 * 1024;

/// Room for the stack, and for all that is static.
const INITIAL_MEMORY_BYTES: u32 = 10 * 64 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_TARGET_FAMILY").is_some_and(|family| family == "wasm") {
        for argument in [
            "-z".to_owned(),
            format!("stack-size={STACK_BYTES}"),
            format!("--initial-memory={INITIAL_MEMORY_BYTES}"),
        ] {
            println!("cargo::rustc-link-arg-cdylib={argument}");
        }
    }
}
