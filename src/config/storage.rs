//! How to reach the storage service, and how to sign for it.

use std::num::NonZeroU32;
use std::time::Duration;

use super::endpoint::{Endpoint, parse_endpoint};
use super::{Settings, parse_visible};
use crate::error::ConfigError;

const BUCKET: &str = "a bucket's name, or tenant:bucket where s3_addressing_style is 'path'";
const ENDPOINT: &str = "an http or https origin without path, such as http://127.0.0.1:9000";

/// How to reach the storage service.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Origin of the service.
    pub endpoint: Endpoint,
    /// Region that requests are signed for.
    pub region: String,
    /// Bucket that holds the objects.
    pub bucket: String,
    /// How a request names the bucket.
    pub addressing_style: AddressingStyle,
    /// What requests are signed with.
    pub credentials: Credentials,
    /// Time limits of one request.
    pub timeouts: Timeouts,
    /// Requests sent for one answer before it is given up, 1 to 10.
    pub max_attempts: NonZeroU32,
}

/// How a request names the bucket (Amazon S3 User Guide, "Virtual hosting of buckets").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressingStyle {
    /// `/bucket/key`
    Path,
    /// The endpoint's host names the bucket; the path is `/key`.
    Virtual,
}

/// An access key.
#[derive(Clone)]
pub struct Credentials {
    /// Public half of the key.
    pub access_key_id: String,
    /// Secret half of the key.
    pub secret_access_key: String,
    /// Present for temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Time limits of one storage request.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the answer's head is there.
    pub first_byte: Duration,
    /// Between two pieces of the answer's body.
    pub between_bytes: Duration,
    /// Of all attempts together, until the answer to the client begins.
    pub total: Duration,
}

impl Settings<'_> {
    /// How to reach the storage service.
    ///
    /// # Errors
    /// [`ConfigError`] names the first variable that cannot be read or used.
    pub fn storage(&self) -> Result<StorageConfig, ConfigError> {
        let endpoint = self.parse("s3_endpoint", ENDPOINT, parse_endpoint)?;
        let addressing_style = self.addressing_style()?;
        Ok(StorageConfig {
            endpoint,
            region: self.parse("s3_region", "a region such as us-east-1", parse_name)?,
            bucket: self.parse("s3_bucket", BUCKET, |text| {
                parse_bucket(text, addressing_style)
            })?,
            addressing_style,
            credentials: self.credentials()?,
            timeouts: Timeouts {
                connect: self.milliseconds("s3_connect_timeout_ms")?,
                first_byte: self.milliseconds("s3_first_byte_timeout_ms")?,
                between_bytes: self.milliseconds("s3_between_bytes_timeout_ms")?,
                total: self.milliseconds("s3_total_timeout_ms")?,
            },
            max_attempts: self.parse("s3_max_attempts", "a number from 1 to 10", |text| {
                let attempts: NonZeroU32 = text.parse().ok()?;
                (attempts.get() <= 10).then_some(attempts)
            })?,
        })
    }

    fn addressing_style(&self) -> Result<AddressingStyle, ConfigError> {
        let expected = "'path' or 'virtual'";
        self.parse("s3_addressing_style", expected, |text| match text {
            "path" => Some(AddressingStyle::Path),
            "virtual" => Some(AddressingStyle::Virtual),
            _ => None,
        })
    }

    fn credentials(&self) -> Result<Credentials, ConfigError> {
        let visible = "visible ASCII";
        let token = "empty or visible ASCII";
        Ok(Credentials {
            access_key_id: self.parse("s3_access_key_id", visible, parse_visible)?,
            secret_access_key: self.parse("s3_secret_access_key", visible, parse_visible)?,
            session_token: self.parse("s3_session_token", token, |text| match text {
                "" => Some(None),
                token => parse_visible(token).map(Some),
            })?,
        })
    }
}

/// A region's or bucket's name: what S3 has ever allowed in one, so that it is safe in a path.
fn parse_name(text: &str) -> Option<String> {
    let is_name_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = !matches!(text, "" | "." | "..") && text.bytes().all(is_name_byte);
    is_name.then(|| text.to_owned())
}

/// A bucket's name, after that of its tenant where Ceph has several: no host can name such a bucket
/// (Ceph, "RGW Multi-tenancy").
fn parse_bucket(text: &str, style: AddressingStyle) -> Option<String> {
    let Some((tenant, bucket)) = text.split_once(':') else {
        return parse_name(text);
    };
    let is_tenant = tenant.is_empty() || parse_name(tenant).is_some();
    let is_bucket = is_tenant && parse_name(bucket).is_some();
    (is_bucket && style == AddressingStyle::Path).then(|| text.to_owned())
}

#[cfg(test)]
impl StorageConfig {
    /// Complete settings, some of them replaced.
    pub(crate) fn example(replaced: &[(&str, &str)]) -> Self {
        let variable = super::example_variable(replaced);
        Settings::new(&variable).storage().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::example_variable;

    #[test]
    fn complete_settings_are_read() {
        let config = StorageConfig::example(&[("s3_session_token", "token")]);

        assert_eq!(config.endpoint.authority, "127.0.0.1:9000");
        assert_eq!((&*config.region, &*config.bucket), ("us-east-1", "images"));
        assert_eq!(config.addressing_style, AddressingStyle::Path);
        assert_eq!(config.credentials.session_token.as_deref(), Some("token"));
        assert_eq!(config.timeouts.connect, Duration::from_secs(2));
        assert_eq!(config.timeouts.total, Duration::from_secs(30));
        assert_eq!(config.max_attempts.get(), 3);
    }

    #[test]
    fn a_bucket_may_be_another_tenant_s_where_the_path_names_it() {
        for bucket in ["tenant:images", ":images"] {
            let config = StorageConfig::example(&[("s3_bucket", bucket)]);
            assert_eq!(config.bucket, bucket);
        }

        let virtual_style = example_variable(&[
            ("s3_bucket", "tenant:images"),
            ("s3_addressing_style", "virtual"),
        ]);
        let error = Settings::new(&virtual_style).storage().unwrap_err();

        assert!(error.to_string().contains("s3_bucket"), "{error}");
    }
}
