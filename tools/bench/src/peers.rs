//! What else could serve the images: each installed where it is missing.

mod fastapi;
mod nginx;
mod s3_proxy;

use std::path::Path;
use std::process::Command;

pub use fastapi::FastApi;
pub use nginx::Nginx;
pub use s3_proxy::S3Proxy;

/// Runs `program` without the caller's settings for it, at home in `folder`.
fn isolated(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder);
    command
}
