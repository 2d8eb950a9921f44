//! The application manifest, `spin.toml`, as far as this host implements it.
//!
//! Source: <https://spinframework.dev/v3/manifest-reference>.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::toml_file::{self, NotImplemented};

/// Settings of Spin's manifest version 2 that this host refuses, so that nobody relies on them unaware.
const NOT_IMPLEMENTED: &[NotImplemented] = &[
    NotImplemented {
        table: "application",
        keys: &["targets", "trigger"],
    },
    NotImplemented {
        table: "trigger",
        keys: &["redis", "command", "mqtt", "sqs", "cron"],
    },
    NotImplemented {
        table: "trigger.http.*",
        keys: &["components", "dependencies", "executor", "static_response"],
    },
    NotImplemented {
        table: "component.*",
        keys: &[
            "ai_models",
            "allowed_http_hosts",
            "dependencies",
            "dependencies_inherit_configuration",
            "environment",
            "exclude_files",
            "files",
            "profile",
            "targets",
        ],
    },
];

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A wrong folder, mostly.
    #[error("{}: no such file: change into the folder of the application, or name its manifest by --from", .0.display())]
    Missing(PathBuf),
    /// It cannot be read, is malformed, or asks for what this host does not implement.
    #[error(transparent)]
    Unusable(#[from] toml_file::Error),
}

/// `spin.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "spin_manifest_version")]
    _version: ManifestVersion,
    /// `[application]`
    pub application: Application,
    /// `[variables]`, by name.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// `[[trigger.*]]`
    pub trigger: Triggers,
    /// `[component.<id>]`, by id.
    #[serde(default, rename = "component")]
    pub components: BTreeMap<String, Component>,
}

/// The one manifest version there is: 2.
#[derive(Debug, Deserialize)]
#[serde(try_from = "i64")]
struct ManifestVersion;

impl TryFrom<i64> for ManifestVersion {
    type Error = String;

    fn try_from(version: i64) -> Result<Self, String> {
        if version == 2 {
            Ok(Self)
        } else {
            Err(format!("spin_manifest_version is {version}, must be 2"))
        }
    }
}

/// `[application]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Name of the application.
    pub name: String,
    /// Version of the application.
    pub version: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "authors")]
    _authors: Option<Vec<String>>,
    #[serde(rename = "tool")]
    _tool: Option<toml::Table>,
}

/// One entry of `[variables]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The value where no provider has one.
    pub default: Option<String>,
    /// Whether a provider must have a value.
    #[serde(default)]
    pub required: bool,
    #[serde(rename = "secret")]
    _secret: Option<bool>,
    #[serde(rename = "description")]
    _description: Option<String>,
}

/// `[[trigger.*]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    /// `[[trigger.http]]`
    pub http: Vec<HttpTrigger>,
}

/// One `[[trigger.http]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// Which paths: exact, or every path below with `/...` at the end.
    pub route: String,
    /// Id of the component that answers.
    pub component: String,
    #[serde(rename = "id")]
    _id: Option<String>,
}

/// `[component.<id>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The component's `.wasm`, from the manifest's folder.
    pub source: PathBuf,
    /// Shown beside the component's routes.
    pub description: Option<String>,
    /// Templates of the component's variables, by name.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Templates of the hosts that the component may call.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of the databases that the component may open.
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    /// Labels of the key-value stores that the component may open.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    /// Settings of tools.
    #[serde(default)]
    pub tool: Tools,
    #[serde(rename = "build")]
    _build: Option<toml::Table>,
}

/// `[component.<id>.tool]`, where every tool has a table of its own.
#[derive(Debug, Default, Deserialize)]
pub struct Tools {
    /// `[component.<id>.tool.spin-test]`
    #[serde(rename = "spin-test")]
    pub spin_test: Option<SpinTest>,
}

/// `[component.<id>.tool.spin-test]`; what builds the test component is up to others.
#[derive(Debug, Deserialize)]
pub struct SpinTest {
    /// The test component's `.wasm`, from the manifest's folder.
    pub source: PathBuf,
}

/// The manifest that `path` means: itself, or the one in that folder.
pub fn file(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join("spin.toml")
    } else {
        path.to_owned()
    }
}

impl Manifest {
    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// When it is missing, cannot be read, is malformed, or asks for what this host does not implement.
    pub fn read(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Err(Error::Missing(path.to_owned()));
        }
        Ok(toml_file::read(path, NOT_IMPLEMENTED)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
spin_manifest_version = 2
[application]
name = "pictures"
[[trigger.http]]
route = "/..."
component = "viewer"
[component.viewer]
source = "viewer.wasm"
"#;

    fn parse(text: &str) -> Result<Manifest, String> {
        toml_file::parse(Path::new("spin.toml"), text, NOT_IMPLEMENTED)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_minimal_manifest_is_read() {
        let manifest = parse(MINIMAL).unwrap();

        assert_eq!(manifest.application.name, "pictures");
        assert_eq!(manifest.trigger.http[0].route, "/...");
        assert_eq!(
            manifest.components["viewer"].source,
            Path::new("viewer.wasm")
        );
    }

    #[test]
    fn settings_of_build_and_tools_are_accepted_and_ignored() {
        let text = format!(
            "{MINIMAL}[component.viewer.build]\ncommand = \"make\"\n[component.viewer.tool.x]\ny = 1\n[application.tool.z]\n"
        );

        assert!(parse(&text).is_ok());
    }

    #[test]
    fn what_cannot_be_used_is_refused_in_one_line_that_names_file_and_key() {
        for (what, text, expected) in [
            (
                "an unknown key",
                format!("{MINIMAL}sauce = 1\n"),
                "spin.toml:10: unknown field `sauce`, expected one of",
            ),
            (
                "a key of Spin's that this host lacks",
                format!("{MINIMAL}ai_models = [\"llama2-chat\"]\n"),
                "spin.toml: `component.viewer.ai_models` is a Spin setting that this host does not implement",
            ),
            (
                "such a key in an array of tables",
                MINIMAL.replace("route =", "executor = { type = \"wagi\" }\nroute ="),
                "spin.toml: `trigger.http.executor` is a Spin setting that this host does not implement",
            ),
            (
                "another manifest version",
                MINIMAL.replace("version = 2", "version = 1"),
                "spin.toml:2: spin_manifest_version is 1, must be 2",
            ),
            ("broken TOML", format!("{MINIMAL}="), "spin.toml:10: "),
            (
                "a missing key",
                MINIMAL.replace("source = \"viewer.wasm\"", ""),
                "missing field `source`",
            ),
        ] {
            let error = parse(&text).unwrap_err();

            assert!(error.contains(expected), "{what}: {error}");
            assert!(!error.contains('\n'), "{what}: {error}");
        }
    }
}
