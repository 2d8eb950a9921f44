//! `cargo xtask import`: puts image files where the application finds them.
//!
//! Each file goes through three steps, one module each: what it is ([`content`]), its bytes into
//! storage ([`upload`]), its record into a store of records ([`record`]). The object comes before the
//! record, so that no record ever points at nothing.

mod content;
mod files;
mod record;
mod upload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use uuid::Uuid;

use crate::local::Options;
use content::Content;
use files::Found;
use record::{Record, RecordStore};

pub use upload::Bucket;

/// Import image files: upload each to storage and record it where the application looks
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Storage is where runtime-config.toml says, so it has to run: `cargo xtask up` does that.
The type of an image is read from its content, never from its name. Its id derives from its
SHA-256: importing the same bytes again changes nothing. Give --metadata, --storage and --data
as `up` was given them.

Examples:
  cargo xtask import ~/Pictures/cat.jpg ~/Pictures/holidays
  cargo xtask import --metadata key-value ~/Pictures")]
pub struct Args {
    /// Image files, or folders to search for images
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    local: Options,
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
}

/// Imports what `args` names and prints one line an image.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let bucket = Bucket::open(&args.local.storage_settings()?)?;
    let records = args.local.metadata.open(&args.local.data_folder()?)?;
    let mut count = 0;
    import(&args.paths, &bucket, records.as_ref(), |image| {
        count += 1;
        println!(
            "{}  {:<13} {:>10}  {}",
            image.id,
            image.mime_type,
            image.size_bytes,
            image.file.display()
        );
    })?;
    println!(
        "{count} {} imported",
        if count == 1 { "image" } else { "images" }
    );
    Ok(ExitCode::SUCCESS)
}

/// Imports every image of `paths` and reports each as soon as it can be served.
///
/// # Errors
/// At the first file that cannot be read, is no image (where it was named itself; in a folder it is
/// passed over), or cannot be stored. Whatever was reported before stays imported.
pub fn import(
    paths: &[PathBuf],
    bucket: &Bucket,
    records: &dyn RecordStore,
    mut on_imported: impl FnMut(&Imported),
) -> anyhow::Result<()> {
    for found in files::find(paths)? {
        let Some(content) = Content::read(found.file())? else {
            match found {
                Found::Named(file) => {
                    anyhow::bail!("{} is not an image of a known type", file.display())
                }
                Found::InFolder(file) => eprintln!("passed over, not an image: {}", file.display()),
            }
            continue;
        };
        let imported = import_one(found.file(), &content, bucket, records)
            .with_context(|| format!("cannot import {}", found.file().display()))?;
        on_imported(&imported);
    }
    Ok(())
}

fn import_one(
    file: &Path,
    content: &Content,
    bucket: &Bucket,
    records: &dyn RecordStore,
) -> anyhow::Result<Imported> {
    let record = Record::of(content);
    bucket.put(&record.storage_key, file, content)?;
    records.save(&record)?;
    Ok(Imported {
        id: record.id,
        file: file.to_owned(),
        mime_type: content.kind.mime_type,
        size_bytes: content.size_bytes,
    })
}
