//! `cargo xtask release-notes`: whether a tag may be released, and what the release's page says then.

use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};

use crate::project;
use crate::steps::say;

const UNRELEASED: &str = "Unreleased";

/// Print what CHANGELOG.md says of a version that is released
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Fails where the tag is not that of the version in Cargo.toml, where CHANGELOG.md has nothing to say of it,
or where it still has changes under Unreleased, which the tag would release without a word.

Example:
  cargo xtask release-notes v0.2.0 > notes.md")]
pub struct Args {
    /// The tag that is released: v, and the version in Cargo.toml
    tag: String,
}

/// Prints the section.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let file = project::root().join("CHANGELOG.md");
    let changelog = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", project::shown(&file)))?;
    say(notes(&args.tag, env!("CARGO_PKG_VERSION"), &changelog)?);
    Ok(ExitCode::SUCCESS)
}

fn notes<'a>(tag: &str, version: &str, changelog: &'a str) -> anyhow::Result<&'a str> {
    ensure!(
        tag.strip_prefix('v') == Some(version),
        "the tag {tag} is not that of version {version}, which Cargo.toml tells: tag v{version}, or \
         change `version` there"
    );
    if section(changelog, UNRELEASED).is_some_and(|changes| !changes.is_empty()) {
        bail!(
            "CHANGELOG.md has changes under {UNRELEASED}, which {tag} would release: move them under {version}"
        );
    }
    let changes = section(changelog, version).with_context(|| {
        format!(
            "CHANGELOG.md has no section of {version}: write `## [{version}] - YYYY-MM-DD` above its changes"
        )
    })?;
    ensure!(
        !changes.is_empty(),
        "CHANGELOG.md says nothing under {version}"
    );
    Ok(changes)
}

/// What stands under `## [title]`, up to the next heading of that level.
fn section<'a>(changelog: &'a str, title: &str) -> Option<&'a str> {
    let heading = format!("\n## [{title}]");
    let (_, from_heading) = changelog.split_once(&heading)?;
    let (_rest_of_heading, body) = from_heading.split_once('\n')?;
    let end = body.find("\n## ").unwrap_or(body.len());
    Some(body[..end].trim())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-26\n\n### Added\n\n\
                             - Ranges.\n\n## [0.1.0] - 2026-11-25\n\nThe first.\n";

    #[test]
    fn a_release_is_told_of_by_the_section_of_its_version_alone() {
        for (version, expected) in [("0.2.0", "### Added\n\n- Ranges."), ("0.1.0", "The first.")] {
            let notes = notes(&format!("v{version}"), version, CHANGELOG).unwrap();

            assert_eq!(notes, expected, "{version}");
        }
    }

    #[test]
    fn a_tag_that_does_not_fit_its_version_or_its_changelog_is_refused_with_what_to_do() {
        let with = |more: &str| CHANGELOG.replacen("[Unreleased]\n", more, 1);
        for (tag, version, changelog, expected) in [
            ("v0.3.0", "0.2.0", with("[Unreleased]\n"), "tag v0.2.0"),
            ("0.2.0", "0.2.0", with("[Unreleased]\n"), "tag v0.2.0"),
            (
                "v0.2",
                "0.2",
                with("[Unreleased]\n"),
                "has no section of 0.2: write `## [0.2] - YYYY-MM-DD`",
            ),
            (
                "v0.2.0",
                "0.2.0",
                with("[Unreleased]\n\n- More.\n"),
                "move them under 0.2.0",
            ),
            (
                "v0.3.0",
                "0.3.0",
                with("[0.3.0] - 2026-12-01\n"),
                "says nothing under 0.3.0",
            ),
        ] {
            let refusal = notes(tag, version, &changelog).unwrap_err().to_string();

            assert!(refusal.contains(expected), "{tag}: {refusal}");
        }
    }
}
