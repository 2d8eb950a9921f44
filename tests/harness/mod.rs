//! What a test needs: an app of its own, storage of its own, and eyes on both.

pub mod app;
pub mod boto3;
pub mod broken_settings;
pub mod client;
pub mod database;
pub mod endless;
pub mod faulty_link;
pub mod folder;
pub mod front;
pub mod host;
pub mod images;
pub mod key_value;
pub mod minio;
pub mod portion;
pub mod process;
pub mod real_server;
pub mod redis;
pub mod relay;
pub mod response;
pub mod scripted_storage;
pub mod secrecy;
pub mod seen;
pub mod skip;
pub mod storage;
pub mod tls;
pub mod vault;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use app::App;
pub use host::embedded as embedded_host;
pub use images::TestImage;
pub use scripted_storage::{ScriptedStorage, Step};
pub use skip::{can_run, skip};
pub use storage::Storage;

/// Longest that anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The same app twice, each on a storage of its own: with records in SQLite, and in key-value.
pub fn on_each_store(
    change: impl Fn(app::Launch) -> app::Launch,
) -> impl Iterator<Item = (Storage, App)> {
    [app::MetadataStore::Sqlite, app::MetadataStore::KeyValue]
        .into_iter()
        .map(move |store| {
            println!("records in {store:?}:");
            let storage = Storage::start();
            let app = change(app::Launch::on(&storage)).records_in(store).start();
            (storage, app)
        })
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The application's manifest: `IMAGE_PROXY_MANIFEST`, or the one that every Spin runs.
pub fn manifest() -> PathBuf {
    let name = std::env::var("IMAGE_PROXY_MANIFEST");
    root().join(name.as_deref().unwrap_or("spin.toml"))
}

/// Where the manifest says that the component is.
pub fn source() -> String {
    let text = std::fs::read_to_string(manifest()).unwrap();
    let manifest: toml::Value = toml::from_str(&text).unwrap();
    let source = &manifest["component"]["image-proxy"]["source"];
    source.as_str().unwrap().to_owned()
}

/// The component, as the manifest names it.
pub fn wasm() -> PathBuf {
    root().join(source())
}

/// The component that every Spin runs.
pub fn default_wasm() -> PathBuf {
    root().join("target/wasm32-wasip2/release/image_proxy.wasm")
}

/// Whether the component speaks WASI 0.3.
pub fn is_wasi_0_3() -> bool {
    source().contains("wasip3")
}

/// The project's own commands: `IMAGE_PROXY_XTASK`, or what `cargo xtask` itself has built.
pub fn xtask() -> std::path::PathBuf {
    std::env::var_os("IMAGE_PROXY_XTASK").map_or_else(
        || root().join("target/release/xtask"),
        std::path::PathBuf::from,
    )
}

/// The program that brings images in: `IMAGE_PROXY_IMPORT`, or what `cargo xtask build` makes.
pub fn importer() -> std::path::PathBuf {
    std::env::var_os("IMAGE_PROXY_IMPORT").map_or_else(
        || root().join("target/release/image-proxy-import"),
        std::path::PathBuf::from,
    )
}

/// Whether there is such a program.
pub fn is_installed(program: &str) -> bool {
    std::process::Command::new(program)
        .arg("--version")
        .output()
        .is_ok()
}

/// Says something past the test runner, which hides what a passing test prints.
pub fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Asks until there is an answer.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}
