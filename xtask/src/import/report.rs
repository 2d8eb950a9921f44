//! What an import says: of each file, and at its end.

use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::files::Found;
use super::progress::Progress;
use super::{Imported, Outcome};

/// How to say it.
#[derive(Debug, Clone)]
pub struct Style {
    /// One JSON object a file, and one at the end, on standard output.
    pub json: bool,
    /// Nothing was changed.
    pub dry_run: bool,
    /// Where the application answers, without a slash at its end.
    pub origin: String,
}

/// How an import ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All files are through.
    Complete,
    /// It was asked to stop.
    Interrupted,
    /// Storage or the database failed, like this.
    Failed(String),
}

/// Collects what became of the files.
pub struct Report<'a> {
    style: Style,
    files: &'a [Found],
    progress: Progress,
    tally: Tally,
    /// By the place of their file.
    images: Vec<(usize, Imported, bool)>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Tally {
    imported: usize,
    present: usize,
    refused: usize,
    passed_over: usize,
}

impl<'a> Report<'a> {
    pub fn start(style: Style, files: &'a [Found]) -> Self {
        let bytes = files.iter().map(Found::size_bytes).sum();
        Self {
            style,
            files,
            progress: Progress::start(files.len(), bytes),
            tally: Tally::default(),
            images: Vec::new(),
        }
    }

    /// # Errors
    /// When standard output is gone.
    pub fn add(&mut self, place: usize, outcome: Outcome) -> io::Result<()> {
        let found = &self.files[place];
        let file = found.file();
        if self.style.json
            && let Some(object) = self.object(file, &outcome)
        {
            self.progress
                .aside(|| writeln!(io::stdout().lock(), "{object}"))?;
        }
        match outcome {
            Outcome::Imported(image) => {
                self.tally.imported += 1;
                self.images.push((place, image, true));
            }
            Outcome::Present(image) => {
                self.tally.present += 1;
                self.images.push((place, image, false));
            }
            Outcome::Refused(reason) => {
                self.tally.refused += 1;
                self.progress
                    .say(&format!("refused: {} {reason}", file.display()));
            }
            Outcome::PassedOver => {
                self.tally.passed_over += 1;
                self.progress
                    .say(&format!("passed over, not an image: {}", file.display()));
            }
        }
        self.progress.advance(found.size_bytes());
        Ok(())
    }

    /// The images, in the order of their files.
    pub fn images(&mut self) -> impl Iterator<Item = &Imported> {
        self.images.sort_by_key(|(place, ..)| *place);
        self.images.iter().map(|(_, image, _)| image)
    }

    pub fn has_refused(&self) -> bool {
        self.tally.refused > 0
    }

    /// Says how it ended.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn finish(&mut self, ending: &Ending) -> io::Result<()> {
        self.progress.finish();
        let mut stdout = io::stdout().lock();
        if self.style.json {
            return writeln!(stdout, "{}", self.summary_object(ending));
        }
        self.images.sort_by_key(|(place, ..)| *place);
        for (_, image, is_new) in &self.images {
            writeln!(
                stdout,
                "{}  {}  {} ({}, {} kB)",
                if *is_new { "imported" } else { "present " },
                self.url(image),
                image.file.display(),
                image.mime_type,
                image.size_bytes.div_ceil(1000)
            )?;
        }
        writeln!(stdout, "{}", self.summary(ending))
    }

    fn url(&self, image: &Imported) -> String {
        format!("{}{}", self.style.origin, image.path())
    }

    fn object(&self, file: &Path, outcome: &Outcome) -> Option<Value> {
        let (name, image, reason) = match outcome {
            Outcome::Imported(image) => ("imported", Some(image), None),
            Outcome::Present(image) => ("present", Some(image), None),
            Outcome::Refused(reason) => ("refused", None, Some(reason)),
            Outcome::PassedOver => return None,
        };
        Some(json!({
            "path": file.to_string_lossy(),
            "outcome": name,
            "id": image.map(|image| image.id),
            "url": image.map(|image| self.url(image)),
            "reason": reason,
        }))
    }

    fn left(&self) -> usize {
        let Tally {
            imported,
            present,
            refused,
            passed_over,
        } = self.tally;
        self.files.len() - imported - present - refused - passed_over
    }

    fn summary_object(&self, ending: &Ending) -> Value {
        let reason = match ending {
            Ending::Complete => None,
            Ending::Interrupted => Some("interrupted"),
            Ending::Failed(error) => Some(error.as_str()),
        };
        json!({"summary": {
            "imported": self.tally.imported,
            "present": self.tally.present,
            "refused": self.tally.refused,
            "passed_over": self.tally.passed_over,
            "left_out": self.left(),
            "reason": reason,
            "dry_run": self.style.dry_run,
        }})
    }

    fn summary(&self, ending: &Ending) -> String {
        let Tally {
            imported,
            present,
            refused,
            passed_over,
        } = self.tally;
        let mut parts = vec![
            format!("{imported} imported"),
            format!("{present} already there"),
        ];
        let rare = [
            (refused, "refused"),
            (passed_over, "passed over"),
            (self.left(), "left out"),
        ];
        parts.extend(
            rare.iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}")),
        );
        let mut summary = parts.join(", ");
        match ending {
            Ending::Complete => {}
            Ending::Interrupted => summary.push_str(" (interrupted)"),
            // The error itself is told last.
            Ending::Failed(_) => summary.push_str(" (failed)"),
        }
        if self.style.dry_run {
            summary = format!("dry run, nothing was changed: {summary}");
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn image(file: &str) -> Imported {
        Imported {
            id: Uuid::from_u128(1),
            file: file.into(),
            mime_type: "image/png",
            size_bytes: 42,
            dimensions: None,
        }
    }

    fn report(files: &[Found], dry_run: bool) -> Report<'_> {
        let style = Style {
            json: false,
            dry_run,
            origin: "http://127.0.0.1:3000".to_owned(),
        };
        Report::start(style, files)
    }

    #[test]
    fn each_outcome_is_an_object_of_the_same_fields() {
        let report = report(&[], false);
        let id = "00000000-0000-0000-0000-000000000001";
        let url = format!("http://127.0.0.1:3000/api/v1/images/{id}/file");
        let (of_image, none) = (json!([id, url, null]), json!([null, null, "is empty"]));
        for (outcome, name, rest) in [
            (Outcome::Imported(image("a")), "imported", &of_image),
            (Outcome::Present(image("a")), "present", &of_image),
            (Outcome::Refused("is empty".to_owned()), "refused", &none),
        ] {
            let object = report.object(Path::new("a"), &outcome);

            assert_eq!(
                object,
                Some(json!({
                    "path": "a", "outcome": name,
                    "id": rest[0], "url": rest[1], "reason": rest[2],
                }))
            );
        }
    }

    #[test]
    fn the_summary_counts_every_file_and_says_why_some_are_left_out() {
        let files = ["a", "b", "c"].map(|name| Found::Named(name.into()));
        let tally = |imported, present, refused| Tally {
            imported,
            present,
            refused,
            passed_over: 0,
        };
        for (tally, ending, dry_run, expected) in [
            (
                tally(1, 2, 0),
                Ending::Complete,
                false,
                "1 imported, 2 already there",
            ),
            (
                tally(0, 2, 1),
                Ending::Complete,
                true,
                "dry run, nothing was changed: 0 imported, 2 already there, 1 refused",
            ),
            (
                tally(1, 0, 0),
                Ending::Interrupted,
                false,
                "1 imported, 0 already there, 2 left out (interrupted)",
            ),
        ] {
            let mut report = report(&files, dry_run);
            report.tally = tally;

            assert_eq!(report.summary(&ending), expected);
        }
    }
}
