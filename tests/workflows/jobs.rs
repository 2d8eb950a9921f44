//! What the jobs run, in which order, and what they may.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::document::{Job, Reader, is_here, paths};
use crate::harness::process::text;
use crate::harness::{root, xtask};

/// With `--help`, the command refuses verbs and flags that it does not know, and does nothing else.
#[test]
fn whatever_a_job_runs_of_this_checkout_can_be_run_here() {
    let Some(reader) = Reader::find() else { return };
    let mut verbs = BTreeSet::new();
    let mut scripts = 0;

    for job in reader.jobs() {
        for command in job.commands() {
            if let Some(arguments) = arguments_of_xtask(&command) {
                let output = Command::new(xtask())
                    .args(&arguments)
                    .arg("--help")
                    .output()
                    .unwrap();
                assert!(
                    output.status.success(),
                    "{}: {command}: {}",
                    job.place,
                    text(&output)
                );
                verbs.extend(arguments.into_iter().next());
            }
            // Not what is assigned to a variable.
            let mut words = command
                .split_whitespace()
                .skip_while(|word| word.contains('='));
            let program = words.next().unwrap_or_default();
            if program.contains('/') {
                let script = fs::metadata(root().join(program));
                let mode = script.map(|script| script.permissions().mode());
                assert!(
                    mode.is_ok_and(|mode| mode & 0o111 != 0),
                    "{}: {command}",
                    job.place
                );
                scripts += 1;
            }
        }
    }

    let expected = ["audit", "package", "release-notes", "sbom", "test"];
    assert_eq!(verbs, expected.map(str::to_owned).into());
    assert_eq!(scripts, 1);
}

#[test]
fn a_verb_or_a_flag_that_does_not_exist_is_refused() {
    for command in [
        "cargo xtask tests",
        "cargo xtask test --unit",
        "cargo xtask audit --everything",
    ] {
        let output = Command::new(xtask())
            .args(arguments_of_xtask(command).unwrap())
            .arg("--help")
            .output()
            .unwrap();

        assert!(!output.status.success(), "{command}");
    }
}

#[test]
fn every_job_has_a_limit_and_permissions_of_its_own_and_a_workflow_has_none() {
    let Some(reader) = Reader::find() else { return };

    for path in paths() {
        assert_eq!(
            reader.value(&path)["permissions"],
            serde_json::json!({}),
            "{path}"
        );
    }
    for job in reader.jobs() {
        let place = &job.place;
        assert!(job.value["permissions"].is_object(), "{place}");
        // One that calls a workflow has the limits of that workflow's jobs.
        let limit = job.value["timeout-minutes"].as_u64();
        let is_limited = limit.is_some_and(|minutes| minutes <= 90);
        assert_eq!(is_limited, job.value["uses"].is_null(), "{place}");
    }
}

#[test]
fn each_permission_to_write_is_one_jobs_alone_or_for_what_is_signed() {
    let Some(reader) = Reader::find() else { return };
    let mut granted = BTreeSet::new();

    for job in reader.jobs() {
        for (permission, level) in job.value["permissions"].as_object().unwrap() {
            if level == "write" {
                granted.insert((job.name.clone(), permission.clone()));
            }
        }
    }

    let expected = [
        ("checksums", "attestations"),
        ("checksums", "id-token"),
        ("publish", "contents"),
        ("registry", "attestations"),
        ("registry", "id-token"),
        ("registry", "packages"),
    ];
    let expected = expected.map(|(job, permission)| (job.to_owned(), permission.to_owned()));
    assert_eq!(granted, expected.into());
}

#[test]
fn nothing_is_pushed_signed_or_published_before_the_tag_fits_and_all_tests_have_passed() {
    let Some(reader) = Reader::find() else { return };
    let jobs = reader.jobs();
    let release: Vec<_> = jobs
        .iter()
        .filter(|job| job.workflow.ends_with("/release.yml"))
        .collect();

    for name in ["registry", "checksums", "publish"] {
        let before = all_before(name, &release);

        for expected in ["notes", "tests", "component", "programs"] {
            assert!(
                before.contains(expected),
                "{name} does not wait for {expected}"
            );
        }
    }
    let tests = release.iter().find(|job| job.name == "tests").unwrap();
    assert_eq!(tests.value["uses"], "./.github/workflows/ci.yml");
}

#[test]
fn dependabot_looks_after_every_list_of_dependencies() {
    let Some(reader) = Reader::find() else { return };
    let mut told = BTreeSet::new();

    for update in reader.value(".github/dependabot.yml")["updates"]
        .as_array()
        .unwrap()
    {
        let file = match update["package-ecosystem"].as_str().unwrap() {
            "cargo" => "Cargo.lock",
            "npm" => "package-lock.json",
            "pip" => "requirements.txt",
            "docker" => "Dockerfile",
            "docker-compose" => "compose.yaml",
            "github-actions" => ".github/workflows",
            other => panic!("{other} has no list here"),
        };
        let one = update["directory"].as_str();
        let many = update["directories"].as_array().into_iter().flatten();
        for folder in one
            .into_iter()
            .chain(many.filter_map(serde_json::Value::as_str))
        {
            let folder = folder.trim_matches('/');
            told.insert(Path::new(folder).join(file));
        }
    }

    let mut found = BTreeSet::from([".github/workflows".into()]);
    collect_lists(Path::new(""), &mut found);
    assert_eq!(told, found);
    assert!(told.iter().all(is_here));
}

/// The arguments of a line that calls `cargo xtask`, as they are written.
fn arguments_of_xtask(command: &str) -> Option<Vec<String>> {
    let (_, arguments) = command.split_once("cargo xtask ")?;
    let words = arguments.split_whitespace();
    let own = words.take_while(|word| !["|", ">", "&&", ";"].contains(word));
    Some(own.map(|word| word.trim_matches('"').to_owned()).collect())
}

fn all_before<'a>(name: &str, jobs: &[&'a Job]) -> BTreeSet<&'a str> {
    let job = jobs.iter().find(|job| job.name == name).unwrap();
    let mut before = BTreeSet::new();
    for needed in job.needs() {
        before.insert(needed);
        before.append(&mut all_before(needed, jobs));
    }
    before
}

fn collect_lists(folder: &Path, found: &mut BTreeSet<std::path::PathBuf>) {
    const LISTS: [&str; 5] = [
        "Cargo.lock",
        "package-lock.json",
        "requirements.txt",
        "Dockerfile",
        "compose.yaml",
    ];
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if LISTS.contains(&name.as_str()) {
            found.insert(folder.join(name));
        } else if entry.path().is_dir() && !["target", "node_modules", ".git"].contains(&&*name) {
            collect_lists(&folder.join(name), found);
        }
    }
}
