//! `cargo xtask build`: the component, and the programs that run it, fill it and show it.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::cargo::cargo;
use crate::steps::Steps;
use crate::wasi::Wasi;
use crate::wasm_target::{self, Toolchain};
use crate::{process, project};

/// Build the component (.wasm), and the programs of tools/
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Makes sure of the wasm32-wasip2 target first: by rustup, or on Debian by its own packages.")]
pub struct Args {}

/// Builds all and says where the component is.
///
/// # Errors
/// When something cannot be built.
pub fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    in_steps(&mut Steps::of(2))?;
    Ok(ExitCode::SUCCESS)
}

/// Builds all in two steps.
///
/// # Errors
/// When something cannot be built; its own words are above.
pub(crate) fn in_steps(steps: &mut Steps) -> anyhow::Result<()> {
    steps.take("build the component", || component(Wasi::V0_2))?;
    steps.take(
        "build its host, a storage, the importer and the gallery",
        tools,
    )
}

/// Builds the component and prints its path and size.
///
/// # Errors
/// When it cannot be built; its own words are above.
pub fn component(wasi: Wasi) -> anyhow::Result<()> {
    process::run(&mut wasi.build_command(wasm_target::ensure()?))?;
    let path = wasi.component();
    let size = std::fs::metadata(&path)
        .with_context(|| format!("the build left no {}", project::shown(&path)))?
        .len();
    println!("{}  {} kB", project::shown(&path), size / 1000);
    Ok(())
}

/// Builds a component of another workspace, whose manifest is given, in a target folder of that one's.
///
/// # Errors
/// When it cannot be built; its own words are above.
pub fn component_of(manifest: &Path, target_folder: &Path) -> anyhow::Result<()> {
    let mut cargo = wasm_target::ensure()?.cargo("build");
    cargo
        .args(["--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target_folder);
    process::run(&mut cargo)
}

/// Builds the programs of `tools/`.
///
/// # Errors
/// When one cannot be built; its own words are above.
pub fn tools() -> anyhow::Result<()> {
    process::run(&mut tools_command())
}

/// The command that builds the tests that run beside the component.
#[must_use]
pub fn test_component_command(toolchain: Toolchain) -> Command {
    let mut cargo = toolchain.cargo("build");
    cargo
        .args(["--release", "--package", "image-proxy-spin-test"])
        .current_dir(project::root());
    cargo
}

/// The command that builds the programs of `tools/`.
///
/// It selects the whole workspace, as those of `cargo xtask test` do: the selection decides the features
/// that dependencies are compiled with, and another one would compile the WebAssembly runtime twice.
#[must_use]
pub fn tools_command() -> Command {
    let mut cargo = cargo();
    cargo
        .args(["build", "--release", "--workspace", "--bins"])
        .current_dir(project::root());
    cargo
}
