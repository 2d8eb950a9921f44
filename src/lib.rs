//! Serves images from S3-compatible storage without showing where they are kept.
//!
//! One request is one short story: parse the route, read the image's record, decide,
//! send storage one signed request, check what it promises, hand its byte stream to the host.
//! [`serve`] tells it on one page; every other module is one word of it. How records get in is a
//! story of its own, which [`records`] tells.
//!
//! ```text
//! component ─▶ serve ──▶ route · preconditions · range · cors · reply · config ─▶ image · sha256 · json · error
//!     │ │ │       ├────▶ metadata  (trait ImageRepository) ◀── metadata/{sqlite, key_value}
//!     │ │ │       ├────▶ cache     (trait ImageCache)      ◀── cache/key_value
//!     │ │ └▶ pipe └────▶ storage   (trait StorageBackend)  ◀── storage/s3 ─▶ retry · sign · …
//!     │ ├──▶ records ──▶ route · preconditions · reply · config · metadata · cache
//!     │ └──▶ readiness ▶ reply · config · metadata
//!     └── adapters
//! ```
//!
//! Only `component`, `pipe`, `host_failure`, `key_value`, `storage/wasi_http` and the repositories know the
//! WebAssembly host, and their code that does exists on `wasm32` alone. Everything else compiles and is
//! tested natively.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod deadline;
#[cfg(target_family = "wasm")]
mod host_failure;
#[cfg(target_family = "wasm")]
mod key_value;
#[cfg(target_family = "wasm")]
mod pipe;

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
