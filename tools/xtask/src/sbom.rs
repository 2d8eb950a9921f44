//! `cargo xtask sbom`: what the component and the programs are made of, as `CycloneDX`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::cargo::cargo;
use crate::steps::say;
use crate::{installed, process, project};

const NAME: &str = "cargo-cyclonedx";
const VERSION: &str = "0.5.9";

/// The file, without `.json`, that cargo-cyclonedx leaves beside each `Cargo.toml` of the workspace.
const LEFT: &str = "sbom-being-written";

const COMPONENT_TARGET: &str = "wasm32-wasip2";

/// A package that users get.
struct Delivered {
    name: &'static str,
    folder: &'static str,
}

const COMPONENT: Delivered = Delivered {
    name: "image-proxy",
    folder: "",
};

const PROGRAMS: [Delivered; 3] = [
    Delivered {
        name: "image-proxy-host",
        folder: "tools/host",
    },
    Delivered {
        name: "image-proxy-import",
        folder: "tools/import",
    },
    Delivered {
        name: "image-proxy-embedded-storage",
        folder: "tools/embedded-storage",
    },
];

/// List every crate that the component or the programs are made of (SBOM) into target/package
#[derive(Debug, clap::Args)]
#[command(after_help = "\
In CycloneDX: image-proxy-VERSION.cdx.json, or with --programs NAME-VERSION-TRIPLE.cdx.json for each of
image-proxy-host, image-proxy-import and image-proxy-embedded-storage. cargo-cyclonedx does it; where it is
missing, cargo builds it in target/installed. A list that lacks what `cargo tree` names is an error.

Examples:
  cargo xtask sbom
  cargo xtask sbom --programs --target x86_64-unknown-linux-musl")]
pub struct Args {
    /// Of the programs instead of the component
    #[arg(long, requires = "target")]
    programs: bool,

    /// Kind of machine that the programs are for, as Rust names it
    #[arg(long, value_name = "TRIPLE", requires = "programs")]
    target: Option<String>,
}

/// Writes the lists and names them.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let program = installed::ensure(NAME, VERSION, "CARGO_CYCLONEDX_BIN")?;
    let written = match &args.target {
        Some(target) => write(&program, target, &PROGRAMS, |name| {
            format!("{name}-{}-{target}.cdx.json", env!("CARGO_PKG_VERSION"))
        }),
        None => write(&program, COMPONENT_TARGET, &[COMPONENT], |name| {
            format!("{name}-{}.cdx.json", env!("CARGO_PKG_VERSION"))
        }),
    };
    // It describes all of the workspace, whatever part is asked for.
    for folder in members()? {
        let _ = std::fs::remove_file(left_in(&folder));
    }
    written.map(|()| ExitCode::SUCCESS)
}

fn write(
    program: &Path,
    target: &str,
    delivered: &[Delivered],
    file_name: impl Fn(&str) -> String,
) -> anyhow::Result<()> {
    process::run(&mut cyclonedx(program, target))?;
    let folder = project::root().join("target/package");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", project::shown(&folder)))?;
    for package in delivered {
        let left = left_in(&project::root().join(package.folder));
        let text = std::fs::read_to_string(&left)
            .with_context(|| format!("{NAME} left no {}", project::shown(&left)))?;
        let count = ensure_complete(&text, &dependencies(package.name, target)?)
            .with_context(|| format!("the list of {} for {target}", package.name))?;
        let file = folder.join(file_name(package.name));
        std::fs::write(&file, without_place(&text, project::root()))
            .with_context(|| format!("cannot write {}", project::shown(&file)))?;
        say(&format!("{}  {count} crates", project::shown(&file)));
    }
    Ok(())
}

fn cyclonedx(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(["cyclonedx", "--format", "json", "--spec-version", "1.5"])
        .args(["--all", "--no-build-deps", "--target", target])
        .args(["--override-filename", LEFT])
        .current_dir(project::root());
    command
}

fn left_in(folder: &Path) -> PathBuf {
    folder.join(LEFT).with_extension("json")
}

#[derive(Deserialize)]
struct Manifest {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    members: Vec<PathBuf>,
}

fn members() -> anyhow::Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(project::root().join("Cargo.toml"))
        .context("cannot read Cargo.toml")?;
    let manifest: Manifest = toml::from_str(&text).context("Cargo.toml")?;
    let folders = manifest.workspace.members.iter();
    Ok(folders.map(|folder| project::root().join(folder)).collect())
}

/// A crate, as name and version.
type Crate = (String, String);

/// What is linked into the package, and what expands its macros, as cargo itself tells it.
fn dependencies(package: &str, target: &str) -> anyhow::Result<BTreeSet<Crate>> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--package", package])
        .args(["--target", target, "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(project::root());
    let output = tree.output().context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        process::shown(&tree),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let lines = String::from_utf8(output.stdout).context("cargo tree's output")?;
    // The first is the package itself.
    Ok(lines.lines().skip(1).filter_map(named).collect())
}

/// `serde v1.0.228 (*)`: its name and version.
fn named(line: &str) -> Option<Crate> {
    let mut words = line.split_whitespace();
    let (name, version) = (words.next()?, words.next()?);
    Some((name.to_owned(), version.trim_start_matches('v').to_owned()))
}

#[derive(Deserialize)]
struct Bom {
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    version: String,
}

/// How many crates the list has, among them all of `dependencies`.
fn ensure_complete(list: &str, dependencies: &BTreeSet<Crate>) -> anyhow::Result<usize> {
    let bom: Bom = serde_json::from_str(list).context("is not CycloneDX")?;
    let components = bom.components.into_iter();
    let listed: BTreeSet<Crate> = components.map(|it| (it.name, it.version)).collect();
    let missing = dependencies.difference(&listed);
    let missing: Vec<_> = missing
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    ensure!(missing.is_empty(), "lacks {}", missing.join(", "));
    Ok(listed.len())
}

/// `list` without the folder that the checkout is in, which tells of the machine alone.
fn without_place(list: &str, root: &Path) -> String {
    list.replace(&format!("file://{}", root.display()), "file://")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    const LIST: &str = r#"{"components": [
        {"name": "serde", "version": "1.0.228", "bom-ref": "registry#serde@1.0.228"},
        {"name": "xtask", "version": "0.2.0", "bom-ref": "path+file:///home/me/checkout/tools/xtask#0.2.0"}
    ]}"#;

    #[test]
    fn a_list_that_lacks_a_dependency_or_its_version_is_refused_by_its_name() {
        for (dependencies, expected) in [
            (&["serde v1.0.228 (*)", "xtask v0.2.0 (/home/me)"][..], None),
            (&["serde v1.0.228", "syn v3.0.0"], Some("lacks syn 3.0.0")),
            (&["serde v1.0.229"], Some("lacks serde 1.0.229")),
        ] {
            let dependencies = dependencies.iter().filter_map(|line| named(line)).collect();

            let refusal = ensure_complete(LIST, &dependencies).err();

            assert_eq!(
                refusal.map(|refusal| refusal.to_string()).as_deref(),
                expected
            );
        }
    }

    #[test]
    fn cargo_names_what_is_linked_into_the_component_and_nothing_of_its_tests() {
        let dependencies = dependencies(COMPONENT.name, COMPONENT_TARGET).unwrap();

        let has = |name: &str| dependencies.iter().any(|(it, _)| it == name);
        assert!(has("spin-sdk") && has("aws-sigv4"));
        assert!(!has("proptest") && !has("image-proxy"));
    }

    #[test]
    fn the_list_does_not_say_where_the_checkout_was() {
        let list = without_place(LIST, Path::new("/home/me/checkout"));

        assert!(!list.contains("/home/me"), "{list}");
        assert!(list.contains("file:///tools/xtask#0.2.0"), "{list}");
    }

    #[test]
    fn every_package_that_users_get_is_where_it_is_looked_for() {
        let members = members().unwrap();

        for package in [COMPONENT].iter().chain(&PROGRAMS) {
            let folder = project::root().join(package.folder);
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();

            assert!(manifest.contains(&format!("name = \"{}\"", package.name)));
            let is_member = |member: &PathBuf| {
                std::fs::canonicalize(member).unwrap() == std::fs::canonicalize(&folder).unwrap()
            };
            assert!(members.iter().any(is_member), "{}", package.name);
        }
    }
}
