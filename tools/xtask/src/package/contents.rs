//! Which files an archive has.

use std::path::Path;

use anyhow::Context as _;

use super::archive::Staging;
use super::built::{Built, PROGRAMS, Programs};
use super::manifest;
use crate::project;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Files of this repository that every archive has as they are.
const AS_THEY_ARE: [&str; 6] = [
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "deploy/one-machine",
    "migrations",
    "runtime-config.toml",
];

/// Texts that are made for archives.
pub struct Texts<'a> {
    repository: String,
    licences: Option<&'a Path>,
}

impl<'a> Texts<'a> {
    /// With links to this repository: where a workflow of GitHub's packs, to its own.
    pub fn of_this_repository(licences: Option<&'a Path>) -> Self {
        let named = std::env::var("GITHUB_REPOSITORY");
        let repository = named.unwrap_or_else(|_| "OWNER/image-proxy".to_owned());
        Self {
            repository,
            licences,
        }
    }

    fn readme(&self, template: &str) -> String {
        template
            .replace("VERSION", VERSION)
            .replace("OWNER/image-proxy", &self.repository)
    }
}

/// Stages the component and what belongs to it, and tells the folder's name.
///
/// # Errors
/// Names the file that cannot be read or written.
pub fn application(staging: &Staging, built: &Built, texts: &Texts) -> anyhow::Result<String> {
    let folder = format!("image-proxy-{VERSION}");
    stage_application(staging, &folder, built, texts)?;
    let readme = texts.readme(include_str!("application.md"));
    staging.write(&format!("{folder}/README.md"), &readme)?;
    Ok(folder)
}

/// Stages the same with the programs, so that one folder has all that one needs to try it, and tells its name.
///
/// # Errors
/// Names the file that cannot be read or written.
pub fn programs(
    staging: &Staging,
    built: &Built,
    programs: &Programs,
    texts: &Texts,
) -> anyhow::Result<String> {
    let folder = format!("image-proxy-programs-{VERSION}-{}", programs.triple);
    stage_application(staging, &folder, built, texts)?;
    for name in PROGRAMS {
        staging.copy(&programs.folder.join(name), &format!("{folder}/{name}"))?;
    }
    let readme = texts.readme(include_str!("programs.md"));
    staging.write(&format!("{folder}/README.md"), &readme)?;
    Ok(folder)
}

fn stage_application(
    staging: &Staging,
    folder: &str,
    built: &Built,
    texts: &Texts,
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(project::manifest()).context("cannot read spin.toml")?;
    let archived = manifest::of_archive(&text)?;
    staging.write(&format!("{folder}/spin.toml"), &archived)?;
    let component = format!("{folder}/{}", manifest::COMPONENT);
    staging.copy(&built.component, &component)?;
    for name in AS_THEY_ARE {
        staging.copy(&project::root().join(name), &format!("{folder}/{name}"))?;
    }
    if let Some(licences) = texts.licences {
        staging.copy(licences, &format!("{folder}/THIRD-PARTY-LICENSES.txt"))?;
    }
    Ok(())
}
