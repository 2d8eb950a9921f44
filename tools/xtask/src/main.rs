//! The project's own commands, run as `cargo xtask <verb>`: one file per verb.

#![cfg_attr(
    not(target_os = "linux"),
    allow(
        dead_code,
        reason = "measuring is for Linux, and uses more of the rest"
    )
)]

mod apt;
#[cfg(target_os = "linux")]
mod bench;
mod build;
mod cargo;
mod data_folder;
mod host;
mod import;
mod installed;
mod local;
mod metadata_store;
mod process;
mod project;
mod python;
mod running;
mod sample_images;
mod settings;
mod signals;
mod spin_test;
mod stop;
mod storage_server;
mod test;
mod up;
mod wasm_target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "\
New here? `cargo xtask up` builds everything, fills a local storage with sample images
and prints their URLs. `cargo xtask test` proves that it works."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Build(build::Args),
    Up(up::Args),
    Import(import::Args),
    Test(test::Args),
    #[cfg(target_os = "linux")]
    Bench(bench::Args),
    SpinTest(spin_test::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Build(args) => build::run(&args),
        Verb::Up(args) => up::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Test(args) => test::run(&args),
        #[cfg(target_os = "linux")]
        Verb::Bench(args) => bench::run(&args),
        Verb::SpinTest(args) => spin_test::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        // `{:#}` is the chain of causes on one line, without the backtrace that `Debug` would add.
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
