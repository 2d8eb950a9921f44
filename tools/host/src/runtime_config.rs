//! The runtime configuration file, as far as this host implements it: variable providers, whom
//! components trust, and where their output goes.
//!
//! Source: <https://spinframework.dev/v3/dynamic-configuration#application-variables-runtime-configuration>.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::Deserialize;

use crate::{
    client_tls,
    toml_file::{self, NotImplemented},
};

/// Settings of Spin's runtime configuration that this host refuses.
const NOT_IMPLEMENTED: &[NotImplemented] = &[
    NotImplemented {
        table: "",
        keys: &[
            "config_provider",
            "key_value_store",
            "llm_compute",
            "max_instance_memory",
            "outbound_http",
            "sqlite_database",
            "state_dir",
        ],
    },
    NotImplemented {
        table: "client_tls.*",
        keys: client_tls::NOT_IMPLEMENTED,
    },
    NotImplemented {
        table: "variables_provider.*",
        keys: &["dotenv_path"],
    },
];

/// The runtime configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// `[[variables_provider]]`, in the file's order, which is that of precedence.
    #[serde(default, rename = "variables_provider")]
    pub variables_providers: Vec<VariablesProvider>,
    /// `[[client_tls]]`.
    #[serde(default)]
    pub client_tls: Vec<client_tls::Table>,
    /// Where the components' output goes; empty for no files.
    pub log_dir: Option<String>,
}

/// One `[[variables_provider]]`.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum VariablesProvider {
    /// Values written in the file.
    Static {
        /// By name.
        values: BTreeMap<String, Secret>,
    },
    /// Environment variables.
    Env {
        /// What their names begin with, before an underscore; `SPIN_VARIABLE` where absent.
        prefix: Option<String>,
    },
}

/// A value that may be a credential: never shown by `Debug`.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(try_from = "toml::Value")]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

impl TryFrom<toml::Value> for Secret {
    type Error = String;

    // serde's own message for a wrong type would quote the value.
    fn try_from(value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(value) => Ok(Self(value)),
            other => Err(format!(
                "the value of a variable is {}, must be a string",
                other.type_str()
            )),
        }
    }
}

impl RuntimeConfig {
    /// Reads the runtime configuration at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is malformed, or asks for what this host does not implement.
    pub fn read(path: &Path) -> Result<Self, toml_file::Error> {
        toml_file::read(path, NOT_IMPLEMENTED)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RuntimeConfig, String> {
        toml_file::parse(Path::new("config.toml"), text, NOT_IMPLEMENTED)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn providers_keep_the_order_of_the_file() {
        let config = parse(
            "[[variables_provider]]\ntype = \"env\"\nprefix = \"APP\"\n\
             [[variables_provider]]\ntype = \"static\"\nvalues = { a = \"1\" }\n",
        )
        .unwrap();

        assert!(matches!(
            &config.variables_providers[..],
            [
                VariablesProvider::Env { prefix: Some(prefix) },
                VariablesProvider::Static { values }
            ] if prefix == "APP" && values["a"] == Secret("1".into())
        ));
    }

    #[test]
    fn what_cannot_be_used_is_refused_in_one_line() {
        for (text, expected) in [
            (
                "[[variables_provider]]\ntype = \"vault\"\n",
                "unknown variant `vault`, expected `static` or `env`",
            ),
            (
                "[sqlite_database.default]\ntype = \"libsql\"\n",
                "`sqlite_database` is a Spin setting that this host does not implement",
            ),
            (
                "[[variables_provider]]\ntype = \"env\"\ndotenv_path = \"x\"\n",
                "`variables_provider.dotenv_path` is a Spin setting",
            ),
            ("answer = 42\n", "config.toml:1: unknown field `answer`"),
        ] {
            let error = parse(text).unwrap_err();

            assert!(error.contains(expected), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn no_value_is_ever_shown() {
        let config =
            parse("[[variables_provider]]\ntype = \"static\"\nvalues = { key = \"hunter2\" }\n")
                .unwrap();
        let error = parse("[[variables_provider]]\ntype = \"static\"\nvalues = { key = 4711 }\n")
            .unwrap_err();

        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!error.contains("4711"), "{error}");
    }
}
