//! Which WASI the component is built for.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use crate::project;
use crate::wasm_target::Toolchain;

/// The interfaces that a component speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wasi {
    /// Those of every Spin.
    V0_2,
    /// Those of Spin 4.1 and later, where instances are used again.
    V0_3,
}

/// Which components are meant, by their WASI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Chosen {
    /// The one that every Spin runs
    #[value(name = "0.2")]
    V0_2,
    /// The one for Spin 4.1 and later
    #[value(name = "0.3")]
    V0_3,
    /// Both
    Both,
}

impl Chosen {
    /// These, one after the other.
    #[must_use]
    pub fn all(self) -> &'static [Wasi] {
        match self {
            Self::V0_2 => &[Wasi::V0_2],
            Self::V0_3 => &[Wasi::V0_3],
            Self::Both => &[Wasi::V0_2, Wasi::V0_3],
        }
    }
}

impl Wasi {
    /// The name of its manifest, in the checkout's folder.
    #[must_use]
    pub fn manifest(self) -> &'static str {
        match self {
            Self::V0_2 => "spin.toml",
            Self::V0_3 => "spin.wasip3.toml",
        }
    }

    /// The component, as the manifest names it.
    #[must_use]
    pub fn component(self) -> PathBuf {
        match self {
            Self::V0_2 => project::component(),
            Self::V0_3 => {
                project::root().join("target/wasip3/wasm32-wasip2/release/image_proxy.wasm")
            }
        }
    }

    /// The command that builds it, as the manifest says. The second has a folder of its own, since both have
    /// the same name.
    #[must_use]
    pub fn build_command(self, toolchain: Toolchain) -> Command {
        let mut cargo = toolchain.cargo("build");
        cargo
            .args(["--release", "--package", "image-proxy"])
            .current_dir(project::root());
        if self == Self::V0_3 {
            cargo.args(["--no-default-features", "--features", "wasip3"]);
            cargo.args(["--target-dir", "target/wasip3"]);
        }
        cargo
    }
}

impl fmt::Display for Wasi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V0_2 => "WASI 0.2",
            Self::V0_3 => "WASI 0.3",
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;
    use crate::process::shown;

    #[test]
    fn a_component_is_built_by_the_command_of_its_manifest_where_that_looks_for_it() {
        for wasi in [Wasi::V0_2, Wasi::V0_3] {
            let text = std::fs::read_to_string(project::root().join(wasi.manifest())).unwrap();
            let manifest: toml::Table = text.parse().unwrap();
            let component = &manifest["component"]["image-proxy"];

            let source = component["source"].as_str().unwrap();
            assert_eq!(wasi.component(), project::root().join(source));
            let told: Vec<_> = component["build"]["command"]
                .as_str()
                .unwrap()
                .split_whitespace()
                .map(str::to_owned)
                .collect();
            let built = shown(&wasi.build_command(Toolchain::Installed));
            for word in told {
                assert!(built.contains(&word), "{wasi}: {word} is not in {built}");
            }
        }
    }
}
