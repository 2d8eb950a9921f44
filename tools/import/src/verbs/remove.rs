//! `image-proxy-import remove ID…`: records and their objects are taken away.

use std::collections::HashSet;
use std::process::ExitCode;

use uuid::Uuid;

use crate::gallery;
use crate::parallel;
use crate::removal::Removal;
use crate::report::{Outcome, Report};
use crate::site::SiteOptions;
use crate::stop::Stop;

/// Take images away: the record first, then the object, unless another record uses it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Clients and caches keep an image for a year: those that have it still show it.

An image takes its sizes along that --gallery lists, unless another image has them, too. They are
images of their own, and counted as such.

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
    let gallery = options.gallery();
    // Why there is no list is told with the summary.
    let (ids, listed) = match &gallery {
        Some(file) => match gallery::with_their_sizes(file, &args.ids) {
            Ok(ids) => (ids, gallery::ids(file)),
            Err(error) => (distinct(args.ids.clone()), Err(error)),
        },
        None => (distinct(args.ids.clone()), Ok(Vec::new())),
    };
    let mut report = Report::of_images(&options.style, &Outcome::OF_REMOVALS, ids.len());
    let mut gone = Vec::new();
    let removed = async {
        let site = options.site()?;
        let removal = Removal::new(&site, args.keep_objects, options.style.dry_run);
        let all = distinct([ids.clone(), listed?].concat());
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
    let listed = match gallery {
        Some(file) if !options.style.dry_run && !gone.is_empty() => gallery::remove(&file, &gone),
        _ => Ok(()),
    };
    report.finish(removed.and(listed), stop)
}

fn distinct(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    ids
}
