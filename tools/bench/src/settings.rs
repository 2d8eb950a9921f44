//! The application's settings, and where a host looks them up.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

/// Where a host looks settings up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// In a static provider, which has them all: none is looked up anywhere else.
    Static,
    /// In the host's environment.
    Environment,
}

/// A value for each setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

#[derive(Deserialize)]
struct Manifest {
    variables: BTreeMap<String, Variable>,
}

#[derive(Deserialize)]
struct Variable {
    #[serde(default)]
    default: String,
}

impl Settings {
    /// All that a manifest names, with their defaults, empty where they have none.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn of_the_manifest(file: &Path) -> anyhow::Result<Self> {
        std::fs::read_to_string(file)
            .map_err(anyhow::Error::from)
            .and_then(|text| Self::parse(&text))
            .with_context(|| format!("cannot read the variables of {}", file.display()))
    }

    fn parse(manifest: &str) -> anyhow::Result<Self> {
        let manifest: Manifest = toml::from_str(manifest)?;
        let variables = manifest.variables.into_iter();
        Ok(Self(
            variables
                .map(|(name, variable)| (name, variable.default))
                .collect(),
        ))
    }

    /// Changes a value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Gives them to the command that starts a host.
    pub fn give(&self, command: &mut Command, provider: Provider) {
        for (name, value) in &self.0 {
            match provider {
                Provider::Static => command.arg("--variable").arg(format!("{name}={value}")),
                Provider::Environment => {
                    command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value)
                }
            };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [variables]
        bucket = { required = true }
        region = { default = "us-east-1" }
    "#;

    #[test]
    fn every_variable_is_given_so_that_none_is_looked_up_elsewhere() {
        let mut settings = Settings::parse(MANIFEST).unwrap();
        settings.set("bucket", "images");
        let mut command = Command::new("host");

        settings.give(&mut command, Provider::Static);

        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(
            arguments,
            [
                "--variable",
                "bucket=images",
                "--variable",
                "region=us-east-1"
            ]
        );
    }

    #[test]
    fn in_the_environment_they_have_the_names_that_spin_looks_for() {
        let settings = Settings::parse(MANIFEST).unwrap();
        let mut command = Command::new("host");

        settings.give(&mut command, Provider::Environment);

        let names: Vec<_> = command.get_envs().map(|(name, _)| name).collect();
        assert_eq!(names, ["SPIN_VARIABLE_BUCKET", "SPIN_VARIABLE_REGION"]);
    }
}
