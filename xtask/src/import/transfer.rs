//! Files into objects, several at a time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::task::{JoinSet, spawn_blocking};
use uuid::Uuid;

use super::Imported;
use super::content::{Content, Reading, Source};
use super::files::Found;
use super::record::Record;
use super::upload::{Bucket, Upload};
use crate::stop::Stop;

/// How files are transferred.
#[derive(Debug, Clone)]
pub struct Plan {
    pub bucket: Bucket,
    /// Larger files are refused.
    pub max_bytes: u64,
    /// How many files are worked on at the same time.
    pub parallel: usize,
    /// Only look whether objects are there.
    pub dry_run: bool,
}

/// What became of the file at this place of the list.
#[derive(Debug)]
pub struct Step {
    pub place: usize,
    pub result: Transferred,
}

/// A file after its transfer.
#[derive(Debug)]
pub enum Transferred {
    /// Its object is in the bucket, so that its record may be written.
    Object {
        image: Imported,
        record: Record,
        was_there: bool,
    },
    /// Nothing for the application, for this reason.
    Refused(String),
    /// Something else than an image, in a folder that may hold anything.
    PassedOver,
}

/// Shared by all files of an import.
struct Work {
    plan: Plan,
    stop: Stop,
    /// One turn for each object: the second file of the same bytes finds the object of the first.
    turns: Mutex<HashMap<Uuid, Arc<tokio::sync::Mutex<()>>>>,
}

/// Transfers `files` and sends each as a step as soon as it is through. Ends early when it is asked
/// to stop, when storage fails, or when nobody receives the steps any more. Waits for their receiver,
/// so it has to have a thread of its own.
///
/// # Errors
/// The first failure of storage, with the file that met it; files under way are finished first.
pub async fn transfer(
    files: Vec<Found>,
    plan: Plan,
    stop: Stop,
    steps: SyncSender<Step>,
) -> anyhow::Result<()> {
    let parallel = plan.parallel;
    let work = Arc::new(Work {
        plan,
        stop,
        turns: Mutex::default(),
    });
    let mut waiting = files.into_iter().enumerate();
    let mut under_way = JoinSet::new();
    let (mut failure, mut wanted) = (None, true);
    loop {
        while wanted && under_way.len() < parallel && !work.stop.is_requested() {
            let Some((place, found)) = waiting.next() else {
                break;
            };
            let work = Arc::clone(&work);
            under_way.spawn(async move {
                let context = format!("cannot import {}", found.file().display());
                let result = work.transfer_one(found).await.context(context)?;
                anyhow::Ok(result.map(|result| Step { place, result }))
            });
        }
        let Some(finished) = under_way.join_next().await else {
            return failure.map_or(Ok(()), Err);
        };
        match finished.context("a file's transfer broke off")? {
            Ok(done) => wanted &= done.is_none_or(|done| steps.send(done).is_ok()),
            Err(error) => {
                wanted = false;
                failure.get_or_insert(error);
            }
        }
    }
}

impl Work {
    /// `None` when it was to end early.
    async fn transfer_one(&self, found: Found) -> anyhow::Result<Option<Transferred>> {
        let (file, named) = match found {
            Found::Unreadable(_, reason) => return Ok(Some(Transferred::Refused(reason))),
            Found::Named(file) => (file, true),
            Found::InFolder(file) => (file, false),
        };
        let (path, max_bytes) = (file.clone(), self.plan.max_bytes);
        match spawn_blocking(move || Reading::of(&path, max_bytes)).await? {
            Reading::Image(content, source) => self.store(&file, &content, source).await,
            Reading::Refused(reason) => Ok(Some(Transferred::Refused(reason))),
            Reading::OtherFile if named => Ok(Some(Transferred::Refused(
                "is not an image of a known type".to_owned(),
            ))),
            Reading::OtherFile => Ok(Some(Transferred::PassedOver)),
        }
    }

    async fn store(
        &self,
        file: &Path,
        content: &Content,
        source: Source,
    ) -> anyhow::Result<Option<Transferred>> {
        let record = Record::of(content);
        let turn = self.turn(record.id);
        let _turn = turn.lock().await;
        let (bucket, key) = (&self.plan.bucket, &record.storage_key);
        let upload = if self.plan.dry_run {
            if bucket.holds(key, content.size_bytes).await? {
                Upload::WasThere
            } else {
                Upload::Done
            }
        } else {
            bucket.put(key, content, source, self.stop.clone()).await?
        };
        Ok(match upload {
            Upload::Stopped => None,
            Upload::Changed => Some(Transferred::Refused(
                "changed while it was imported".to_owned(),
            )),
            Upload::Done | Upload::WasThere => Some(Transferred::Object {
                image: Imported::new(file, content, &record),
                was_there: upload == Upload::WasThere,
                record,
            }),
        })
    }

    fn turn(&self, id: Uuid) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(id).or_default())
    }
}
