//! `cargo xtask import`: puts image files where the application finds them.
//!
//! Each file goes through three steps, one module each: what it is ([`content`]), its bytes into
//! storage ([`upload`], several at a time: [`transfer`]), its record into a store of records
//! ([`record`]). The object comes before the record, so that no record ever points at nothing.

mod content;
mod delivery;
mod files;
pub mod gallery;
mod progress;
mod record;
mod report;
mod storage_options;
mod transfer;
mod upload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::data_folder::DataFolder;
use crate::local::Options;
use crate::metadata_store::Database;
use crate::stop::{self, Stop};
use content::{Content, Dimensions};
use delivery::deliver;
use record::{Record, RecordStore, Writing};
use report::{Ending, Report, Style};
use storage_options::StorageOptions;
use transfer::Plan;

pub use upload::Bucket;

/// What the application's variable `max_image_bytes` is by default.
const DEFAULT_MAX_BYTES: u64 = 52_428_800;
/// How many files are worked on at the same time by default.
const DEFAULT_PARALLEL: usize = 8;

/// Import image files: upload each to storage and record it where the application looks
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The type of an image is read from its content, never from its name. Its id derives from its
SHA-256: importing the same bytes again changes nothing. After Ctrl-C, run the same command again.

Storage is where runtime-config.toml says, so it has to run: `cargo xtask up` does that. Give
--metadata, --storage and --data as `up` was given them; or the options under \"Storage\", or the
application's own variables, for storage of your own.

Exit code: 0, 1 where a file was refused or something failed, 130 after Ctrl-C.

Examples:
  cargo xtask import ~/Pictures/cat.jpg ~/Pictures/holidays
  cargo xtask import --metadata key-value ~/Pictures
  cargo xtask import --dry-run --json ~/Pictures
  cargo xtask import --database https://db.example --database-token … ~/Pictures")]
pub struct Args {
    /// Image files, or folders to search for images
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    local: Options,

    /// Database of the records: a file, or the URL of a libSQL server [default: where Spin keeps it]
    #[arg(long, value_name = "FILE|URL")]
    database: Option<String>,

    /// What a libSQL server knows you by; better by its variable
    #[arg(
        long,
        value_name = "TOKEN",
        env = "LIBSQL_AUTH_TOKEN",
        hide_env_values = true
    )]
    database_token: Option<String>,

    /// List for a gallery page that images are added to [default: .spin/gallery.json]
    #[arg(long, value_name = "FILE")]
    gallery: Option<PathBuf>,

    /// Where the application answers, for the URLs
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    origin: String,

    /// Larger images are refused, as the application refuses to serve them
    #[arg(long, value_name = "BYTES", env = "SPIN_VARIABLE_MAX_IMAGE_BYTES", default_value_t = DEFAULT_MAX_BYTES)]
    max_bytes: u64,

    /// How many files are worked on at the same time
    #[arg(long, value_name = "FILES", default_value_t = DEFAULT_PARALLEL, value_parser = parallel)]
    parallel: usize,

    /// Change nothing; say what an import would do
    #[arg(long)]
    dry_run: bool,

    /// One JSON object a file, and one at the end, on standard output
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    storage: Box<StorageOptions>,
}

/// An image that the application can serve now.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The id in its URL.
    pub id: Uuid,
    /// The file that it came from.
    pub file: PathBuf,
    /// Its media type.
    pub mime_type: &'static str,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its size on a page, where it is known.
    pub dimensions: Option<Dimensions>,
}

/// What became of a file.
#[derive(Debug)]
pub enum Outcome {
    /// The application can serve it now, and could not before.
    Imported(Imported),
    /// Nothing had to be changed.
    Present(Imported),
    /// It was named and is no image, or cannot be served, for this reason.
    Refused(String),
    /// It is no image, in a folder that may hold anything.
    PassedOver,
}

impl Imported {
    fn new(file: &Path, content: &Content, record: &Record) -> Self {
        Self {
            id: record.id,
            file: file.to_owned(),
            mime_type: content.kind.mime_type,
            size_bytes: content.size_bytes,
            dimensions: content.dimensions,
        }
    }

    /// Where the application serves it, on its own origin.
    pub fn path(&self) -> String {
        format!("/api/v1/images/{}/file", self.id.hyphenated())
    }
}

/// Imports what `args` names and says what became of it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let stop = {
        let _within = runtime.enter();
        Stop::on_signals().context("cannot watch for Ctrl-C")?
    };
    let data = args.local.data_folder()?;
    let writing = if args.dry_run {
        Writing::Tried
    } else {
        Writing::Kept
    };
    let plan = args.plan()?;
    let records = args
        .local
        .metadata
        .open_in(&args.database(&data), writing)?;

    let found = files::find(&args.paths);
    let mut report = Report::start(args.style(), &found);
    let outcome = deliver(
        &runtime,
        found.clone(),
        plan,
        &stop,
        records.as_ref(),
        |place, outcome| Ok(report.add(place, outcome)?),
    );
    let listed = if args.dry_run {
        Ok(())
    } else {
        let gallery = args.gallery.clone().unwrap_or_else(|| data.gallery());
        gallery::add(&gallery, report.images())
    };
    report.finish(&match &outcome {
        Err(error) => Ending::Failed(format!("{error:#}")),
        Ok(()) if stop.is_requested() => Ending::Interrupted,
        Ok(()) => Ending::Complete,
    })?;
    outcome.and(listed)?;
    Ok(if stop.is_requested() {
        ExitCode::from(stop::INTERRUPTED)
    } else if report.has_refused() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl Args {
    fn plan(&self) -> anyhow::Result<Plan> {
        let embedded = self.local.storage.is_some();
        let storage = self
            .storage
            .over(embedded, || self.local.storage_settings())?;
        Ok(Plan {
            bucket: Bucket::open(&storage)?,
            max_bytes: self.max_bytes,
            parallel: self.parallel,
            dry_run: self.dry_run,
        })
    }

    fn database(&self, data: &DataFolder) -> Database {
        match &self.database {
            Some(database) => Database::named(database, self.database_token.as_deref()),
            None => Database::File(self.local.metadata.file(data)),
        }
    }

    fn style(&self) -> Style {
        Style {
            json: self.json,
            dry_run: self.dry_run,
            origin: self.origin.trim_end_matches('/').to_owned(),
        }
    }
}

/// Imports every image of `paths` and reports each, in the order of their files, once all can be
/// served.
///
/// # Errors
/// When a file is refused (in a folder, what is no image is passed over), or one cannot be stored.
/// What was imported before stays.
pub fn import(
    paths: &[PathBuf],
    bucket: &Bucket,
    records: &dyn RecordStore,
    on_imported: impl FnMut(&Imported),
) -> anyhow::Result<()> {
    let found = files::find(paths);
    let plan = Plan {
        bucket: bucket.clone(),
        max_bytes: DEFAULT_MAX_BYTES,
        parallel: DEFAULT_PARALLEL,
        dry_run: false,
    };
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let mut images = Vec::new();
    let outcome = deliver(
        &runtime,
        found.clone(),
        plan,
        &Stop::never(),
        records,
        |place, outcome| {
            let file = found[place].file().display();
            match outcome {
                Outcome::Imported(image) | Outcome::Present(image) => images.push((place, image)),
                Outcome::Refused(reason) => anyhow::bail!("cannot import {file}: it {reason}"),
                Outcome::PassedOver => eprintln!("passed over, not an image: {file}"),
            }
            Ok(())
        },
    );
    // The caller may be on a runtime of its own, where this one must not be waited for.
    runtime.shutdown_background();
    outcome?;
    images.sort_by_key(|(place, _)| *place);
    images.iter().map(|(_, image)| image).for_each(on_imported);
    Ok(())
}

fn parallel(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(files @ 1..=64) => Ok(files),
        _ => Err("must be 1 to 64".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_size_is_that_of_the_manifest() {
        let manifest = std::fs::read_to_string(crate::project::manifest()).unwrap();

        assert!(manifest.contains(&format!(
            "max_image_bytes = {{ default = \"{DEFAULT_MAX_BYTES}\" }}"
        )));
    }
}
