//! What the workflows take from elsewhere is of one version that cannot be exchanged.

use std::collections::BTreeMap;

use super::document::{is_here, paths, read};

#[test]
fn every_action_is_pinned_by_a_commit_and_says_its_version_and_both_are_the_same_everywhere() {
    let mut pins = BTreeMap::new();

    for path in paths() {
        for line in read(&path).lines() {
            let Some(reference) = line
                .trim_start()
                .trim_start_matches("- ")
                .strip_prefix("uses: ")
            else {
                continue;
            };
            let pin = pin_of(reference).unwrap_or_else(|why| panic!("{path}: {line}: {why}"));
            let Some((action, pin)) = pin else { continue };
            let known = pins.entry(action).or_insert_with(|| pin.clone());
            assert_eq!(*known, pin, "{path}: {line}");
        }
    }

    assert!(pins.len() >= 5, "{pins:?}");
}

#[test]
fn what_is_no_pin_is_told_from_one() {
    let commit = "3d3c42e5aac5ba805825da76410c181273ba90b1";
    for (reference, is_pin) in [
        (format!("actions/checkout@{commit} # v7.0.1"), true),
        (format!("actions/checkout@{commit}"), false),
        (format!("actions/checkout@{commit} # v7"), false),
        (format!("actions/checkout@{} # v7.0.1", &commit[1..]), false),
        ("actions/checkout@v7.0.1 # v7.0.1".to_owned(), false),
        ("actions/checkout@main".to_owned(), false),
        ("./.github/workflows/ci.yml".to_owned(), true),
        ("./.github/workflows/gone.yml".to_owned(), false),
    ] {
        assert_eq!(pin_of(&reference).is_ok(), is_pin, "{reference}");
    }
}

#[test]
fn rust_is_the_oldest_that_the_workspace_allows() {
    let oldest = read("Cargo.toml")
        .lines()
        .find_map(|line| Some(line.strip_prefix("rust-version = ")?.to_owned()))
        .unwrap();

    for path in paths() {
        let text = read(&path);
        let told: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("RUSTUP_TOOLCHAIN: "))
            .collect();

        assert_eq!(told, [oldest.as_str()], "{path}");
    }
}

type Pin = (String, String);

/// The action, and its commit and version; nothing for a workflow of this checkout.
fn pin_of(reference: &str) -> Result<Option<(String, Pin)>, &'static str> {
    if let Some(local) = reference.strip_prefix("./") {
        let path = local.split_whitespace().next().unwrap_or_default();
        return is_here(path).then_some(None).ok_or("is not here");
    }
    let (action, pin) = reference.split_once('@').ok_or("has no version")?;
    let (commit, version) = pin.split_once(" # v").ok_or("does not say its version")?;
    let is_hex = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
    if commit.len() != 40 || !commit.chars().all(is_hex) {
        return Err("is not pinned by a whole commit");
    }
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|it| it.is_ascii_digit());
    if version.split('.').count() != 3 || !version.split('.').all(is_number) {
        return Err("says no whole version");
    }
    Ok(Some((
        action.to_owned(),
        (commit.to_owned(), version.to_owned()),
    )))
}
