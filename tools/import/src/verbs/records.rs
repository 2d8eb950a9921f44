//! `image-proxy-import records FILE`: records for objects that are in the bucket already.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use uuid::Uuid;

use crate::bucket::Held;
use crate::parallel;
use crate::record::Record;
use crate::records_route::Put;
use crate::report::{Entry, Outcome, Report};
use crate::site::{Site, SiteOptions};
use crate::stop::Stop;

/// Write records for objects that are in the bucket, one JSON object a line
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A line is what the application's records route takes, and the id:

  {\"id\": \"6f9619ff-8b86-4d01-b42d-00c04fc964ff\", \"storage_key\": \"cats/1.png\",
   \"mime_type\": \"image/png\", \"hash\": \"<sha-256 in hex>\", \"size_bytes\": 48213}

A record is written once storage has confirmed an object of that length under its key.

Exit code: 0, 1 where a line was refused or something failed, 130 after Ctrl-C.")]
pub struct Args {
    /// File of records; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Writes the records of a file and says what became of each.
///
/// # Errors
/// When the file cannot be read, or storage or the application fail.
pub async fn run(args: &Args, options: &SiteOptions, stop: &Stop) -> anyhow::Result<ExitCode> {
    let site = options.site()?;
    let lines =
        lines_of(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let mut report = Report::of_images(&options.style, &Outcome::OF_RECORDS, lines.len());
    let dry_run = options.style.dry_run;
    let outcome = parallel::each(
        lines,
        options.parallel,
        stop,
        |line| write(&site, line, dry_run),
        |place, entry| Ok(report.add(place, &entry)?),
    )
    .await;
    report.finish(outcome, stop)
}

/// The lines that are not empty, with their numbers, from 1.
fn lines_of(file: &Path) -> io::Result<Vec<(usize, String)>> {
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(file)?))
    };
    let numbered = reader.lines().enumerate();
    numbered
        .map(|(index, line)| Ok((index + 1, line?)))
        .filter(|line| !matches!(line, Ok((_, text)) if text.trim().is_empty()))
        .collect()
}

/// A line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Uuid,
    storage_key: String,
    mime_type: String,
    hash: String,
    size_bytes: u64,
}

async fn write(
    site: &Site,
    (number, line): (usize, String),
    dry_run: bool,
) -> anyhow::Result<Option<Entry>> {
    let row: Row = match serde_json::from_str(&line) {
        Ok(row) => row,
        Err(error) => {
            let reason = format!("is not a record: {error}");
            let entry = Entry::failed(Outcome::Refused, reason);
            return Ok(Some(entry.with_path(format!("line {number}"))));
        }
    };
    let id = row.id;
    let record = Record {
        storage_key: row.storage_key,
        mime_type: row.mime_type,
        hash: row.hash,
        size_bytes: row.size_bytes,
    };
    let outcome = put(site, id, &record, dry_run)
        .await
        .with_context(|| format!("line {number}: cannot write the record {id}"))?;
    let entry = match outcome {
        Ok(outcome) => Entry::of(outcome),
        Err(reason) => Entry::failed(Outcome::Refused, reason),
    };
    let url = site.records.image_url(id);
    let entry = entry.with_image(id, &record, url);
    Ok(Some(entry.with_path(format!("line {number}"))))
}

/// `Err` with the reason for which there is no record.
async fn put(
    site: &Site,
    id: Uuid,
    record: &Record,
    dry_run: bool,
) -> anyhow::Result<Result<Outcome, String>> {
    match site.bucket.held(&record.storage_key).await? {
        Held::Bytes(length) if length == record.size_bytes => {}
        Held::Bytes(length) => {
            return Ok(Err(format!(
                "is not written: its object has {length} bytes, not {}",
                record.size_bytes
            )));
        }
        Held::Nothing | Held::Unknown => {
            return Ok(Err(format!(
                "is not written: storage has no object {}, or does not show it to this key",
                record.storage_key
            )));
        }
    }
    if dry_run {
        let known = site.records.get(id).await?;
        return Ok(Ok(match known {
            Some(known) if known == *record => Outcome::Present,
            _ => Outcome::Recorded,
        }));
    }
    Ok(match site.records.put(id, record).await? {
        Put::Created => Ok(Outcome::Recorded),
        Put::Kept => Ok(Outcome::Present),
        Put::Refused(reason) => Err(reason),
    })
}
