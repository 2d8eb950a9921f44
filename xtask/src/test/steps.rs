//! The steps, in the order in which they fail soonest.
//!
//! Every cargo command selects the whole workspace, whatever part of it runs: the selection decides
//! the features that dependencies are compiled with, and this way each is compiled once.

use std::path::PathBuf;
use std::process::Command;

use super::programs::PythonPrograms;
use crate::cargo::cargo;
use crate::wasm_target::Toolchain;
use crate::{build, spin_test};

/// One step.
pub struct Step {
    /// What it shows to hold.
    pub heading: &'static str,
    /// How.
    pub work: Work,
}

/// What a step does.
pub enum Work {
    /// Runs a command that has to succeed.
    Run(Command),
    /// As `Run`, but where its program is not installed, says this instead.
    RunIfInstalled(Command, &'static str),
    /// Nothing, for this reason.
    Skip(&'static str),
}

/// What the black-box tests run in.
pub struct Environment {
    /// The program that runs the application.
    pub host: PathBuf,
    /// Whether that is a real Spin.
    pub is_spin: bool,
    /// The Redis server that keeps key-value records, if one does.
    pub redis: Option<&'static str>,
    /// What they use if they may.
    pub programs: Option<PythonPrograms>,
}

/// All steps; `filter` selects black-box tests, `environment` is what they run in.
pub fn all(toolchain: Toolchain, filter: Option<&str>, environment: &Environment) -> Vec<Step> {
    let step = |heading, work| Step { heading, work };
    vec![
        step("formatting", Work::Run(formatting())),
        step("lints", Work::Run(lints())),
        step(
            "lints of the components",
            lints_of_the_components(toolchain),
        ),
        step(
            "licences and sources of dependencies",
            Work::RunIfInstalled(
                dependencies(),
                "cargo-deny is not installed (cargo install --locked cargo-deny)",
            ),
        ),
        step("unit tests", Work::Run(unit_tests())),
        step(
            "build of the component",
            Work::Run(build::component_command(toolchain)),
        ),
        step(
            "build of the tests that run beside it",
            Work::Run(build::test_component_command(toolchain)),
        ),
        step("build of the host", Work::Run(build::host_command())),
        step("spin-test", Work::Run(spin_test::command(None))),
        step(
            "black-box tests",
            Work::Run(black_box_tests(filter, environment)),
        ),
    ]
}

fn formatting() -> Command {
    let mut cargo = cargo();
    cargo.args(["fmt", "--all", "--check"]);
    cargo
}

// `cargo clippy` would compile every dependency a second time, in check mode. As the compiler of the
// workspace's own crates alone, clippy makes do with the dependencies that the build needs anyway.
fn with_clippy(mut cargo: Command) -> Command {
    cargo.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver").env(
        "CLIPPY_ARGS",
        "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__",
    );
    cargo
}

fn lints() -> Command {
    let mut cargo = with_clippy(cargo());
    cargo.args(["build", "--release", "--workspace", "--all-targets"]);
    cargo
}

fn lints_of_the_components(toolchain: Toolchain) -> Work {
    match toolchain {
        Toolchain::Installed => {
            let mut cargo = with_clippy(toolchain.cargo("build"));
            cargo.args(["--release", "--lib"]);
            for package in ["image-proxy", "image-proxy-spin-test"] {
                cargo.args(["--package", package]);
            }
            Work::Run(cargo)
        }
        Toolchain::Debian => Work::Skip("Debian's compiler for wasm comes without clippy"),
    }
}

// Advisories need the network, so they are not part of this: `cargo deny check advisories`.
fn dependencies() -> Command {
    let mut deny = Command::new("cargo-deny");
    deny.args(["--offline", "check", "bans", "licenses", "sources"]);
    deny
}

fn unit_tests() -> Command {
    let mut cargo = cargo();
    cargo.args([
        "test",
        "--release",
        "--workspace",
        "--lib",
        "--bins",
        "--test",
        "embedded_storage",
        "--no-fail-fast",
    ]);
    cargo
}

fn black_box_tests(filter: Option<&str>, environment: &Environment) -> Command {
    let mut cargo = cargo();
    let host = if environment.is_spin {
        "SPIN_BIN"
    } else {
        "IMAGE_PROXY_HOST"
    };
    cargo.env(host, &environment.host).args([
        "test",
        "--release",
        "--workspace",
        "--test",
        "blackbox",
    ]);
    if let Some(redis) = environment.redis {
        cargo.env("REDIS_SERVER", redis);
    }
    if let Some(programs) = &environment.programs {
        cargo
            .env("SCHEMATHESIS", &programs.schemathesis)
            .env("DEPLOY_PYTHON", &programs.python);
    }
    if let Some(filter) = filter {
        cargo.args(["--", filter]);
    }
    cargo
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::process::shown;

    fn command_of<'a>(steps: &'a [Step], heading: &str) -> Option<&'a Command> {
        steps
            .iter()
            .find(|step| step.heading == heading)
            .and_then(|step| match &step.work {
                Work::Run(command) | Work::RunIfInstalled(command, _) => Some(command),
                Work::Skip(_) => None,
            })
    }

    fn embedded() -> Environment {
        Environment {
            host: "host".into(),
            is_spin: false,
            redis: None,
            programs: None,
        }
    }

    #[test]
    fn a_real_spin_is_handed_to_the_black_box_tests_as_such() {
        for (is_spin, variable) in [(false, "IMAGE_PROXY_HOST=host "), (true, "SPIN_BIN=host ")] {
            let environment = Environment {
                is_spin,
                ..embedded()
            };
            let steps = all(Toolchain::Installed, None, &environment);

            let command = command_of(&steps, "black-box tests").map(shown);

            assert!(
                command.is_some_and(|command| command.contains(variable)),
                "{variable}"
            );
        }
    }

    #[test]
    fn a_redis_server_reaches_the_black_box_tests_where_it_is_asked_for() {
        for redis in [None, Some("redis-server")] {
            let environment = Environment {
                redis,
                ..embedded()
            };
            let steps = all(Toolchain::Installed, None, &environment);

            let command = command_of(&steps, "black-box tests").map(shown);

            let is_told =
                command.is_some_and(|command| command.contains("REDIS_SERVER=redis-server"));
            assert_eq!(is_told, redis.is_some());
        }
    }

    #[test]
    fn the_cheapest_check_comes_first_and_the_black_box_tests_last() {
        let steps = all(Toolchain::Installed, None, &embedded());

        assert_eq!(steps.first().map(|step| step.heading), Some("formatting"));
        assert_eq!(
            steps.last().map(|step| step.heading),
            Some("black-box tests")
        );
    }

    #[test]
    fn a_filter_reaches_the_black_box_tests_alone() {
        let steps = all(Toolchain::Installed, Some("ranges"), &embedded());

        let filtered: Vec<_> = steps
            .iter()
            .filter(|step| {
                command_of(&steps, step.heading)
                    .is_some_and(|command| shown(command).contains("ranges"))
            })
            .map(|step| step.heading)
            .collect();

        assert_eq!(filtered, ["black-box tests"]);
    }

    #[test]
    fn the_components_are_linted_where_clippy_knows_their_target() {
        let lint = |toolchain| {
            command_of(
                &all(toolchain, None, &embedded()),
                "lints of the components",
            )
            .is_some()
        };

        assert!(lint(Toolchain::Installed));
        assert!(!lint(Toolchain::Debian));
    }

    #[test]
    fn pythons_programs_reach_the_black_box_tests_where_there_are_any() {
        let programs = PythonPrograms {
            schemathesis: "venv/bin/schemathesis".into(),
            python: "venv/bin/python3".into(),
        };

        for programs in [None, Some(programs)] {
            let is_expected = programs.is_some();
            let environment = Environment {
                programs,
                ..embedded()
            };
            let steps = all(Toolchain::Installed, None, &environment);

            let command = command_of(&steps, "black-box tests")
                .map(shown)
                .unwrap_or_default();

            for variable in [
                "SCHEMATHESIS=venv/bin/schemathesis",
                "DEPLOY_PYTHON=venv/bin/python3",
            ] {
                assert_eq!(command.contains(variable), is_expected, "{command}");
            }
        }
    }

    #[test]
    fn native_steps_select_the_whole_workspace_so_that_no_dependency_is_compiled_twice() {
        let is_native_build = |command: &&Command| {
            let arguments: Vec<_> = command.get_args().collect();
            command.get_program() == "cargo"
                && arguments.iter().any(|argument| *argument == "--release")
                && !arguments.iter().any(|argument| *argument == "--target")
        };
        let steps = all(Toolchain::Installed, Some("ranges"), &embedded());
        let native: Vec<_> = steps
            .iter()
            .filter_map(|step| command_of(&steps, step.heading))
            .filter(is_native_build)
            .collect();

        assert_eq!(native.len(), 4, "lints, unit tests, host, black-box tests");
        for command in native {
            let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();

            assert!(
                arguments.iter().any(|argument| argument == "--workspace"),
                "{}",
                shown(command)
            );
            assert!(
                !arguments
                    .iter()
                    .any(|argument| argument.starts_with("-p") || argument.starts_with("--package")),
                "{}",
                shown(command)
            );
        }
    }
}
