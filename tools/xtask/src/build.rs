//! `cargo xtask build`: the component, the host that runs it and the program that brings images in.

use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::cargo::cargo;
use crate::wasm_target::{self, Toolchain};
use crate::{process, project};

/// Build the component (.wasm), the host that runs it and the importer
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Makes sure of the wasm32-wasip2 target first: by rustup, or on Debian by its own packages.")]
pub struct Args {}

/// Builds both and says where the component is.
pub fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    component()?;
    tools()?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the component and prints its path and size.
pub fn component() -> anyhow::Result<()> {
    process::run(&mut component_command(wasm_target::ensure()?))?;
    let path = project::component();
    let size = std::fs::metadata(&path)
        .with_context(|| format!("the build left no {}", project::shown(&path)))?
        .len();
    println!("{}  {} kB", project::shown(&path), size / 1000);
    Ok(())
}

/// Builds the host and the importer.
pub fn tools() -> anyhow::Result<()> {
    process::run(&mut tools_command())
}

/// The command that builds the component.
pub fn component_command(toolchain: Toolchain) -> Command {
    wasm_command(toolchain, "image-proxy")
}

/// The command that builds the tests that run beside the component.
pub fn test_component_command(toolchain: Toolchain) -> Command {
    wasm_command(toolchain, "image-proxy-spin-test")
}

fn wasm_command(toolchain: Toolchain, package: &str) -> Command {
    let mut cargo = toolchain.cargo("build");
    cargo
        .args(["--release", "--package", package])
        .current_dir(project::root());
    cargo
}

/// The command that builds the host and the importer.
///
/// It selects the whole workspace, as those of `cargo xtask test` do: the selection decides the features
/// that dependencies are compiled with, and another one would compile the WebAssembly runtime twice.
pub fn tools_command() -> Command {
    let mut cargo = cargo();
    cargo
        .args(["build", "--release", "--workspace", "--bins"])
        .current_dir(project::root());
    cargo
}
