//! The project's version, wherever it is written down.

use crate::harness::root;

#[test]
fn every_place_that_tells_the_version_tells_the_same() {
    let version = after("Cargo.toml", "\nversion = \"");

    for (file, before) in [
        ("spin.toml", "\nversion = \""),
        ("fuzz/Cargo.toml", "\nversion = \""),
        ("tools/bench/Cargo.toml", "\nversion = \""),
        (
            "specs/002-api-image-proxy/contracts/openapi.yaml",
            "\n  version: ",
        ),
        (
            "docs/deploy.md",
            "spin registry push --build ghcr.io/OWNER/image-proxy:",
        ),
        ("SECURITY.md", "release.yml@refs/tags/v"),
        ("docs/deploy.md", "--no-dereference image-proxy-"),
        ("README.md", "/releases/download/v"),
        ("README.md", "\ncd image-proxy-programs-"),
        ("README.md", "`image-proxy-"),
        // The newest; what is not released yet has no number.
        ("CHANGELOG.md", "\n## ["),
    ] {
        assert_eq!(after(file, before), version, "{file}");
    }
}

/// The first version in a file that follows `before`.
fn after(file: &str, before: &str) -> String {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let versions = text.split(before).skip(1).map(|rest| {
        let is_part = |character: &char| character.is_ascii_digit() || *character == '.';
        let version: String = rest.chars().take_while(is_part).collect();
        version.trim_end_matches('.').to_owned()
    });
    let mut versions = versions.filter(|version| !version.is_empty());
    versions
        .next()
        .unwrap_or_else(|| panic!("{file} tells no version"))
}
