//! `image-proxy-import warm [ID…]`: the application is asked for its images once, so that it keeps them.

use std::process::ExitCode;

use anyhow::Context as _;
use uuid::Uuid;

use crate::image_route::Served;
use crate::record::Record;
use crate::report::{Entry, Outcome};
use crate::site::{Application, SiteOptions};
use crate::stop::Stop;
use crate::verbs::on_each::on_each;

/// The largest image that any application keeps, in bytes.
const MOST_KEPT: u64 = 262_144;

/// Ask the application for small images once, so that it keeps them and asks storage no more
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The application keeps images of at most as many bytes as its variable cache_max_bytes says, which is
0 unless it is set: give it as --max-bytes, too. It does not tell which images it keeps; its log
does (\"cache\": \"filled\").

An image is skipped if its record shows that it cannot be kept: it has more bytes than --max-bytes, or
a hash that is not a SHA-256. The others are read to their end and thrown away.

--records must be the application itself and not a cache before it, which would answer in its place.
Storage is not asked, and its options are not needed.

Exit code: 0, 1 where an image was not served whole or something failed, 130 after Ctrl-C.")]
pub struct Args {
    /// Ids of images [default: all that --gallery lists]
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,

    /// Larger images are skipped
    #[arg(long, value_name = "BYTES", default_value_t = MOST_KEPT, value_parser = max_bytes)]
    max_bytes: u64,
}

fn max_bytes(argument: &str) -> Result<u64, String> {
    match argument.parse() {
        Ok(bytes @ 1..=MOST_KEPT) => Ok(bytes),
        _ => Err(format!(
            "must be 1 to {MOST_KEPT}: no larger image is ever kept"
        )),
    }
}

/// Asks for the images that `args` names, and tells of each that is not served.
///
/// # Errors
/// When the application cannot be asked.
pub async fn run(args: &Args, options: &SiteOptions, stop: &Stop) -> anyhow::Result<ExitCode> {
    let application = options.application()?;
    let work = |id| warm(&application, id, args.max_bytes, options.style.dry_run);
    on_each(&args.ids, options, &Outcome::OF_WARMING, stop, work).await
}

async fn warm(
    application: &Application,
    id: Uuid,
    max_bytes: u64,
    dry_run: bool,
) -> anyhow::Result<Entry> {
    let cannot_warm = || format!("cannot ask for {id}");
    let known = application.records.get(id).await;
    let record = match known.with_context(cannot_warm)?.record() {
        Ok(record) => record,
        Err(reason) => {
            return Ok(Entry::failed(Outcome::Unserved, reason.to_owned()).with_id(id));
        }
    };
    let entry = if let Some(reason) = never_kept(&record, max_bytes) {
        Entry::failed(Outcome::Skipped, reason)
    } else if dry_run {
        Entry::of(Outcome::Served)
    } else {
        let served = application.images.get(id, record.size_bytes).await;
        match served.with_context(cannot_warm)? {
            Served::Whole => Entry::of(Outcome::Served),
            Served::Else(reason) => Entry::failed(Outcome::Unserved, reason),
        }
    };
    Ok(entry.with_image(id, &record, application.image_url(id)))
}

/// Why the application does not keep an image, as far as its record shows.
fn never_kept(record: &Record, max_bytes: u64) -> Option<String> {
    let size_bytes = record.size_bytes;
    if size_bytes > max_bytes {
        return Some(format!(
            "has {size_bytes} bytes, more than --max-bytes {max_bytes}"
        ));
    }
    let reason = "has a hash that is not a SHA-256, so that it is never kept";
    record.sha256().is_none().then(|| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_be_kept_if_it_is_small_enough_and_its_hash_is_a_sha_256() {
        let sha256 = "0".repeat(64);
        for (size_bytes, hash, reason) in [
            (1000, &*sha256, None),
            (0, &sha256, None),
            (1001, &sha256, Some("has 1001 bytes, more than")),
            (1000, "etag", Some("has a hash that is not a SHA-256")),
        ] {
            let record = Record {
                storage_key: "k".to_owned(),
                mime_type: "image/png".to_owned(),
                hash: hash.to_owned(),
                size_bytes,
            };

            let told = never_kept(&record, 1000);

            match (&told, reason) {
                (Some(told), Some(reason)) => assert!(told.starts_with(reason), "{told}"),
                _ => assert_eq!(told.as_deref(), reason, "{record:?}"),
            }
        }
    }
}
