//! The steps, in the order in which they fail soonest.
//!
//! Every cargo command selects the whole workspace, whatever part of it runs: the selection decides
//! the features that dependencies are compiled with, and this way each is compiled once.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs::Programs;
use crate::bench::BENCH_TARGET;
use crate::cargo::cargo;
use crate::storage_server::Server;
use crate::wasi::Wasi;
use crate::wasm_target::Toolchain;
use crate::{build, cargo_deny, installed, spin_test};

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
    /// As `Run`, with the tests told of this server, which runs for as long as they do.
    RunOn(Server, Command),
    /// Nothing, for this reason.
    Skip(String),
}

/// A storage for the black-box tests.
pub enum Ready {
    /// Each test starts its own.
    InEachTest,
    /// All share this server.
    Server(Server),
    /// It is not available, for this reason.
    Missing(String),
}

/// What the black-box tests run in.
pub struct Environment {
    /// The program that runs the application.
    pub host: PathBuf,
    /// Whether that is a real Spin.
    pub is_spin: bool,
    /// The Redis server that keeps key-value records, if one does.
    pub redis: Option<&'static str>,
    /// Checks dependencies, if it is here.
    pub cargo_deny: Option<PathBuf>,
    /// What a complete run needs.
    pub programs: Option<Programs>,
    /// The storage that they run on, one after the other.
    pub storage: Vec<Ready>,
    /// WASI of the components that they run, one after the other.
    pub wasi: &'static [Wasi],
}

impl Environment {
    /// MinIO's program, of which tests start one of their own that speaks TLS.
    fn minio(&self) -> Option<&Path> {
        self.storage.iter().find_map(|storage| match storage {
            Ready::Server(Server::Minio(program)) => Some(program.as_path()),
            _ => None,
        })
    }
}

/// The black-box tests that a real storage server decides about.
const STORAGE_TESTS: [&str; 7] = [
    "clients::",
    "head_and_options::",
    "ranges::",
    "serving::",
    "storage_failures::",
    "storage_servers::",
    "temporary_credentials::",
];

/// The black-box tests that the component for WASI 0.3 is run by: all that it decides about.
const COMPONENT_TESTS: [&str; 22] = [
    "capacity::",
    "checksums::",
    "clients::",
    "component::",
    "conditional_requests::",
    "configuration::",
    "cors::",
    "faults::",
    "head_and_options::",
    "kept_images::",
    "memory::",
    "metadata::",
    "ranges::",
    "readiness::",
    "records::",
    "request_log::",
    "reused_instances::",
    "routing::",
    "serving::",
    "slow_clients::",
    "soak::",
    "storage_failures::",
];

/// The program that a user installs, who has no checkout.
const IMPORTER: &str = "image-proxy-import";

const NO_CLIPPY: &str = "Debian's compiler for wasm comes without clippy";

fn step(heading: &'static str, work: Work) -> Step {
    Step { heading, work }
}

/// The steps that start nothing.
pub fn units(toolchain: Toolchain, environment: &Environment) -> Vec<Step> {
    vec![
        step("formatting", Work::Run(formatting())),
        step("lints", Work::Run(lints())),
        step(
            "lints of the components",
            lints_of_the_components(toolchain),
        ),
        step(
            "lints of the component for WASI 0.3",
            lints_of_the_newer_component(toolchain, environment),
        ),
        step(
            "licences and sources of dependencies",
            dependencies(environment),
        ),
        step("unit tests", Work::Run(unit_tests())),
        step(
            "build of the component",
            Work::Run(Wasi::V0_2.build_command(toolchain)),
        ),
        step(
            "build of the component for WASI 0.3",
            newer(environment, || {
                Work::Run(Wasi::V0_3.build_command(toolchain))
            }),
        ),
    ]
}

/// What is done for the component of WASI 0.3, where that is asked for.
fn newer(environment: &Environment, work: impl FnOnce() -> Work) -> Work {
    if environment.wasi.contains(&Wasi::V0_3) {
        work()
    } else {
        Work::Skip("`--wasi both` builds and tests the component for Spin 4.1 and later".into())
    }
}

/// All steps; `filter` selects black-box tests, `environment` is what they run in.
pub fn all(toolchain: Toolchain, filter: Option<&str>, environment: &Environment) -> Vec<Step> {
    let mut steps = units(toolchain, environment);
    steps.extend([
        step(
            "build of the tests that run beside it",
            Work::Run(build::test_component_command(toolchain)),
        ),
        step("build of the tools", Work::Run(build::tools_command())),
        step("spin-test", Work::Run(spin_test::command(None))),
    ]);
    if environment.programs.is_some() {
        let work = Work::Run(installation_of_the_importer());
        steps.push(step("installation of the importer", work));
        steps.push(step("the benchmark", benchmark()));
    }
    if environment.wasi.contains(&Wasi::V0_2) {
        for storage in &environment.storage {
            let (heading, work) = black_box_step(storage, filter, environment);
            steps.push(step(heading, work));
        }
    }
    if environment.wasi.contains(&Wasi::V0_3) {
        let tests = |names| {
            let mut tests = black_box_tests(names, environment);
            tests.env("IMAGE_PROXY_MANIFEST", Wasi::V0_3.manifest());
            Work::Run(tests)
        };
        let heading = "what the component for WASI 0.3 imports and exports";
        steps.push(step(heading, tests(&["component::the_component"])));
        let names = match filter {
            Some(filter) => &[filter][..],
            None => &COMPONENT_TESTS,
        };
        let work = if environment.is_spin {
            tests(names)
        } else {
            Work::Skip("the host of this repository runs WASI 0.2: `--host spin --wasi 0.3`".into())
        };
        steps.push(step("black-box tests on WASI 0.3", work));
    }
    steps
}

fn black_box_step(
    storage: &Ready,
    filter: Option<&str>,
    environment: &Environment,
) -> (&'static str, Work) {
    let tests = |names: &[&str]| black_box_tests(names, environment);
    match (storage, filter) {
        (Ready::InEachTest, _) => ("black-box tests", Work::Run(tests(filter.as_slice()))),
        (Ready::Server(server), _) => {
            let names = match filter {
                Some(filter) => &[filter][..],
                None => &STORAGE_TESTS,
            };
            (server.heading(), Work::RunOn(server.clone(), tests(names)))
        }
        (Ready::Missing(reason), _) => ("storage tests", Work::Skip(reason.clone())),
    }
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
    if toolchain == Toolchain::Debian {
        return Work::Skip(NO_CLIPPY.into());
    }
    let mut cargo = with_clippy(toolchain.cargo("build"));
    cargo.args(["--release", "--lib"]);
    for package in ["image-proxy", "image-proxy-spin-test"] {
        cargo.args(["--package", package]);
    }
    Work::Run(cargo)
}

fn lints_of_the_newer_component(toolchain: Toolchain, environment: &Environment) -> Work {
    if toolchain == Toolchain::Debian {
        return Work::Skip(NO_CLIPPY.into());
    }
    newer(environment, || {
        Work::Run(with_clippy(Wasi::V0_3.build_command(toolchain)))
    })
}

// Advisories need the network, so they are not part of this: `cargo xtask audit`.
fn dependencies(environment: &Environment) -> Work {
    let Some(program) = &environment.cargo_deny else {
        return Work::Skip(
            "cargo-deny is missing (`cargo xtask test --all` installs it)".to_owned(),
        );
    };
    let checks = ["bans", "licenses", "sources"];
    let mut deny = cargo_deny::check(program, "Cargo.toml", &checks);
    deny.env("CARGO_NET_OFFLINE", "true");
    Work::Run(deny)
}

// A workspace of its own, so that nobody else builds it. Its lints and its tests in one.
fn benchmark() -> Work {
    if cfg!(not(target_os = "linux")) {
        return Work::Skip("it measures on Linux alone".to_owned());
    }
    let mut cargo = with_clippy(cargo());
    cargo
        .args([
            "test",
            "--release",
            "--locked",
            "--manifest-path",
            "tools/bench/Cargo.toml",
        ])
        .args(["--target-dir", BENCH_TARGET]);
    Work::Run(cargo)
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

/// As a user installs it, who builds nothing else: its dependencies are compiled with its features alone.
fn installation_of_the_importer() -> Command {
    let mut cargo = cargo();
    cargo
        .args(["install", "--locked", "--force", "--path", "tools/import"])
        .args(["--root", installed::FOLDER]);
    cargo
}

fn black_box_tests(names: &[&str], environment: &Environment) -> Command {
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
            .env("IMAGE_PROXY_IMPORT", installed::here(IMPORTER))
            .env("SCHEMATHESIS", &programs.schemathesis)
            .env("DEPLOY_PYTHON", &programs.python)
            .env("ACTIONLINT", &programs.actionlint)
            .env("ZIZMOR", &programs.zizmor);
    }
    if let Some(minio) = environment.minio() {
        cargo.env("MINIO_BIN", minio);
    }
    if !names.is_empty() {
        cargo.arg("--").args(names);
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
                Work::Run(command) | Work::RunOn(_, command) => Some(command),
                Work::Skip(_) => None,
            })
    }

    fn embedded() -> Environment {
        Environment {
            host: "host".into(),
            is_spin: false,
            redis: None,
            cargo_deny: None,
            programs: None,
            storage: vec![Ready::InEachTest],
            wasi: &[Wasi::V0_2],
        }
    }

    fn programs() -> Programs {
        Programs {
            schemathesis: "venv/bin/schemathesis".into(),
            python: "venv/bin/python3".into(),
            actionlint: "actionlint/actionlint".into(),
            zizmor: "venv/bin/zizmor".into(),
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
    fn the_component_for_wasi_0_3_is_tested_where_it_is_asked_for_and_alone_or_beside_the_other() {
        for (wasi, tested) in [
            (&[Wasi::V0_2][..], [true, false]),
            (&[Wasi::V0_3], [false, true]),
            (&[Wasi::V0_2, Wasi::V0_3], [true, true]),
        ] {
            let environment = Environment {
                wasi,
                is_spin: true,
                ..embedded()
            };

            let steps = all(Toolchain::Installed, None, &environment);

            let is_run = |heading| command_of(&steps, heading).is_some();
            let newer = "black-box tests on WASI 0.3";
            assert_eq!(
                [is_run("black-box tests"), is_run(newer)],
                tested,
                "{wasi:?}"
            );
            let newer_is_built = is_run("build of the component for WASI 0.3");
            assert_eq!(newer_is_built, tested[1], "{wasi:?}");
        }
    }

    #[test]
    fn where_no_spin_runs_it_the_component_for_wasi_0_3_is_held_by_its_imports_and_exports_alone() {
        let environment = Environment {
            wasi: &[Wasi::V0_2, Wasi::V0_3],
            ..embedded()
        };

        let steps = all(Toolchain::Installed, None, &environment);

        let heading = "what the component for WASI 0.3 imports and exports";
        let command = command_of(&steps, heading).map(shown);
        assert!(command.is_some_and(|command| command.ends_with("-- component::the_component")));
        assert!(command_of(&steps, "black-box tests on WASI 0.3").is_none());
        assert!(command_of(&steps, "black-box tests").is_some());
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
    fn minio_s_program_reaches_the_black_box_tests_where_it_is_there() {
        let minio = || Ready::Server(Server::Minio("minio-program".into()));
        for (storage, is_told) in [
            (vec![Ready::InEachTest], false),
            (vec![Ready::InEachTest, minio()], true),
        ] {
            let environment = Environment {
                storage,
                ..embedded()
            };
            let steps = all(Toolchain::Installed, None, &environment);

            let command = command_of(&steps, "black-box tests").map(shown);

            let has_it = command.is_some_and(|command| command.contains("MINIO_BIN=minio-program"));
            assert_eq!(has_it, is_told);
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
    fn what_starts_nothing_is_the_beginning_of_all_steps() {
        let headings = |steps: Vec<Step>| steps.iter().map(|step| step.heading).collect::<Vec<_>>();

        let units = headings(units(Toolchain::Installed, &embedded()));

        for expected in [
            "formatting",
            "lints",
            "unit tests",
            "build of the component",
        ] {
            assert!(units.contains(&expected), "{expected}");
        }
        assert!(
            !units
                .iter()
                .any(|heading| heading.contains("test") && *heading != "unit tests")
        );
        assert!(headings(all(Toolchain::Installed, None, &embedded())).starts_with(&units));
    }

    #[test]
    fn a_storage_server_has_a_step_of_its_own_with_the_tests_that_it_decides_about() {
        let url = |url: &str| Ready::Server(Server::Url(url.into()));
        for (storage, heading, expected) in [
            (Ready::InEachTest, "black-box tests", "--test blackbox"),
            (
                Ready::Server(Server::Minio("minio".into())),
                "storage tests on MinIO",
                "storage_failures:: storage_servers:: temporary_credentials::",
            ),
            (
                Ready::Server(Server::Seaweedfs("weed".into())),
                "storage tests on SeaweedFS",
                "storage_failures:: storage_servers:: temporary_credentials::",
            ),
            (
                url("http://127.0.0.1:9000"),
                "storage tests on the storage that --storage names",
                "storage_failures:: storage_servers:: temporary_credentials::",
            ),
        ] {
            let environment = Environment {
                storage: vec![storage],
                ..embedded()
            };

            let steps = all(Toolchain::Installed, None, &environment);

            let command = command_of(&steps, heading).map(shown).unwrap_or_default();
            assert!(command.ends_with(expected), "{heading}: {command}");
        }
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
    fn a_complete_run_tests_the_importer_as_it_is_installed_and_the_benchmark() {
        for (programs, is_complete) in [(None, false), (Some(programs()), true)] {
            let environment = Environment {
                programs,
                ..embedded()
            };
            let steps = all(Toolchain::Installed, None, &environment);

            let installation = command_of(&steps, "installation of the importer");
            let benchmark = command_of(&steps, "the benchmark");
            let tests = command_of(&steps, "black-box tests").map(shown);

            assert_eq!(installation.is_some(), is_complete);
            assert_eq!(
                benchmark.is_some(),
                is_complete && cfg!(target_os = "linux")
            );
            let is_told = tests.is_some_and(|tests| tests.contains("IMAGE_PROXY_IMPORT="));
            assert_eq!(is_told, is_complete);
        }
    }

    #[test]
    fn programs_reach_the_black_box_tests_where_there_are_any() {
        for programs in [None, Some(programs())] {
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
                "ACTIONLINT=actionlint/actionlint",
                "ZIZMOR=venv/bin/zizmor",
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
