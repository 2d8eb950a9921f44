//! Values that are given to no variable: mostly, the name of one is misspelt. Spin ignores them; so
//! does this host, but says so.

use std::collections::BTreeMap;

use crate::{
    diagnostics::Quoted,
    manifest::Variable,
    runtime_config::VariablesProvider,
    variables::{DEFAULT_PREFIX, environment_name},
};

/// A line for each value that no variable takes, with its name and where it is given.
///
/// Each provider comes with the place that it was given at; `environment` has the names of all
/// environment variables.
pub fn warnings(
    declared: &BTreeMap<String, Variable>,
    providers: &[(String, VariablesProvider)],
    environment: &[String],
) -> Vec<String> {
    let mut warnings = Vec::new();
    for (place, provider) in providers {
        let mut warn = |name: &str| {
            let name = Quoted(name);
            warnings.push(format!(
                "Warning: {place}: {name} is ignored, since [variables] of the manifest declares nothing of that name"
            ));
        };
        match provider {
            VariablesProvider::Static { values } => values
                .keys()
                .filter(|name| !declared.contains_key(*name))
                .for_each(|name| warn(name)),
            VariablesProvider::Env { prefix } => {
                let prefix = prefix.as_deref();
                let beginning = format!("{}_", prefix.unwrap_or(DEFAULT_PREFIX));
                let is_taken = |given: &String| {
                    declared
                        .keys()
                        .any(|name| environment_name(prefix, name) == *given)
                };
                environment
                    .iter()
                    .filter(|given| given.starts_with(&beginning) && !is_taken(given))
                    .for_each(|given| warn(given));
            }
        }
    }
    warnings
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::runtime_config::Secret;

    fn fixed(names: &[&str]) -> VariablesProvider {
        let value = |name: &&str| ((*name).to_owned(), Secret("hunter2".to_owned()));
        VariablesProvider::Static {
            values: names.iter().map(value).collect(),
        }
    }

    fn env(prefix: Option<&str>) -> VariablesProvider {
        VariablesProvider::Env {
            prefix: prefix.map(str::to_owned),
        }
    }

    #[test]
    fn a_value_that_no_variable_takes_is_named_with_its_place_and_never_shown() {
        let variable: Variable = toml::from_str("default = ''").unwrap();
        let declared = BTreeMap::from([("s3_bucket".to_owned(), variable)]);
        let environment = [
            "PATH",
            "SITE_S3_BUCKET",
            "SITE_S3_BUKCET",
            "SPIN_VARIABLE_S3_BUCKET",
            "SPIN_VARIABLE_s3_bucket",
        ]
        .map(str::to_owned);

        for (provider, named) in [
            (fixed(&["s3_bucket"]), &[][..]),
            (
                fixed(&["S3_BUCKET", "s3_bucket", "s3_bukcet"]),
                &["S3_BUCKET", "s3_bukcet"],
            ),
            (env(None), &["SPIN_VARIABLE_s3_bucket"]),
            (env(Some("SITE")), &["SITE_S3_BUKCET"]),
            (env(Some("NONE")), &[]),
        ] {
            let given = [("place".to_owned(), provider)];

            let expected: Vec<_> = named
                .iter()
                .map(|name| format!("Warning: place: `{name}` is ignored, since [variables] of the manifest declares nothing of that name"))
                .collect();
            assert_eq!(warnings(&declared, &given, &environment), expected);
        }
    }
}
