//! Images are taken away: the record first, then the object, unless another record uses it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use uuid::Uuid;

use crate::parallel;
use crate::records_route::Known;
use crate::report::{Entry, Outcome};
use crate::site::Site;
use crate::stop::Stop;

/// Takes images away, as far as others do not need them.
pub struct Removal<'a> {
    site: &'a Site,
    /// The records that are there, and the keys of their objects as far as these are known.
    known: Mutex<HashMap<Uuid, Option<String>>>,
    /// Only records go.
    keep_objects: bool,
    dry_run: bool,
}

impl<'a> Removal<'a> {
    pub fn new(site: &'a Site, keep_objects: bool, dry_run: bool) -> Self {
        Self {
            site,
            known: Mutex::default(),
            keep_objects,
            dry_run,
        }
    }

    /// Learns of the records of all images that may use an object.
    ///
    /// # Errors
    /// When the application cannot be asked.
    pub async fn look_at(
        &self,
        ids: Vec<Uuid>,
        parallel: usize,
        stop: &Stop,
    ) -> anyhow::Result<()> {
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
    ///
    /// # Errors
    /// When the application cannot be asked.
    pub async fn remove(&self, id: Uuid) -> anyhow::Result<Entry> {
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
