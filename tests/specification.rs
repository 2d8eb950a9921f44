//! The specification's requirements, held against the tests that prove them.

use std::collections::HashSet;
use std::path::Path;

use crate::harness::root;

const SPECIFICATION: &str = "specs/002-api-image-proxy/spec.md";

/// A requirement and the tests it names, as `file::test`.
struct Requirement {
    id: String,
    tests: Vec<String>,
}

#[test]
fn every_requirement_names_tests_and_every_named_test_exists() {
    let requirements = requirements();
    let tests = tests();
    let mut seen = HashSet::new();

    assert!(
        requirements.len() > 20,
        "only {} requirements are read",
        requirements.len()
    );
    for Requirement { id, tests: named } in &requirements {
        assert!(seen.insert(id), "{id} stands twice in {SPECIFICATION}");
        assert!(!named.is_empty(), "{id} names no test");
        for test in named {
            assert!(
                tests.contains(test),
                "{id} names {test}, which does not exist"
            );
        }
    }
}

#[test]
fn every_test_that_the_host_s_page_names_exists() {
    let page = std::fs::read_to_string(root().join("tools/host/README.md")).unwrap();
    let tests = tests();

    let named: Vec<_> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains(".rs::"))
        .collect();

    assert!(named.len() > 20, "only {} are read", named.len());
    for test in named {
        assert!(
            tests.contains(test),
            "tools/host/README.md names {test}, which does not exist"
        );
    }
}

/// The rows `| FR-NNN | text | tests |`; the tests stand in backticks.
fn requirements() -> Vec<Requirement> {
    let text = std::fs::read_to_string(root().join(SPECIFICATION)).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| FR-"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').collect();
            let tests = cells.last().unwrap().split('`').skip(1).step_by(2);
            Requirement {
                id: cells[0].trim().to_owned(),
                tests: tests.map(str::to_owned).collect(),
            }
        })
        .collect()
}

/// Every test of the workspace, as `path/of/file.rs::name`.
fn tests() -> HashSet<String> {
    let mut tests = HashSet::new();
    for folder in ["src", "tools", "tests"] {
        collect(&root().join(folder), &mut tests);
    }
    tests
}

fn collect(folder: &Path, tests: &mut HashSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let file = path.strip_prefix(root()).unwrap().display().to_string();
            tests.extend(test_names(&text).map(|name| format!("{file}::{name}")));
        }
    }
}

/// Functions that follow a `#[test]` or `#[tokio::test]` attribute.
fn test_names(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        let signature = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ")?;
        let name = signature.split('(').next()?;
        std::mem::take(&mut is_test).then_some(name)
    })
}
