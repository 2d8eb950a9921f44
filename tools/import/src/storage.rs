//! Where objects go: storage, by options or by the application's own variables.

use anyhow::Context as _;
use reqwest::Url;

use crate::given::given;
use crate::http::origin;
use crate::runtime_config::RuntimeConfig;

const DEFAULT_REGION: &str = "us-east-1";

/// The application's settings of storage.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageOptions {
    /// Origin of the storage service
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "SPIN_VARIABLE_S3_ENDPOINT"
    )]
    endpoint: Option<String>,

    /// Bucket of the images
    #[arg(long, global = true, env = "SPIN_VARIABLE_S3_BUCKET")]
    bucket: Option<String>,

    /// Signing region [default: us-east-1]
    #[arg(long, global = true, env = "SPIN_VARIABLE_S3_REGION")]
    region: Option<String>,

    /// How the bucket is named to storage: path, or virtual where the endpoint's host names it
    #[arg(
        long,
        global = true,
        value_name = "STYLE",
        env = "SPIN_VARIABLE_S3_ADDRESSING_STYLE"
    )]
    addressing_style: Option<String>,

    /// Access key id
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "SPIN_VARIABLE_S3_ACCESS_KEY_ID"
    )]
    access_key_id: Option<String>,

    /// Secret access key; better by its variable, since others on this machine see options
    #[arg(
        long,
        global = true,
        value_name = "SECRET",
        env = "SPIN_VARIABLE_S3_SECRET_ACCESS_KEY",
        hide_env_values = true
    )]
    secret_access_key: Option<String>,

    /// Session token of temporary credentials
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "SPIN_VARIABLE_S3_SESSION_TOKEN",
        hide_env_values = true
    )]
    session_token: Option<String>,
}

/// Storage, as a client sees it.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Origin, for example `http://127.0.0.1:9000`.
    pub endpoint: Url,
    /// Bucket of the images, unless the endpoint's host names it.
    pub bucket: String,
    /// Signing region.
    pub region: String,
    /// Whether the endpoint's host names the bucket already.
    pub virtual_hosted: bool,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Set with temporary credentials.
    pub session_token: Option<String>,
}

impl StorageOptions {
    /// Takes from a runtime configuration what nobody has given.
    pub fn complete(&mut self, config: &RuntimeConfig) {
        for (option, variable) in [
            (&mut self.endpoint, "s3_endpoint"),
            (&mut self.bucket, "s3_bucket"),
            (&mut self.region, "s3_region"),
            (&mut self.addressing_style, "s3_addressing_style"),
        ] {
            config.complete(option, variable);
        }
        // One key is of one piece: the importer may have another than the application.
        let key = [&self.access_key_id, &self.secret_access_key];
        if key.into_iter().any(|part| given(part.as_ref()).is_some()) {
            return;
        }
        for (option, variable) in [
            (&mut self.access_key_id, "s3_access_key_id"),
            (&mut self.secret_access_key, "s3_secret_access_key"),
            (&mut self.session_token, "s3_session_token"),
        ] {
            config.complete(option, variable);
        }
    }

    /// The storage that these options describe.
    ///
    /// # Errors
    /// Names the option that is missing or cannot be used.
    pub fn storage(&self) -> anyhow::Result<Storage> {
        let endpoint = required(self.endpoint.as_ref(), "--endpoint", "S3_ENDPOINT")?;
        let endpoint =
            origin(&endpoint).map_err(|reason| anyhow::anyhow!("--endpoint {reason}"))?;
        anyhow::ensure!(
            endpoint.path() == "/",
            "--endpoint must be an origin, without a path"
        );
        let style = given(self.addressing_style.as_ref());
        let virtual_hosted = match style.as_deref() {
            None | Some("path") => false,
            Some("virtual") => true,
            Some(other) => anyhow::bail!("--addressing-style '{other}' must be path or virtual"),
        };
        Ok(Storage {
            endpoint,
            bucket: named(
                required(self.bucket.as_ref(), "--bucket", "S3_BUCKET")?,
                "--bucket",
            )?,
            region: named(
                given(self.region.as_ref()).unwrap_or_else(|| DEFAULT_REGION.to_owned()),
                "--region",
            )?,
            virtual_hosted,
            access_key_id: required(
                self.access_key_id.as_ref(),
                "--access-key-id",
                "S3_ACCESS_KEY_ID",
            )?,
            secret_access_key: required(
                self.secret_access_key.as_ref(),
                "--secret-access-key",
                "S3_SECRET_ACCESS_KEY",
            )?,
            session_token: given(self.session_token.as_ref()),
        })
    }
}

fn required(value: Option<&String>, option: &str, variable: &str) -> anyhow::Result<String> {
    given(value).with_context(|| format!("give {option}, or the variable SPIN_VARIABLE_{variable}"))
}

/// What S3 has ever allowed in a name; the application accepts no other.
fn named(name: String, option: &str) -> anyhow::Result<String> {
    let is_name_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    anyhow::ensure!(
        name.bytes().all(is_name_byte) && !matches!(name.as_str(), "." | ".."),
        "{option} '{name}' may hold letters, digits, '.', '-' and '_' alone"
    );
    Ok(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    fn options(endpoint: &str, bucket: &str) -> StorageOptions {
        let text = |text: &str| Some(text.to_owned());
        StorageOptions {
            endpoint: text(endpoint),
            bucket: text(bucket),
            region: text(""),
            addressing_style: None,
            access_key_id: text("id"),
            secret_access_key: text(" secret\n"),
            session_token: None,
        }
    }

    #[test]
    fn storage_is_what_the_options_say_and_empty_ones_are_none() {
        let storage = options("HTTPS://S3.example/", "images").storage().unwrap();

        assert_eq!(storage.endpoint.as_str(), "https://s3.example/");
        assert_eq!(storage.bucket, "images");
        assert_eq!(storage.region, DEFAULT_REGION);
        assert_eq!(storage.secret_access_key, "secret");
        assert_eq!(storage.session_token, None);
        assert!(!storage.virtual_hosted);
    }

    #[test]
    fn a_runtime_configuration_gives_what_nobody_gives_and_of_a_key_all_or_nothing() {
        let config = RuntimeConfig::parse(
            r#"
            [[variables_provider]]
            type = "static"
            [variables_provider.values]
            s3_endpoint = "http://127.0.0.1:9000"
            s3_region = "there"
            s3_access_key_id = "application"
            s3_secret_access_key = "its secret"
            s3_session_token = "its token"
            "#,
        )
        .unwrap();
        let own_key = options("https://s3.example", "images");
        let no_key = StorageOptions {
            access_key_id: None,
            secret_access_key: None,
            ..own_key.clone()
        };
        let half_a_key = StorageOptions {
            access_key_id: None,
            ..own_key.clone()
        };
        for (mut options, key, token) in [
            (own_key, ["id", "secret"], None),
            (no_key, ["application", "its secret"], Some("its token")),
        ] {
            options.complete(&config);

            let storage = options.storage().unwrap();

            assert_eq!(storage.endpoint.as_str(), "https://s3.example/");
            assert_eq!(storage.region, "there");
            assert_eq!([storage.access_key_id, storage.secret_access_key], key);
            assert_eq!(storage.session_token.as_deref(), token);
        }
        let mut options = half_a_key;
        options.complete(&config);
        assert!(options.storage().is_err());
    }

    #[test]
    fn what_is_missing_is_named_by_option_and_variable() {
        let options = StorageOptions {
            secret_access_key: None,
            ..options("https://s3.example", "images")
        };

        let error = options.storage().unwrap_err().to_string();

        assert!(error.contains("--secret-access-key"), "{error}");
        assert!(
            error.contains("SPIN_VARIABLE_S3_SECRET_ACCESS_KEY"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_option() {
        for (endpoint, bucket, said) in [
            ("http://s3.example", "No Bucket", "--bucket 'No Bucket'"),
            ("http://s3.example", "a/b", "--bucket 'a/b'"),
            ("http://s3.example", "..", "--bucket '..'"),
            ("ftp://s3.example", "images", "--endpoint is a ftp address"),
            ("http://s3.example/prefix", "images", "--endpoint must be"),
        ] {
            let error = options(endpoint, bucket).storage().unwrap_err().to_string();

            assert!(error.starts_with(said), "{error}");
        }
    }
}
