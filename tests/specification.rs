//! The documents in `specs/`, held against each other, against the tests that hold their
//! requirements, and against the files that they name; and the tests that other pages name.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::harness::root;

/// The feature that is the product; the others stand around it.
const PRODUCT: &str = "002-api-image-proxy";
/// Endings by which a name without a folder is known as a file of the root.
const ENDINGS: [&str; 3] = ["md", "rs", "toml"];

/// The head of a table of what somebody cannot do.
const HELD_BY: &str = "| cannot | held by |";

/// A feature's folder in `specs/`, and its three documents.
struct Feature {
    name: String,
    specification: String,
    plan: String,
    tasks: String,
}

/// A requirement and the tests that it names, as `file::test`.
struct Requirement<'a> {
    number: &'a str,
    tests: Vec<&'a str>,
}

#[test]
fn every_feature_has_a_specification_a_plan_and_tasks() {
    for name in names_of_features() {
        for document in ["spec.md", "plan.md", "tasks.md"] {
            let path = Path::new("specs").join(&name).join(document);
            assert!(
                root().join(&path).is_file(),
                "{} is missing",
                path.display()
            );
        }
    }
}

#[test]
fn every_requirement_names_a_test() {
    for feature in features() {
        let requirements = feature.requirements();
        assert!(!requirements.is_empty(), "{}: none is read", feature.name);
        for Requirement { number, tests } in requirements {
            assert!(!tests.is_empty(), "{}: {number} names none", feature.name);
        }
    }
}

#[test]
fn every_test_that_a_requirement_names_exists() {
    let existing = tests();
    let mut read = 0;
    for feature in features() {
        for Requirement { number, tests } in feature.requirements() {
            for test in tests {
                read += 1;
                assert!(
                    existing.contains(test),
                    "{}: {number} names {test}, which does not exist",
                    feature.name
                );
            }
        }
    }
    assert!(read > 300, "only {read} are read");
}

#[test]
fn no_number_stands_twice_in_a_document() {
    for feature in features() {
        for (document, text) in [
            ("spec.md", &feature.specification),
            ("tasks.md", &feature.tasks),
        ] {
            let mut seen = HashSet::new();
            for number in text.lines().filter_map(numbered) {
                assert!(
                    seen.insert(number),
                    "{number} stands twice in {}/{document}",
                    feature.name
                );
            }
            assert!(!seen.is_empty(), "{}/{document}: none", feature.name);
        }
    }
}

#[test]
fn every_user_story_is_a_phase_of_the_tasks() {
    for feature in features() {
        let stories = feature.stories();
        assert!(!stories.is_empty(), "{}: no story is read", feature.name);
        for story in stories {
            assert!(
                feature.phases().contains(&story),
                "{}: tasks.md has no phase {story:?}",
                feature.name
            );
        }
    }
}

#[test]
fn every_phase_of_a_user_story_is_one_of_the_specification() {
    for feature in features() {
        for phase in feature.phases() {
            assert!(
                feature.stories().contains(&phase),
                "{}: spec.md has no {phase:?}",
                feature.name
            );
        }
    }
}

#[test]
fn every_task_of_a_story_carries_its_number() {
    for feature in features() {
        let mut story = None;
        for line in feature.tasks.lines() {
            if line.starts_with("## ") {
                story = phase(line).and_then(|title| title.split(' ').nth(2));
            } else if let Some(number) = task(line) {
                let label = line.split_once("[US").map(|(_, rest)| rest);
                let labelled = label.and_then(|rest| rest.split(']').next());
                assert_eq!(labelled, story, "{}: {number}", feature.name);
            }
        }
    }
}

#[test]
fn every_task_names_a_file() {
    for feature in features() {
        let tasks: Vec<_> = feature
            .tasks
            .lines()
            .filter(|l| task(l).is_some())
            .collect();
        assert!(!tasks.is_empty(), "{}: no task is read", feature.name);
        for line in tasks {
            assert!(
                code(line).any(is_path),
                "{}: no file in {line:?}",
                feature.name
            );
        }
    }
}

#[test]
fn every_file_that_the_tasks_name_exists() {
    for feature in features() {
        for path in code(&feature.tasks).filter(|code| is_path(code)) {
            assert!(
                root().join(path).exists(),
                "{}: tasks.md names {path}, which does not exist",
                feature.name
            );
        }
    }
}

#[test]
fn every_plan_checks_principles_of_the_constitution() {
    let principles = principles();
    for feature in features() {
        let checked = feature.checked_principles();
        assert!(!checked.is_empty(), "{}: none is checked", feature.name);
        for principle in checked {
            assert!(
                principles.contains(principle),
                "{}: the constitution has no {principle:?}",
                feature.name
            );
        }
    }
}

#[test]
fn the_plan_of_the_product_checks_every_principle() {
    let features = features();
    let product = features.iter().find(|feature| feature.name == PRODUCT);

    let checked = product.unwrap().checked_principles();

    assert_eq!(
        checked
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>(),
        principles()
    );
}

#[test]
fn every_test_that_the_host_s_page_names_exists() {
    assert_names_existing_tests("tools/host/README.md", 20);
}

#[test]
fn every_test_that_the_security_pages_name_exists() {
    assert_names_existing_tests("docs/security.md", 150);
    assert_names_existing_tests("SECURITY.md", 10);
}

#[test]
fn everything_that_the_security_page_says_cannot_be_done_names_a_test() {
    let page = read("docs/security.md");
    let mut rows = 0;
    let mut in_table = false;
    for line in page.lines() {
        in_table = line.starts_with('|') && (in_table || line == HELD_BY);
        if !in_table || line == HELD_BY || line.starts_with("|---") {
            continue;
        }
        let held_by = line.trim_end_matches('|').rsplit(" | ").next();
        let names_a_test = code(held_by.unwrap_or_default()).any(|code| code.contains(".rs::"));
        assert!(names_a_test, "docs/security.md names no test: {line}");
        rows += 1;
    }
    assert!(rows > 50, "only {rows} are read");
}

/// Asserts that a page names at least so many tests, each of which exists.
#[track_caller]
fn assert_names_existing_tests(page: &str, least: usize) {
    let (text, tests) = (read(page), tests());

    let named: Vec<_> = code(&text).filter(|code| code.contains(".rs::")).collect();

    assert!(
        named.len() >= least,
        "{page}: only {} are read",
        named.len()
    );
    for test in named {
        assert!(
            tests.contains(test),
            "{page} names {test}, which does not exist"
        );
    }
}

impl Feature {
    /// The bullets `- **FR-NNN**: …`, each with the line `- Held by: …` within it.
    fn requirements(&self) -> Vec<Requirement<'_>> {
        let mut requirements: Vec<Requirement> = Vec::new();
        for line in self.specification.lines() {
            if let Some(number) = numbered(line) {
                if number.starts_with("FR-") {
                    let tests = Vec::new();
                    requirements.push(Requirement { number, tests });
                }
            } else if let Some(tests) = line.strip_prefix("  - Held by: ") {
                requirements.last_mut().unwrap().tests.extend(code(tests));
            }
        }
        requirements
    }

    /// As they are headed: `User Story 1 - … (Priority: P1)`.
    fn stories(&self) -> Vec<&str> {
        self.specification
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .filter(|heading| heading.starts_with("User Story "))
            .collect()
    }

    /// The phases that are a story's, as the story is headed.
    fn phases(&self) -> Vec<&str> {
        self.tasks.lines().filter_map(phase).collect()
    }

    /// The first cells of the table under `## Constitution Check`.
    fn checked_principles(&self) -> Vec<&str> {
        self.plan
            .lines()
            .skip_while(|line| *line != "## Constitution Check")
            .skip(1)
            .take_while(|line| !line.starts_with("## "))
            .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
            .filter(|cell| *cell != "Principle")
            .collect()
    }
}

/// The story of a heading `## Phase 3: User Story 1 - … (Priority: P1)`.
fn phase(line: &str) -> Option<&str> {
    let (_, title) = line.strip_prefix("## Phase ")?.split_once(": ")?;
    title.starts_with("User Story ").then_some(title)
}

/// The number of a bullet `- **FR-001**: …` or `- **SC-001**: …`, or of a task.
fn numbered(line: &str) -> Option<&str> {
    let bullet = || line.strip_prefix("- **")?.split_once("**: ");
    bullet()
        .map(|(number, _)| number)
        .filter(|number| number.starts_with("FR-") || number.starts_with("SC-"))
        .or_else(|| task(line))
}

/// The number of a task `- [x] T001 …`.
fn task(line: &str) -> Option<&str> {
    let task = line
        .strip_prefix("- [x] ")
        .or_else(|| line.strip_prefix("- [ ] "))?;
    task.split(' ').next()
}

/// What stands in backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether code in a list of tasks is the path of a file or a folder.
fn is_path(code: &str) -> bool {
    let has_ending = || {
        Path::new(code)
            .extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
    };
    !code.contains(' ') && !code.starts_with('/') && (code.contains('/') || has_ending())
}

/// The headings `### I. …` of the constitution.
fn principles() -> BTreeSet<String> {
    let principles: BTreeSet<_> = read(".specify/memory/constitution.md")
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_owned)
        .collect();
    assert!(principles.len() > 5, "only {principles:?} are read");
    principles
}

fn features() -> Vec<Feature> {
    let features: Vec<_> = names_of_features()
        .into_iter()
        .map(|name| {
            let document = |file| read(&format!("specs/{name}/{file}"));
            Feature {
                specification: document("spec.md"),
                plan: document("plan.md"),
                tasks: document("tasks.md"),
                name,
            }
        })
        .collect();
    assert!(!features.is_empty(), "no feature is read");
    features
}

fn names_of_features() -> BTreeSet<String> {
    std::fs::read_dir(root().join("specs"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every test of the repository, as `path/of/file.rs::name`.
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
