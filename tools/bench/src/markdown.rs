//! The report as tables that can be pasted into Markdown: `README.md` and `research.md` have them.

use std::fmt::Write as _;

use crate::direct::Direct;
use crate::goal::Goal;
use crate::goals::MEMORY;
use crate::load;
use crate::network::LOOPBACK;
use crate::question::Question;
use crate::report::{Report, Row, Started};
use crate::work::Work;

/// Where processor time for bytes is told.
const BYTES: Question = Question {
    network: LOOPBACK,
    work: Work::Whole(1_000_000),
    connections: 16,
};

/// Everything, with what it was measured on.
pub fn document(report: &Report) -> String {
    let mut parts = vec![measured_on(report)];
    for network in &report.networks {
        let rows = report.rows.iter();
        let rows = rows.filter(|row| row.network == network.name);
        for connections in distinct(rows.map(|row| row.connections)) {
            parts.push(figures(report, network.name, connections));
        }
    }
    parts.push(costs(report));
    parts.push(goals(report));
    parts.join("\n")
}

fn measured_on(report: &Report) -> String {
    let mut text = format!(
        "{}; {}, oha {}\n",
        report.hosts.join(", "),
        report.storage,
        load::VERSION
    );
    for network in &report.networks {
        let _ = writeln!(text, "{}: {}", network.name, network.description);
    }
    for absent in &report.absent {
        let _ = writeln!(text, "absent: {} ({})", absent.name, absent.reason);
    }
    text
}

/// What a table of figures shows.
struct Shown {
    heading: String,
    figure: fn(&Row) -> f64,
    text: fn(f64) -> String,
}

impl Shown {
    /// One connection shows how long an answer takes, several how many there are.
    fn of(connections: u32) -> Self {
        if connections == 1 {
            return Self {
                heading: "one connection, median total time in ms".into(),
                figure: Row::total_ms,
                text: milliseconds,
            };
        }
        Self {
            heading: format!("{connections} connections, requests/s"),
            figure: Row::rate,
            text: rate,
        }
    }

    /// The figure, and its ratio to that of direct storage; nothing where there is none.
    fn cell(&self, row: Option<&Row>, direct: Option<&Row>) -> String {
        let Some(row) = row else {
            return String::new();
        };
        let figure = (self.figure)(row);
        let text = (self.text)(figure);
        match direct {
            Some(direct) if row.subject != Direct::NAME => {
                format!("{text} ({:.2})", figure / (self.figure)(direct))
            }
            _ => text,
        }
    }
}

/// One row for each subject, one column for each work.
fn figures(report: &Report, network: &'static str, connections: u32) -> String {
    let is_here = |row: &&Row| row.network == network && row.connections == connections;
    let rows: Vec<_> = report.rows.iter().filter(is_here).collect();
    let shown = Shown::of(connections);
    let works = distinct(rows.iter().map(|row| row.work));
    let subjects = distinct(rows.iter().map(|row| row.subject.as_str()));
    let line = |subject: &str| {
        let cells = works.iter().map(|work| {
            let question = Question {
                network,
                work: *work,
                connections,
            };
            let direct = report.row(question, Direct::NAME);
            shown.cell(report.row(question, subject), direct)
        });
        std::iter::once(subject.to_owned()).chain(cells).collect()
    };
    let lines = table(
        "",
        works.iter().map(Work::to_string).collect(),
        subjects.into_iter().map(line).collect(),
    );
    format!("{network}, {}:\n\n{lines}", shown.heading)
}

/// What a subject takes besides time.
fn costs(report: &Report) -> String {
    let columns = [
        "cold start, ms",
        "at rest, MB",
        "64 × 50 MB at once, MB",
        "CPU s/GB, 1 MB ×16",
    ];
    let cells = |started: &Started| {
        let name = &started.name;
        let mut memory = report.memory.iter();
        let peak = memory.find(|row| row.question() == MEMORY && row.subject == *name);
        let cpu = report.row(BYTES, name).and_then(Row::cpu_seconds_per_gb);
        vec![
            name.clone(),
            optional(started.cold_start_ms, 0),
            optional(Some(megabytes(started.idle_bytes)), 0),
            optional(peak.map(|row| megabytes(row.peak_bytes())), 0),
            optional(cpu, 2),
        ]
    };
    let servers = report.subjects.iter();
    let servers = servers.filter(|started| started.name != Direct::NAME);
    table(
        "",
        columns.map(str::to_owned).into(),
        servers.map(cells).collect(),
    )
}

fn goals(report: &Report) -> String {
    let columns = ["limit", "measured", ""].map(str::to_owned);
    let cells = |goal: &Goal| {
        vec![
            goal.aim.clone(),
            format!("{} {:.2}", goal.bound, goal.limit),
            optional(goal.measured, 2),
            goal.verdict().to_lowercase(),
        ]
    };
    let lines = report.goals.iter().map(cells).collect();
    table("goal", columns.into(), lines)
}

/// The first cell of each line is its name, under `heading`.
fn table(heading: &str, columns: Vec<String>, lines: Vec<Vec<String>>) -> String {
    let rule = vec!["---".to_owned(); columns.len() + 1];
    let head = [vec![heading.to_owned()], columns].concat();
    let mut text = String::new();
    for line in [head, rule].into_iter().chain(lines) {
        let _ = writeln!(text, "| {} |", line.join(" | "));
    }
    text
}

/// Each once, in the order of their first appearance.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

fn optional(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(String::new, |figure| format!("{figure:.decimals$}"))
}

#[expect(clippy::cast_precision_loss, reason = "terabytes fit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Three digits.
fn milliseconds(figure: f64) -> String {
    match figure {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// At least three digits, and a comma after thousands.
fn rate(figure: f64) -> String {
    match figure {
        1000.0.. => {
            let digits = format!("{figure:.0}");
            let (thousands, rest) = digits.split_at(digits.len() - 3);
            format!("{thousands},{rest}")
        }
        100.0.. => format!("{figure:.0}"),
        _ => format!("{figure:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Network;
    use crate::report::examples::row;

    const COMPONENT: &str = "image-proxy, Spin, key-value";

    fn report(rows: Vec<Row>) -> Report {
        Report {
            hosts: vec!["spin 4.0.2".into()],
            networks: vec![Network {
                name: LOOPBACK,
                description: "within this machine".into(),
            }],
            rows,
            ..Report::default()
        }
    }

    #[test]
    fn it_names_the_spin_that_was_measured() {
        assert!(document(&report(vec![])).starts_with("spin 4.0.2;"));
    }

    #[test]
    fn one_connection_shows_milliseconds_and_their_ratio_to_direct_storage() {
        let work = Work::Whole(10_000);
        let text = document(&report(vec![
            row(LOOPBACK, work, 1, Direct::NAME, 1000.0, 0.5),
            row(LOOPBACK, work, 1, COMPONENT, 500.0, 1.0),
        ]));

        for line in [
            "|  | 10 KB |",
            "| --- | --- |",
            "| direct, presigned | 0.50 |",
            "| image-proxy, Spin, key-value | 1.00 (2.00) |",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }

    #[test]
    fn several_connections_show_requests_per_second_and_what_was_not_asked_is_empty() {
        let (whole, unknown) = (Work::Whole(10_000), Work::UnknownPath);
        let text = document(&report(vec![
            row(LOOPBACK, whole, 16, Direct::NAME, 8703.4, 1.0),
            row(LOOPBACK, whole, 16, COMPONENT, 99.96, 1.0),
            row(LOOPBACK, unknown, 16, COMPONENT, 12_345.0, 1.0),
        ]));

        for line in [
            "|  | 10 KB | unknown path |",
            "| direct, presigned | 8,703 |  |",
            "| image-proxy, Spin, key-value | 100.0 (0.01) | 12,345 |",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
