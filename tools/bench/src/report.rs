//! What was measured: one row for each subject, work, number of connections and network.

use serde::Serialize;

use crate::goal::Goal;
use crate::load::Figures;
use crate::question::Question;
use crate::work::Work;

/// Everything that one run has measured.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// What it ran on.
    pub storage: String,
    /// What ran the component: names and versions.
    pub hosts: Vec<String>,
    /// The networks that it ran over.
    pub networks: Vec<Network>,
    /// The subjects that took part.
    pub subjects: Vec<Started>,
    /// What did not, and why.
    pub absent: Vec<Absent>,
    /// Size of the component, in bytes.
    pub component_bytes: u64,
    /// Memory for the largest images at the most connections, of servers that had done nothing else:
    /// a heap keeps what other loads have left.
    pub memory: Vec<Row>,
    /// The measurements.
    pub rows: Vec<Row>,
    /// What was to be reached, and whether it was.
    pub goals: Vec<Goal>,
}

/// A network.
#[derive(Debug, Clone, Serialize)]
pub struct Network {
    /// Its short name.
    pub name: &'static str,
    /// How it is made.
    pub description: String,
}

/// A subject that runs.
#[derive(Debug, Clone, Serialize)]
pub struct Started {
    /// Its name.
    pub name: String,
    /// From its start to the first byte of an image of 10 KB, in milliseconds, median; none for
    /// storage. What it keeps of earlier starts it has.
    pub cold_start_ms: Option<f64>,
    /// Memory that was resident before any load, in bytes.
    pub idle_bytes: u64,
}

/// Something that was to be measured and could not.
#[derive(Debug, Serialize)]
pub struct Absent {
    /// What.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// One subject at one work.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Name of the network.
    pub network: &'static str,
    /// What was asked for.
    #[serde(serialize_with = "shown")]
    pub work: Work,
    /// On how many connections at once.
    pub connections: u32,
    /// Who was asked.
    pub subject: String,
    /// Each turn.
    pub turns: Vec<Turn>,
}

/// A turn: load for a while, and what it took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Turn {
    /// What the client saw.
    #[serde(flatten)]
    pub figures: Figures,
    /// Processor time of the subject, in seconds.
    pub cpu_seconds: f64,
    /// Processor time of storage, in seconds.
    pub storage_cpu_seconds: f64,
    /// Most memory of the subject that was resident, in bytes.
    pub peak_bytes: u64,
}

impl Absent {
    /// Something of this name, and why it is absent.
    pub fn new(name: &str, error: &anyhow::Error) -> Self {
        Self {
            name: name.into(),
            reason: format!("{error:#}"),
        }
    }
}

fn shown<S: serde::Serializer>(work: &Work, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(work)
}

impl Report {
    /// The row of a subject, where it was measured.
    pub fn row(&self, question: Question, subject: &str) -> Option<&Row> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.question() == question && row.subject == subject)
    }

    /// Memory of a subject that had done nothing else, beyond that at rest, in MiB.
    pub fn added_mebibytes(&self, subject: &str) -> Option<f64> {
        let started = self.subjects.iter().find(|started| started.name == subject);
        let row = self.memory.iter().find(|row| row.subject == subject);
        let added = row?.peak_bytes().saturating_sub(started?.idle_bytes);
        #[expect(clippy::cast_precision_loss, reason = "megabytes fit")]
        let mebibytes = added as f64 / f64::from(1 << 20);
        Some(mebibytes)
    }
}

impl Row {
    /// What was asked.
    pub fn question(&self) -> Question {
        Question {
            network: self.network,
            work: self.work,
            connections: self.connections,
        }
    }

    /// Answers in a second.
    pub fn rate(&self) -> f64 {
        self.median(|turn| turn.figures.requests_per_second)
    }

    /// Milliseconds to the end of an answer.
    pub fn total_ms(&self) -> f64 {
        self.median(|turn| turn.figures.total_ms)
    }

    /// The same of the slowest of a hundred.
    pub fn total_p99_ms(&self) -> f64 {
        self.median(|turn| turn.figures.total_p99_ms)
    }

    /// Milliseconds to the first byte of an answer.
    pub fn first_byte_ms(&self) -> Option<f64> {
        let all = self.turns.iter().map(|turn| turn.figures.first_byte_ms);
        all.collect::<Option<Vec<_>>>().map(median)
    }

    /// Processor seconds of the subject for 10^9 bytes; none where no bytes came.
    pub fn cpu_seconds_per_gb(&self) -> Option<f64> {
        let bytes = self.work.bytes();
        (bytes > 0).then(|| {
            self.median(|turn| {
                #[expect(clippy::cast_precision_loss, reason = "terabytes fit")]
                let gigabytes = (turn.figures.requests * bytes) as f64 / 1e9;
                turn.cpu_seconds / gigabytes
            })
        })
    }

    /// The most of all turns, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        let peaks = self.turns.iter().map(|turn| turn.peak_bytes);
        peaks.max().unwrap_or_default()
    }

    fn median(&self, of: impl Fn(&Turn) -> f64) -> f64 {
        median(self.turns.iter().map(of).collect())
    }
}

/// The middle one; of an even number, the mean of the middle two. No numbers have none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let (middle, count) = (numbers.len() / 2, numbers.len());
    match count {
        0 => f64::NAN,
        _ if count % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

#[cfg(test)]
pub mod examples {
    use super::*;

    /// A row whose turns were all alike.
    pub fn row(
        network: &'static str,
        work: Work,
        connections: u32,
        subject: &str,
        rate: f64,
        total_ms: f64,
    ) -> Row {
        let figures = Figures {
            requests: 100,
            seconds: 1.0,
            requests_per_second: rate,
            first_byte_ms: Some(total_ms / 2.0),
            total_ms,
            total_p99_ms: total_ms * 3.0,
        };
        let turn = Turn {
            figures,
            cpu_seconds: 0.5,
            storage_cpu_seconds: 0.5,
            peak_bytes: 50_000_000,
        };
        Row {
            network,
            work,
            connections,
            subject: subject.into(),
            turns: vec![turn; 3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted_numbers() {
        for (numbers, middle) in [
            (vec![3.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 2.0, 3.0], 2.5),
            (vec![7.0], 7.0),
        ] {
            assert!(
                (median(numbers.clone()) - middle).abs() < 1e-9,
                "{numbers:?}"
            );
        }
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn processor_time_is_told_for_the_bytes_that_came() {
        let whole = examples::row("loopback", Work::Whole(1_000_000), 1, "direct", 1.0, 1.0);
        let unchanged = examples::row("loopback", Work::NotModified, 1, "direct", 1.0, 1.0);

        // Half a second for 100 times 1 MB.
        assert_eq!(whole.cpu_seconds_per_gb().map(f64::round), Some(5.0));
        assert_eq!(unchanged.cpu_seconds_per_gb(), None);
    }
}
