//! The command line: which verb is meant, and how its failure is told.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    audit, bench, build, import, package, release_notes, sbom, spin_test, test, up, with_parent,
};

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
    SpinTest(spin_test::Args),
    Bench(bench::Args),
    Package(package::Args),
    Audit(audit::Args),
    Sbom(sbom::Args),
    ReleaseNotes(release_notes::Args),
    #[command(hide = true)]
    WithParent(with_parent::Args),
}

/// Runs the verb of the command line to its end.
#[must_use]
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Build(args) => build::run(&args),
        Verb::Up(args) => up::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Test(args) => test::run(&args),
        Verb::SpinTest(args) => spin_test::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Package(args) => package::run(&args),
        Verb::Audit(args) => audit::run(&args),
        Verb::Sbom(args) => sbom::run(&args),
        Verb::ReleaseNotes(args) => release_notes::run(&args),
        Verb::WithParent(args) => with_parent::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        // `{:#}` is the chain of causes on one line, without the backtrace that `Debug` would add.
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
