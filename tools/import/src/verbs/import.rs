//! `image-proxy-import FILE|FOLDER…`: image files become objects and records.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::bucket::Upload;
use crate::content::{Accepted, Content, Reading, Source};
use crate::files::{self, Found};
use crate::gallery::{self, Picture};
use crate::parallel;
use crate::record::Record;
use crate::records_route::Put;
use crate::report::{Entry, Outcome, Report};
use crate::site::{Site, SiteOptions};
use crate::stop::Stop;
use crate::storage::given;

/// What the application's variable `max_image_bytes` is by default.
const DEFAULT_MAX_BYTES: u64 = 52_428_800;
/// How long a record may still take once the import is to end.
const GRACE: Duration = Duration::from_secs(5);

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

    fn max_bytes(&self) -> anyhow::Result<u64> {
        match given(self.max_bytes.as_ref()) {
            Some(bytes) => bytes
                .parse()
                .with_context(|| format!("--max-bytes '{bytes}' must be a number of bytes")),
            None => Ok(DEFAULT_MAX_BYTES),
        }
    }
}

/// Imports what `args` names and says what became of it.
///
/// # Errors
/// When storage or the application fail; what was imported before stays.
pub async fn run(args: &Args, options: &SiteOptions, stop: &Stop) -> anyhow::Result<ExitCode> {
    let work = Work {
        site: options.site()?,
        accepted: Arc::new(Accepted::new(args.max_bytes()?, &args.allow_type)?),
        dry_run: options.style.dry_run,
        stop,
        turns: Mutex::default(),
    };
    let gallery = options.gallery();
    // One that cannot be used is not found out about after hours.
    if let Some(file) = gallery.as_deref().filter(|file| file.exists()) {
        gallery::ids(file)?;
    }
    let found = files::find(&args.paths);
    let bytes = found.iter().map(Found::size_bytes).collect();
    let mut report = Report::of_files(&options.style, bytes);
    let mut pictures = Vec::new();
    let outcome = parallel::each(
        found.clone(),
        options.parallel,
        stop,
        |found| work.on_one(found),
        |place, done| {
            let (mut entry, picture) = done.told_of(&found[place], &work.site);
            pictures.extend(picture.map(|picture| (place, picture)));
            entry.path = Some(found[place].file().display().to_string());
            Ok(report.add(place, &entry)?)
        },
    )
    .await;
    pictures.sort_by_key(|(place, _)| *place);
    let pictures = pictures.into_iter().map(|(_, picture)| picture);
    let listed = match gallery {
        Some(file) if !options.style.dry_run => gallery::add(&file, pictures),
        _ => Ok(()),
    };
    report.finish(outcome.and(listed), stop)
}

/// What became of a file.
enum Done {
    /// The application can serve it: it could before, or from now on.
    Image {
        id: Uuid,
        record: Record,
        content: Content,
        was_there: bool,
    },
    /// It is not for the application, for this reason.
    Refused(String),
    /// It is not an image, in a folder that may hold anything.
    PassedOver,
}

struct Work<'a> {
    site: Site,
    accepted: Arc<Accepted>,
    dry_run: bool,
    stop: &'a Stop,
    /// One turn for each object, which is set once it has been taken: the second file of the same bytes
    /// finds what the first one has brought.
    turns: Mutex<HashMap<Uuid, Arc<tokio::sync::Mutex<bool>>>>,
}

impl Work<'_> {
    /// `None` when it was to end early.
    async fn on_one(&self, found: Found) -> anyhow::Result<Option<Done>> {
        let file = found.file().to_owned();
        let (path, accepted) = match found {
            Found::Unreadable(_, reason) => return Ok(Some(Done::Refused(reason))),
            Found::Named(_) | Found::InFolder(_) => (file.clone(), Arc::clone(&self.accepted)),
        };
        let reading = spawn_blocking(move || Reading::of(&path, &accepted));
        let reading = tokio::select! {
            reading = reading => reading,
            () = self.stop.requested() => return Ok(None),
        };
        // A decoder may panic at bytes that nobody has foreseen; the other files are imported all the same.
        let reading = reading.unwrap_or_else(|_| {
            Reading::Refused("cannot be decoded: its decoder failed".to_owned())
        });
        match reading {
            Reading::Image(content, source) => self
                .store(content, source)
                .await
                .with_context(|| format!("cannot import {}", file.display())),
            Reading::Refused(reason) => Ok(Some(Done::Refused(reason))),
            Reading::OtherFile if matches!(found, Found::Named(_)) => Ok(Some(Done::Refused(
                "is not an image of a known type".to_owned(),
            ))),
            Reading::OtherFile => Ok(Some(Done::PassedOver)),
        }
    }

    async fn store(&self, content: Content, source: Source) -> anyhow::Result<Option<Done>> {
        let (id, record) = Record::of(&content);
        let turn = self.turn(id);
        let mut turn = turn.lock().await;
        let is_first = !std::mem::replace(&mut *turn, true);
        let outcome = if self.dry_run {
            self.stop.race(self.look(id, &record, is_first)).await?
        } else {
            self.write(id, &record, &content, source).await?
        };
        Ok(outcome.map(|outcome| match outcome {
            Stored::Refused(reason) => Done::Refused(reason),
            Stored::New | Stored::Present => Done::Image {
                was_there: matches!(outcome, Stored::Present),
                id,
                record,
                content,
            },
        }))
    }

    /// The object first, then its record.
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

/// What became of an image.
enum Stored {
    New,
    Present,
    Refused(String),
}

impl Done {
    fn told_of(self, found: &Found, site: &Site) -> (Entry, Option<Picture>) {
        match self {
            Self::Refused(reason) => (Entry::failed(Outcome::Refused, reason), None),
            Self::PassedOver => (Entry::of(Outcome::PassedOver), None),
            Self::Image {
                id,
                record,
                content,
                was_there,
            } => {
                let outcome = if was_there {
                    Outcome::Present
                } else {
                    Outcome::Imported
                };
                let url = site.application.image_url(id);
                let entry = Entry::of(outcome).with_image(id, &record, url);
                let picture = Picture {
                    id,
                    name: name_of(found.file()),
                    mime_type: record.mime_type,
                    size_bytes: record.size_bytes,
                    dimensions: content.dimensions,
                };
                (entry, Some(picture))
            }
        }
    }
}

fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
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
