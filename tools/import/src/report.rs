//! What a command says: of each image, and at its end.

mod entry;
mod sizes;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::printable::{printable, printable_json};
use crate::progress::Progress;
use crate::site::Style;
use crate::stop::{INTERRUPTED, Stop};

pub use entry::{Entry, Outcome, SizesTold};
use sizes::SizesTally;

/// Collects what became of the images.
pub struct Report {
    style: Style,
    /// What can become of them, in the order of the summary.
    outcomes: &'static [Outcome],
    /// How much each of them is of the whole.
    weights: Vec<u64>,
    progress: Progress,
    tally: BTreeMap<Outcome, usize>,
    sizes: SizesTally,
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
            sizes: SizesTally::default(),
            lines: Vec::new(),
        }
    }

    /// # Errors
    /// When standard output is gone.
    pub fn add(&mut self, place: usize, entry: &Entry) -> io::Result<()> {
        let outcome = entry.outcome;
        *self.tally.entry(outcome).or_default() += 1;
        if self.style.json && outcome != Outcome::PassedOver {
            let object = printable_json(&serde_json::to_string(entry)?);
            self.progress
                .aside(|| writeln!(io::stdout().lock(), "{object}"))?;
        }
        let line = printable(&entry.line());
        match outcome {
            Outcome::Sound | Outcome::Served => {}
            Outcome::PassedOver | Outcome::Unverified | Outcome::Skipped => {
                self.progress.say(&line);
            }
            outcome if outcome.is_failure() => self.progress.say(&line),
            _ => self.lines.push((place, line)),
        }
        if let Some(line) = entry.line_of_sizes() {
            self.progress.say(&printable(&line));
        }
        if let Some(sizes) = &entry.sizes {
            self.sizes.add(sizes);
        }
        self.progress.advance(self.weights[place]);
        Ok(())
    }

    /// Of a size that is listed no more.
    pub fn add_removed_size(&mut self, entry: &Entry, is_removed: bool) {
        self.sizes.add_removed(is_removed);
        if entry.outcome.is_failure() {
            self.progress.say(&printable(&entry.line()));
        }
    }

    /// Says how it ended, and what that means for the caller of the program.
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
        } else if self.tally.keys().any(|outcome| outcome.is_failure()) || self.sizes.has_failed() {
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
        // The failure itself is told last, by the caller.
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
        summary["sizes"] = self.sizes.object();
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
        let mut summary = parts.join(", ") + &self.sizes.words();
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
}
