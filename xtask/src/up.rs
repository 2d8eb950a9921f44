//! `cargo xtask up`: from a fresh clone to pictures in the browser.

mod host;
mod signals;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use image_proxy_embedded_storage::{Credentials, EmbeddedStorage};

use crate::import::{self, Bucket, Imported};
use crate::settings::Storage;
use crate::{build, project, sample_images};
use host::{Host, Kind};

/// Build everything, start storage and the application, and print URLs of sample images
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Runs until Ctrl-C. At the first run it draws six images into examples/images; every run imports
all images in there, so put yours beside them. Storage listens where runtime-config.toml says,
and keeps its objects in .image-proxy/storage; records are in .spin/sqlite_db.db.

Examples:
  cargo xtask up
  cargo xtask up --listen 127.0.0.1:8080
  cargo xtask up --host spin           with the Spin on PATH, or the one that SPIN_BIN names
  cargo xtask up --fresh               forget all imported images first")]
pub struct Args {
    /// Where the application listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// Remove .spin and .image-proxy first: databases and stored objects
    #[arg(long)]
    fresh: bool,

    /// What runs the application
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    host: Kind,
}

/// Runs until it is told to stop, or until the application ends by itself.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Whatever can go wrong without waiting for a build is looked at first.
    let settings = Storage::read(&project::runtime_config())?;
    let storage_address = settings.loopback_address()?;
    let program = args.host.program()?;
    ensure_free(
        args.listen,
        "stop it, or choose another address with --listen",
    )?;
    ensure_free(
        storage_address,
        "stop it, or change s3_endpoint in runtime-config.toml",
    )?;

    build::component()?;
    if args.host == Kind::Embedded {
        build::host()?;
    }
    if args.fresh {
        forget(&project::state())?;
        forget(&project::local_data())?;
    }
    sample_images::draw_missing(&project::sample_images())?;

    tokio::runtime::Runtime::new()
        .context("cannot start the runtime")?
        .block_on(serve(args, &program, &settings, storage_address))
}

async fn serve(
    args: &Args,
    program: &Path,
    settings: &Storage,
    address: SocketAddr,
) -> anyhow::Result<ExitCode> {
    let stop_requested = signals::stop_requested().context("cannot watch for Ctrl-C")?;
    tokio::pin!(stop_requested);

    let storage = start_storage(settings, address).await?;
    let images = import_samples(settings)?;
    let mut host = Host::start(args.host, program, args.listen)?;
    let outcome = tokio::select! {
        outcome = show_and_wait(&mut host, &images) => outcome,
        () = &mut stop_requested => Ok(()),
    };
    println!("stopping");
    host.stop().await?;
    storage.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn start_storage(settings: &Storage, address: SocketAddr) -> anyhow::Result<EmbeddedStorage> {
    let credentials = Credentials {
        access_key_id: settings.access_key_id.clone(),
        secret_access_key: settings.secret_access_key.clone(),
    };
    let folder = project::local_data().join("storage");
    EmbeddedStorage::start_unrecorded(address, &folder, &credentials)
        .await
        .context("cannot start storage")
}

// Blocks this thread, while storage answers on the runtime's others.
fn import_samples(settings: &Storage) -> anyhow::Result<Vec<Imported>> {
    Bucket::open(settings)?.create()?;
    let mut images = Vec::new();
    import::import(
        &[project::sample_images()],
        settings,
        &project::database(),
        |image| {
            images.push(image.clone());
        },
    )?;
    Ok(images)
}

/// Only returns when the host ends by itself.
async fn show_and_wait(host: &mut Host, images: &[Imported]) -> anyhow::Result<()> {
    let base = host.wait_until_healthy().await?;
    println!("\n{} images, ready to click:\n", images.len());
    for image in images {
        println!(
            "  {base}/api/v1/images/{}/file   {} ({}, {} kB)",
            image.id,
            project::shown(&image.file),
            image.mime_type,
            image.size_bytes.div_ceil(1000),
        );
    }
    println!("\nCtrl-C stops everything.");
    let status = host.wait().await?;
    bail!("the application ended by itself: {status}")
}

fn ensure_free(address: SocketAddr, advice: &str) -> anyhow::Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("{address} is taken by another program: {advice}")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

fn forget(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", project::shown(folder)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_in_one_line_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();

        let error = ensure_free(address, "choose another").unwrap_err();

        assert_eq!(
            format!("{error:#}"),
            format!("{address} is taken by another program: choose another")
        );
    }

    #[test]
    fn what_does_not_exist_is_forgotten_already() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".spin");
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join("sqlite_db.db"), "").unwrap();

        forget(&state).unwrap();
        forget(&state).unwrap();

        assert!(!state.exists());
    }
}
