//! `image-proxy-import FILE|FOLDER…`: image files become objects and records.

mod done;
mod plan;
mod store;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::content::{Accepted, Source};
use crate::files::{self, Found};
use crate::gallery::{self, Picture, SizeListed};
use crate::given::given;
use crate::parallel;
use crate::record::Record;
use crate::removal::Removal;
use crate::report::{Outcome, Report};
use crate::runtime_config::RuntimeConfig;
use crate::site::{SiteOptions, Style};
use crate::sizes::{Size, Widths};
use crate::stop::Stop;
use done::Done;
use plan::{Plan, Prepared};
use store::{Store, Stored};

/// What the application's variable `max_image_bytes` is by default.
const DEFAULT_MAX_BYTES: u64 = 52_428_800;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image files, or folders to search for images
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,

    /// Larger images are refused, as the application refuses to serve them [default: 52428800]
    #[arg(long, value_name = "BYTES", env = "SPIN_VARIABLE_MAX_IMAGE_BYTES")]
    max_bytes: Option<String>,

    /// Let in images of a type that browsers do not show, such as image/tiff; may be repeated
    #[arg(long, value_name = "TYPE")]
    allow_type: Vec<String>,

    /// Make each image in these widths as well, and take away those it has in others: pixels, separated by
    /// commas, or none; needs --gallery, which tells them [default: leave sizes as they are]
    #[arg(long, value_name = "WIDTHS", env = "IMAGE_PROXY_SIZES")]
    sizes: Option<String>,
}

impl Args {
    /// Whether the command line says anything of an import.
    pub fn are_given(matches: &ArgMatches) -> bool {
        let command = Self::augment_args(Command::default());
        command.get_arguments().any(|argument| {
            let source = matches.value_source(argument.get_id().as_str());
            source == Some(ValueSource::CommandLine)
        })
    }

    /// Takes from a runtime configuration what nobody has given.
    pub fn complete(&mut self, config: &RuntimeConfig) {
        config.complete(&mut self.max_bytes, "max_image_bytes");
    }

    fn max_bytes(&self) -> anyhow::Result<u64> {
        match given(self.max_bytes.as_ref()) {
            Some(bytes) => bytes
                .parse()
                .with_context(|| format!("--max-bytes '{bytes}' must be a number of bytes")),
            None => Ok(DEFAULT_MAX_BYTES),
        }
    }

    fn widths(&self) -> anyhow::Result<Option<Widths>> {
        let widths = given(self.sizes.as_ref()).map(|list| list.parse());
        let widths = widths.transpose().map_err(anyhow::Error::msg);
        widths.context("--sizes cannot be used")
    }

    fn plan(&self, gallery: Option<&Path>) -> anyhow::Result<Plan> {
        let plan = Plan {
            accepted: Accepted::new(self.max_bytes()?, &self.allow_type)?,
            widths: self.widths()?,
            // One that cannot be used is not found out about after hours.
            listed: gallery.map(gallery::listed).transpose()?,
        };
        anyhow::ensure!(
            plan.widths.is_none() || plan.listed.is_some(),
            "--sizes needs --gallery with a file: it alone tells which sizes an image has"
        );
        Ok(plan)
    }
}

/// Imports what `args` names and says what became of it.
///
/// # Errors
/// When storage or the application fail; what was imported before stays.
pub async fn run(args: &Args, options: &SiteOptions, stop: &Stop) -> anyhow::Result<ExitCode> {
    let gallery = options.gallery();
    let site = options.site()?;
    let import = Import {
        plan: Arc::new(args.plan(gallery.as_deref())?),
        store: Store::new(site, options.style.dry_run, stop),
    };
    let found = files::find(&args.paths);
    let bytes = found.iter().map(Found::size_bytes).collect();
    let mut report = Report::of_files(&options.style, bytes);
    let mut pictures = Vec::new();
    let outcome = parallel::each(
        found.clone(),
        options.parallel,
        stop,
        |found| import.on_one(found),
        |place, done| {
            let (mut entry, picture) = done.told_of(&found[place], &import.store.site);
            pictures.extend(picture.map(|picture| (place, picture)));
            entry.path = Some(found[place].file().display().to_string());
            Ok(report.add(place, &entry)?)
        },
    )
    .await;
    pictures.sort_by_key(|(place, _)| *place);
    let pictures = pictures.into_iter().map(|(_, picture)| picture);
    let listed = match gallery {
        Some(file) => {
            import
                .list(&file, pictures.collect(), options, &mut report)
                .await
        }
        None => Ok(()),
    };
    report.finish(outcome.and(listed), stop)
}

struct Import<'a> {
    plan: Arc<Plan>,
    store: Store<'a>,
}

impl Import<'_> {
    /// `None` when it was to end early.
    async fn on_one(&self, found: Found) -> anyhow::Result<Option<Done>> {
        if let Found::Unreadable(_, reason) = found {
            return Ok(Some(Done::Refused(reason)));
        }
        let file = found.file();
        let cannot_import = || format!("cannot import {}", file.display());
        let mut prepared = self.prepare(file, BTreeSet::new()).await;
        if let Some(Prepared::Image(image)) = &prepared
            && let Some(sizes) = &image.sizes
        {
            let lost = self.store.stop.race(self.lost(&sizes.kept)).await;
            match lost.with_context(cannot_import)? {
                None => return Ok(None),
                Some(lost) if lost.is_empty() => {}
                Some(lost) => prepared = self.prepare(file, lost).await,
            }
        }
        match prepared {
            None => Ok(None),
            Some(Prepared::Image(image)) => self.bring(*image).await.with_context(cannot_import),
            Some(Prepared::Refused(reason)) => Ok(Some(Done::Refused(reason))),
            Some(Prepared::OtherFile) if matches!(found, Found::Named(_)) => Ok(Some(
                Done::Refused("is not an image of a known type".to_owned()),
            )),
            Some(Prepared::OtherFile) => Ok(Some(Done::PassedOver)),
        }
    }

    async fn prepare(&self, file: &Path, lost: BTreeSet<u32>) -> Option<Prepared> {
        let (plan, file) = (Arc::clone(&self.plan), file.to_owned());
        let prepared = spawn_blocking(move || plan.prepare(&file, &lost));
        tokio::select! {
            // A decoder may panic at bytes that nobody has foreseen; the other files are imported all
            // the same.
            prepared = prepared => Some(prepared.unwrap_or_else(|_| {
                Prepared::Refused("cannot be decoded: its decoder failed".to_owned())
            })),
            () = self.store.stop.requested() => None,
        }
    }

    /// The widths of sizes that are listed and that the application cannot serve.
    async fn lost(&self, sizes: &[SizeListed]) -> anyhow::Result<BTreeSet<u32>> {
        let mut lost = BTreeSet::new();
        for size in sizes {
            if !self.store.has(size.id).await? {
                lost.insert(size.width);
            }
        }
        Ok(lost)
    }

    /// The image first, then its sizes: none is ever without it.
    async fn bring(&self, image: plan::Image) -> anyhow::Result<Option<Done>> {
        let plan::Image {
            content,
            source,
            sizes,
            placeholder,
        } = image;
        let (id, record) = Record::of(&content);
        let Some(stored) = self.store.bring(id, &record, &content, source).await? else {
            return Ok(None);
        };
        if let Stored::Refused(reason) = stored {
            return Ok(Some(Done::Refused(reason)));
        }
        let sizes = match sizes {
            None => None,
            Some(sizes) => match self.bring_sizes(sizes).await? {
                None => return Ok(None),
                sizes => sizes,
            },
        };
        Ok(Some(Done::Image(Box::new(done::Image {
            was_there: stored == Stored::Present,
            dimensions: content.dimensions,
            id,
            record,
            placeholder,
            sizes,
        }))))
    }

    async fn bring_sizes(&self, sizes: plan::Sizes) -> anyhow::Result<Option<done::Sizes>> {
        let mut brought = done::Sizes {
            all: sizes.kept,
            reason: sizes.reason,
            ..done::Sizes::default()
        };
        for Size { content, bytes } in sizes.made {
            let (id, record) = Record::of(&content);
            let source = Source::Memory(bytes);
            match self.store.bring(id, &record, &content, source).await? {
                None => return Ok(None),
                Some(Stored::Refused(reason)) => {
                    brought.reason = Some(format!("has a size that {reason}"));
                    continue;
                }
                Some(Stored::Present) => {}
                Some(Stored::New) => {
                    brought.made += 1;
                    brought.made_bytes += record.size_bytes;
                }
            }
            let dimensions = content.dimensions;
            brought
                .all
                .extend(dimensions.map(|dimensions| SizeListed::of(id, &record, dimensions)));
        }
        // Within a width they come as they were made, JPEG or PNG first.
        brought.all.sort_by_key(|size| size.width);
        Ok(Some(brought))
    }

    /// Lists the images, and takes away the sizes that none of them has any more: in this order, so that
    /// the list never tells of what is not there.
    async fn list(
        &self,
        file: &Path,
        pictures: Vec<Picture>,
        options: &SiteOptions,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        if pictures.is_empty() && file.exists() {
            return Ok(());
        }
        let Style { dry_run, .. } = options.style;
        let unlisted: Vec<Uuid> = if dry_run {
            gallery::unlisted_by(file, pictures)?
        } else {
            gallery::add(file, pictures)?
        };
        if unlisted.is_empty() {
            return Ok(());
        }
        let stop = self.store.stop;
        let removal = Removal::new(&self.store.site, false, dry_run);
        let listed = gallery::ids(file)?;
        let all = [unlisted.clone(), listed].concat();
        removal.look_at(all, options.parallel, stop).await?;
        parallel::each(
            unlisted,
            options.parallel,
            stop,
            async |id| {
                removal
                    .remove(id)
                    .await
                    .map(|entry| Some(entry.with_id(id)))
            },
            |_, entry| {
                report.add_removed_size(&entry, entry.outcome == Outcome::Removed);
                Ok(())
            },
        )
        .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_size_is_that_of_the_manifest() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let manifest = std::fs::read_to_string(root.join("spin.toml")).unwrap();

        assert!(manifest.contains(&format!(
            "max_image_bytes = {{ default = \"{DEFAULT_MAX_BYTES}\" }}"
        )));
    }
}
