//! The demonstration's gallery: its web server, and the sample images that it begins with.
//!
//! - [`site`]: what a browser is served
//! - [`api`]: where the page finds the API that its pictures come from
//! - [`samples`]: the images, each drawn by a file of its own

mod api;
mod samples;
mod site;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;

/// Serves the gallery page, and draws sample images
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "`cargo xtask up` runs both, beside the application that serves the pictures."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve the page until Ctrl-C; each file is read when it is asked for, so an edit shows at reload
    Serve(Serve),

    /// Draw those of the six sample images that a folder does not have yet
    Draw {
        /// The folder, made where it does not exist
        folder: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4200")]
    listen: SocketAddr,

    /// Folder of the page
    #[arg(long, value_name = "FOLDER", default_value = "examples/gallery")]
    page: PathBuf,

    /// List of pictures, as image-proxy-import writes it
    #[arg(long, value_name = "FILE", default_value = ".spin/gallery.json")]
    pictures: PathBuf,

    /// JSON file whose `api` is the application's origin; read at each request
    #[arg(long, value_name = "FILE", default_value = ".image-proxy/up.json")]
    running: PathBuf,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Serve(options) => serve(options),
        Verb::Draw { folder } => samples::draw_missing(&folder),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(options: Serve) -> anyhow::Result<()> {
    let cannot_listen = || format!("cannot listen on {}", options.listen);
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(cannot_listen)?;
    println!(
        "Serving http://{}",
        listener.local_addr().with_context(cannot_listen)?
    );
    let site = site::router(&options.page, &options.pictures, options.running);
    tokio::select! {
        ended = axum::serve(listener, site) => ended.context("the web server ended"),
        caught = tokio::signal::ctrl_c() => caught.context("cannot watch for Ctrl-C"),
    }
}
