//! `cargo xtask test`: everything that has to hold before a change goes in.

mod steps;
mod summary;

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::{process, project, wasm_target};
use steps::{Step, Work};
use summary::Summary;

/// Check formatting and lints, build everything and run all tests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Stops at the first step that fails and says how to run it by hand. The last line counts tests.

Example: cargo xtask test truthful_bytes")]
pub struct Args {
    /// Run only the black-box tests whose name contains this; every other step runs as ever
    filter: Option<String>,
}

/// Runs the steps in order, up to the first that fails.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let toolchain = wasm_target::ensure()?;
    let mut summary = Summary::default();
    let mut outcome = ExitCode::SUCCESS;
    for step in steps::all(toolchain, args.filter.as_deref()) {
        if let Err(error) = perform(step, &mut summary) {
            eprintln!("error: {error:#}");
            outcome = ExitCode::FAILURE;
            break;
        }
    }
    println!("{summary}");
    Ok(outcome)
}

fn perform(step: Step, summary: &mut Summary) -> anyhow::Result<()> {
    println!("\n== {}", step.heading);
    let mut command = match step.work {
        Work::RunIfInstalled(command, instead) if !is_installed(&command) => {
            println!("skipped: {instead}");
            return Ok(());
        }
        Work::Run(command) | Work::RunIfInstalled(command, _) => command,
        Work::Skip(reason) => {
            println!("skipped: {reason}");
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

fn is_installed(command: &Command) -> bool {
    Command::new(command.get_program())
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
