//! An image comes in: the object first, then its record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::bucket::Upload;
use crate::content::{Content, Source};
use crate::record::Record;
use crate::records_route::{Known, Put};
use crate::site::Site;
use crate::stop::Stop;

/// How long a record may still take once the import is to end.
const GRACE: Duration = Duration::from_secs(5);

/// Where images are brought.
pub struct Store<'a> {
    pub site: Site,
    pub dry_run: bool,
    pub stop: &'a Stop,
    /// One turn for each object, which is set once it has been taken: the second file of the same bytes
    /// finds what the first one has brought.
    turns: Mutex<HashMap<Uuid, Arc<tokio::sync::Mutex<bool>>>>,
}

/// What became of an image.
#[derive(Debug, PartialEq, Eq)]
pub enum Stored {
    /// The application can serve it now, and could not before.
    New,
    /// It could before.
    Present,
    /// The application does not take it, for this reason.
    Refused(String),
}

impl<'a> Store<'a> {
    pub fn new(site: Site, dry_run: bool, stop: &'a Stop) -> Self {
        Self {
            site,
            dry_run,
            stop,
            turns: Mutex::default(),
        }
    }

    /// Brings an image; in a dry run it is only seen what would become of it. `None` when it was to end
    /// early.
    ///
    /// # Errors
    /// When storage or the application fail.
    pub async fn bring(
        &self,
        id: Uuid,
        record: &Record,
        content: &Content,
        source: Source,
    ) -> anyhow::Result<Option<Stored>> {
        let turn = self.turn(id);
        let mut turn = turn.lock().await;
        let is_first = !std::mem::replace(&mut *turn, true);
        if self.dry_run {
            self.stop.race(self.look(id, record, is_first)).await
        } else {
            self.write(id, record, content, source).await
        }
    }

    /// Whether the application can serve the image with this id.
    ///
    /// # Errors
    /// When storage or the application cannot be asked.
    pub async fn has(&self, id: Uuid) -> anyhow::Result<bool> {
        let Known::Record(record) = self.site.application.records.get(id).await? else {
            return Ok(false);
        };
        let held = self.site.bucket.held(&record.storage_key).await?;
        Ok(held
            .difference(record.size_bytes, record.sha256())
            .is_none())
    }

    async fn write(
        &self,
        id: Uuid,
        record: &Record,
        content: &Content,
        source: Source,
    ) -> anyhow::Result<Option<Stored>> {
        let (bucket, key) = (&self.site.bucket, &record.storage_key);
        let upload = bucket.put(key, content, source, self.stop).await?;
        if upload == Upload::Stopped {
            return Ok(None);
        }
        if upload == Upload::Changed {
            let reason = "changed while it was imported".to_owned();
            return Ok(Some(Stored::Refused(reason)));
        }
        let put = self.site.application.records.put(id, record);
        // Under way it is finished, so that what is told is what there is.
        let too_late = async {
            self.stop.requested().await;
            tokio::time::sleep(GRACE).await;
        };
        let put = tokio::select! {
            put = put => put?,
            () = too_late => return Ok(None),
        };
        Ok(Some(match put {
            Put::Kept if upload == Upload::WasThere => Stored::Present,
            Put::Kept | Put::Created => Stored::New,
            Put::Refused(reason) => Stored::Refused(reason),
        }))
    }

    async fn look(&self, id: Uuid, record: &Record, is_first: bool) -> anyhow::Result<Stored> {
        let held = self.site.bucket.held(&record.storage_key).await?;
        let known = self.site.application.records.get(id).await?;
        let put = known.if_put(id, record);
        let is_there = held
            .difference(record.size_bytes, record.sha256())
            .is_none();
        Ok(match put {
            Put::Refused(reason) => Stored::Refused(reason),
            Put::Kept if is_there => Stored::Present,
            Put::Created | Put::Kept if is_first => Stored::New,
            Put::Created | Put::Kept => Stored::Present,
        })
    }

    fn turn(&self, id: Uuid) -> Arc<tokio::sync::Mutex<bool>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(id).or_default())
    }
}
