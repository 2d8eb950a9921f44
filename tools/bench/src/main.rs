//! `cargo xtask bench`: how fast images come, beside everything else that could serve them.

mod chart;
mod component;
mod direct;
mod files;
mod goals;
mod load;
mod measure;
mod network;
mod peers;
mod program;
mod report;
mod signed;
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

use goals::MEMORY;
use load::Oha;
use measure::{Client, Question, Turns};
use network::{LAN, LOOPBACK, Lan};
use report::{Absent, Network, Report};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use subject::{Site, Subject};
use work::{SIZES, Work};
use xtask::host::Kind;
use xtask::storage_server::{Folder, Server, Storage};
use xtask::{build, installed, project};

/// Measure the component beside direct storage and beside other servers
#[derive(Debug, clap::Parser)]
#[command(
    name = "cargo xtask bench",
    after_help = "\
Builds the component and its host, starts MinIO (else SeaweedFS), the component and its peers (nginx as
a plain proxy, a FastAPI service with aiobotocore in two forms, s3-proxy), and asks all of them in
turns, so that each meets the same machine; ratios within one run mean something, figures alone do not.
Figures are medians of the turns. Every answer is checked: its status, and how many bytes came.

The LAN (1 Gbit/s, a round trip of 0.4 ms) is made of two network namespaces, which needs root. What
is not available here is named as absent. oha, the load generator, is built by cargo once.

Everything is also in target/bench: report.json, and a chart of each size as SVG. It all takes about
twenty minutes; less of everything takes less:
  cargo xtask bench --size 10KB --connections 1 --network loopback
  cargo xtask bench --subject nginx --turns 5      direct storage and the component are always there
  cargo xtask bench --host spin                    with the Spin on PATH, or the one that SPIN_BIN names"
)]
struct Args {
    /// What runs the component; may be repeated [default: the embedded host, and Spin where it is installed]
    #[arg(long, value_enum)]
    host: Vec<Kind>,

    /// loopback or lan; may be repeated [default: both]
    #[arg(long, value_parser = network_name)]
    network: Vec<&'static str>,

    /// Sizes of the images, for example 10KB,1MB [default: 10KB,100KB,1MB,10MB,50MB]
    #[arg(long, value_delimiter = ',', value_parser = bytes)]
    size: Vec<u64>,

    /// How many connections at once
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    connections: Vec<u32>,

    /// Only peers whose name contains this; may be repeated [default: all]
    #[arg(long)]
    subject: Vec<String>,

    /// How many turns each subject has
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    turns: u8,

    /// How long a turn lasts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

fn network_name(argument: &str) -> Result<&'static str, &'static str> {
    [LOOPBACK, LAN]
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(argument))
        .ok_or("must be loopback or lan")
}

fn bytes(argument: &str) -> Result<u64, &'static str> {
    let chosen = |bytes: &u64| {
        work::size(*bytes)
            .replace(' ', "")
            .eq_ignore_ascii_case(argument)
    };
    let known = SIZES.into_iter().find(chosen);
    known.ok_or("must be 10KB, 100KB, 1MB, 10MB or 50MB")
}

impl Args {
    /// The hosts that were asked for, or those that are here.
    fn hosts(&self) -> anyhow::Result<Vec<Kind>> {
        if !self.host.is_empty() {
            return Ok(self.host.clone());
        }
        let spin = installed::find("spin", "SPIN_BIN")?.map(|_| Kind::Spin);
        Ok([Kind::Embedded].into_iter().chain(spin).collect())
    }

    fn sizes(&self) -> Vec<u64> {
        match &self.size[..] {
            [] => SIZES.to_vec(),
            chosen => chosen.to_vec(),
        }
    }

    fn is_over(&self, network: &str) -> bool {
        self.network.is_empty() || self.network.contains(&network)
    }
}

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

    let hosts = args.hosts()?;
    let oha = Oha::ensure()?;
    build::component()?;
    build::tools()?;
    let mut report = Report {
        component_bytes: fs::metadata(project::component())?.len(),
        ..Report::default()
    };
    let (subjects, absent) = subjects::ensure(&hosts, &args.subject)?;
    report.absent = absent;
    let server = storage_server(&mut report)?;
    let lan = if args.is_over(LAN) {
        lan(&mut report)
    } else {
        None
    };

    measure(
        args,
        &oha,
        &stop,
        &server,
        lan.as_ref(),
        &subjects,
        &mut report,
    )?;
    for host in hosts {
        report
            .goals
            .extend(goals::judge(&report, host, &args.sizes()));
    }
    println!("{}", table::goals(&report.goals));
    files::write(&report, &args.sizes())?;
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

fn lan(report: &mut Report) -> Option<Lan> {
    Lan::set_up()
        .inspect_err(|error| report.absent.push(Absent::new(LAN, error)))
        .ok()
}

/// Starts storage and the subjects, and goes through networks, works and numbers of connections.
fn measure(
    args: &Args,
    oha: &Oha,
    stop: &AtomicBool,
    server: &Server,
    lan: Option<&Lan>,
    subjects: &[Box<dyn Subject>],
    report: &mut Report,
) -> anyhow::Result<()> {
    // The servers listen at one address, which is reached within this machine and over the LAN alike.
    let address = lan.map_or(Ipv4Addr::LOCALHOST.into(), Lan::server_address);
    let storage = server.start(address)?;
    let settings = storage.endpoint.bucket("benchmark");
    let folder = Folder::create("bench")?;
    let site = Site {
        address,
        folder: folder.path(),
        storage: &settings,
        objects: &work::store(&settings, &args.sizes())?,
    };
    let works = Work::all(&args.sizes());
    let running = measure::start_all(subjects, &site, &works, report)?;
    let networks = networks(args, lan);
    report.networks = networks
        .iter()
        .map(|(network, _)| network.clone())
        .collect();
    println!("{}", table::subjects(report));

    let turns = Turns {
        oha,
        count: args.turns.into(),
        seconds: args.seconds,
        storage: storage.id(),
        stop,
    };
    if works.contains(&MEMORY.work) {
        let requests = measure::requests(&running, MEMORY.work, &site)?;
        let once = Turns { count: 1, ..turns };
        report.memory = once.run(&running, &requests, MEMORY, &here)?;
        println!("{}", table::rows(report, &report.memory));
    }
    for (network, client) in &networks {
        for work in &works {
            let requests = measure::requests(&running, *work, &site)?;
            for connections in &args.connections {
                let question = Question {
                    network: network.name,
                    work: *work,
                    connections: *connections,
                };
                let first = report.rows.len();
                let rows = turns.run(&running, &requests, question, client)?;
                report.rows.extend(rows);
                println!("{}", table::rows(report, &report.rows[first..]));
            }
        }
    }
    Ok(())
}

/// A client within this machine.
fn here(program: &Path) -> Command {
    Command::new(program)
}

/// The networks that were asked for and are available, and what runs a program at the client's end.
fn networks<'a>(args: &Args, lan: Option<&'a Lan>) -> Vec<(Network, Box<Client<'a>>)> {
    let mut networks: Vec<(Network, Box<Client>)> = Vec::new();
    if args.is_over(LOOPBACK) {
        let network = Network {
            name: LOOPBACK,
            description: format!(
                "within this machine; TCP congestion control {}",
                network::loopback_congestion_control(lan)
            ),
        };
        networks.push((network, Box::new(here)));
    }
    if let Some(lan) = lan {
        let network = Network {
            name: LAN,
            description: lan.description(),
        };
        networks.push((network, Box::new(|program| lan.command(program))));
    }
    networks
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_chosen_by_the_names_that_tables_give_them() {
        for (argument, size) in [
            ("10KB", Ok(10_000)),
            ("50mb", Ok(50_000_000)),
            ("20KB", Err(())),
            ("10000", Err(())),
        ] {
            assert_eq!(bytes(argument).map_err(|_| ()), size, "{argument}");
        }
    }
}
