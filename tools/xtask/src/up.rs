//! `cargo xtask up`: from a fresh clone to pictures in the browser.

mod bucket;
mod gallery;
mod host;
mod samples;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use image_proxy_embedded_storage::{Credentials, EmbeddedStorage};

use crate::data_folder::DataFolder;
use crate::host::Kind;
use crate::local::Options;
use crate::metadata_store::MetadataStore;
use crate::running::Running;
use crate::settings::Storage;
use crate::signals::StopSignals;
use crate::{build, project, sample_images};
use gallery::{Gallery, Site};
use host::{Host, Launch};
use samples::Sample;
use uuid::Uuid;

/// Build everything, start storage, the application and a gallery, and print where they are
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Runs until Ctrl-C. At the first run it draws six images into examples/images; every run imports
all images in there, so put yours beside them, or use `cargo xtask import` while it runs. Objects are kept in .image-proxy/storage, records
in .spin/sqlite_db.db or, with --metadata key-value, .spin/sqlite_key_value.db. The gallery is
a page of another origin, examples/gallery: edit it and reload.

Examples:
  cargo xtask up
  cargo xtask up --metadata key-value
  cargo xtask up --host spin           with the Spin on PATH, or the one that SPIN_BIN names
  cargo xtask up --fresh               forget all imported images first
  cargo xtask up --no-gallery          the API alone, cross-origin settings as they are
  cargo xtask up --listen 127.0.0.1:0 --storage 127.0.0.1:0 --gallery 127.0.0.1:0 --data target/second
                                       a second one beside the first, on free ports")]
pub struct Args {
    /// Where the application listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// Where the gallery listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4200")]
    gallery: SocketAddr,

    /// Serve no gallery
    #[arg(long)]
    no_gallery: bool,

    /// Remove all databases and stored objects first
    #[arg(long)]
    fresh: bool,

    /// What runs the application
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    host: Kind,

    #[command(flatten)]
    local: Options,
}

impl Args {
    fn gallery(&self) -> Option<SocketAddr> {
        (!self.no_gallery).then_some(self.gallery)
    }
}

/// Runs until it is told to stop, or until the application ends by itself.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Whatever can go wrong without waiting for a build is looked at first.
    let settings = args.local.storage_settings()?;
    let storage_address = settings.loopback_address()?;
    let data = args.local.data_folder()?;
    let program = args.host.program()?;
    ensure_free(
        args.listen,
        "stop it, or choose another address with --listen",
    )?;
    ensure_free(
        storage_address,
        "stop it, or choose another address with --storage",
    )?;
    if let Some(address) = args.gallery() {
        ensure_free(address, "stop it, or choose another address with --gallery")?;
    }

    build::component()?;
    build::tools()?;
    if args.fresh {
        forget(&data.state())?;
        forget(&data.objects())?;
    }
    sample_images::draw_missing(&data.sample_images())?;

    tokio::runtime::Runtime::new()
        .context("cannot start the runtime")?
        .block_on(serve(args, &program, settings, storage_address, &data))
}

async fn serve(
    args: &Args,
    program: &Path,
    settings: Storage,
    address: SocketAddr,
    data: &DataFolder,
) -> anyhow::Result<ExitCode> {
    let mut signals = StopSignals::catch().context("cannot watch for Ctrl-C")?;

    let storage = start_storage(&settings, address, &data.objects()).await?;
    // Its port may have been anybody's choice until now.
    let settings = settings.at(&storage.endpoint());
    tokio::task::spawn_blocking({
        let settings = settings.clone();
        move || bucket::create(&settings)
    })
    .await??;
    // It listens before the application starts, which has to know its origin.
    let gallery = match args.gallery() {
        Some(address) => Some(Gallery::listen(address).await?),
        None => None,
    };
    let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let mut host = start_host(args, program, data, &settings, &token, gallery.as_ref())?;
    let places = format!(
        "Objects are in storage at {}, records in {}.",
        settings.endpoint,
        project::shown(&args.local.metadata.file(data))
    );
    let shown = async {
        let api = host.wait_until_healthy().await?;
        let running = Running::on(&settings, api.clone(), token);
        running.write(data)?;
        let samples = samples::import(&running, data).await?;
        print(gallery.as_ref(), &samples, &places);
        let site = Site {
            page: project::gallery(),
            pictures: data.gallery(),
            api,
        };
        tokio::select! {
            ended = host.wait() => bail!("the application ended by itself: {}", ended?),
            () = serve_gallery(gallery.as_ref(), site) => Ok(()),
        }
    };
    let outcome = tokio::select! {
        outcome = shown => outcome,
        () = signals.next() => Ok(()),
    };
    println!("stopping");
    Running::forget(data);
    host.stop().await?;
    storage.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn start_storage(
    settings: &Storage,
    address: SocketAddr,
    folder: &Path,
) -> anyhow::Result<EmbeddedStorage> {
    let credentials = Credentials {
        access_key_id: settings.access_key_id.clone(),
        secret_access_key: settings.secret_access_key.clone(),
    };
    EmbeddedStorage::start_unrecorded(address, folder, &credentials)
        .await
        .context("cannot start storage")
}

fn start_host(
    args: &Args,
    program: &Path,
    data: &DataFolder,
    storage: &Storage,
    token: &str,
    gallery: Option<&Gallery>,
) -> anyhow::Result<Host> {
    let metadata = args.local.metadata;
    let mut variables = vec![
        ("s3_endpoint", storage.endpoint.as_str()),
        ("metadata_store", metadata.name()),
    ];
    variables.extend(gallery.map(|gallery| ("cors_allowed_origins", gallery.origin())));
    Host::start(&Launch {
        program,
        listen: args.listen,
        state: &data.state(),
        has_table: metadata == MetadataStore::Sqlite,
        variables: &variables,
        records_token: token,
    })
}

fn print(gallery: Option<&Gallery>, samples: &[Sample], places: &str) {
    if let Some(gallery) = gallery {
        println!("\nThe gallery: {}", gallery.origin());
    }
    println!("\n{} images, ready to click:\n", samples.len());
    for sample in samples {
        println!(
            "  {}   {} ({}, {} kB)",
            sample.url,
            project::shown(&sample.path),
            sample.mime_type,
            sample.size_bytes.div_ceil(1000),
        );
    }
    println!("\n{places}\nCtrl-C stops everything.");
}

/// Never returns, be there a gallery or not.
async fn serve_gallery(gallery: Option<&Gallery>, site: Site) {
    match gallery {
        Some(gallery) => gallery.serve(site).await,
        None => std::future::pending().await,
    }
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
