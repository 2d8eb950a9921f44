//! Rows and goals as text.

use std::fmt::Write as _;

use crate::direct::Direct;
use crate::goal::Goal;
use crate::report::{Report, Row};

/// Room for the longest name of a subject.
const NAMES: usize = 43;

/// The rows of one network, work and number of connections.
pub fn rows(report: &Report, rows: &[Row]) -> String {
    let mut text = String::new();
    let Some(first) = rows.first() else {
        return text;
    };
    let connections = match first.connections {
        1 => "1 connection".into(),
        several => format!("{several} connections"),
    };
    line(
        &mut text,
        format_args!("\n{}, {}, {connections}", first.network, first.work),
    );
    line(
        &mut text,
        format_args!(
            "  {:<NAMES$}{:>11}{:>7}{:>12}{:>10}{:>7}{:>10}{:>10}{:>9}",
            "",
            "requests/s",
            "ratio",
            "first byte",
            "total ms",
            "ratio",
            "99 % ms",
            "CPU s/GB",
            "peak MB"
        ),
    );
    for row in rows {
        let direct = report.row(row.question(), Direct::NAME);
        let ratio = |figure: fn(&Row) -> f64| direct.map(|direct| figure(row) / figure(direct));
        line(
            &mut text,
            format_args!(
                "  {:<NAMES$}{:>11.1}{:>7}{:>12}{:>10.2}{:>7}{:>10.2}{:>10}{:>9}",
                row.subject,
                row.rate(),
                optional(ratio(Row::rate), 2),
                optional(row.first_byte_ms(), 2),
                row.total_ms(),
                optional(ratio(Row::total_ms), 2),
                row.total_p99_ms(),
                optional(
                    row.cpu_seconds_per_gb()
                        .filter(|_| row.subject != Direct::NAME),
                    2
                ),
                optional(
                    Some(row.peak_bytes())
                        .filter(|bytes| *bytes > 0)
                        .map(megabytes),
                    0
                ),
            ),
        );
    }
    text
}

/// Who took part, and who did not.
pub fn subjects(report: &Report) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("\nstorage: {}", report.storage));
    line(
        &mut text,
        format_args!("hosts: {}", report.hosts.join(", ")),
    );
    for network in &report.networks {
        line(
            &mut text,
            format_args!("{}: {}", network.name, network.description),
        );
    }
    line(
        &mut text,
        format_args!("\n  {:<NAMES$}{:>14}{:>10}", "", "cold start ms", "idle MB"),
    );
    for started in &report.subjects {
        let idle = Some(started.idle_bytes).filter(|bytes| *bytes > 0);
        line(
            &mut text,
            format_args!(
                "  {:<NAMES$}{:>14}{:>10}",
                started.name,
                optional(started.cold_start_ms, 0),
                optional(idle.map(megabytes), 0)
            ),
        );
    }
    for absent in &report.absent {
        line(
            &mut text,
            format_args!("absent: {} ({})", absent.name, absent.reason),
        );
    }
    text
}

/// What was to be reached, and whether it was.
pub fn goals(goals: &[Goal]) -> String {
    let mut text = String::from("\ngoals\n");
    for goal in goals {
        line(
            &mut text,
            format_args!(
                "  {:<75}{:>8} {} {:<7} {}",
                goal.aim,
                optional(goal.measured, 2),
                goal.bound,
                format!("{:.2}", goal.limit),
                goal.verdict()
            ),
        );
    }
    text
}

fn line(text: &mut String, content: std::fmt::Arguments) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{content}");
}

fn optional(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(|| "-".into(), |figure| format!("{figure:.decimals$}"))
}

#[expect(clippy::cast_precision_loss, reason = "terabytes fit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::examples::row;
    use crate::work::Work;

    #[test]
    fn each_subject_has_its_ratio_to_direct_storage() {
        let work = Work::Whole(1_000_000);
        let report = Report {
            rows: vec![
                row("loopback", work, 16, Direct::NAME, 2000.0, 5.0),
                row("loopback", work, 16, "nginx", 1000.0, 10.0),
            ],
            ..Report::default()
        };

        let text = rows(&report, &report.rows);

        let of = |name| {
            text.lines()
                .find(|line| line.contains(name))
                .unwrap_or_default()
        };
        assert!(text.contains("loopback, 1 MB, 16 connections"), "{text}");
        assert!(of("nginx").contains("1000.0   0.50"), "{text}");
        assert!(of("nginx").contains("10.00   2.00"), "{text}");
        assert!(of(Direct::NAME).contains("2000.0   1.00"), "{text}");
    }

    #[test]
    fn a_goal_is_reached_missed_or_not_judged() {
        let goal = |measured: Option<f64>| Goal {
            aim: "speed".into(),
            measured,
            bound: "≤",
            limit: 1.0,
            is_reached: measured.map(|measured| measured <= 1.0),
        };

        let text = goals(&[goal(Some(0.5)), goal(Some(1.5)), goal(None)]);

        let verdicts: Vec<_> = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split("1.00").nth(1))
            .map(str::trim)
            .collect();
        assert_eq!(verdicts, ["reached", "MISSED", "not judged"]);
    }
}
