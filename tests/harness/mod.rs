//! What a test needs: an app of its own, storage of its own, and eyes on both.

pub mod app;
pub mod database;
pub mod images;
pub mod response;
pub mod scripted_storage;
pub mod secrecy;
pub mod storage;

use std::path::Path;
use std::time::{Duration, Instant};

pub use app::App;
pub use images::TestImage;
pub use scripted_storage::{ScriptedStorage, Step};
pub use storage::Storage;

/// Longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The component, as the manifest names it.
pub fn wasm() -> std::path::PathBuf {
    root().join("target/wasm32-wasip2/release/image_proxy.wasm")
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
