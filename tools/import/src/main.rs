//! `image-proxy-import`: puts images where image-proxy serves them, and takes them out again.
//!
//! It speaks to two servers and to nothing else: storage, which keeps the objects ([`bucket`]), and the
//! application, which keeps the records ([`records_route`]) and serves the images ([`image_route`]). An
//! object comes before its record and goes after it, so that no record ever points at nothing.
//!
//! ```text
//! main ─▶ verbs/{import, records, remove, verify, warm} ─▶ site ─▶ bucket · records_route · image_route ─▶ http
//!            │        └▶ parallel · removal · report · gallery       └▶ storage   └▶ record
//!            ├▶ runtime_config
//!            └▶ files · sizes ─▶ content
//! ```

mod bucket;
mod content;
mod files;
mod gallery;
mod given;
mod http;
mod image_route;
mod parallel;
mod printable;
mod progress;
mod record;
mod records_route;
mod removal;
mod report;
mod runtime_config;
mod site;
mod sizes;
mod stop;
mod storage;
mod verbs;

use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use printable::printable;
use runtime_config::RuntimeConfig;
use site::SiteOptions;
use stop::Stop;
use verbs::{import, records, remove, verify, warm};

/// What a shell reports of a command whose reader is gone.
const BROKEN_PIPE: u8 = 141;

/// Import image files: upload each to storage and tell the application of it
#[derive(Debug, Parser)]
#[command(
    version,
    subcommand_negates_reqs = true,
    after_help = "\
The type of an image is read from its content, never from its name, and it is decoded once. Its id
derives from its SHA-256: importing the same bytes again changes nothing. After Ctrl-C, run the same
command again.

The application accepts records from a client that shows its token, its variable records_token. The
storage key needs s3:PutObject and s3:GetObject on the bucket, and s3:DeleteObject for `remove`. With s3:ListBucket it sees at once which objects are missing.

Exit code: 0, 1 where a file was refused or something failed, 2 for a command that is not
understood, 130 after Ctrl-C.

Examples:
  export IMAGE_PROXY_RECORDS_TOKEN=… SPIN_VARIABLE_S3_ENDPOINT=https://s3.example \\
      SPIN_VARIABLE_S3_BUCKET=images SPIN_VARIABLE_S3_ACCESS_KEY_ID=… SPIN_VARIABLE_S3_SECRET_ACCESS_KEY=…
  image-proxy-import --records https://images.example.com ~/Pictures/cat.jpg ~/Pictures/holidays
  image-proxy-import --records https://images.example.com --dry-run --json ~/Pictures
  image-proxy-import --records http://127.0.0.1:3000 --runtime-config-file runtime-config.toml ~/Pictures
  image-proxy-import --records https://images.example.com --gallery gallery.json --sizes 320,640,1280 ~/Pictures
  image-proxy-import verify --records https://images.example.com --gallery gallery.json
  image-proxy-import warm --records https://images.example.com --gallery gallery.json
  image-proxy-import remove --records https://images.example.com 253e17a1-9e69-5be4-9366-ac08a9590b04"
)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    import: import::Args,

    #[command(flatten)]
    site: SiteOptions,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Records(records::Args),
    Remove(remove::Args),
    Verify(verify::Args),
    Warm(warm::Args),
}

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(cli, import::Args::are_given(&matches)) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::from(BROKEN_PIPE),
        Err(error) => {
            // `{:#}` is the chain of causes on one line.
            eprintln!("error: {}", printable(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn run(mut cli: Cli, is_import: bool) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        cli.verb.is_none() || !is_import,
        "files and options of an import cannot stand before another command: run one after the \
         other, and give options of a command after its name"
    );
    if let Some(file) = &cli.site.runtime_config_file {
        let config = RuntimeConfig::read(file)?;
        cli.site.complete(&config);
        cli.import.complete(&config);
    }
    let runtime = runtime().context("cannot start the runtime")?;
    let outcome = runtime.block_on(async {
        let stop = Stop::on_signals().context("cannot watch for Ctrl-C")?;
        match &cli.verb {
            None => import::run(&cli.import, &cli.site, &stop).await,
            Some(Verb::Records(args)) => records::run(args, &cli.site, &stop).await,
            Some(Verb::Remove(args)) => remove::run(args, &cli.site, &stop).await,
            Some(Verb::Verify(args)) => verify::run(args, &cli.site, &stop).await,
            Some(Verb::Warm(args)) => warm::run(args, &cli.site, &stop).await,
        }
    });
    // Nobody waits for a file that is still being decoded.
    runtime.shutdown_background();
    outcome
}

/// With no more threads that decode than there is memory for: each keeps some of what it has used.
fn runtime() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(cores + 1)
        .build()
}

/// The reader of the output has had enough: that is not a failure to report.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_before_a_verb_or_after_it() {
        for words in [
            &["import", "--json", "verify"][..],
            &["import", "verify", "--json"],
        ] {
            let cli = Cli::try_parse_from(words);

            assert!(
                cli.is_ok_and(
                    |cli| cli.site.style.json && matches!(cli.verb, Some(Verb::Verify(_)))
                ),
                "{words:?}"
            );
        }
    }
}
