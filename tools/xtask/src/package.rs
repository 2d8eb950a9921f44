//! `cargo xtask package`: the archives of a release, and their checksums.
//!
//! - [`built`]: what is packed, and how it is built
//! - [`contents`]: which files an archive has; [`manifest`]: its `spin.toml`; [`licences`]: the texts of
//!   what is linked in
//! - [`archive`]: files become an archive, the same bytes each time

mod archive;
mod built;
mod contents;
mod licences;
mod manifest;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::project;
use crate::steps::{Steps, say};
use archive::{Packer, Staging};
use built::Built;
use contents::Texts;

/// Build what a release carries and pack it, with checksums, into target/package
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes image-proxy-VERSION.tar.gz: the component with a spin.toml beside it, its table, an example of
settings, licences and a README. With --programs also image-proxy-programs-VERSION-TRIPLE.tar.gz, which has
the same and what runs it without Spin: image-proxy-host, image-proxy-import and
image-proxy-embedded-storage. SHA256SUMS is of all files in the folder.

What it packs it builds in target/package-build, without this machine's paths in it. The same sources, compiler
and date give the same bytes; the date is SOURCE_DATE_EPOCH, or the commit's. Licences of what is linked in are
gathered by cargo-about, which CARGO_ABOUT_BIN may name; where it is missing that is said, and under CI=true
an error. It needs GNU tar (on macOS: brew install gnu-tar).

For programs that run on every Linux, whatever its C library is:
  rustup target add x86_64-unknown-linux-musl     and musl-gcc, on Debian of the package musl-tools

Examples:
  cargo xtask package
  cargo xtask package --programs
  cargo xtask package --programs --target x86_64-unknown-linux-musl")]
pub struct Args {
    /// Also pack the programs, for one kind of machine
    #[arg(long)]
    programs: bool,

    /// Kind of machine that the programs are for, as Rust names it [default: this one]
    #[arg(long, value_name = "TRIPLE", requires = "programs")]
    target: Option<String>,

    /// Where the archives go [default: target/package]
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,

    /// Build nothing: pack what `cargo xtask build` has left
    #[arg(long, conflicts_with = "target")]
    no_build: bool,
}

/// Builds and packs, and lists what there is then.
///
/// # Errors
/// When something cannot be built or packed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = args
        .into
        .clone()
        .unwrap_or_else(|| project::root().join("target/package"));
    // Known before the build, which takes minutes.
    let packer = Packer::ensure()?;
    let steps = &mut Steps::of(2 + args.builds());
    let built = build(args, steps)?;
    let licences = steps.take("gather the licences of what is linked in", || {
        licences::gather(args.no_build)
    })?;
    steps.take("pack", || {
        pack(&packer, &folder, &built, licences.as_deref())
    })?;
    list(&folder)?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn builds(&self) -> usize {
        if self.no_build {
            0
        } else {
            1 + usize::from(self.programs)
        }
    }
}

fn build(args: &Args, steps: &mut Steps) -> anyhow::Result<Built> {
    if args.no_build {
        return Built::by_cargo_xtask_build(args.programs);
    }
    let component = steps.take("build the component", built::component)?;
    if !args.programs {
        return Ok(Built::component_alone(component));
    }
    let triple = match &args.target {
        Some(triple) => triple.clone(),
        None => built::this_machine()?,
    };
    let folder = steps.take(&format!("build the programs for {triple}"), || {
        built::programs(&triple)
    })?;
    Ok(Built::with_programs(component, triple, folder))
}

fn pack(
    packer: &Packer,
    folder: &Path,
    built: &Built,
    licences: Option<&Path>,
) -> anyhow::Result<()> {
    let cannot = || format!("cannot write into {}", project::shown(folder));
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let texts = Texts::of_this_repository(licences);
    let staging = Staging::new(folder).with_context(cannot)?;
    let application = contents::application(&staging, built, &texts)?;
    packer.pack(&staging, &application)?;
    if let Some(programs) = &built.programs {
        let name = contents::programs(&staging, built, programs, &texts)?;
        packer.pack(&staging, &name)?;
    }
    drop(staging);
    archive::write_sums(folder)
}

/// Shows each file with its size.
fn list(folder: &Path) -> anyhow::Result<()> {
    say("");
    for file in archive::files(folder)? {
        let size = std::fs::metadata(&file)?.len();
        say(&format!("{}  {}", project::shown(&file), shown_size(size)));
    }
    Ok(())
}

fn shown_size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_shown_in_the_unit_that_fits() {
        for (bytes, expected) in [
            (999, "999 bytes"),
            (1000, "1 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1.0 MB"),
            (19_870_000, "19.8 MB"),
        ] {
            assert_eq!(shown_size(bytes), expected);
        }
    }
}
