//! The application's runtime configuration file: one more place that its settings may be told by.
//!
//! Source: <https://spinframework.dev/v3/dynamic-configuration#application-variables-runtime-configuration>.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use crate::given::given;

/// Values of variables, by name.
pub struct RuntimeConfig(BTreeMap<String, String>);

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    variables_provider: Vec<VariablesProvider>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum VariablesProvider {
    Static {
        values: BTreeMap<String, toml::Value>,
    },
    #[serde(other)]
    Other,
}

impl RuntimeConfig {
    /// Reads the static values of a file; those that come from elsewhere it leaves to others.
    ///
    /// # Errors
    /// Names the file, and the line that cannot be used.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).map_err(|reason| anyhow::anyhow!("{}:{reason}", file.display()))
    }

    /// As [`read`](Self::read), of a text; the reason begins with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        // `toml`'s own rendering quotes the offending line, which may hold a secret.
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(before).filter(|&b| b == b'\n').count();
            format!("{line}: {}", error.message().replace('\n', ", "))
        })?;
        let mut values = BTreeMap::new();
        for provider in file.variables_provider {
            if let VariablesProvider::Static { values: own } = provider {
                for (name, value) in own {
                    let Some(value) = value.as_str() else {
                        return Err(format!(" {name} must be a string"));
                    };
                    // The first provider that knows a variable wins, as in Spin.
                    values.entry(name).or_insert_with(|| value.to_owned());
                }
            }
        }
        Ok(Self(values))
    }

    /// Gives an option the value of a variable, where nobody else has given it one.
    pub fn complete(&self, option: &mut Option<String>, variable: &str) {
        if given(option.as_ref()).is_none() {
            *option = self.0.get(variable).cloned();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_given_is_told_by_the_first_static_provider_that_knows_it() {
        let config = RuntimeConfig::parse(
            r#"
            [[variables_provider]]
            type = "vault"
            url = "http://127.0.0.1:8200"
            [[variables_provider]]
            type = "static"
            values = { s3_bucket = "first" }
            [[variables_provider]]
            type = "static"
            values = { s3_bucket = "second", s3_region = "there" }
            [sqlite_database.default]
            type = "spin"
            "#,
        )
        .unwrap();

        for (before, variable, after) in [
            (None, "s3_bucket", Some("first")),
            (Some(" "), "s3_bucket", Some("first")),
            (Some("mine"), "s3_bucket", Some("mine")),
            (None, "s3_region", Some("there")),
            (None, "s3_endpoint", None),
        ] {
            let mut option = before.map(str::to_owned);

            config.complete(&mut option, variable);

            assert_eq!(option.as_deref(), after, "{before:?} {variable}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_by_its_line_and_without_its_value() {
        for (text, expected) in [
            ("a = \"hunter2\"\na = 1", "2: duplicate key"),
            (
                "[[variables_provider]]\ntype = \"static\"\nvalues = { key = 4711 }",
                " key must be a string",
            ),
        ] {
            let reason = RuntimeConfig::parse(text).err().unwrap();

            assert!(reason.contains(expected), "{reason}");
            assert!(!reason.contains("hunter2") && !reason.contains("4711"));
        }
    }
}
