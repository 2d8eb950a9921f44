//! What GitHub runs, by the tools that know its grammar and its dangers, and by the commands that it runs.

mod document;
mod jobs;
mod pins;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::process::text;
use crate::harness::{can_run, folder, root};

#[test]
fn every_workflow_is_in_githubs_grammar_and_has_no_habit_that_is_unsafe() {
    let Some(tools) = Tools::find() else { return };

    let outputs = [Tool::Actionlint, Tool::Zizmor].map(|tool| tools.judge(tool, root()));

    for output in outputs {
        assert!(output.status.success(), "{}", text(&output));
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Tool {
    Actionlint,
    Zizmor,
}
use Tool::{Actionlint, Zizmor};

/// A file in `.github`, what in it, by what it is replaced, who says what then.
const MISTAKES: [(&str, &str, &str, Tool, &str); 17] = [
    (
        "workflows/ci.yml",
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
        "actions/checkout@v7",
        Zizmor,
        "unpinned-uses",
    ),
    (
        "workflows/release.yml",
        "release-notes \"$GITHUB_REF_NAME\"",
        "release-notes \"${{ github.ref_name }}\"",
        Zizmor,
        "template-injection",
    ),
    (
        "workflows/ci.yml",
        "persist-credentials: false",
        "persist-credentials: true",
        Zizmor,
        "artipacked",
    ),
    (
        "workflows/ci.yml",
        "permissions: {}",
        "permissions: write-all",
        Zizmor,
        "excessive-permissions",
    ),
    (
        "workflows/release.yml",
        "packages: write # the push, and the signature beside it",
        "packages: write",
        Zizmor,
        "undocumented-permissions",
    ),
    (
        "workflows/ci.yml",
        "pull_request:",
        "pull_request_target:",
        Zizmor,
        "dangerous-triggers",
    ),
    (
        "dependabot.yml",
        "    cooldown:\n      default-days: 7\n",
        "",
        Zizmor,
        "dependabot-cooldown",
    ),
    (
        "dependabot.yml",
        "interval: weekly",
        "intervall: weekly",
        Zizmor,
        "schedule: \"interval\" is a required property",
    ),
    (
        "dependabot.yml",
        "package-ecosystem: npm",
        "package-ecosystem: node",
        Zizmor,
        "updates.1.package-ecosystem: \"node\" is not one of",
    ),
    (
        "workflows/ci.yml",
        "timeout-minutes",
        "timeout-minute",
        Actionlint,
        "unexpected key \"timeout-minute\" for \"job\" section",
    ),
    (
        "workflows/ci.yml",
        "name: Install Rust",
        "nam: Install Rust",
        Actionlint,
        "unexpected key \"nam\" for step",
    ),
    (
        "workflows/ci.yml",
        "ubuntu-24.04",
        "ubuntu-24.4",
        Actionlint,
        "label \"ubuntu-24.4\" is unknown",
    ),
    (
        "workflows/audit.yml",
        "17 5 * * 1",
        "17 25 * * 1",
        Actionlint,
        "invalid CRON format",
    ),
    (
        "workflows/release.yml",
        "packages: write",
        "package: write",
        Actionlint,
        "unknown permission scope \"package\"",
    ),
    (
        "workflows/release.yml",
        "[notes, registry, checksums]",
        "[notes, registri, checksums]",
        Actionlint,
        "needs job \"registri\" which does not exist",
    ),
    (
        "workflows/release.yml",
        "steps.push.outputs.digest",
        "steps.pushed.outputs.digest",
        Actionlint,
        "property \"pushed\" is not defined",
    ),
    (
        "workflows/release.yml",
        "printf '%s' \"$TOKEN\"",
        "printf '%s' $TOKEN",
        Actionlint,
        "SC2086",
    ),
];

#[test]
fn a_workflow_with_a_mistake_is_refused_by_its_name() {
    let Some(tools) = Tools::find() else { return };

    for (file, find, replace, tool, expected) in MISTAKES {
        let checkout = copy_of_the_workflows();
        folder::change(&checkout.path().join(".github").join(file), find, replace);

        let output = tools.judge(tool, checkout.path());

        let report = text(&output);
        assert!(!output.status.success(), "{find} -> {replace}: {report}");
        assert!(report.contains(expected), "{find} -> {replace}: {report}");
    }
}

#[test]
fn a_copy_without_a_mistake_is_not_refused() {
    let Some(tools) = Tools::find() else { return };
    let checkout = copy_of_the_workflows();

    for tool in [Actionlint, Zizmor] {
        let output = tools.judge(tool, checkout.path());

        assert!(output.status.success(), "{}", text(&output));
    }
}

struct Tools {
    actionlint: PathBuf,
    zizmor: PathBuf,
}

impl Tools {
    /// None, where one of them is missing: then a test is skipped.
    fn find() -> Option<Self> {
        let tool = |variable| std::env::var_os(variable).map(PathBuf::from);
        let tools = tool("ACTIONLINT").zip(tool("ZIZMOR"));
        can_run(
            tools.is_some(),
            "actionlint and zizmor, which `cargo xtask test --all` installs,",
        );
        tools.map(|(actionlint, zizmor)| Self { actionlint, zizmor })
    }

    fn judge(&self, tool: Tool, checkout: &Path) -> Output {
        let mut command = match tool {
            Actionlint => {
                let mut actionlint = Command::new(&self.actionlint);
                // In the same environment of Python as zizmor.
                let shellcheck = self.zizmor.with_file_name("shellcheck");
                assert!(shellcheck.is_file(), "there is no {}", shellcheck.display());
                actionlint.args(["-no-color", "-pyflakes=", "-shellcheck"]);
                actionlint.arg(shellcheck);
                actionlint
            }
            Zizmor => {
                let mut zizmor = Command::new(&self.zizmor);
                zizmor.args(["--offline", "--no-progress", "--color=never"]);
                zizmor.args(["--strict-collection", "--persona=auditor", ".github"]);
                zizmor
            }
        };
        command.current_dir(checkout).output().unwrap()
    }
}

fn copy_of_the_workflows() -> TempDir {
    let copy = TempDir::new().unwrap();
    // By which actionlint knows the root of a checkout.
    fs::create_dir(copy.path().join(".git")).unwrap();
    folder::copy(&root().join(".github"), &copy.path().join(".github"));
    copy
}
