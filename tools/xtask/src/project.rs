//! Where things are in this checkout.

use std::path::{Path, PathBuf};

/// The folder of the workspace's `Cargo.toml`.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask)
}

/// The component, as `spin.toml` names it.
pub fn component() -> PathBuf {
    root().join("target/wasm32-wasip2/release/image_proxy.wasm")
}

/// The program that runs `spin.toml` where no Spin is installed.
pub fn host() -> PathBuf {
    root().join("target/release/image-proxy-host")
}

/// The program that brings images in.
pub fn importer() -> PathBuf {
    root().join("target/release/image-proxy-import")
}

/// The application manifest.
pub fn manifest() -> PathBuf {
    root().join("spin.toml")
}

/// The runtime configuration for local development.
pub fn runtime_config() -> PathBuf {
    root().join("runtime-config.toml")
}

/// The page that shows the pictures.
pub fn gallery() -> PathBuf {
    root().join("examples/gallery")
}

/// The SQL file that makes the table of records.
pub fn migration() -> PathBuf {
    root().join("migrations/0001_images.sql")
}

/// `path` as a reader of the terminal would write it: relative to the checkout, where it lies within.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}
