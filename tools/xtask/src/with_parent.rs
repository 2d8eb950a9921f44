//! A program that ends with the one that started it, however that ends.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

/// Become a program that is interrupted when its parent ends
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Process id of the parent
    parent: u32,

    /// The program
    program: OsString,

    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// `command`, started by way of this program's own verb: only the child itself can ask the kernel for
/// the signal, between its start and its becoming that program.
///
/// # Errors
/// When this program's own file cannot be told.
pub fn command(command: &Command) -> anyhow::Result<Command> {
    let this = std::env::current_exe().context("cannot tell which program this is")?;
    let mut wrapped = Command::new(this);
    wrapped
        .args(["with-parent", &std::process::id().to_string(), "--"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    Ok(wrapped)
}

/// Becomes the program.
///
/// # Errors
/// When the parent has ended already, or the program cannot be started.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    end_with(args.parent)?;
    let error = Command::new(&args.program).args(&args.arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", args.program.display()))
}

// Interrupted and not killed: Spin then ends its own children.
#[cfg(target_os = "linux")]
fn end_with(parent: u32) -> anyhow::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::INT))?;
    let now = getppid().map(|id| id.as_raw_nonzero().get().cast_unsigned());
    // It may have ended before the kernel was asked.
    anyhow::ensure!(now == Some(parent), "process {parent} has ended");
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn end_with(_parent: u32) -> anyhow::Result<()> {
    Ok(())
}
