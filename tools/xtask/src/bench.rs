//! `cargo xtask bench`: the benchmark, which is a workspace of its own.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cargo::cargo;
use crate::project;

/// Where it is built.
pub const BENCH_TARGET: &str = "target/bench/build";

/// Measure the component beside direct storage and beside other servers (Linux)
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// What the benchmark is given; --help tells
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENT"
    )]
    arguments: Vec<OsString>,
}

/// Builds the benchmark and becomes it.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut cargo = cargo();
    cargo
        .args(["run", "--release", "--manifest-path"])
        .arg(project::root().join("tools/bench/Cargo.toml"))
        .arg("--target-dir")
        .arg(project::root().join(BENCH_TARGET))
        .arg("--")
        .args(&args.arguments);
    let error = cargo.exec();
    let never: anyhow::Result<Infallible> = Err(error).context("cannot start cargo");
    never.map(|never| match never {})
}
