//! `image-proxy-import verify [ID…]`: does each record have the object that it promises?

use std::process::ExitCode;

use anyhow::Context as _;
use uuid::Uuid;

use crate::bucket::Difference;
use crate::content::hex;
use crate::record::Record;
use crate::report::{Entry, Outcome};
use crate::site::{Site, SiteOptions};
use crate::stop::Stop;
use crate::verbs::on_each::on_each;

/// Look whether records have their objects: there, of that length, and of that hash, as far as storage
/// knows it; with --deep as it is
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
    let work = |id| verify(&site, id, args.deep);
    on_each(&args.ids, options, &Outcome::OF_VERIFICATION, stop, work).await
}

async fn verify(site: &Site, id: Uuid, deep: bool) -> anyhow::Result<Entry> {
    let cannot_verify = || format!("cannot verify {id}");
    let known = site.application.records.get(id).await;
    let record = match known.with_context(cannot_verify)?.record() {
        Ok(record) => record,
        Err(reason) => return Ok(broken(reason).with_id(id)),
    };
    let verdict = look_at(site, &record, deep).await;
    let entry = verdict.with_context(cannot_verify)?;
    Ok(entry.with_image(id, &record, site.application.image_url(id)))
}

/// What is wrong with the record's object, as far as can be seen.
async fn look_at(site: &Site, record: &Record, deep: bool) -> anyhow::Result<Entry> {
    let Record {
        storage_key,
        size_bytes,
        ..
    } = record;
    let other_length = |length| {
        broken(format!(
            "has an object of {length} bytes, and a record of {size_bytes}"
        ))
    };
    let other_hash =
        |sha256: [u8; 32]| broken(format!("has an object of another hash, {}", hex(&sha256)));
    let held = site.bucket.held(storage_key).await?;
    match held.difference(*size_bytes, record.sha256()) {
        None => {}
        Some(Difference::Bytes(length)) => return Ok(other_length(length)),
        Some(Difference::Sha256(sha256)) => return Ok(other_hash(sha256)),
        Some(Difference::Missing) => {
            return Ok(broken(format!(
                "has no object {storage_key}, or none that this key may see"
            )));
        }
    }
    if !deep {
        return Ok(Entry::of(Outcome::Sound));
    }
    let Some(expected) = record.sha256() else {
        let reason = "has a hash that is not a SHA-256: only its length can be verified";
        return Ok(Entry::failed(Outcome::Unverified, reason.to_owned()));
    };
    let (sha256, length) = site.bucket.read(storage_key, *size_bytes).await?;
    if length != *size_bytes {
        return Ok(other_length(length));
    }
    if sha256 != expected {
        return Ok(other_hash(sha256));
    }
    Ok(Entry::of(Outcome::Sound))
}

fn broken(reason: impl Into<String>) -> Entry {
    Entry::failed(Outcome::Broken, reason.into())
}
