//! `image-proxy-import verify [ID…]`: does each record have the object that it promises?

use std::process::ExitCode;

use anyhow::Context as _;
use uuid::Uuid;

use crate::bucket::Held;
use crate::gallery;
use crate::parallel;
use crate::record::Record;
use crate::report::{Entry, Outcome, Report};
use crate::site::{Site, SiteOptions};
use crate::stop::Stop;

/// Look whether records have their objects: there, of that length, and with --deep of that hash
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code: 0 where every image is as its record says, 1 where one is not or something failed, 130
after Ctrl-C.")]
pub struct Args {
    /// Ids of images [default: all that --gallery lists]
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,

    /// Read every object and hash it
    #[arg(long)]
    deep: bool,
}

/// Looks at what `args` names, and tells of each image what is wrong with it.
///
/// # Errors
/// When storage or the application cannot be asked.
pub async fn run(args: &Args, options: &SiteOptions, stop: &Stop) -> anyhow::Result<ExitCode> {
    let site = options.site()?;
    let ids = match &options.gallery {
        _ if !args.ids.is_empty() => args.ids.clone(),
        Some(file) => gallery::ids(file)?,
        None => anyhow::bail!("give ids, or --gallery with a file that lists them"),
    };
    let mut report = Report::of_images(&options.style, &Outcome::OF_VERIFICATION, ids.len());
    let outcome = parallel::each(
        ids,
        options.parallel,
        stop,
        |id| verify(&site, id, args.deep, stop),
        |place, entry| Ok(report.add(place, &entry)?),
    )
    .await;
    report.finish(outcome, stop)
}

async fn verify(site: &Site, id: Uuid, deep: bool, stop: &Stop) -> anyhow::Result<Option<Entry>> {
    let record = site
        .records
        .get(id)
        .await
        .with_context(|| format!("cannot verify {id}"))?;
    let Some(record) = record else {
        let entry = Entry::failed(Outcome::Broken, "has no record".to_owned());
        return Ok(Some(entry.with_id(id)));
    };
    let problem = tokio::select! {
        problem = problem_of(site, &record, deep) => problem,
        () = stop.requested() => return Ok(None),
    };
    let entry = match problem.with_context(|| format!("cannot verify {id}"))? {
        Some(reason) => Entry::failed(Outcome::Broken, reason),
        None => Entry::of(Outcome::Sound),
    };
    let url = site.records.image_url(id);
    Ok(Some(entry.with_image(id, &record, url)))
}

/// What is wrong with the record's object; nothing as far as can be seen.
async fn problem_of(site: &Site, record: &Record, deep: bool) -> anyhow::Result<Option<String>> {
    let Record {
        storage_key,
        size_bytes,
        ..
    } = record;
    let wrong_length =
        |length| format!("has an object of {length} bytes, and a record of {size_bytes}");
    match site.bucket.held(storage_key).await? {
        Held::Bytes(length) if length == *size_bytes => {}
        Held::Bytes(length) => return Ok(Some(wrong_length(length))),
        Held::Nothing | Held::Unknown => {
            return Ok(Some(format!(
                "has no object {storage_key}, or none that this key may see"
            )));
        }
    }
    if !deep {
        return Ok(None);
    }
    let Some(expected) = record.sha256() else {
        return Ok(Some(format!(
            "has a hash that is not a SHA-256, {}: only its length can be verified",
            record.hash
        )));
    };
    let (sha256, length) = site.bucket.read(storage_key).await?;
    if length != *size_bytes {
        return Ok(Some(wrong_length(length)));
    }
    let reason = format!("has an object of another hash, {sha256}");
    Ok((sha256 != expected).then_some(reason))
}
