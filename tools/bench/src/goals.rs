//! What is to be reached, and whether it was.

mod aim;
mod newer;

use crate::component::Setup;
use crate::direct::Direct;
use crate::empty;
use crate::goal::Goal;
use crate::network::{LAN, LOOPBACK};
use crate::question::Question;
use crate::report::{Report, Row};
use crate::size::size;
use crate::work::{SIZES, Work};
pub use aim::Aim;
use aim::Figure;
use xtask::host::Kind;
use xtask::metadata_store::MetadataStore;
use xtask::wasi::Chosen;

/// Most kilobytes that the component may have.
const MOST_KILOBYTES: f64 = 580.0;

/// Most memory that 64 downloads of 50 MB may add, in MiB.
const MOST_ADDED_MEBIBYTES: f64 = 64.0;

/// Most that the slowest of a hundred may take, of the median.
const MOST_TAIL: f64 = 3.0;

/// What is asked to see how much memory a server takes.
pub const MEMORY: Question = Question {
    network: LOOPBACK,
    work: Work::Whole(50_000_000),
    connections: 64,
};

/// All goals, for the component on `host`; where both are measured, also those of the one for WASI 0.3.
pub fn aims(host: Kind, wasi: Chosen) -> Vec<Aim> {
    // Images are judged with records in key-value; SQLite's are in the tables beside them.
    let [served, sqlite] =
        [MetadataStore::KeyValue, MetadataStore::Sqlite].map(|records| Setup::with(host, records));
    let mut aims = match wasi {
        Chosen::Both => newer::aims(served, sqlite),
        Chosen::V0_2 | Chosen::V0_3 => Vec::new(),
    };
    aims.extend(over_the_lan(served));
    aims.extend(images_on_loopback(served));
    aims.extend(without_storage(served, sqlite));
    aims.extend(SIZES.map(|bytes| tail(bytes, served)));
    aims.push(Aim {
        what: "50 MB, 64 connections, nothing before: memory beyond idle, MiB".into(),
        figure: Figure::AddedMemory {
            subject: served.to_string(),
        },
        bound: Goal::at_most,
        limit: MOST_ADDED_MEBIBYTES,
    });
    aims.push(Aim {
        what: "size of the component, kB".into(),
        figure: Figure::Kilobytes,
        bound: Goal::at_most,
        limit: MOST_KILOBYTES,
    });
    aims
}

/// How long an image takes, kept and from storage.
fn over_the_lan(served: Setup) -> Vec<Aim> {
    let kept = served.keeping_images();
    let limits = [
        (10_000, kept, 1.00),
        (100_000, kept, 1.10),
        (10_000, served, 1.70),
        (100_000, served, 1.40),
        (1_000_000, served, 1.10),
        (10_000_000, served, 1.02),
    ];
    let aims = limits.map(|(bytes, setup, limit)| total_over_the_lan(bytes, setup, limit));
    aims.into()
}

/// How many images come in a second, kept and from storage.
fn images_on_loopback(served: Setup) -> [Aim; 3] {
    let limits = [
        (10_000, served.keeping_images(), 0.80),
        (10_000, served, 0.35),
        (1_000_000, served, 0.55),
    ];
    limits.map(|(bytes, setup, limit)| {
        let what = format!("{}, {}", size(bytes), way(setup));
        let direct = ("direct", Direct::NAME.into());
        throughput(&what, Work::Whole(bytes), setup, direct, limit)
    })
}

/// How much of what the host can do at all is left of answers that ask no storage.
fn without_storage(key_value: Setup, sqlite: Setup) -> [Aim; 3] {
    let limits = [
        ("unknown path", Work::UnknownPath, key_value, 0.80),
        ("304 from key-value", Work::NotModified, key_value, 0.60),
        ("304 from SQLite", Work::NotModified, sqlite, 0.35),
    ];
    limits.map(|(what, work, setup, limit)| {
        let empty = ("the empty component", empty::name(setup.host));
        throughput(what, work, setup, empty, limit)
    })
}

/// How an image is served.
fn way(setup: Setup) -> &'static str {
    if setup.keeps_images {
        "kept"
    } else {
        "from storage"
    }
}

fn total_over_the_lan(bytes: u64, setup: Setup, limit: f64) -> Aim {
    let (size, way) = (size(bytes), way(setup));
    Aim {
        what: format!("LAN ×1, {size}, {way}: median total time, of direct"),
        figure: Figure::Ratio {
            question: Question {
                network: LAN,
                work: Work::Whole(bytes),
                connections: 1,
            },
            of: Row::total_ms,
            subject: setup.to_string(),
            to: Direct::NAME.into(),
        },
        bound: Goal::at_most,
        limit,
    }
}

fn throughput(
    what: &str,
    work: Work,
    setup: Setup,
    (other, to): (&str, String),
    limit: f64,
) -> Aim {
    Aim {
        what: format!("loopback ×16, {what}: throughput, of {other}"),
        figure: Figure::Ratio {
            question: Question {
                network: LOOPBACK,
                work,
                connections: 16,
            },
            of: Row::rate,
            subject: setup.to_string(),
            to,
        },
        bound: Goal::at_least,
        limit,
    }
}

fn tail(bytes: u64, setup: Setup) -> Aim {
    Aim {
        what: format!(
            "loopback ×1, {}: slowest of a hundred, of the median",
            size(bytes)
        ),
        figure: Figure::Tail {
            question: Question {
                network: LOOPBACK,
                work: Work::Whole(bytes),
                connections: 1,
            },
            subject: setup.to_string(),
        },
        bound: Goal::at_most,
        limit: MOST_TAIL,
    }
}

/// What has been reached of `aims`.
pub fn judge(aims: &[Aim], report: &Report) -> Vec<Goal> {
    aims.iter().map(|aim| aim.judge(report)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::examples::row;

    fn judged(rows: Vec<Row>) -> Vec<Goal> {
        let report = Report {
            rows,
            ..Report::default()
        };
        judge(&aims(Kind::Spin, Chosen::V0_2), &report)
    }

    fn find<'a>(goals: &'a [Goal], words: &str) -> &'a Goal {
        let found = goals.iter().find(|goal| goal.aim.contains(words));
        found.unwrap_or_else(|| panic!("{words}: {goals:?}"))
    }

    #[test]
    fn a_kept_image_of_10_kb_has_to_come_as_soon_as_from_storage_itself_over_the_lan() {
        let served = Setup::with(Kind::Spin, MetadataStore::KeyValue);
        let kept = served.keeping_images().to_string();
        let rows = |of_kept| {
            let row = |subject: &str, total| row(LAN, Work::Whole(10_000), 1, subject, 1.0, total);
            vec![
                row(Direct::NAME, 1.0),
                row(&kept, of_kept),
                row(&served.to_string(), 1.69),
            ]
        };

        for (of_kept, is_reached) in [(0.99, true), (1.01, false)] {
            let goals = judged(rows(of_kept));

            let kept = find(&goals, "LAN ×1, 10 KB, kept").is_reached;
            assert_eq!(kept, Some(is_reached), "{of_kept}");
            let served = find(&goals, "LAN ×1, 10 KB, from storage");
            assert_eq!(served.is_reached, Some(true));
        }
    }

    #[test]
    fn what_asks_no_storage_is_held_against_the_empty_component_of_the_same_host() {
        let setup = |records| Setup::with(Kind::Spin, records).to_string();
        let row = |work, subject: &str, rate| row(LOOPBACK, work, 16, subject, rate, 1.0);
        let goals = judged(vec![
            row(Work::UnknownPath, &empty::name(Kind::Spin), 100.0),
            row(Work::UnknownPath, &setup(MetadataStore::KeyValue), 79.0),
            row(Work::NotModified, &empty::name(Kind::Spin), 100.0),
            row(Work::NotModified, &setup(MetadataStore::KeyValue), 61.0),
            row(Work::NotModified, &setup(MetadataStore::Sqlite), 34.0),
        ]);

        for (words, is_reached) in [
            ("unknown path", false),
            ("304 from key-value", true),
            ("304 from SQLite", false),
        ] {
            assert_eq!(find(&goals, words).is_reached, Some(is_reached), "{words}");
        }
    }

    #[test]
    fn the_slowest_of_a_hundred_may_take_three_times_the_median() {
        let served = Setup::with(Kind::Spin, MetadataStore::KeyValue).to_string();

        // Its slowest of a hundred takes 3.0 times the median.
        let goals = judged(vec![row(
            LOOPBACK,
            Work::Whole(10_000),
            1,
            &served,
            1.0,
            1.0,
        )]);

        assert_eq!(find(&goals, "×1, 10 KB: slowest").is_reached, Some(true));
    }

    #[test]
    fn the_newer_component_is_judged_by_the_older_one_of_the_same_run() {
        let older = Setup::with(Kind::Spin, MetadataStore::KeyValue);
        let newer = older.on_wasi_0_3().to_string();
        let row = |subject: &str, rate| row(LOOPBACK, Work::NotModified, 16, subject, rate, 1.0);
        for (rate, is_reached) in [(301.0, true), (299.0, false)] {
            let rows = vec![row(&older.to_string(), 100.0), row(&newer, rate)];
            let report = Report {
                rows,
                ..Report::default()
            };

            let goals = judge(&aims(Kind::Spin, Chosen::Both), &report);

            let goal = find(&goals, "WASI 0.3, loopback ×16, 304 from key-value");
            assert_eq!(goal.is_reached, Some(is_reached), "{rate}");
        }
    }

    #[test]
    fn what_was_not_measured_is_neither_reached_nor_missed() {
        let goals = judged(vec![]);

        let memory = find(&goals, "memory");
        assert_eq!((memory.measured, memory.is_reached), (None, None));
    }

    #[test]
    fn the_component_may_have_580_kilobytes() {
        for (component_bytes, is_reached) in [(580_000, true), (580_001, false)] {
            let report = Report {
                component_bytes,
                ..Report::default()
            };

            let goals = judge(&aims(Kind::Spin, Chosen::V0_2), &report);

            assert_eq!(find(&goals, "size").is_reached, Some(is_reached));
        }
    }
}
