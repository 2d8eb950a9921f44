//! Runs this project's `spin.toml` on wasmtime where no Spin is installed: the same manifest, the
//! same component, the same options as `spin up`.
//!
//! - [`up`]: the story, from the command line to a running application
//! - [`spin_test`]: tests that run beside the component, in the place of clients and storage
//! - [`manifest`], [`runtime_config`]: the two files, on [`toml_file`]; [`client_tls`]: a part of the second
//! - [`variables`], [`undeclared`], [`template`], [`allowed_hosts`], [`routes`]: the rules in them
//! - [`capabilities`]: what components may use, one file each
//! - [`engine`], [`instance_limits`]: components compiled and instantiated, and how many at once
//! - [`server`], [`connection`], [`tcp`]: the listener, and each client's connection
//! - [`handler`], [`guest`]: one request, and the instance at work on it
//! - [`answer`], [`log_line`]: what the host answers itself, and the line of such a request
//! - [`interrupts`]: the signals that end it; [`diagnostics`]: what the host itself says
//! - [`standard_error`]: where that goes, and what components write

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod allowed_hosts;
mod answer;
mod capabilities;
mod client_tls;
mod connection;
mod diagnostics;
mod engine;
mod guest;
mod handler;
mod instance_limits;
mod interrupts;
mod log_line;
mod manifest;
mod routes;
mod runtime_config;
mod server;
mod spin_test;
mod standard_error;
mod tcp;
mod template;
mod toml_file;
mod undeclared;
mod up;
mod variables;

/// Runs image-proxy, a Spin application, where no Spin is installed. In production, run Spin.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example, in the folder of spin.toml:\n  image-proxy-host up --runtime-config-file runtime-config.toml --sqlite @migrations/0001_images.sql"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Up),
    SpinTest(spin_test::SpinTest),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let code = run(command).unwrap_or_else(|error| {
        diagnostics::report(format_args!("Error: {error:#}"));
        ExitCode::FAILURE
    });
    standard_error::finish();
    code
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Up(up) => up.run().await.map(|()| ExitCode::SUCCESS),
            Command::SpinTest(tests) => tests.run().await,
        }
    });
    // A component that never yields would hold the runtime's threads for ever.
    runtime.shutdown_background();
    outcome
}
