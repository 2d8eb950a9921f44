//! The measuring itself: subjects started, then asked in turns.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use crate::load::{Oha, Request};
use crate::question::Question;
use crate::report::{Absent, Report, Row, Started, Turn, median};
use crate::served::Served;
use crate::subject::{Site, Subject};
use crate::usage::{Usage, forget_peak};
use crate::work::Work;

/// How often a subject is started to see how long that takes.
const STARTS: usize = 3;

/// A turn that lasts so many times as long as it was to is not repeated: it has waited for answers
/// that take seconds each, and has seen enough of them.
const LONG: f64 = 5.0;

/// A subject that runs.
pub struct Running {
    name: String,
    /// What of the works it takes.
    works: Vec<Work>,
    served: Served,
}

/// Starts all subjects that can be, each in a folder of its own, and sees that their answers are right.
///
/// # Errors
/// When one that is not a peer cannot be started, or answers wrongly.
pub fn start_all(
    subjects: &[Box<dyn Subject>],
    site: &Site,
    works: &[Work],
    report: &mut Report,
) -> anyhow::Result<Vec<Running>> {
    let mut all = Vec::new();
    for subject in subjects {
        eprintln!("{}: started and checked", subject.name());
        match start(subject.as_ref(), site, works) {
            Ok((running, started)) => {
                all.push(running);
                report.subjects.push(started);
            }
            Err(error) if subject.is_peer() => {
                report.absent.push(Absent::new(&subject.name(), &error));
            }
            Err(error) => return Err(error.context(subject.name())),
        }
    }
    Ok(all)
}

fn start(subject: &dyn Subject, site: &Site, works: &[Work]) -> anyhow::Result<(Running, Started)> {
    let name = subject.name();
    let folder = site.folder.join(name.replace([' ', ','], "-"));
    let site = Site {
        folder: &folder,
        ..*site
    };
    // The first start is not counted: it fills what the subject keeps.
    let (mut served, took) = start_once(subject, &site)?;
    let mut starts = Vec::new();
    while took.is_some() && starts.len() < STARTS {
        drop(served);
        let took;
        (served, took) = start_once(subject, &site)?;
        starts.extend(took.map(|took| took.as_secs_f64() * 1000.0));
    }
    let works = works.iter().copied().filter(|work| subject.takes(*work));
    let running = Running {
        works: works.collect(),
        name,
        served,
    };
    for work in &running.works {
        work.request(&running.served, site.objects)?;
    }
    let started = Started {
        name: running.name.clone(),
        cold_start_ms: (!starts.is_empty()).then(|| median(starts)),
        idle_bytes: running.usage()?.resident,
    };
    Ok((running, started))
}

/// How long it took from the start of its process to the first byte of an image; nothing for storage.
fn start_once(subject: &dyn Subject, site: &Site) -> anyhow::Result<(Served, Option<Duration>)> {
    std::fs::create_dir_all(site.folder).with_context(|| site.folder.display().to_string())?;
    let mut served = subject.start(site)?;
    let took = match (&mut served.program, served.urls.first()) {
        (Some(program), Some(url)) => Some(program.wait_until_it_answers(url)?),
        _ => None,
    };
    Ok((served, took))
}

impl Running {
    /// What it has used; nothing for storage, which is measured beside everything.
    fn usage(&self) -> anyhow::Result<Usage> {
        match &self.served.program {
            Some(program) => Usage::of(program.id()),
            None => Ok(Usage::default()),
        }
    }
}

/// A command that runs a program where the client is.
pub type Client<'a> = dyn Fn(&Path) -> Command + 'a;

/// How to measure.
#[derive(Clone, Copy)]
pub struct Turns<'a> {
    /// The load generator.
    pub oha: &'a Oha,
    /// How many turns each subject has.
    pub count: usize,
    /// How long a turn is, in seconds.
    pub seconds: u32,
    /// The process of storage, where it is ours.
    pub storage: Option<u32>,
    /// The wish to end early.
    pub stop: &'a AtomicBool,
}

impl Turns<'_> {
    /// Asks all subjects one question that can be asked it, one after the other in each turn: whatever
    /// else this machine does then meets all of them.
    ///
    /// # Errors
    /// When an answer is not what it has to be, or the end is asked for.
    pub fn run(
        &self,
        subjects: &[Running],
        site: &Site,
        question: Question,
        client: &Client,
    ) -> anyhow::Result<Vec<Row>> {
        let asked = asked(subjects, question.work, site)?;
        let rows = asked.iter().map(|(subject, _)| Row {
            network: question.network,
            work: question.work,
            connections: question.connections,
            subject: subject.name.clone(),
            turns: Vec::new(),
        });
        let mut rows: Vec<_> = rows.collect();
        for _ in 0..self.count {
            let mut longest: f64 = 0.0;
            for ((subject, request), row) in asked.iter().zip(&mut rows) {
                let turn = self.turn(subject, request, question.connections, client);
                anyhow::ensure!(!self.stop.load(Ordering::Relaxed), "stopped");
                let turn = turn.with_context(|| {
                    let Question {
                        work, connections, ..
                    } = question;
                    format!("{}, {work}, {connections} connections", subject.name)
                })?;
                longest = longest.max(turn.figures.seconds);
                row.turns.push(turn);
            }
            if longest > LONG * f64::from(self.seconds) {
                break;
            }
        }
        Ok(rows)
    }

    fn turn(
        &self,
        subject: &Running,
        request: &Request,
        connections: u32,
        client: &Client,
    ) -> anyhow::Result<Turn> {
        if let Some(program) = &subject.served.program {
            forget_peak(program.id())?;
        }
        let (before, storage_before) = (subject.usage()?, self.storage_usage()?);
        let figures = self.oha.run(request, connections, self.seconds, client)?;
        let (after, storage_after) = (subject.usage()?, self.storage_usage()?);
        Ok(Turn {
            figures,
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            storage_cpu_seconds: storage_after.cpu_seconds - storage_before.cpu_seconds,
            peak_bytes: after.peak,
        })
    }

    fn storage_usage(&self) -> anyhow::Result<Usage> {
        self.storage.map_or(Ok(Usage::default()), Usage::of)
    }
}

/// The subjects that take a work, each with its request.
fn asked<'a>(
    subjects: &'a [Running],
    work: Work,
    site: &Site,
) -> anyhow::Result<Vec<(&'a Running, Request)>> {
    let takers = subjects
        .iter()
        .filter(|subject| subject.works.contains(&work));
    let request = |subject: &'a Running| {
        let request = work.request(&subject.served, site.objects);
        Ok((subject, request.with_context(|| subject.name.clone())?))
    };
    takers.map(request).collect()
}
