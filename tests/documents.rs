//! The pages that people read: what they link to exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::harness::root;

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading_that_exist() {
    let mut followed = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };

            assert!(target.exists(), "{} links to {link}", page.display());
            if !heading.is_empty() {
                let known = headings(&fs::read_to_string(&target).unwrap());
                assert!(
                    known.contains(heading),
                    "{} links to {link}",
                    page.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed > 40, "only {followed} links were found");
}

/// Every page at the root, in `docs/` and of a specification.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root().to_owned(), root().join("docs")];
    for entry in fs::read_dir(root().join("specs")).unwrap() {
        folders.push(entry.unwrap().path());
    }
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// Where its links lead within the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    prose(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
        .filter(|link| !link.contains("://"))
}

/// As a heading is named in a link to it.
fn headings(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let kept = line.trim_start_matches('#').trim().to_lowercase();
            kept.chars()
                .filter(|&letter| letter.is_alphanumeric() || " -_".contains(letter))
                .map(|letter| if letter == ' ' { '-' } else { letter })
                .collect()
        })
        .collect()
}

/// The lines outside of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```") || line.ends_with(". ```sh");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}
