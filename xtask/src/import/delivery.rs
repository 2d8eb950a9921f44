//! Objects first, then their records.

use std::sync::mpsc::{self, Receiver};

use tokio::runtime::Runtime;

use super::Outcome;
use super::files::Found;
use super::record::RecordStore;
use super::transfer::{Plan, Step, Transferred, transfer};
use crate::stop::Stop;

/// How many records are written in one transaction at most.
const RECORDS_AT_ONCE: usize = 100;

/// Transfers on other threads, and writes records and tells outcomes on this one.
///
/// # Errors
/// When storage or the records fail, or `on_outcome` does; what was told stays.
pub fn deliver(
    runtime: &Runtime,
    found: Vec<Found>,
    plan: Plan,
    stop: &Stop,
    records: &dyn RecordStore,
    on_outcome: impl FnMut(usize, Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Objects do not run far ahead of their records: the transfer waits where these are slow.
    let (sender, steps) = mpsc::sync_channel(RECORDS_AT_ONCE);
    std::thread::scope(|scope| {
        let transfer =
            scope.spawn(|| runtime.block_on(transfer(found, plan, stop.clone(), sender)));
        let recorded = record_all(&steps, records, on_outcome);
        // Where records fail, nobody receives any more: that ends the transfer.
        drop(steps);
        let transferred = transfer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        recorded.and(transferred)
    })
}

/// Ends when the last step has been sent, or at the first failure.
fn record_all(
    steps: &Receiver<Step>,
    records: &dyn RecordStore,
    mut on_outcome: impl FnMut(usize, Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    while let Ok(first) = steps.recv() {
        let more = steps.try_iter().take(RECORDS_AT_ONCE - 1);
        let (mut objects, mut batch) = (Vec::new(), Vec::new());
        for Step { place, result } in std::iter::once(first).chain(more) {
            match result {
                Transferred::Refused(reason) => on_outcome(place, Outcome::Refused(reason))?,
                Transferred::PassedOver => on_outcome(place, Outcome::PassedOver)?,
                Transferred::Object {
                    image,
                    record,
                    was_there,
                } => {
                    batch.push(record);
                    objects.push((place, image, was_there));
                }
            }
        }
        if batch.is_empty() {
            continue;
        }
        for ((place, image, was_there), changed) in objects.into_iter().zip(records.save(&batch)?) {
            let outcome = if was_there && !changed {
                Outcome::Present(image)
            } else {
                Outcome::Imported(image)
            };
            on_outcome(place, outcome)?;
        }
    }
    Ok(())
}
