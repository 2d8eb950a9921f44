//! `image-proxy-import remove ID…`: records and their objects are taken away.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use uuid::Uuid;

use crate::gallery;
use crate::parallel;
use crate::records_route::Known;
use crate::report::{Entry, Outcome, Report};
use crate::site::{Site, SiteOptions};
use crate::stop::Stop;

/// Take images away: the record first, then the object, unless another record uses it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Clients and caches keep an image for a year: those that have it still show it.

An object stays if another record uses it, as far as this run knows: the record of another given id,
or of one that --gallery lists.

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
/// When the application fails; what was taken away before stays away.
pub async fn run(args: &Args, options: &SiteOptions, stop: &Stop) -> anyhow::Result<ExitCode> {
    let ids = distinct(args.ids.clone());
    let mut report = Report::of_images(&options.style, &Outcome::OF_REMOVALS, ids.len());
    let mut gone = Vec::new();
    let removed = async {
        let removal = Removal {
            site: options.site()?,
            known: Mutex::default(),
            keep_objects: args.keep_objects,
            dry_run: options.style.dry_run,
        };
        let listed = options.gallery().as_deref().map(gallery::ids).transpose()?;
        let all = distinct([ids.clone(), listed.unwrap_or_default()].concat());
        removal.look_at(all, options.parallel, stop).await?;
        // Some of the records are not enough to take objects away by.
        if stop.is_requested() {
            return Ok(());
        }
        parallel::each(
            ids,
            options.parallel,
            stop,
            async |id| removal.remove(id).await.map(|entry| Some((id, entry))),
            |place, (id, entry)| {
                gone.push(id);
                Ok(report.add(place, &entry.with_id(id))?)
            },
        )
        .await
    }
    .await;
    let listed = match options.gallery() {
        Some(file) if !options.style.dry_run && !gone.is_empty() => gallery::remove(&file, &gone),
        _ => Ok(()),
    };
    report.finish(removed.and(listed), stop)
}

struct Removal {
    site: Site,
    /// The records that are there, and the keys of their objects as far as these are known.
    known: Mutex<HashMap<Uuid, Option<String>>>,
    keep_objects: bool,
    dry_run: bool,
}

impl Removal {
    async fn look_at(&self, ids: Vec<Uuid>, parallel: usize, stop: &Stop) -> anyhow::Result<()> {
        let known_as = async |id| {
            let known = self.site.application.records.get(id).await;
            let known = known.with_context(|| format!("cannot look at {id}"))?;
            Ok((id, known))
        };
        parallel::each(
            ids,
            parallel,
            stop,
            |id| stop.race(known_as(id)),
            |_, (id, known)| {
                let key = match known {
                    Known::Record(record) => Some(record.storage_key),
                    Known::Unusable => None,
                    Known::Nothing => return Ok(()),
                };
                self.known().insert(id, key);
                Ok(())
            },
        )
        .await
    }

    /// The record, and then its object if nobody else is known to use it. What has begun is finished:
    /// nobody would find an object again whose record is gone.
    async fn remove(&self, id: Uuid) -> anyhow::Result<Entry> {
        let Some(key) = self.known().get(&id).cloned() else {
            return Ok(Entry::of(Outcome::Absent));
        };
        if self.dry_run {
            return Ok(Entry::of(Outcome::Removed));
        }
        let deleted = self.site.application.records.delete(id).await;
        // It was there: where it is gone now, an answer was lost on the way.
        deleted.with_context(|| format!("cannot remove {id}"))?;
        let Some(key) = key else {
            let reason = "had a record that could not be used, so its object is not known";
            return Ok(Entry::failed(Outcome::Orphaned, reason.to_owned()));
        };
        let is_used = forget(&mut self.known(), id, &key);
        if is_used || self.keep_objects {
            return Ok(Entry::of(Outcome::Removed));
        }
        Ok(match self.site.bucket.delete(&key).await {
            Ok(()) => Entry::of(Outcome::Removed),
            Err(error) => Entry::failed(
                Outcome::Orphaned,
                format!("has no record any more, and its object {key} is left: {error:#}"),
            ),
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Uuid, Option<String>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes an image out of those that are known, and tells whether another one uses its object.
fn forget(known: &mut HashMap<Uuid, Option<String>>, id: Uuid, key: &str) -> bool {
    known.remove(&id);
    known.values().flatten().any(|used| used == key)
}

fn distinct(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_unused_once_every_known_record_of_it_is_gone() {
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let key = |key: &str| Some(key.to_owned());
        let mut known = HashMap::from([(a, key("shared")), (b, key("shared")), (c, None)]);

        assert!(forget(&mut known, a, "shared"));
        assert!(!forget(&mut known, b, "shared"));
        assert_eq!(known, HashMap::from([(c, None)]));
    }
}
