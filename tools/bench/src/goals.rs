//! What was to be reached, and whether it was.

use crate::component;
use crate::direct::Direct;
use crate::measure::Question;
use crate::network::{LAN, LOOPBACK};
use crate::peers::{FastApi, S3Proxy};
use crate::report::{Goal, Report, Row};
use crate::work::{Work, size};
use xtask::host::Kind;

/// Most bytes that the component may have.
const MOST_COMPONENT_BYTES: u64 = 600_000;
/// Most memory that 64 downloads of 50 MB may add, in bytes.
const MOST_ADDED_MEMORY: u64 = 64 << 20;

/// What is asked to see how much memory a server takes.
pub const MEMORY: Question = Question {
    network: LOOPBACK,
    work: Work::Whole(50_000_000),
    connections: 64,
};

/// All goals, for the component on `host`, as far as the sizes of the report go.
pub fn judge(report: &Report, host: Kind, sizes: &[u64]) -> Vec<Goal> {
    let judge = Judge {
        report,
        subject: component::name(host),
    };
    let mut goals = Vec::new();
    for bytes in sizes {
        goals.push(judge.total_over_the_lan(*bytes));
    }
    for bytes in sizes.iter().filter(|bytes| **bytes >= 1_000_000) {
        goals.push(judge.throughput(*bytes));
    }
    goals.push(judge.ahead_of_fastapi());
    for bytes in sizes {
        goals.push(judge.ahead_of_s3_proxy(*bytes));
    }
    for bytes in sizes {
        goals.push(judge.no_step(*bytes));
    }
    goals.push(judge.memory());
    goals.push(judge.not_modified());
    #[expect(clippy::cast_precision_loss, reason = "kilobytes fit")]
    let (component, limit) = (
        report.component_bytes as f64 / 1e3,
        MOST_COMPONENT_BYTES as f64 / 1e3,
    );
    goals.push(Goal::at_most(
        "size of the component, kB".into(),
        Some(component),
        limit,
    ));
    goals
}

struct Judge<'a> {
    report: &'a Report,
    subject: &'a str,
}

impl Judge<'_> {
    /// How much of `figure` the component has for one of another subject's.
    fn ratio(
        &self,
        network: &str,
        work: Work,
        connections: u32,
        to: &str,
        figure: impl Fn(&Row) -> f64,
    ) -> Option<f64> {
        let of = |subject| {
            self.report
                .row(network, work, connections, subject)
                .map(&figure)
        };
        Some(of(self.subject)? / of(to)?)
    }

    fn total_over_the_lan(&self, bytes: u64) -> Goal {
        let limit = if bytes < 1_000_000 { 1.20 } else { 1.05 };
        let measured = self.ratio(LAN, Work::Whole(bytes), 1, Direct::NAME, Row::total_ms);
        Goal::at_most(
            format!(
                "LAN, {}, 1 connection: median total time, of direct",
                size(bytes)
            ),
            measured,
            limit,
        )
    }

    fn throughput(&self, bytes: u64) -> Goal {
        let measured = self.ratio(LOOPBACK, Work::Whole(bytes), 16, Direct::NAME, Row::rate);
        Goal::at_least(
            format!(
                "loopback, {}, 16 connections: throughput, of direct",
                size(bytes)
            ),
            measured,
            0.75,
        )
    }

    fn ahead_of_fastapi(&self) -> Goal {
        let work = Work::Whole(100_000);
        let measured = self.ratio(LOOPBACK, work, 16, FastApi::SHARED, Row::rate);
        Goal::at_least(
            format!(
                "loopback, {work}, 16 connections: throughput, of {}",
                FastApi::SHARED
            ),
            measured,
            8.0,
        )
    }

    fn ahead_of_s3_proxy(&self, bytes: u64) -> Goal {
        let measured = self.ratio(LOOPBACK, Work::Whole(bytes), 16, S3Proxy::NAME, Row::rate);
        Goal::at_least(
            format!(
                "loopback, {}, 16 connections: throughput, of {}",
                size(bytes),
                S3Proxy::NAME
            ),
            measured,
            1.0,
        )
    }

    fn no_step(&self, bytes: u64) -> Goal {
        let row = self
            .report
            .row(LOOPBACK, Work::Whole(bytes), 1, self.subject);
        let measured = row.map(|row| row.total_p99_ms() / row.total_ms());
        Goal::at_most(
            format!(
                "loopback, {}, 1 connection: slowest of a hundred, of the median",
                size(bytes)
            ),
            measured,
            10.0,
        )
    }

    fn memory(&self) -> Goal {
        let started = self
            .report
            .subjects
            .iter()
            .find(|started| started.name == self.subject);
        let mut rows = self.report.memory.iter();
        let row = rows.find(|row| row.subject == self.subject);
        let added = started
            .zip(row)
            .map(|(started, row)| row.peak_bytes().saturating_sub(started.idle_bytes));
        #[expect(clippy::cast_precision_loss, reason = "megabytes fit")]
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        Goal::at_most(
            "50 MB, 64 connections, nothing before: memory beyond idle, MiB".into(),
            added.map(mebibytes),
            mebibytes(MOST_ADDED_MEMORY),
        )
    }

    fn not_modified(&self) -> Goal {
        let rate = |work| {
            self.report
                .row(LOOPBACK, work, 16, self.subject)
                .map(Row::rate)
        };
        let measured = rate(Work::NotModified).zip(rate(Work::Whole(10_000)));
        Goal::at_least(
            "loopback, 16 connections: rate of 304, of that of 10 KB".into(),
            measured.map(|(unchanged, whole)| unchanged / whole),
            3.0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::examples::row;

    fn goals(rows: Vec<Row>) -> Vec<Goal> {
        let report = Report {
            rows,
            ..Report::default()
        };
        judge(&report, Kind::Embedded, &[10_000, 1_000_000])
    }

    fn find<'a>(goals: &'a [Goal], words: &str) -> &'a Goal {
        let found = goals.iter().find(|goal| goal.aim.contains(words));
        found.unwrap_or_else(|| panic!("{words}: {goals:?}"))
    }

    #[test]
    fn the_lan_s_limit_is_twenty_percent_and_from_a_megabyte_on_five() {
        let subject = component::name(Kind::Embedded);
        let rows = [(10_000, 1.19), (1_000_000, 1.06)].map(|(bytes, total)| {
            let work = Work::Whole(bytes);
            [
                row(LAN, work, 1, Direct::NAME, 1.0, 1.0),
                row(LAN, work, 1, subject, 1.0, total),
            ]
        });

        let goals = goals(rows.into_iter().flatten().collect());

        assert_eq!(find(&goals, "LAN, 10 KB").is_reached, Some(true));
        assert_eq!(find(&goals, "LAN, 1 MB").is_reached, Some(false));
    }

    #[test]
    fn what_was_not_measured_is_neither_reached_nor_missed() {
        let goals = goals(vec![]);

        let memory = find(&goals, "memory");
        assert_eq!((memory.measured, memory.is_reached), (None, None));
    }

    #[test]
    fn a_304_has_to_be_three_times_as_fast_as_an_image_of_10_kb() {
        let subject = component::name(Kind::Embedded);
        let rows = |rate| {
            vec![
                row(LOOPBACK, Work::NotModified, 16, subject, rate, 1.0),
                row(LOOPBACK, Work::Whole(10_000), 16, subject, 100.0, 1.0),
            ]
        };

        assert_eq!(find(&goals(rows(301.0)), "304").is_reached, Some(true));
        assert_eq!(find(&goals(rows(299.0)), "304").is_reached, Some(false));
    }
}
