//! Serves images from S3-compatible storage without showing where they are kept.
//!
//! One request is one short story: parse the route, read the image's record, decide,
//! send storage one signed request, check what it promises, hand its byte stream to the host.
//! [`serve`] tells it on one page; every other module is one word of it.
//!
//! ```text
//! component ─▶ serve ─▶ route · reply · config ─▶ image · error
//!     │           ├────▶ metadata  (trait ImageRepository) ◀── metadata/sqlite
//!     └─ adapters └────▶ storage   (trait StorageBackend)  ◀── storage/s3 ─▶ storage/sign
//! ```
//!
//! Only [`component`](self), `metadata/sqlite.rs` and `storage/wasi_http.rs` know the WebAssembly
//! host; they exist on `wasm32` alone. Everything else compiles and is tested natively.

#[cfg(target_family = "wasm")]
mod component;

pub mod config;
pub mod error;
pub mod image;
pub mod metadata;
pub mod reply;
pub mod request_log;
pub mod route;
pub mod serve;
pub mod storage;
