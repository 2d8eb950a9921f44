//! `cargo xtask import`: the short form of `image-proxy-import` for what `cargo xtask up` runs.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::data_folder::DataFolder;
use crate::running::Running;
use crate::{build, project};

/// Import image files into the application that `cargo xtask up` runs
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    after_help = "\
Runs image-proxy-import, with all of its options and verbs, on the storage, the application and the
gallery of `cargo xtask up`, which has to run.

Examples:
  cargo xtask import ~/Pictures/cat.jpg ~/Pictures/holidays
  cargo xtask import --dry-run --json ~/Pictures
  cargo xtask import --data target/second ~/Pictures    where `up` was given --data, too
  cargo xtask import verify --deep
  cargo xtask import remove 253e17a1-9e69-5be4-9366-ac08a9590b04
  cargo xtask import --help                              all options"
)]
pub struct Args {
    /// Folder that `up` was given [default: this checkout]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,

    /// What image-proxy-import is given
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENT"
    )]
    arguments: Vec<OsString>,
}

/// Becomes the importer, whose exit code and signals are then this command's own.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let asks_for_help = args
        .arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h");
    let data = DataFolder::given(args.data.as_deref())?;
    let environment = if asks_for_help {
        Vec::new()
    } else {
        Running::read(&data)?.importer_environment(&data)
    };
    build::tools()?;
    let mut importer = Command::new(project::importer());
    importer.args(&args.arguments).envs(environment);
    become_it(importer).map(|never| match never {})
}

fn become_it(mut command: Command) -> anyhow::Result<Infallible> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", project::shown(&project::importer())))
}
