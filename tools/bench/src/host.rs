//! What runs a component: a real Spin, or this project's own host.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use xtask::build;
use xtask::host::Kind;

/// A host that is installed.
#[derive(Debug, Clone)]
pub struct Host {
    /// Which it is.
    pub kind: Kind,
    program: PathBuf,
}

impl Host {
    /// The host, built where it is this project's own.
    ///
    /// # Errors
    /// When Spin is not installed, or the project's own cannot be built.
    pub fn ensure(kind: Kind) -> anyhow::Result<Self> {
        if kind == Kind::Embedded {
            build::tools()?;
        }
        Ok(Self {
            kind,
            program: kind.program()?,
        })
    }

    /// Its name and version, in its own words.
    ///
    /// # Errors
    /// When it does not tell them.
    pub fn version(&self) -> anyhow::Result<String> {
        let mut command = Command::new(&self.program);
        let output = command
            .arg("--version")
            .output()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(
            output.status.success() && !version.is_empty(),
            "{} does not tell its version",
            self.program.display()
        );
        Ok(version)
    }

    /// The command that runs the application of `manifest` at `listen`, its state in `state`, without
    /// the caller's settings for one.
    ///
    /// Without `RUST_BACKTRACE` either: with it, Spin captures a backtrace for each request.
    pub fn up(&self, manifest: &Path, listen: SocketAddr, state: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.env_remove("RUST_BACKTRACE");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SPIN_VARIABLE_") {
                command.env_remove(name);
            }
        }
        command
            .arg("up")
            .arg("--from")
            .arg(manifest)
            .args(["--listen", &listen.to_string()])
            .arg("--state-dir")
            .arg(state)
            .arg("--quiet");
        command
    }
}

/// What a host is called in the names of what runs on it.
pub struct Name(pub Kind);

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Kind::Embedded => "embedded host",
            Kind::Spin => "Spin",
        })
    }
}
