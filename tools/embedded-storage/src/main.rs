//! The embedded storage as a program, for `cargo xtask up`.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Parser;
use image_proxy_embedded_storage::{Credentials, EmbeddedStorage};

/// An S3 server for development: buckets are folders, objects are files
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Example:
  STORAGE_ACCESS_KEY_ID=dev STORAGE_SECRET_ACCESS_KEY=dev-secret \\
    image-proxy-embedded-storage --folder data --bucket images"
)]
struct Cli {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,

    /// Folder of the buckets, made where it does not exist
    #[arg(long)]
    folder: PathBuf,

    /// A bucket that is made where it does not exist
    #[arg(long, value_name = "NAME")]
    bucket: String,

    /// Access key id that it accepts
    #[arg(long, env = "STORAGE_ACCESS_KEY_ID", value_name = "ID")]
    access_key_id: String,

    /// Secret access key; better given by the environment, which others on this machine do not see
    #[arg(
        long,
        env = "STORAGE_SECRET_ACCESS_KEY",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    secret_access_key: String,
}

fn main() -> ExitCode {
    match serve(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(options: Cli) -> anyhow::Result<()> {
    create_bucket(&options.folder, &options.bucket)?;
    let credentials = Credentials {
        access_key_id: options.access_key_id,
        secret_access_key: options.secret_access_key,
    };
    let storage =
        EmbeddedStorage::start_unrecorded(options.listen, &options.folder, &credentials).await?;
    println!("Serving {}", storage.endpoint());
    tokio::signal::ctrl_c()
        .await
        .context("cannot watch for Ctrl-C")?;
    storage.stop().await;
    Ok(())
}

fn create_bucket(folder: &Path, name: &str) -> anyhow::Result<()> {
    let mut parts = Path::new(name).components();
    ensure!(
        matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        ),
        "{name} cannot be the name of a bucket"
    );
    let bucket = folder.join(name);
    std::fs::create_dir_all(&bucket).with_context(|| format!("cannot create {}", bucket.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_folder_in_the_folder_of_buckets_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        for (name, is_bucket) in [
            ("images", true),
            ("my.images-2", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("../a", false),
            ("/a", false),
        ] {
            let created = create_bucket(folder.path(), name);

            assert_eq!(created.is_ok(), is_bucket, "{name}");
        }
        assert!(folder.path().join("images").is_dir());
        create_bucket(folder.path(), "images").unwrap();
    }
}
