//! `cargo xtask audit`: what is known of the dependencies' vulnerabilities.

use std::process::ExitCode;

use crate::{cargo_deny, process};

/// The workspaces, each with a lock file of its own.
const WORKSPACES: [&str; 3] = ["Cargo.toml", "fuzz/Cargo.toml", "tools/bench/Cargo.toml"];

/// Look for known vulnerabilities of all dependencies, which needs the network
#[derive(Debug, clap::Args)]
#[command(after_help = "\
cargo-deny does it, by RustSec's advisories, for the workspace, fuzz/ and tools/bench/; where it is missing, cargo builds it in
target/installed. All are checked, whatever the first says. `cargo xtask test --all` checks licences and
sources, which change with the lock files alone.")]
pub struct Args {}

/// Checks all workspaces, and fails if one of them does.
pub fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    let program = cargo_deny::ensure()?;
    let mut outcome = ExitCode::SUCCESS;
    for workspace in WORKSPACES {
        println!("\n== {workspace}");
        let mut check = cargo_deny::check(&program, workspace, &["advisories"]);
        if !process::status(&mut check)?.success() {
            outcome = ExitCode::FAILURE;
        }
    }
    Ok(outcome)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::project;

    #[test]
    fn no_lock_file_is_left_out() {
        let mut found = Vec::new();
        collect_lock_files(project::root(), &mut found);
        found.sort();

        let audited: Vec<_> = WORKSPACES
            .iter()
            .map(|manifest| project::root().join(manifest).with_extension("lock"))
            .collect();

        assert_eq!(found, audited);
    }

    fn collect_lock_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == "Cargo.lock" {
                found.push(path);
            } else if path.is_dir() && !["target", "node_modules", ".git"].contains(&name) {
                collect_lock_files(&path, found);
            }
        }
    }
}
