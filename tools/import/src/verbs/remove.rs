//! `image-proxy-import remove ID…`: records and their objects are taken away.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use anyhow::Context as _;
use uuid::Uuid;

use crate::gallery;
use crate::parallel;
use crate::report::{Entry, Outcome, Report};
use crate::site::{Site, SiteOptions};
use crate::stop::Stop;

/// Take images away: the record first, then the object, unless another record uses it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Clients and caches keep an image for a year: who has it can still see it.

An object stays where another record uses it that this run knows of: that of another id given, or of
one that --gallery lists.

Exit code: 0, 1 where an image was not there or something failed, 130 after Ctrl-C.")]
pub struct Args {
    /// Ids of images
    #[arg(required = true, value_name = "ID")]
    ids: Vec<Uuid>,

    /// Keep the objects; only the records go
    #[arg(long)]
    keep_objects: bool,
}

/// Takes the images away that `args` names, and says what became of each.
///
/// # Errors
/// When storage or the application fail; what was taken away before stays away.
pub async fn run(args: &Args, options: &SiteOptions, stop: &Stop) -> anyhow::Result<ExitCode> {
    let site = options.site()?;
    let ids = distinct(args.ids.clone());
    let listed = options.gallery.as_deref().map(gallery::ids).transpose()?;
    let known = distinct([ids.clone(), listed.unwrap_or_default()].concat());
    let keys = keys_of(&site, known, options.parallel, stop).await?;
    let dry_run = options.style.dry_run;

    let mut report = Report::of_images(&options.style, &Outcome::OF_REMOVALS, ids.len());
    let (mut gone, mut removed) = (Vec::new(), HashSet::new());
    let records = parallel::each(
        ids,
        options.parallel,
        stop,
        async |id| {
            let was_there = keys.contains_key(&id) && (dry_run || delete(&site, id).await?);
            Ok(Some((id, was_there)))
        },
        |place, (id, was_there)| {
            gone.push(id);
            let outcome = if was_there {
                removed.insert(id);
                Outcome::Removed
            } else {
                Outcome::Absent
            };
            Ok(report.add(place, &Entry::of(outcome).with_id(id))?)
        },
    )
    .await;
    if dry_run {
        return report.finish(records, stop);
    }
    let objects = if args.keep_objects {
        Ok(())
    } else {
        delete_objects(&site, unused(&keys, &removed), options.parallel).await
    };
    let listed = match &options.gallery {
        Some(file) => gallery::remove(file, &gone),
        None => Ok(()),
    };
    report.finish(records.and(objects).and(listed), stop)
}

async fn delete(site: &Site, id: Uuid) -> anyhow::Result<bool> {
    let deleted = site.records.delete(id).await;
    deleted.with_context(|| format!("cannot remove {id}"))
}

/// Whatever became of the rest: once their records are gone, nobody would find these again.
async fn delete_objects(site: &Site, keys: Vec<String>, parallel: usize) -> anyhow::Result<()> {
    let delete = async |key: String| {
        let deleted = site.bucket.delete(&key).await;
        deleted.with_context(|| format!("the object {key} is left, without a record"))?;
        Ok(Some(()))
    };
    parallel::each(keys, parallel, &Stop::never(), delete, |_, ()| Ok(())).await
}

/// The keys of the records `removed` that none of the other records has.
fn unused(keys: &HashMap<Uuid, String>, removed: &HashSet<Uuid>) -> Vec<String> {
    let of = |are_removed: bool| {
        keys.iter()
            .filter(move |(id, _)| removed.contains(*id) == are_removed)
            .map(|(_, key)| key)
            .collect::<HashSet<_>>()
    };
    of(true).difference(&of(false)).copied().cloned().collect()
}

fn distinct(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    ids
}

/// The keys of those of `ids` that have a record.
async fn keys_of(
    site: &Site,
    ids: Vec<Uuid>,
    parallel: usize,
    stop: &Stop,
) -> anyhow::Result<HashMap<Uuid, String>> {
    let mut keys = HashMap::new();
    let key_of = async |id| {
        let record = site.records.get(id).await;
        let record = record.with_context(|| format!("cannot look at {id}"))?;
        Ok(record.map(|record| (id, record.storage_key)))
    };
    parallel::each(ids, parallel, stop, key_of, |_, (id, key)| {
        keys.insert(id, key);
        Ok(())
    })
    .await?;
    // Some of them are not enough to take objects away by.
    anyhow::ensure!(!stop.is_requested(), "interrupted: nothing was removed");
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_unused_once_every_known_record_of_it_is_gone() {
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let keys = HashMap::from([
            (a, "shared".to_owned()),
            (b, "shared".to_owned()),
            (c, "own".to_owned()),
        ]);

        for (removed, expected) in [
            (&[a, c][..], &["own"][..]),
            (&[a, b], &["shared"]),
            (&[], &[]),
        ] {
            let unused = unused(&keys, &removed.iter().copied().collect());

            assert_eq!(unused, expected, "{removed:?}");
        }
    }
}
