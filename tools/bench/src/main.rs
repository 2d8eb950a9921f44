//! `cargo xtask bench`: how fast images come, beside everything else that could serve them.

mod args;
mod chart;
mod client;
mod component;
mod direct;
mod empty;
mod files;
mod goal;
mod goals;
mod host;
mod images;
mod load;
mod markdown;
mod measure;
mod network;
mod peers;
mod plan;
mod program;
mod question;
mod records;
mod report;
mod served;
mod settings;
mod signed;
mod size;
mod subject;
mod subjects;
mod table;
mod usage;
mod work;

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::Parser as _;

use args::Args;
use goals::{Aim, MEMORY};
use load::Oha;
use measure::{Client, Turns};
use network::{LAN, LOOPBACK, Lan};
use report::{Absent, Network, Report};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use subject::{Site, Subject};
use work::Work;
use xtask::storage_server::{Folder, Server, Storage};
use xtask::{build, project};

/// What a shell reports of a command that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    run(&Args::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Measures everything that was asked for.
fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let stop = at_a_signal().context("cannot watch for Ctrl-C")?;

    let host = args.host()?;
    let aims = goals::aims(host, args.wasi);
    let oha = Oha::ensure()?;
    for wasi in args.wasi.all() {
        build::component(*wasi)?;
    }
    let available = subjects::ensure(host, args.wasi, &|name| plan::is_chosen(name, args, &aims))?;
    let mut report = Report {
        hosts: available.hosts,
        absent: available.absent,
        component_bytes: fs::metadata(project::component())?.len(),
        ..Report::default()
    };
    let bench = Bench {
        args,
        aims: &aims,
        oha: &oha,
        stop: &stop,
        server: storage_server(&mut report)?,
        lan: lan(args, &mut report),
    };

    bench.measure(&available.subjects, &mut report)?;
    report.goals = goals::judge(&aims, &report);
    println!("{}", table::goals(&report.goals));
    files::write(&report, args.sizes())?;
    Ok(ExitCode::SUCCESS)
}

/// Becomes true at the first Ctrl-C, `kill` or closed terminal; a second one ends the program at once.
fn at_a_signal() -> std::io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// MinIO where it is available, else SeaweedFS.
fn storage_server(report: &mut Report) -> anyhow::Result<Server> {
    let (storage, server) = match Server::ensure(&Storage::Minio) {
        Ok(server) => ("MinIO", server),
        Err(error) => {
            report.absent.push(Absent::new("MinIO", &error));
            ("SeaweedFS", Server::ensure(&Storage::Seaweedfs)?)
        }
    };
    report.storage = storage.into();
    server.context("there is no storage")
}

/// A LAN, where it was asked for and can be made.
fn lan(args: &Args, report: &mut Report) -> Option<Lan> {
    if !args.is_over(LAN) {
        return None;
    }
    Lan::set_up()
        .inspect_err(|error| report.absent.push(Absent::new(LAN, error)))
        .ok()
}

/// What a run measures with.
struct Bench<'a> {
    args: &'a Args,
    aims: &'a [Aim],
    oha: &'a Oha,
    stop: &'a AtomicBool,
    server: Server,
    lan: Option<Lan>,
}

impl Bench<'_> {
    /// Starts storage and the subjects, and asks them all questions.
    fn measure(&self, subjects: &[Box<dyn Subject>], report: &mut Report) -> anyhow::Result<()> {
        // The servers listen at one address, which is reached within this machine and over the LAN alike.
        let address = self
            .lan
            .as_ref()
            .map_or(Ipv4Addr::LOCALHOST.into(), Lan::server_address);
        let storage = self.server.start(address)?;
        let settings = storage.endpoint.bucket("benchmark");
        let folder = Folder::create("bench")?;
        let sizes = work::sizes_of_all(self.args.sizes());
        let site = Site {
            address,
            folder: folder.path(),
            storage: &settings,
            objects: &images::store(&settings, &sizes)?,
        };
        let works = Work::all(self.args.sizes());
        let running = measure::start_all(subjects, &site, &works, report)?;
        report.networks = self.networks();
        println!("{}", table::subjects(report));

        let turns = Turns {
            oha: self.oha,
            count: self.args.turns.into(),
            seconds: self.args.seconds,
            storage: storage.id(),
            stop: self.stop,
        };
        if works.contains(&MEMORY.work) {
            let once = Turns { count: 1, ..turns };
            report.memory = once.run(&running, &site, MEMORY, &here)?;
            println!("{}", table::rows(report, &report.memory));
        }
        for question in plan::questions(self.args, self.aims) {
            let Some(client) = self.client(question.network) else {
                continue;
            };
            let first = report.rows.len();
            let rows = turns.run(&running, &site, question, &*client)?;
            report.rows.extend(rows);
            println!("{}", table::rows(report, &report.rows[first..]));
        }
        Ok(())
    }

    /// What runs a program at the client's end of a network; `None` where there is no such network.
    fn client(&self, network: &str) -> Option<Box<Client<'_>>> {
        if network == LOOPBACK {
            return Some(Box::new(here));
        }
        let lan = self.lan.as_ref()?;
        Some(Box::new(|program| lan.command(program)))
    }

    /// The networks that were asked for and are available.
    fn networks(&self) -> Vec<Network> {
        let lan = self.lan.as_ref();
        let loopback = self.args.is_over(LOOPBACK).then(|| Network {
            name: LOOPBACK,
            description: format!(
                "within this machine; TCP congestion control {}",
                network::loopback_congestion_control(lan)
            ),
        });
        let lan = lan.map(|lan| Network {
            name: LAN,
            description: lan.description(),
        });
        loopback.into_iter().chain(lan).collect()
    }
}

/// A client within this machine.
fn here(program: &Path) -> Command {
    Command::new(program)
}
