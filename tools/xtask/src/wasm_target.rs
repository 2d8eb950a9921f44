//! A cargo that can compile for `wasm32-wasip2`: what is there already, else rustup's target,
//! else Debian's own toolchain.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::cargo::{as_from_a_shell, cargo};
use crate::{apt, process};

/// The target of the component.
pub const TRIPLE: &str = "wasm32-wasip2";

/// What the Debian toolchain consists of: compiler, its standard library's source, cargo, linkers, libc.
const DEBIAN_PACKAGES: [&str; 6] = [
    "rustc-web",
    "rust-web-src",
    "cargo-web",
    "rust-web-llvm",
    "lld-22",
    "wasi-libc",
];

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_WASI_LIBC: &str = "/usr/lib/wasm32-wasi";
const DEBIAN_STANDARD_LIBRARY_SOURCE: &str = "/usr/src";

/// How to call cargo so that it can compile the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// The cargo at hand; its compiler has the target's libraries.
    Installed,
    /// Debian's cargo and compiler, which build the standard library along the way.
    Debian,
}

impl Toolchain {
    /// `cargo <verb>` for the component's target, in this toolchain.
    pub fn cargo(self, verb: &str) -> Command {
        match self {
            Self::Installed => {
                let mut cargo = cargo();
                cargo.args([verb, "--target", TRIPLE]);
                cargo
            }
            Self::Debian => {
                let mut cargo = as_from_a_shell(Command::new(DEBIAN_CARGO));
                cargo
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("RUSTFLAGS", format!("-L native={DEBIAN_WASI_LIBC}"))
                    .args([verb, "--target", TRIPLE, "-Zbuild-std=std,panic_abort"]);
                cargo
            }
        }
    }
}

/// Makes sure of a toolchain for [`TRIPLE`], installing what is missing where it can.
///
/// # Errors
/// One line on what to install, when nothing worked.
pub fn ensure() -> anyhow::Result<Toolchain> {
    let mut seen = Seen::look();
    loop {
        let next = next(seen);
        if matches!(next, Next::AddByRustup | Next::InstallFromDebian) {
            eprintln!("the {TRIPLE} target is missing:");
        }
        match next {
            Next::Use(toolchain) => return Ok(toolchain),
            Next::AddByRustup => {
                let added =
                    process::run_announced(Command::new("rustup").args(["target", "add", TRIPLE]));
                seen = Seen {
                    rustup: Attempt::after(added),
                    ..Seen::look_again(seen)
                };
            }
            Next::InstallFromDebian => {
                let installed = apt::install(&DEBIAN_PACKAGES);
                seen = Seen {
                    apt: Attempt::after(installed),
                    ..Seen::look_again(seen)
                };
            }
            Next::GiveUp => bail!(
                "no Rust compiler here has the {TRIPLE} target: install it with `rustup target add {TRIPLE}`, \
                 or on Debian with `sudo apt-get install {}`",
                DEBIAN_PACKAGES.join(" ")
            ),
        }
    }
}

/// What is known of this machine.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The compiler at hand has the target's libraries.
    target: bool,
    /// Debian's toolchain is complete.
    debian: bool,
    rustup: Attempt,
    apt: Attempt,
}

/// Something that may be tried once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Impossible,
    Possible,
    Done,
}

impl Attempt {
    fn if_possible(possible: bool) -> Self {
        if possible {
            Self::Possible
        } else {
            Self::Impossible
        }
    }

    // Whether it worked is seen by looking again; the cause of a failure is told here.
    fn after(outcome: anyhow::Result<()>) -> Self {
        if let Err(error) = outcome {
            eprintln!("{error:#}");
        }
        Self::Done
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Use(Toolchain),
    AddByRustup,
    InstallFromDebian,
    GiveUp,
}

/// The order of preference, and nothing else.
fn next(seen: Seen) -> Next {
    if seen.target {
        Next::Use(Toolchain::Installed)
    } else if seen.rustup == Attempt::Possible {
        Next::AddByRustup
    } else if seen.debian {
        Next::Use(Toolchain::Debian)
    } else if seen.apt == Attempt::Possible {
        Next::InstallFromDebian
    } else {
        Next::GiveUp
    }
}

impl Seen {
    fn look() -> Self {
        Self {
            target: target_libraries().is_some_and(|folder| has_standard_library(&folder)),
            debian: debian_toolchain_is_complete(),
            rustup: Attempt::if_possible(process::succeeds(
                Command::new("rustup").arg("--version"),
            )),
            apt: Attempt::if_possible(apt::is_possible()),
        }
    }

    fn look_again(before: Self) -> Self {
        Self {
            rustup: before.rustup,
            apt: before.apt,
            ..Self::look()
        }
    }
}

fn target_libraries() -> Option<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TRIPLE])
        .output()
        .ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| PathBuf::from(folder.trim()))
}

// The folder is named whether or not the target is installed, so what counts is what lies in it.
fn has_standard_library(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn debian_toolchain_is_complete() -> bool {
    // `rustc-web` installs no path of its own by which to tell it from Debian's other compilers.
    process::succeeds(Command::new("dpkg").arg("--status").args(DEBIAN_PACKAGES))
        && [
            DEBIAN_CARGO,
            DEBIAN_RUSTC,
            DEBIAN_WASI_LIBC,
            DEBIAN_STANDARD_LIBRARY_SOURCE,
        ]
        .iter()
        .all(|path| Path::new(path).exists())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;
    use Attempt::{Done, Impossible, Possible};

    #[test]
    fn the_target_at_hand_comes_first_then_rustup_then_debian() {
        let everything = Seen {
            target: true,
            debian: true,
            rustup: Possible,
            apt: Possible,
        };
        let no_target = Seen {
            target: false,
            ..everything
        };
        let nothing = Seen {
            target: false,
            debian: false,
            rustup: Impossible,
            apt: Impossible,
        };
        let cases = [
            (everything, Next::Use(Toolchain::Installed)),
            (no_target, Next::AddByRustup),
            (
                Seen {
                    rustup: Done,
                    ..no_target
                },
                Next::Use(Toolchain::Debian),
            ),
            (
                Seen {
                    rustup: Impossible,
                    ..no_target
                },
                Next::Use(Toolchain::Debian),
            ),
            (
                Seen {
                    rustup: Done,
                    apt: Possible,
                    ..nothing
                },
                Next::InstallFromDebian,
            ),
            (
                Seen {
                    apt: Possible,
                    ..nothing
                },
                Next::InstallFromDebian,
            ),
            (
                Seen {
                    apt: Done,
                    debian: true,
                    ..nothing
                },
                Next::Use(Toolchain::Debian),
            ),
            (
                Seen {
                    rustup: Done,
                    apt: Done,
                    ..nothing
                },
                Next::GiveUp,
            ),
            (nothing, Next::GiveUp),
        ];
        for (seen, expected) in cases {
            assert_eq!(next(seen), expected, "{seen:?}");
        }
    }

    #[test]
    fn each_toolchain_is_called_in_its_own_way() {
        let mut installed = Toolchain::Installed.cargo("build");
        let mut debian = Toolchain::Debian.cargo("build");

        let installed = process::shown(installed.arg("--release"));
        let debian = process::shown(debian.arg("--release"));

        assert_eq!(installed, "cargo build --target wasm32-wasip2 --release");
        assert_eq!(
            debian,
            "RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS='-L native=/usr/lib/wasm32-wasi' /usr/bin/cargo \
             build --target wasm32-wasip2 -Zbuild-std=std,panic_abort --release"
        );
    }

    #[test]
    fn an_empty_library_folder_is_no_target() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_standard_library(folder.path()));
        assert!(!has_standard_library(&folder.path().join("missing")));

        std::fs::write(folder.path().join("libstd-0123.rlib"), "").unwrap();

        assert!(has_standard_library(folder.path()));
    }
}
