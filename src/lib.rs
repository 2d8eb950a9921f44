//! Serves images from S3-compatible storage without showing where they are kept.
//!
//! One request is one short story: parse the route, read the image's record, decide,
//! send storage one signed request, check what it promises, hand its byte stream to the host.
//! [`serve`] tells it on one page; every other module is one word of it. How records get in is a
//! story of its own, which [`records`] tells.
//!
//! ```text
//! wasip2 │ wasip3 ─▶ component ─▶ serve ──▶ route · preconditions · range · cors · reply · config ─▶ image · sha256 · json · error
//!                        │  │       ├────▶ metadata  (trait ImageRepository) ◀── metadata/{sqlite, key_value}
//!                        │  │       ├────▶ cache     (trait ImageCache)      ◀── cache/key_value
//!                        │  │       └────▶ storage   (trait StorageBackend)  ◀── storage/s3 ─▶ retry · sign · …
//!                        │  │                                (trait Transport) ◀── wasip2 │ wasip3
//!                        │  ├──▶ records ──▶ route · preconditions · reply · config · metadata · cache
//!                        │  └──▶ readiness ▶ reply · config · metadata
//!                        └── adapters
//! ```
//!
//! Only `wasip2`, `wasip3`, `component`, `host_failure`, `key_value` and the repositories know the WebAssembly
//! host, and their code that does exists on `wasm32` alone. Everything else compiles and is tested natively.
//! `wasip2` or `wasip3` is there, and the only one that knows which WASI it is: every Spin runs 0.2, where each
//! request has an instance and host calls block; on 0.3 instances serve many requests, several at once.

#[cfg(any(all(target_family = "wasm", feature = "wasip2"), test))]
mod block_on;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod host_failure;
#[cfg(target_family = "wasm")]
mod key_value;
#[cfg(all(target_family = "wasm", feature = "wasip2"))]
mod wasip2;
#[cfg(all(target_family = "wasm", feature = "wasip3"))]
mod wasip3;

#[cfg(all(feature = "wasip2", feature = "wasip3"))]
compile_error!("one feature of the two: with `wasip3` goes `--no-default-features`");
#[cfg(not(any(feature = "wasip2", feature = "wasip3")))]
compile_error!("one feature of the two: `wasip2` or `wasip3`");

pub mod cache;
pub mod config;
pub mod cors;
pub mod error;
pub mod field;
pub mod image;
pub mod json;
pub mod metadata;
pub mod preconditions;
pub mod quoted;
pub mod range;
pub mod readiness;
pub mod records;
pub mod reply;
pub mod request_log;
pub mod route;
pub mod serve;
pub mod sha256;
pub mod storage;
