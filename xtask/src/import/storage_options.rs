//! Storage by option or by the application's own variables.

use std::path::Path;

use anyhow::Context as _;

use crate::settings::{DEFAULT_REGION, Storage};

/// What takes the place of `runtime-config.toml`. An endpoint of one's own takes nothing from that
/// file, lest its development credentials are sent to it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageOptions {
    /// Origin of the storage service; with it, nothing is taken from runtime-config.toml
    #[arg(long, value_name = "URL", env = "SPIN_VARIABLE_S3_ENDPOINT")]
    endpoint: Option<String>,

    /// Bucket of the images
    #[arg(long, env = "SPIN_VARIABLE_S3_BUCKET")]
    bucket: Option<String>,

    /// Signing region
    #[arg(long, env = "SPIN_VARIABLE_S3_REGION")]
    region: Option<String>,

    /// How the bucket is named to storage: path, or virtual where the endpoint's host names it
    #[arg(long, value_name = "STYLE", env = "SPIN_VARIABLE_S3_ADDRESSING_STYLE", value_parser = ["path", "virtual"])]
    addressing_style: Option<String>,

    /// Access key id
    #[arg(long, value_name = "ID", env = "SPIN_VARIABLE_S3_ACCESS_KEY_ID")]
    access_key_id: Option<String>,

    /// Secret access key; better by its variable, since others on this machine see options
    #[arg(
        long,
        value_name = "SECRET",
        env = "SPIN_VARIABLE_S3_SECRET_ACCESS_KEY",
        hide_env_values = true
    )]
    secret_access_key: Option<String>,

    /// Session token of temporary credentials
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SPIN_VARIABLE_S3_SESSION_TOKEN",
        hide_env_values = true
    )]
    session_token: Option<String>,
}

impl StorageOptions {
    /// The storage that these options describe, each value by default as in `configured`. Where that
    /// is `embedded` at an address of the command line, no other endpoint counts.
    ///
    /// # Errors
    /// Names the option that is missing beside an endpoint.
    pub fn over(
        &self,
        embedded: bool,
        configured: impl FnOnce() -> anyhow::Result<Storage>,
    ) -> anyhow::Result<Storage> {
        let base = match given(self.endpoint.as_ref()) {
            Some(endpoint) if !embedded => self.alone(endpoint)?,
            _ => configured()?,
        };
        let or = |value: &Option<String>, default| given(value.as_ref()).unwrap_or(default);
        Ok(Storage {
            endpoint: base.endpoint,
            region: or(&self.region, base.region),
            bucket: or(&self.bucket, base.bucket),
            access_key_id: or(&self.access_key_id, base.access_key_id),
            secret_access_key: or(&self.secret_access_key, base.secret_access_key),
            session_token: given(self.session_token.as_ref()).or(base.session_token),
            virtual_hosted: given(self.addressing_style.as_ref())
                .map_or(base.virtual_hosted, |style| style == "virtual"),
            file: base.file,
        })
    }

    fn alone(&self, endpoint: String) -> anyhow::Result<Storage> {
        let required = |value: &Option<String>, option: &str, variable: &str| {
            given(value.as_ref()).with_context(|| {
                format!("an endpoint needs {option} too, or the variable SPIN_VARIABLE_{variable}")
            })
        };
        Ok(Storage {
            endpoint,
            region: DEFAULT_REGION.to_owned(),
            bucket: required(&self.bucket, "--bucket", "S3_BUCKET")?,
            access_key_id: required(&self.access_key_id, "--access-key-id", "S3_ACCESS_KEY_ID")?,
            secret_access_key: required(
                &self.secret_access_key,
                "--secret-access-key",
                "S3_SECRET_ACCESS_KEY",
            )?,
            session_token: None,
            virtual_hosted: false,
            file: Path::new("--endpoint").to_owned(),
        })
    }
}

// A variable that is set to nothing is as good as none.
fn given(value: Option<&String>) -> Option<String> {
    value.filter(|value| !value.is_empty()).cloned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use anyhow::bail;

    use super::*;

    const NONE: StorageOptions = StorageOptions {
        endpoint: None,
        bucket: None,
        region: None,
        addressing_style: None,
        access_key_id: None,
        secret_access_key: None,
        session_token: None,
    };

    fn configured() -> Storage {
        Storage {
            endpoint: "http://127.0.0.1:9000".to_owned(),
            region: "configured-region".to_owned(),
            bucket: "configured".to_owned(),
            access_key_id: "configured-id".to_owned(),
            secret_access_key: "configured-secret".to_owned(),
            session_token: Some("configured-token".to_owned()),
            virtual_hosted: true,
            file: "runtime-config.toml".into(),
        }
    }

    #[test]
    fn without_an_endpoint_each_option_takes_the_place_of_a_configured_value() {
        let options = StorageOptions {
            bucket: Some("mine".to_owned()),
            region: Some(String::new()),
            addressing_style: Some("path".to_owned()),
            ..NONE
        };

        let storage = options.over(false, || Ok(configured())).unwrap();

        assert_eq!(storage.endpoint, "http://127.0.0.1:9000");
        assert_eq!(storage.bucket, "mine");
        assert_eq!(storage.region, "configured-region");
        assert_eq!(storage.secret_access_key, "configured-secret");
        assert!(!storage.virtual_hosted);
    }

    #[test]
    fn an_endpoint_of_ones_own_is_sent_no_configured_value() {
        let options = StorageOptions {
            endpoint: Some("https://s3.example".to_owned()),
            bucket: Some("mine".to_owned()),
            access_key_id: Some("id".to_owned()),
            secret_access_key: Some("secret".to_owned()),
            ..NONE
        };

        let storage = options.over(false, || bail!("not to be read")).unwrap();

        assert_eq!(storage.endpoint, "https://s3.example");
        assert_eq!(storage.region, DEFAULT_REGION);
        assert_eq!(storage.session_token, None);
        assert!(!storage.virtual_hosted);
    }

    #[test]
    fn embedded_storage_at_an_address_of_the_command_line_goes_before_an_endpoint() {
        let options = StorageOptions {
            endpoint: Some("https://s3.example".to_owned()),
            ..NONE
        };

        let storage = options.over(true, || Ok(configured())).unwrap();

        assert_eq!(storage.endpoint, "http://127.0.0.1:9000");
    }

    #[test]
    fn what_is_missing_beside_an_endpoint_is_named_by_option_and_variable() {
        let options = StorageOptions {
            endpoint: Some("https://s3.example".to_owned()),
            bucket: Some("mine".to_owned()),
            access_key_id: Some("id".to_owned()),
            ..NONE
        };

        let error = options
            .over(false, || Ok(configured()))
            .unwrap_err()
            .to_string();

        assert!(error.contains("--secret-access-key"), "{error}");
        assert!(
            error.contains("SPIN_VARIABLE_S3_SECRET_ACCESS_KEY"),
            "{error}"
        );
    }
}
