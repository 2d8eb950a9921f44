//! The versions of SpinKube's parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::harness::root;

/// How a command shows which part of SpinKube it fetches.
const PARTS: [(&str, &str); 4] = [
    ("/containerd-shim-spin/", "containerd-shim-spin"),
    ("/spin-operator", "spin-operator"),
    ("/charts/runtime-class-manager", "runtime-class-manager"),
    ("/cert-manager/", "cert-manager"),
];

#[test]
fn each_part_of_spinkube_has_one_version_wherever_the_guide_names_it() {
    let page = fs::read_to_string(root().join("docs/spinkube.md")).unwrap();
    let told = versions_of_the_table(&page);
    let mut fetched = BTreeMap::new();

    for line in page.lines() {
        let Some((_, part)) = PARTS.iter().find(|(sign, _)| line.contains(sign)) else {
            continue;
        };
        if line.starts_with('|') {
            continue;
        }
        for version in versions(line) {
            assert_eq!(told.get(*part), Some(&version), "{line}");
            *fetched.entry(*part).or_insert(0) += 1;
        }
    }

    let parts: BTreeSet<_> = PARTS.iter().map(|(_, part)| *part).collect();
    assert_eq!(fetched.keys().copied().collect::<BTreeSet<_>>(), parts);
}

/// The version of each part, without its `v`.
fn versions_of_the_table(page: &str) -> BTreeMap<&str, String> {
    let rows = page.lines().filter(|line| line.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let (part, version) = (cells.next()?, cells.next()?);
        Some((part, versions(version).pop()?))
    })
    .collect()
}

/// Whatever has the form of one: three numbers with dots between them.
fn versions(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_ascii_digit() && character != '.');
    words
        .map(|word| word.trim_matches('.'))
        .filter(|word| word.split('.').count() == 3)
        .map(str::to_owned)
        .collect()
}
