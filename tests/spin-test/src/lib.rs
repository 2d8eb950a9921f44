//! Tests that run inside the WebAssembly host, beside the component: nothing of them goes over a
//! network, and what the component reads of the host is theirs to set.
//!
//! - [`tests`]: the tests, and [`tests::ALL`] of them
//! - [`request`]: one request, and the application's answer
//! - [`setup`]: variables, records, and what storage answers
//! - [`bindings`]: the world of `spin-test`, generated from `wit/`
#![cfg(target_family = "wasm")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod request;
mod setup;
mod tests;

#[allow(unsafe_code, reason = "what wit-bindgen generates calls the host")]
#[allow(clippy::pedantic, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "fermyon:spin-test/test",
        generate_all,
    });

    use super::{TestComponent, tests};

    export!(TestComponent);

    impl Guest for TestComponent {
        fn list_tests() -> Vec<String> {
            tests::ALL
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect()
        }

        fn run(name: String) {
            let test = tests::ALL.iter().find(|(known, _)| *known == name);
            let (_, test) = test.expect("a name that list-tests gave");
            test();
        }
    }
}

struct TestComponent;
