//! What is done with images one by one: with those that are given, or with all that a gallery lists.

use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;
use uuid::Uuid;

use crate::gallery;
use crate::parallel;
use crate::report::{Entry, Outcome, Report};
use crate::site::SiteOptions;
use crate::stop::Stop;

/// Does `work` on the images with these ids, or without any on those that the gallery lists, and tells
/// of each what comes of it: one of `outcomes`. Ctrl-C gives up what is under way.
///
/// # Errors
/// When there are neither ids nor a gallery, or `work` fails.
pub async fn on_each<W>(
    ids: &[Uuid],
    options: &SiteOptions,
    outcomes: &'static [Outcome],
    stop: &Stop,
    work: impl Fn(Uuid) -> W,
) -> anyhow::Result<ExitCode>
where
    W: Future<Output = anyhow::Result<Entry>>,
{
    let (ids, listed) = match given_or_listed(ids, options) {
        Ok(ids) => (ids, Ok(())),
        Err(error) => (Vec::new(), Err(error)),
    };
    let mut report = Report::of_images(&options.style, outcomes, ids.len());
    let outcome = parallel::each(
        ids,
        options.parallel,
        stop,
        |id| stop.race(work(id)),
        |place, entry| Ok(report.add(place, &entry)?),
    )
    .await;
    report.finish(listed.and(outcome), stop)
}

fn given_or_listed(ids: &[Uuid], options: &SiteOptions) -> anyhow::Result<Vec<Uuid>> {
    if !ids.is_empty() {
        return Ok(ids.to_vec());
    }
    let gallery = options.gallery();
    gallery::ids(&gallery.context("give ids, or --gallery with a file that lists them")?)
}
