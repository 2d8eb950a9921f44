//! What the outside sees of a running app: HTTP in, HTTP out, and one log line.
//!
//! The tests know a manifest, a `.wasm` and a program that runs them, nothing of the code behind.
//! `cargo xtask test` builds all three and runs this; each test starts an app of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod capacity;
mod checksums;
mod clients;
mod component;
mod compose;
mod conditional_requests;
mod configuration;
mod cors;
mod deploy;
mod documents;
mod faults;
mod gallery;
mod head_and_options;
mod host;
mod host_log;
mod hostile;
mod import;
mod kept_images;
mod memory;
mod metadata;
mod one_machine;
mod openapi;
mod package;
mod ranges;
mod readiness;
mod records;
mod request_log;
mod reused_instances;
mod routing;
mod serving;
mod slow_clients;
mod soak;
mod specification;
mod spin_test;
mod standard_error;
mod storage_failures;
mod storage_servers;
mod temporary_credentials;
mod tls;
mod up;
mod version;
mod workflows;
