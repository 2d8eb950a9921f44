//! `cargo xtask up`: from a fresh clone to pictures in the browser.

mod address;
mod announcement;
mod application;
mod local;
mod programs;
mod readiness;
mod samples;
mod start;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::data_folder::DataFolder;
use crate::host::Kind;
use crate::running::Running;
use crate::steps::{Steps, say};
use crate::{build, process, project};
use address::Wanted;
use local::Options;
use programs::{Interrupted, Programs};
use start::Up;

/// Port of the gallery.
const GALLERY_PORT: u16 = 4200;

/// Build everything, start storage, the application and a gallery, and print where they are
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Runs until Ctrl-C. At the first run it draws six images into examples/images; every run imports
all images in there, so put yours beside them, or use `cargo xtask import` while it runs. Objects are
kept in .image-proxy/storage, records in .spin/sqlite_db.db or, with --metadata key-value,
.spin/sqlite_key_value.db. The gallery is a page of another origin, examples/gallery: edit it and reload.

Addresses are written 127.0.0.1:3000, localhost:3000, :3000 or 3000; without an address it is this
machine alone. Port 0 takes a free one.

Examples:
  cargo xtask up
  cargo xtask up --metadata key-value
  cargo xtask up --host spin           with the Spin on PATH, or the one that SPIN_BIN names
  cargo xtask up --fresh               forget all imported images first
  cargo xtask up --sizes 400,800       images in other widths; --sizes none: as they are
  cargo xtask up --no-gallery          the API alone, cross-origin settings as they are
  cargo xtask up --listen 0.0.0.0:3000 for other devices, too: the application and the gallery
  cargo xtask up --listen 0 --storage 0 --gallery 0 --data target/second
                                       a second one beside the first, on free ports")]
pub struct Args {
    /// Where the application listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000", value_parser = address::parse)]
    listen: SocketAddr,

    /// Where the gallery listens [default: port 4200 at the address of --listen]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address::parse)]
    gallery: Option<SocketAddr>,

    /// Serve no gallery
    #[arg(long, conflicts_with = "gallery")]
    no_gallery: bool,

    /// Widths in pixels that each image is made in as well, for pages to choose from; or none
    #[arg(long, value_name = "WIDTHS", default_value = "320,640,1280,2560")]
    sizes: String,

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
        let beside_the_application = SocketAddr::new(self.listen.ip(), GALLERY_PORT);
        (!self.no_gallery).then(|| self.gallery.unwrap_or(beside_the_application))
    }

    fn addresses(&self, storage: SocketAddr) -> Vec<Wanted> {
        let all = [
            ("--listen", Some(self.listen)),
            ("--storage", Some(storage)),
            ("--gallery", self.gallery()),
        ];
        all.into_iter()
            .filter_map(|(option, address)| {
                Some(Wanted {
                    option,
                    address: address?,
                })
            })
            .collect()
    }
}

/// Runs until it is told to stop, or until a program of it ends by itself.
///
/// # Errors
/// When something cannot be built, used or started.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Whatever can go wrong without waiting for a build is looked at first.
    let settings = args.local.storage_settings()?;
    let storage_address = settings.loopback_address()?;
    let data = args.local.data_folder()?;
    let program = args.host.program()?;
    let addresses = args.addresses(storage_address);
    address::ensure_distinct(&addresses)?;
    // Before the ports: another `up` on this folder has them too, and is the better explanation.
    let _lock = data.lock()?;
    address::ensure_free(&addresses)?;

    let mut steps = Steps::of(4);
    announcement::say_what_a_first_build_takes();
    build::in_steps(&mut steps)?;
    steps.take("draw sample images", || draw_samples(args, &data))?;

    let mut programs = Programs::watch()?;
    let up = Up {
        args,
        data: &data,
        settings,
        program: &program,
    };
    let started = steps.take(
        "start storage, application and gallery, and import images",
        || up.start(&mut programs, storage_address),
    );
    let error = match started {
        Ok(announcement) => {
            say(announcement.to_string().trim_end());
            programs.run()
        }
        Err(error) => error,
    };
    say("stopping");
    Running::forget(&data);
    programs.stop();
    if error.is::<Interrupted>() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(error)
}

fn draw_samples(args: &Args, data: &DataFolder) -> anyhow::Result<()> {
    if args.fresh {
        forget(&data.state())?;
        forget(&data.objects())?;
    }
    let mut draw = Command::new(project::gallery_program());
    // Told in a short form, which it then uses itself.
    draw.arg("draw")
        .arg(project::from_root(&data.sample_images()));
    process::run(draw.current_dir(project::root()))
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
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn args(arguments: &[&str]) -> Args {
        let words = ["up"].iter().chain(arguments);
        Cli::try_parse_from(words).unwrap().args
    }

    #[test]
    fn the_gallery_is_where_it_is_told_else_beside_the_application_else_nowhere() {
        for (arguments, expected) in [
            (&[][..], Some("127.0.0.1:4200")),
            (&["--listen", "0.0.0.0:80"], Some("0.0.0.0:4200")),
            (
                &["--listen", "0.0.0.0:80", "--gallery", "4300"],
                Some("127.0.0.1:4300"),
            ),
            (&["--no-gallery"], None),
        ] {
            let gallery = args(arguments).gallery().map(|address| address.to_string());

            assert_eq!(gallery.as_deref(), expected, "{arguments:?}");
        }
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
