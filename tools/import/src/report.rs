//! What a command says: of each image, and at its end.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::printable::printable;
use crate::progress::Progress;
use crate::record::Record;
use crate::site::Style;
use crate::stop::{INTERRUPTED, Stop};

/// What became of an image, or of what was taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The application can serve it now, and could not before.
    Imported,
    /// Its object was there, and has a record now.
    Recorded,
    /// Its record is gone.
    Removed,
    /// Its object is as its record says.
    Sound,
    /// Nothing had to be changed.
    Present,
    /// There was no record to take away.
    Absent,
    /// Its object is not as its record says.
    Broken,
    /// It cannot be served.
    Refused,
    /// It is not an image, in a folder that may hold anything.
    PassedOver,
}

impl Outcome {
    /// Those of image files.
    pub const OF_FILES: [Self; 4] = [
        Self::Imported,
        Self::Present,
        Self::Refused,
        Self::PassedOver,
    ];
    /// Those of records for objects that are there.
    pub const OF_RECORDS: [Self; 3] = [Self::Recorded, Self::Present, Self::Refused];
    /// Those of images that are taken away.
    pub const OF_REMOVALS: [Self; 2] = [Self::Removed, Self::Absent];
    /// Those of images that are looked at.
    pub const OF_VERIFICATION: [Self; 2] = [Self::Sound, Self::Broken];

    /// As JSON names it, and as a summary says it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Imported => ("imported", "imported"),
            Self::Recorded => ("recorded", "recorded"),
            Self::Removed => ("removed", "removed"),
            Self::Sound => ("sound", "sound"),
            Self::Present => ("present", "already there"),
            Self::Absent => ("absent", "not there"),
            Self::Broken => ("broken", "broken"),
            Self::Refused => ("refused", "refused"),
            Self::PassedOver => ("passed_over", "passed over"),
        }
    }

    fn is_failure(self) -> bool {
        matches!(self, Self::Absent | Self::Broken | Self::Refused)
    }

    /// Whether a summary says it only where there are some.
    fn is_rare(self) -> bool {
        matches!(self, Self::Refused | Self::PassedOver | Self::Absent)
    }
}

/// What is said of one image. Every entry has all fields, `null` where they say nothing.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The file, or the line of a file, that it came from.
    pub path: Option<PathBuf>,
    outcome: Outcome,
    id: Option<Uuid>,
    url: Option<String>,
    mime_type: Option<String>,
    size_bytes: Option<u64>,
    reason: Option<String>,
}

impl Entry {
    pub fn of(outcome: Outcome) -> Self {
        Self {
            path: None,
            outcome,
            id: None,
            url: None,
            mime_type: None,
            size_bytes: None,
            reason: None,
        }
    }

    /// `reason` goes on where the subject's name ends: "is empty".
    pub fn failed(outcome: Outcome, reason: String) -> Self {
        Self {
            reason: Some(reason),
            ..Self::of(outcome)
        }
    }

    pub fn with_path(self, path: impl Into<PathBuf>) -> Self {
        Self {
            path: Some(path.into()),
            ..self
        }
    }

    pub fn with_id(self, id: Uuid) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    pub fn with_image(self, id: Uuid, record: &Record, url: String) -> Self {
        Self {
            id: Some(id),
            url: Some(url),
            mime_type: Some(record.mime_type.clone()),
            size_bytes: Some(record.size_bytes),
            ..self
        }
    }

    fn subject(&self) -> String {
        match (&self.path, self.id) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(id)) => id.to_string(),
            (None, None) => String::new(),
        }
    }

    /// For a person.
    fn line(&self) -> String {
        let (name, subject) = (self.outcome.words().0, self.subject());
        match self {
            Self {
                reason: Some(reason),
                ..
            } => format!("{name}: {subject} {reason}"),
            Self {
                url: Some(url),
                mime_type: Some(mime_type),
                size_bytes: Some(size),
                ..
            } => format!(
                "{name:8}  {url}  {subject} ({mime_type}, {} kB)",
                size.div_ceil(1000)
            ),
            _ if self.outcome == Outcome::PassedOver => {
                format!("passed over, not an image: {subject}")
            }
            _ => format!("{name}: {subject}"),
        }
    }
}

/// Collects what became of the images.
pub struct Report {
    style: Style,
    /// What can become of them, in the order of the summary.
    outcomes: &'static [Outcome],
    /// How much each of them is of the whole.
    weights: Vec<u64>,
    progress: Progress,
    tally: BTreeMap<Outcome, usize>,
    /// What is said at the end, by the place of the image.
    lines: Vec<(usize, String)>,
}

impl Report {
    /// Of files of so many bytes.
    pub fn of_files(style: &Style, bytes: Vec<u64>) -> Self {
        let progress = Progress::of_bytes(bytes.len(), bytes.iter().sum());
        Self::start(style, &Outcome::OF_FILES, progress, bytes)
    }

    /// Of so many images, of which this can become.
    pub fn of_images(style: &Style, outcomes: &'static [Outcome], count: usize) -> Self {
        Self::start(style, outcomes, Progress::of_images(count), vec![1; count])
    }

    fn start(
        style: &Style,
        outcomes: &'static [Outcome],
        progress: Progress,
        weights: Vec<u64>,
    ) -> Self {
        Self {
            style: style.clone(),
            outcomes,
            progress,
            weights,
            tally: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    /// # Errors
    /// When standard output is gone.
    pub fn add(&mut self, place: usize, entry: &Entry) -> io::Result<()> {
        let outcome = entry.outcome;
        *self.tally.entry(outcome).or_default() += 1;
        if self.style.json && outcome != Outcome::PassedOver {
            let object = serde_json::to_string(entry)?;
            self.progress
                .aside(|| writeln!(io::stdout().lock(), "{object}"))?;
        }
        let line = printable(&entry.line());
        match outcome {
            Outcome::Sound => {}
            Outcome::PassedOver => self.progress.say(&line),
            outcome if outcome.is_failure() => self.progress.say(&line),
            _ => self.lines.push((place, line)),
        }
        self.progress.advance(self.weights[place]);
        Ok(())
    }

    /// Says how it ended, and what that means for whoever called the program.
    ///
    /// # Errors
    /// `outcome`, or when standard output is gone.
    pub fn finish(mut self, outcome: anyhow::Result<()>, stop: &Stop) -> anyhow::Result<ExitCode> {
        self.progress.finish();
        let reason = match &outcome {
            Err(error) => Some(format!("{error:#}")),
            Ok(()) if stop.is_requested() => Some("interrupted".to_owned()),
            Ok(()) => None,
        };
        let told = self.tell(reason.as_deref(), outcome.is_err());
        outcome?;
        told?;
        Ok(if stop.is_requested() {
            ExitCode::from(INTERRUPTED)
        } else if self.tally.keys().any(|outcome| outcome.is_failure()) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn tell(&mut self, reason: Option<&str>, has_failed: bool) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.style.json {
            return writeln!(stdout, "{}", self.summary_object(reason));
        }
        self.lines.sort();
        for (_, line) in &self.lines {
            writeln!(stdout, "{line}")?;
        }
        // The failure itself is told last, by who called.
        let reason = if has_failed { Some("failed") } else { reason };
        writeln!(stdout, "{}", self.summary(reason))
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.tally.get(&outcome).copied().unwrap_or_default()
    }

    fn left_out(&self) -> usize {
        self.weights.len() - self.tally.values().sum::<usize>()
    }

    fn summary_object(&self, reason: Option<&str>) -> Value {
        let mut summary = json!({
            "left_out": self.left_out(),
            "reason": reason,
            "dry_run": self.style.dry_run,
        });
        for outcome in self.outcomes {
            summary[outcome.words().0] = self.count(*outcome).into();
        }
        json!({"summary": summary})
    }

    fn summary(&self, reason: Option<&str>) -> String {
        let counted = self.outcomes.iter().map(|&outcome| {
            let is_shown = !outcome.is_rare() || self.count(outcome) > 0;
            is_shown.then(|| format!("{} {}", self.count(outcome), outcome.words().1))
        });
        let left_out = match self.left_out() {
            0 => None,
            count => Some(format!("{count} left out")),
        };
        let parts: Vec<_> = counted.chain([left_out]).flatten().collect();
        let mut summary = parts.join(", ");
        if let Some(reason) = reason {
            summary = format!("{summary} ({reason})");
        }
        if self.style.dry_run {
            summary = format!("dry run, nothing was changed: {summary}");
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(count: usize, dry_run: bool) -> Report {
        let style = Style {
            json: false,
            dry_run,
        };
        Report::of_files(&style, vec![1; count])
    }

    fn image(outcome: Outcome) -> Entry {
        let record = Record {
            storage_key: "k".to_owned(),
            mime_type: "image/png".to_owned(),
            hash: "h".to_owned(),
            size_bytes: 42,
        };
        let url = "http://127.0.0.1:3000/x".to_owned();
        Entry::of(outcome).with_image(Uuid::from_u128(1), &record, url)
    }

    #[test]
    fn each_outcome_is_an_object_of_the_same_fields() {
        let id = "00000000-0000-0000-0000-000000000001";
        for (entry, expected) in [
            (
                image(Outcome::Imported).with_path("a"),
                json!({
                    "path": "a", "outcome": "imported", "id": id,
                    "url": "http://127.0.0.1:3000/x", "mime_type": "image/png",
                    "size_bytes": 42, "reason": null,
                }),
            ),
            (
                Entry::failed(Outcome::Refused, "is empty".to_owned()).with_path("a"),
                json!({
                    "path": "a", "outcome": "refused", "id": null, "url": null,
                    "mime_type": null, "size_bytes": null, "reason": "is empty",
                }),
            ),
            (
                Entry::of(Outcome::PassedOver),
                json!({
                    "path": null, "outcome": "passed_over", "id": null, "url": null,
                    "mime_type": null, "size_bytes": null, "reason": null,
                }),
            ),
        ] {
            assert_eq!(json!(entry), expected);
        }
    }

    #[test]
    fn json_and_the_tally_name_an_outcome_alike() {
        for outcome in Outcome::OF_FILES
            .into_iter()
            .chain(Outcome::OF_VERIFICATION)
        {
            assert_eq!(json!(outcome), outcome.words().0);
        }
    }

    #[test]
    fn the_summary_counts_every_image_and_says_why_some_are_left_out() {
        for (outcomes, reason, dry_run, expected) in [
            (
                &[Outcome::Imported, Outcome::Present, Outcome::Present][..],
                None,
                false,
                "1 imported, 2 already there",
            ),
            (
                &[Outcome::Present, Outcome::Present, Outcome::Refused],
                None,
                true,
                "dry run, nothing was changed: 0 imported, 2 already there, 1 refused",
            ),
            (
                &[Outcome::Imported],
                Some("interrupted"),
                false,
                "1 imported, 0 already there, 2 left out (interrupted)",
            ),
        ] {
            let mut report = report(3, dry_run);
            for outcome in outcomes {
                *report.tally.entry(*outcome).or_default() += 1;
            }

            assert_eq!(report.summary(reason), expected);
        }
    }

    #[test]
    fn a_line_names_the_image_and_what_became_of_it() {
        for (entry, expected) in [
            (
                image(Outcome::Imported).with_path("a.png"),
                "imported  http://127.0.0.1:3000/x  a.png (image/png, 1 kB)",
            ),
            (
                Entry::failed(Outcome::Refused, "is empty".to_owned()).with_path("a.png"),
                "refused: a.png is empty",
            ),
            (
                Entry::of(Outcome::PassedOver).with_path("a.txt"),
                "passed over, not an image: a.txt",
            ),
            (
                Entry::of(Outcome::Absent).with_id(Uuid::from_u128(1)),
                "absent: 00000000-0000-0000-0000-000000000001",
            ),
        ] {
            assert_eq!(entry.line(), expected);
        }
    }
}
