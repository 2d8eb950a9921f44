//! `cargo xtask spin-test`: the tests that run beside the component.

use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::Context as _;

use crate::wasi::Wasi;
use crate::{build, installed, process, project, wasm_target};

/// Run the tests of tests/spin-test, which run inside the WebAssembly host beside the component
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Builds the component, its tests and the host first. The tests see nothing of a network: requests come
from them, records are theirs, and so are storage's answers. `cargo xtask test` runs them too.

Examples:
  cargo xtask spin-test
  cargo xtask spin-test --list
  cargo xtask spin-test range         only the tests whose name contains `range`
  cargo xtask spin-test --upstream    with the `spin-test` on PATH, or the one that SPIN_TEST_BIN names")]
pub struct Args {
    /// Name the tests instead of running them
    #[arg(long, conflicts_with = "upstream")]
    list: bool,

    /// Let spin-test itself run them, and report what it says
    #[arg(long)]
    upstream: bool,

    /// Run only the tests whose name contains this
    #[arg(conflicts_with = "upstream")]
    filter: Option<String>,
}

/// Builds what is needed and runs the tests.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let toolchain = wasm_target::ensure()?;
    process::run(&mut Wasi::V0_2.build_command(toolchain))?;
    process::run(&mut build::test_component_command(toolchain))?;
    if args.upstream {
        return upstream();
    }
    build::tools()?;
    let mut tests = command(args.filter.as_deref());
    if args.list {
        tests.arg("--list");
    }
    Ok(verdict(process::status(&mut tests)?))
}

/// The command that runs the tests on the embedded host.
pub fn command(filter: Option<&str>) -> Command {
    let mut tests = Command::new(project::host());
    tests
        .args([Path::new("spin-test"), Path::new("--from")])
        .arg(project::manifest())
        .args(filter);
    tests
}

fn upstream() -> anyhow::Result<ExitCode> {
    let program = installed::find("spin-test", "SPIN_TEST_BIN")?.context(
        "there is no `spin-test` on PATH: build it (https://github.com/spinframework/spin-test), \
         name it by SPIN_TEST_BIN, or leave out `--upstream`",
    )?;
    let status = process::status(
        Command::new(&program)
            .arg("run")
            .current_dir(project::root()),
    )?;
    println!("The verdict of {}: {status}", program.display());
    Ok(verdict(status))
}

fn verdict(status: ExitStatus) -> ExitCode {
    if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
