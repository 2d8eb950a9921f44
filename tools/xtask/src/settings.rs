//! The settings of `runtime-config.toml` that the tools need too: where storage is, and how to sign.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The region of a manifest's default.
pub const DEFAULT_REGION: &str = "us-east-1";

/// Storage, as a client sees it.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Origin, for example `http://127.0.0.1:9000`.
    pub endpoint: String,
    /// Signing region.
    pub region: String,
    /// Bucket of the images.
    pub bucket: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Whether the endpoint's host names the bucket already.
    pub virtual_hosted: bool,
    /// The file, or the options, that these settings came from, for messages.
    pub file: PathBuf,
}

impl Storage {
    /// Reads the static variables provider of a runtime configuration file.
    ///
    /// # Errors
    /// Names the file, and the key that is missing or cannot be used.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text, file)
    }

    fn parse(text: &str, file: &Path) -> anyhow::Result<Self> {
        let config: RuntimeConfig = toml::from_str(text)
            .with_context(|| format!("{} is not a runtime configuration file", file.display()))?;
        let values = config.values();
        let required = |key: &str| match values.get(key) {
            Some(value) if !value.is_empty() => Ok(value.clone()),
            _ => bail!(
                "{} gives no {key}: add it under [variables_provider.values]",
                file.display()
            ),
        };
        let optional = |key: &str| values.get(key).filter(|value| !value.is_empty()).cloned();
        let virtual_hosted = match optional("s3_addressing_style").as_deref() {
            None | Some("path") => false,
            Some("virtual") => true,
            Some(style) => bail!(
                "{}: s3_addressing_style is {style}, and must be path or virtual",
                file.display()
            ),
        };
        Ok(Self {
            endpoint: required("s3_endpoint")?,
            region: optional("s3_region").unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            bucket: required("s3_bucket")?,
            access_key_id: required("s3_access_key_id")?,
            secret_access_key: required("s3_secret_access_key")?,
            virtual_hosted,
            file: file.to_owned(),
        })
    }

    /// The same storage at another origin.
    #[must_use]
    pub fn at(self, endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            ..self
        }
    }

    /// The address of this machine that the endpoint means.
    ///
    /// # Errors
    /// When it is not of the form `http://127.0.0.1:9000`, or not path-style: then embedded storage cannot stand in for it.
    pub fn loopback_address(&self) -> anyhow::Result<SocketAddr> {
        if self.virtual_hosted {
            bail!(
                "{}: s3_addressing_style is virtual, and embedded storage is told the bucket by \
                 the path",
                self.file.display()
            );
        }
        self.endpoint
            .trim_end_matches('/')
            .strip_prefix("http://")
            .map(|authority| authority.replacen("localhost:", "127.0.0.1:", 1))
            .and_then(|authority| authority.parse::<SocketAddr>().ok())
            .filter(|address| address.ip().is_loopback())
            .with_context(|| {
                format!(
                    "{}: s3_endpoint is {}, and embedded storage only listens on an address \
                     such as http://127.0.0.1:9000: give one with --storage 127.0.0.1:9000",
                    self.file.display(),
                    self.endpoint
                )
            })
    }
}

#[derive(Debug, Deserialize)]
struct RuntimeConfig {
    #[serde(default)]
    variables_provider: Vec<VariablesProvider>,
}

#[derive(Debug, Deserialize)]
struct VariablesProvider {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

impl RuntimeConfig {
    // The first provider that knows a variable wins, as in Spin.
    fn values(self) -> BTreeMap<String, String> {
        let mut merged = BTreeMap::new();
        for provider in self.variables_provider {
            if provider.kind == "static" {
                for (key, value) in provider.values {
                    merged.entry(key).or_insert(value);
                }
            }
        }
        merged
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    const COMPLETE: &str = r#"
        [[variables_provider]]
        type = "static"
        [variables_provider.values]
        s3_endpoint = "http://127.0.0.1:9000"
        s3_bucket = "images"
        s3_access_key_id = "id"
        s3_secret_access_key = "secret"
    "#;

    fn parse(text: &str) -> anyhow::Result<Storage> {
        Storage::parse(text, Path::new("runtime-config.toml"))
    }

    #[test]
    fn the_development_configuration_of_this_project_is_understood() {
        let storage = Storage::read(&crate::project::runtime_config()).unwrap();

        assert_eq!(storage.bucket, "images");
        storage.loopback_address().unwrap();
    }

    #[test]
    fn a_missing_key_is_named_together_with_its_file() {
        let text = COMPLETE.replace("s3_bucket = \"images\"", "");

        let error = parse(&text).unwrap_err().to_string();

        assert!(error.contains("s3_bucket"), "{error}");
        assert!(error.contains("runtime-config.toml"), "{error}");
    }

    #[test]
    fn the_region_defaults_to_that_of_the_manifest() {
        let manifest = std::fs::read_to_string(crate::project::manifest()).unwrap();

        assert!(manifest.contains(&format!("s3_region = {{ default = {DEFAULT_REGION:?} }}")));
        assert_eq!(parse(COMPLETE).unwrap().region, DEFAULT_REGION);
    }

    #[test]
    fn the_addressing_style_is_the_application_s_own() {
        for (style, virtual_hosted) in [
            ("path", Some(false)),
            ("virtual", Some(true)),
            ("Path", None),
        ] {
            let storage = parse(&format!("{COMPLETE}\ns3_addressing_style = {style:?}"));

            assert_eq!(
                storage.ok().map(|storage| storage.virtual_hosted),
                virtual_hosted,
                "{style}"
            );
        }
    }

    #[test]
    fn storage_that_is_told_the_bucket_by_its_host_cannot_be_embedded() {
        let text = format!("{COMPLETE}\ns3_addressing_style = \"virtual\"");

        let error = parse(&text).unwrap().loopback_address().unwrap_err();

        assert!(error.to_string().contains("s3_addressing_style"), "{error}");
    }

    #[test]
    fn only_a_plain_loopback_origin_can_be_embedded() {
        for (endpoint, embeddable) in [
            ("http://127.0.0.1:9000", true),
            ("http://127.0.0.1:9000/", true),
            ("http://localhost:9000", true),
            ("http://[::1]:9000", true),
            ("https://127.0.0.1:9000", false),
            ("http://127.0.0.1", false),
            ("http://192.0.2.1:9000", false),
            ("https://s3.eu-west-1.amazonaws.com", false),
        ] {
            let storage = parse(&COMPLETE.replace("http://127.0.0.1:9000", endpoint)).unwrap();

            assert_eq!(storage.loopback_address().is_ok(), embeddable, "{endpoint}");
        }
    }
}
