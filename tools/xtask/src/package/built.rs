//! What is packed: the component, and the programs for one kind of machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::cargo::cargo;
use crate::wasi::Wasi;
use crate::wasm_target;
use crate::{process, project};

/// The programs of an archive, which are packages of the same names.
pub const PROGRAMS: [&str; 3] = [
    "image-proxy-host",
    "image-proxy-import",
    "image-proxy-embedded-storage",
];

/// Apart from `target/release`: programs of a release are told other paths than this machine's, and Cargo
/// would compile everything anew at each change between the two.
const FOLDER: &str = "target/package-build";

/// Files that are built.
pub struct Built {
    /// The component.
    pub component: PathBuf,
    /// The programs, if they are to be packed.
    pub programs: Option<Programs>,
}

/// Programs for one kind of machine.
pub struct Programs {
    /// As Rust names it.
    pub triple: String,
    /// Where they are.
    pub folder: PathBuf,
}

impl Built {
    /// What `cargo xtask build` has left.
    ///
    /// # Errors
    /// When some of it is missing.
    pub fn by_cargo_xtask_build(with_programs: bool) -> anyhow::Result<Self> {
        let component = project::component();
        let folder = project::root().join("target/release");
        let programs = if with_programs { &PROGRAMS[..] } else { &[] };
        for file in programs
            .iter()
            .map(|name| folder.join(name))
            .chain([component.clone()])
        {
            ensure!(
                file.is_file(),
                "{} is missing: run `cargo xtask build`, or leave out --no-build",
                project::shown(&file)
            );
        }
        if with_programs {
            Ok(Self::with_programs(component, this_machine()?, folder))
        } else {
            Ok(Self::component_alone(component))
        }
    }

    pub fn component_alone(component: PathBuf) -> Self {
        Self {
            component,
            programs: None,
        }
    }

    pub fn with_programs(component: PathBuf, triple: String, folder: PathBuf) -> Self {
        Self {
            component,
            programs: Some(Programs { triple, folder }),
        }
    }
}

/// Where this builds.
pub fn folder() -> PathBuf {
    project::root().join(FOLDER)
}

/// Builds the component.
///
/// # Errors
/// When it cannot be built; its own words are above.
pub fn component() -> anyhow::Result<PathBuf> {
    let mut cargo = Wasi::V0_2.build_command(wasm_target::ensure()?);
    process::run(for_release(&mut cargo))?;
    let built = folder().join(wasm_target::TRIPLE).join("release");
    Ok(built.join("image_proxy.wasm"))
}

/// Builds the programs for a kind of machine, and tells where they are.
///
/// # Errors
/// When one cannot be built; its own words are above.
pub fn programs(triple: &str) -> anyhow::Result<PathBuf> {
    let mut cargo = cargo();
    cargo
        .args(["build", "--release", "--bins", "--target", triple])
        .current_dir(project::root());
    for program in PROGRAMS {
        cargo.args(["--package", program]);
    }
    process::run(for_release(&mut cargo)).with_context(|| {
        format!(
            "the programs need `rustup target add {triple}`, and a C compiler and a linker for it \
             (for x86_64-unknown-linux-musl, Debian's package musl-tools)"
        )
    })?;
    Ok(folder().join(triple).join("release"))
}

/// The kind of machine that this is.
///
/// # Errors
/// When the compiler does not tell.
pub fn this_machine() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output();
    let output = output.context("cannot start rustc")?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no host: give --target")
}

/// In the folder of releases, of the locked dependencies, and without this machine's paths.
fn for_release(cargo: &mut Command) -> &mut Command {
    let flags = rust_flags(cargo, &cargo_home(), project::root());
    cargo
        .args(["--locked", "--target-dir", FOLDER])
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
}

/// The command's own flags, and other names for the folders that sources lie in: panics tell their files.
fn rust_flags(command: &Command, cargo_home: &Path, checkout: &Path) -> String {
    let own = command
        .get_envs()
        .find(|(name, _)| *name == "RUSTFLAGS")
        .and_then(|(_, value)| value?.to_str())
        .unwrap_or_default();
    let renamed = [(cargo_home, "/cargo"), (checkout, "/image-proxy")];
    let renamed = renamed.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let flags: Vec<_> = own
        .split_whitespace()
        .chain(renamed.iter().map(String::as_str))
        .collect();
    flags.join("\x1f")
}

/// Where Cargo keeps sources of dependencies.
fn cargo_home() -> PathBuf {
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    given.unwrap_or_else(|| {
        let home = std::env::var_os("HOME").unwrap_or_default();
        PathBuf::from(home).join(".cargo")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_toolchain_stay_and_folders_get_other_names() {
        let mut command = Command::new("cargo");
        command.env("RUSTFLAGS", "-L native=/usr/lib");

        let flags = rust_flags(&command, Path::new("/home/me/.cargo"), Path::new("/a b"));

        let expected = [
            "-L",
            "native=/usr/lib",
            "--remap-path-prefix=/home/me/.cargo=/cargo",
            "--remap-path-prefix=/a b=/image-proxy",
        ];
        assert_eq!(flags.split('\x1f').collect::<Vec<_>>(), expected);
    }
}
