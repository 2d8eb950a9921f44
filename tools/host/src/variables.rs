//! The application's variables: from the manifest's `[variables]` and the providers to one value each.
//!
//! Spin asks the providers at every `variables.get`. The two kinds that this host has cannot
//! change while the process runs, so it asks once, at the start, and to the same effect.

use std::{collections::BTreeMap, path::PathBuf, str::FromStr};

use crate::{
    manifest::Variable,
    runtime_config::{Secret, VariablesProvider},
    template,
};

/// What the environment variables of the built-in provider begin with.
pub const DEFAULT_PREFIX: &str = "SPIN_VARIABLE";

/// Why the variables have no values.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name breaks Spin's rules.
    #[error("variable `{0}`: {1}")]
    InvalidName(String, &'static str),
    /// Neither or both of `required` and `default` are given.
    #[error("variable `{0}` must be `required = true` or have a `default`, and not both")]
    Ambiguous(String),
    /// The template of a component's variable cannot be expanded.
    #[error("variable `{0}`")]
    Template(String, #[source] template::Error),
    /// The file of a `--variable NAME=@FILE` cannot be read.
    #[error("--variable {0}: {1}")]
    File(String, String),
    /// Required, and no provider has them.
    #[error(
        "required variables have no value: set {}, or give `--variable NAME=VALUE` or `--runtime-config-file FILE`",
        .0.iter().map(|name| environment_name(None, name) + "=...").collect::<Vec<_>>().join(", ")
    )]
    Missing(Vec<String>),
}

/// Gives each variable its value: the first that a provider has, or its default.
///
/// `providers` come in order of precedence; `environment` reads one environment variable.
///
/// # Errors
/// When the declaration of a variable is invalid, or a required one has no value.
pub fn resolve(
    declared: &BTreeMap<String, Variable>,
    providers: &[VariablesProvider],
    environment: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut values = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, variable) in declared {
        check_name(name).map_err(|reason| Error::InvalidName(name.clone(), reason))?;
        if variable.required == variable.default.is_some() {
            return Err(Error::Ambiguous(name.clone()));
        }
        let provided = providers.iter().find_map(|provider| match provider {
            VariablesProvider::Static { values } => values.get(name).map(|value| value.0.clone()),
            VariablesProvider::Env { prefix } => {
                environment(&environment_name(prefix.as_deref(), name))
            }
        });
        match provided.or_else(|| variable.default.clone()) {
            Some(value) => drop(values.insert(name.clone(), value)),
            None => missing.push(name.clone()),
        }
    }
    if missing.is_empty() {
        Ok(values)
    } else {
        Err(Error::Missing(missing))
    }
}

/// The environment variable that gives a variable its value.
pub fn environment_name(prefix: Option<&str>, name: &str) -> String {
    format!(
        "{}_{}",
        prefix.unwrap_or(DEFAULT_PREFIX),
        name.to_ascii_uppercase()
    )
}

/// Checks the name of a variable against Spin's rules: `lower_snake_case`, beginning with a letter.
///
/// # Errors
/// When it breaks one; the text says which.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Err("a variable's name must begin with a lower-case letter")
    } else if !name.chars().all(allowed) {
        Err("a variable's name may hold only lower-case letters, digits and underscores")
    } else if name.ends_with('_') || name.contains("__") {
        Err("a variable's name may have single underscores only, and none at its end")
    } else {
        Ok(())
    }
}

/// One `--variable` of the command line.
#[derive(Clone, Debug)]
pub enum Source {
    /// `NAME=VALUE`
    Value(String, Secret),
    /// `NAME=@FILE`: the value is what the file holds.
    File(String, PathBuf),
}

impl FromStr for Source {
    type Err = &'static str;

    fn from_str(argument: &str) -> Result<Self, Self::Err> {
        let (name, value) = argument
            .split_once('=')
            .ok_or("must be NAME=VALUE or NAME=@FILE")?;
        Ok(match value.strip_prefix('@') {
            Some(path) => Self::File(name.to_owned(), path.into()),
            None => Self::Value(name.to_owned(), Secret(value.to_owned())),
        })
    }
}

impl Source {
    /// The variable's name and its value.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> Result<(String, Secret), Error> {
        match self {
            Self::Value(name, value) => Ok((name.clone(), value.clone())),
            Self::File(name, path) => std::fs::read_to_string(path)
                .map(|value| (name.clone(), Secret(value)))
                .map_err(|error| Error::File(name.clone(), format!("{}: {error}", path.display()))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn variable(declaration: &str) -> Variable {
        toml::from_str(declaration).unwrap()
    }

    fn fixed(values: &[(&str, &str)]) -> VariablesProvider {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret((*value).to_owned())));
        VariablesProvider::Static {
            values: values.collect(),
        }
    }

    fn env(prefix: Option<&str>) -> VariablesProvider {
        VariablesProvider::Env {
            prefix: prefix.map(str::to_owned),
        }
    }

    #[test]
    fn the_first_provider_that_has_a_value_wins_and_the_default_comes_last() {
        let declared = BTreeMap::from([("s3_bucket".to_owned(), variable("default = 'default'"))]);
        let environment = |name: &str| match name {
            "SPIN_VARIABLE_S3_BUCKET" => Some("built-in".to_owned()),
            "APP_S3_BUCKET" => Some("app".to_owned()),
            _ => None,
        };

        for (providers, expected) in [
            (vec![], "default"),
            (vec![env(None)], "built-in"),
            (vec![fixed(&[("s3_bucket", "file")]), env(None)], "file"),
            (vec![fixed(&[("other", "file")]), env(None)], "built-in"),
            (
                vec![env(Some("APP")), fixed(&[("s3_bucket", "file")])],
                "app",
            ),
            (vec![env(Some("NONE"))], "default"),
        ] {
            let values = resolve(&declared, &providers, environment);

            assert_eq!(
                values,
                Ok(BTreeMap::from([(
                    "s3_bucket".to_owned(),
                    expected.to_owned()
                )]))
            );
        }
    }

    #[test]
    fn every_missing_required_variable_is_named_with_the_way_to_give_it() {
        let declared =
            ["s3_bucket", "s3_endpoint"].map(|name| (name.to_owned(), variable("required = true")));

        let error = resolve(&BTreeMap::from(declared), &[env(None)], |_| None)
            .map_err(|error| error.to_string());

        assert_eq!(
            error,
            Err(
                "required variables have no value: set SPIN_VARIABLE_S3_BUCKET=..., \
                 SPIN_VARIABLE_S3_ENDPOINT=..., or give `--variable NAME=VALUE` or \
                 `--runtime-config-file FILE`"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_variable_is_either_required_or_has_a_default() {
        for declaration in ["", "required = true\ndefault = 'x'"] {
            let declared = BTreeMap::from([("a".to_owned(), variable(declaration))]);

            assert_eq!(
                resolve(&declared, &[], |_| None),
                Err(Error::Ambiguous("a".to_owned()))
            );
        }
    }

    #[test]
    fn names_are_lower_snake_case() {
        for name in ["a", "s3_bucket", "a1_2"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "1a", "_a", "a_", "a__b", "A", "a-b", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_command_line_gives_variables_as_text_or_from_files() {
        assert!(
            matches!("a=b=c".parse(), Ok(Source::Value(name, value)) if name == "a" && value.0 == "b=c")
        );
        assert!(
            matches!("a=@b".parse(), Ok(Source::File(name, path)) if name == "a" && path == *"b")
        );
        assert!("a".parse::<Source>().is_err());
    }
}
