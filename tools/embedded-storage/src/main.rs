//! The embedded storage as a program, for `cargo xtask up` and for who tries a release.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Parser;
use image_proxy_embedded_storage::{Credentials, EmbeddedStorage};

/// What `runtime-config.toml` names: everybody knows it.
const ACCESS_KEY_ID: &str = "image-proxy-dev";
const SECRET_ACCESS_KEY: &str = "image-proxy-dev-secret";

/// An S3 server for trying and developing: buckets are folders, objects are files
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Without options it is the storage that runtime-config.toml names.

Examples:
  image-proxy-embedded-storage
  STORAGE_ACCESS_KEY_ID=dev STORAGE_SECRET_ACCESS_KEY=dev-secret \\
    image-proxy-embedded-storage --folder data --bucket pictures"
)]
struct Cli {
    /// Where to listen; port 0 takes a free one
    #[arg(
        long,
        env = "STORAGE_LISTEN_ADDR",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9000"
    )]
    listen: SocketAddr,

    /// Folder of the buckets, made where it does not exist
    #[arg(long, default_value = "storage")]
    folder: PathBuf,

    /// A bucket that is made where it does not exist
    #[arg(long, value_name = "NAME", default_value = "images")]
    bucket: String,

    /// Access key id that it accepts
    #[arg(long, env = "STORAGE_ACCESS_KEY_ID", value_name = "ID", default_value = ACCESS_KEY_ID)]
    access_key_id: String,

    /// Secret access key; better given by the environment, which others on this machine do not see
    #[arg(
        long,
        env = "STORAGE_SECRET_ACCESS_KEY",
        hide_env_values = true,
        value_name = "SECRET",
        default_value = SECRET_ACCESS_KEY
    )]
    secret_access_key: String,
}

impl Cli {
    fn credentials(&self) -> anyhow::Result<Credentials> {
        ensure!(
            self.listen.ip().is_loopback() || self.secret_access_key != SECRET_ACCESS_KEY,
            "others may reach {}, and everybody knows the default key: give one by STORAGE_ACCESS_KEY_ID and \
             STORAGE_SECRET_ACCESS_KEY",
            self.listen
        );
        Ok(Credentials {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
        })
    }
}

fn main() -> ExitCode {
    match serve(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(options: &Cli) -> anyhow::Result<()> {
    let credentials = options.credentials()?;
    create_bucket(&options.folder, &options.bucket)?;
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
    fn the_key_that_everybody_knows_is_for_this_machine_alone() {
        for (options, is_accepted) in [
            (&[][..], true),
            (&["--listen", "127.0.0.1:0"], true),
            (&["--listen", "[::1]:0"], true),
            (&["--listen", "0.0.0.0:9000"], false),
            (&["--listen", "192.0.2.1:9000"], false),
            (
                &["--listen", "0.0.0.0:9000", "--secret-access-key", "own"],
                true,
            ),
        ] {
            let words = ["storage"].iter().chain(options);

            let credentials = Cli::parse_from(words).credentials();

            assert_eq!(credentials.is_ok(), is_accepted, "{options:?}");
        }
    }

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
