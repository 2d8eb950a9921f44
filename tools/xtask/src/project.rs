//! Where things are in this checkout.

use std::path::{Path, PathBuf};

/// The folder of the workspace's `Cargo.toml`.
#[must_use]
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask)
}

/// The component, as `spin.toml` names it.
#[must_use]
pub fn component() -> PathBuf {
    root().join("target/wasm32-wasip2/release/image_proxy.wasm")
}

/// The program that runs `spin.toml` where no Spin is installed.
#[must_use]
pub fn host() -> PathBuf {
    root().join("target/release/image-proxy-host")
}

/// The program that brings images in.
#[must_use]
pub fn importer() -> PathBuf {
    root().join("target/release/image-proxy-import")
}

/// The program of the embedded storage.
#[must_use]
pub fn storage() -> PathBuf {
    root().join("target/release/image-proxy-embedded-storage")
}

/// The program that serves the gallery and draws sample images.
#[must_use]
pub fn gallery_program() -> PathBuf {
    root().join("target/release/image-proxy-gallery")
}

/// The application manifest.
#[must_use]
pub fn manifest() -> PathBuf {
    root().join("spin.toml")
}

/// The runtime configuration for local development.
#[must_use]
pub fn runtime_config() -> PathBuf {
    root().join("runtime-config.toml")
}

/// The page that shows the pictures.
#[must_use]
pub fn gallery() -> PathBuf {
    root().join("examples/gallery")
}

/// The SQL file that makes the table of records.
#[must_use]
pub fn migration() -> PathBuf {
    root().join("migrations/0001_images.sql")
}

/// `path` as a reader of the terminal would write it: relative to the checkout, where it lies within.
#[must_use]
pub fn shown(path: &Path) -> String {
    from_root(path).display().to_string()
}

/// `path` from the root of the checkout, where it lies within.
#[must_use]
pub fn from_root(path: &Path) -> &Path {
    match path.strip_prefix(root()) {
        Ok(within) if within != Path::new("") => within,
        _ => path,
    }
}
