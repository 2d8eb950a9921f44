//! Spin variables to [`Config`]: what is in it is valid.

use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use subtle::ConstantTimeEq as _;

use crate::cors::AllowedOrigins;
use crate::error::ConfigError;

/// The settings of one deployment.
#[derive(Debug)]
pub struct Config {
    /// Where the objects are, and how to ask for them.
    pub storage: StorageConfig,
    /// Where the records are.
    pub metadata_store: MetadataStore,
    /// Largest image that is served, in bytes.
    pub max_image_bytes: u64,
    /// Which pages of other origins may read answers.
    pub cors: AllowedOrigins,
    /// Longest time that a client may take no byte of its answer, or need for its content.
    pub client_timeout: Duration,
}

/// How to reach the storage service.
#[derive(Debug)]
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
    /// Whether only what is known to be the object of the record's SHA-256 is served.
    pub require_checksum: bool,
}

/// An origin without a default port, so that it equals the `Host` field that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Host, and port where it is not the scheme's own.
    pub authority: Authority,
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

/// Of which requests a line is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// Of each.
    All,
    /// Of those with a cause: they failed, or their answer was aborted.
    Failures,
    /// Of none.
    None,
}

/// What a client must show to read and write records.
pub struct RecordsToken(String);

impl RecordsToken {
    /// Whether this is the token, in a time that does not depend on how much of it is right.
    #[must_use]
    pub fn is(&self, shown: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(shown).into()
    }
}

impl std::fmt::Debug for RecordsToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordsToken(..)")
    }
}

/// Which of Spin's stores holds the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataStore {
    /// The SQLite database `default`.
    Sqlite,
    /// The key-value store `default`.
    KeyValue,
}

impl Config {
    /// Reads every setting through `variable`, which gives a variable's value or says why not.
    ///
    /// # Errors
    /// [`ConfigError`] names the first variable that cannot be read or used.
    pub fn read(variable: impl Fn(&str) -> Result<String, String>) -> Result<Self, ConfigError> {
        let settings = Settings(variable);
        let endpoint = settings.parse("s3_endpoint", ENDPOINT, parse_endpoint)?;
        let addressing_style = settings.addressing_style()?;
        Ok(Self {
            storage: StorageConfig {
                endpoint,
                region: settings.parse("s3_region", "a region such as us-east-1", parse_name)?,
                bucket: settings.parse("s3_bucket", BUCKET, |text| {
                    parse_bucket(text, addressing_style)
                })?,
                addressing_style,
                credentials: settings.credentials()?,
                timeouts: Timeouts {
                    connect: settings.milliseconds("s3_connect_timeout_ms")?,
                    first_byte: settings.milliseconds("s3_first_byte_timeout_ms")?,
                    between_bytes: settings.milliseconds("s3_between_bytes_timeout_ms")?,
                    total: settings.milliseconds("s3_total_timeout_ms")?,
                },
                max_attempts: settings.parse(
                    "s3_max_attempts",
                    "a number from 1 to 10",
                    |text| {
                        text.parse()
                            .ok()
                            .filter(|attempts: &NonZeroU32| attempts.get() <= 10)
                    },
                )?,
                require_checksum: settings.parse(
                    "require_checksum",
                    "'true' or 'false'",
                    |text| text.parse().ok(),
                )?,
            },
            metadata_store: settings.parse(
                "metadata_store",
                "'sqlite' or 'key-value'",
                |text| match text {
                    "sqlite" => Some(MetadataStore::Sqlite),
                    "key-value" => Some(MetadataStore::KeyValue),
                    _ => None,
                },
            )?,
            max_image_bytes: settings.number::<NonZeroU64>("max_image_bytes")?.get(),
            cors: settings.allowed_origins()?,
            client_timeout: settings.milliseconds("client_timeout_ms")?,
        })
    }

    /// Reads `log` alone, which counts whatever becomes of the request.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be read or used.
    pub fn read_logged(
        variable: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Logged, ConfigError> {
        Settings(variable).parse("log", "'all', 'failures' or 'none'", |text| match text {
            "all" => Some(Logged::All),
            "failures" => Some(Logged::Failures),
            "none" => Some(Logged::None),
            _ => None,
        })
    }

    /// Reads `hash_max_bytes`: the largest object that is hashed where storage keeps no checksum of it,
    /// in bytes. Only such objects ask for it.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be read or used.
    pub fn read_hash_max_bytes(
        variable: impl Fn(&str) -> Result<String, String>,
    ) -> Result<u64, ConfigError> {
        Settings(variable).parse("hash_max_bytes", "a number from 0 to 65536", |text| {
            text.parse().ok().filter(|bytes| *bytes <= MAX_HASHED_BYTES)
        })
    }

    /// Reads `records_token`, which only the records route asks for; `None` where it is empty, so that
    /// there is no such route.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be read or used.
    pub fn read_records_token(
        variable: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Option<RecordsToken>, ConfigError> {
        Settings(variable).parse("records_token", RECORDS_TOKEN, |text| match text {
            "" => Some(None),
            token => parse_visible(token)
                .filter(|token| token.len() >= MIN_TOKEN_BYTES)
                .map(|token| Some(RecordsToken(token))),
        })
    }

    /// Reads `cors_allowed_origins` alone, which counts even where another setting is broken.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be read or used.
    pub fn read_cors(
        variable: impl Fn(&str) -> Result<String, String>,
    ) -> Result<AllowedOrigins, ConfigError> {
        Settings(variable).allowed_origins()
    }
}

const ORIGINS: &str = "empty, '*', or origins such as https://app.example, separated by commas \
    (no path, other scripts as xn--...)";
const RECORDS_TOKEN: &str = "empty, or at least 16 characters of visible ASCII";
/// Shorter ones can be guessed.
const MIN_TOKEN_BYTES: usize = 16;
/// Most bytes of an object that is hashed; the component has memory for that.
pub const MAX_HASHED_BYTES: u64 = 64 * 1024;
const BUCKET: &str = "a bucket's name, or tenant:bucket where s3_addressing_style is 'path'";
const ENDPOINT: &str = "an http or https origin without path, such as http://127.0.0.1:9000";

/// The variables, read one by one.
struct Settings<F>(F);

impl<F: Fn(&str) -> Result<String, String>> Settings<F> {
    fn parse<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let text = (self.0)(name).map_err(|cause| ConfigError::Unreadable { name, cause })?;
        // A Secret that was made with `echo` ends in a line break.
        parse(text.trim()).ok_or(ConfigError::Malformed { name, expected })
    }

    fn number<T: FromStr>(&self, name: &'static str) -> Result<T, ConfigError> {
        self.parse(name, "a whole number above zero", |text| text.parse().ok())
    }

    fn milliseconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        self.parse(name, "a whole number of milliseconds above zero", |text| {
            let milliseconds: NonZeroU32 = text.parse().ok()?;
            Some(Duration::from_millis(u64::from(milliseconds.get())))
        })
    }

    fn addressing_style(&self) -> Result<AddressingStyle, ConfigError> {
        self.parse(
            "s3_addressing_style",
            "'path' or 'virtual'",
            |text| match text {
                "path" => Some(AddressingStyle::Path),
                "virtual" => Some(AddressingStyle::Virtual),
                _ => None,
            },
        )
    }

    fn allowed_origins(&self) -> Result<AllowedOrigins, ConfigError> {
        self.parse("cors_allowed_origins", ORIGINS, AllowedOrigins::parse)
    }

    fn credentials(&self) -> Result<Credentials, ConfigError> {
        Ok(Credentials {
            access_key_id: self.parse("s3_access_key_id", "visible ASCII", parse_visible)?,
            secret_access_key: self.parse(
                "s3_secret_access_key",
                "visible ASCII",
                parse_visible,
            )?,
            session_token: self.parse("s3_session_token", "empty or visible ASCII", |text| {
                match text {
                    "" => Some(None),
                    token => parse_visible(token).map(Some),
                }
            })?,
        })
    }
}

fn parse_visible(text: &str) -> Option<String> {
    let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_visible.then(|| text.to_owned())
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

fn parse_endpoint(text: &str) -> Option<Endpoint> {
    let (scheme, rest) = text.split_once("://")?;
    let (scheme, default_port) = match scheme {
        "http" => (Scheme::HTTP, 80),
        "https" => (Scheme::HTTPS, 443),
        _ => return None,
    };
    let authority: Authority = rest.strip_suffix('/').unwrap_or(rest).parse().ok()?;
    let port_is_sound = match authority.as_str().strip_prefix(authority.host()) {
        Some("") => true,
        Some(_) => authority.port_u16().is_some_and(|port| port > 0),
        None => false, // user information stands before the host
    };
    if authority.host().is_empty() || !port_is_sound {
        return None;
    }
    let authority = if authority.port_u16() == Some(default_port) {
        authority.host().parse().ok()?
    } else {
        authority
    };
    Some(Endpoint { scheme, authority })
}

#[cfg(test)]
impl Config {
    /// Complete settings, some of them replaced.
    pub(crate) fn example(replaced: &[(&str, &str)]) -> Self {
        Self::read(example_variable(replaced)).unwrap()
    }
}

#[cfg(test)]
pub(crate) fn example_variable(
    replaced: &[(&str, &str)],
) -> impl Fn(&str) -> Result<String, String> {
    const COMPLETE: [(&str, &str); 17] = [
        ("s3_endpoint", "http://127.0.0.1:9000"),
        ("s3_region", "us-east-1"),
        ("s3_bucket", "images"),
        ("s3_addressing_style", "path"),
        ("s3_access_key_id", "AKID"),
        ("s3_secret_access_key", "s3cr3t/+"),
        ("s3_session_token", ""),
        ("s3_connect_timeout_ms", "2000"),
        ("s3_first_byte_timeout_ms", "10000"),
        ("s3_between_bytes_timeout_ms", "30000"),
        ("s3_total_timeout_ms", "30000"),
        ("client_timeout_ms", "60000"),
        ("s3_max_attempts", "3"),
        ("require_checksum", "false"),
        ("metadata_store", "sqlite"),
        ("max_image_bytes", "52428800"),
        ("cors_allowed_origins", ""),
    ];
    move |name| {
        let mut variables = replaced.iter().chain(&COMPLETE);
        let given = variables.find(|(known, _)| *known == name);
        given
            .map(|(_, value)| (*value).to_owned())
            .ok_or_else(|| format!("no variable {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(name: &str, value: &str) -> Result<Config, ConfigError> {
        Config::read(example_variable(&[(name, value)]))
    }

    #[test]
    fn complete_settings_are_read() {
        let config = read_with("s3_session_token", "token").unwrap();

        assert_eq!(config.storage.endpoint.scheme, Scheme::HTTP);
        assert_eq!(config.storage.endpoint.authority, "127.0.0.1:9000");
        assert_eq!(config.storage.addressing_style, AddressingStyle::Path);
        assert_eq!(
            config.storage.credentials.session_token.as_deref(),
            Some("token")
        );
        assert_eq!(config.storage.timeouts.connect, Duration::from_secs(2));
        assert_eq!(config.storage.timeouts.total, Duration::from_secs(30));
        assert_eq!(config.client_timeout, Duration::from_mins(1));
        assert_eq!(config.storage.max_attempts.get(), 3);
        assert_eq!(config.max_image_bytes, 52_428_800);
    }

    #[test]
    fn a_variable_that_cannot_be_read_is_named_with_its_cause() {
        let config = Config::read(|name| match name {
            "s3_endpoint" => Err("undefined".into()),
            _ => Ok(String::new()),
        });

        let expected = ConfigError::Unreadable {
            name: "s3_endpoint",
            cause: "undefined".into(),
        };
        assert_eq!(config.unwrap_err(), expected);
    }

    #[test]
    fn the_largest_object_that_is_hashed_has_at_most_64_kib() {
        for (value, expected) in [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("65537", None),
            ("-1", None),
            ("", None),
        ] {
            let replaced = [("hash_max_bytes", value)];
            let read = Config::read_hash_max_bytes(example_variable(&replaced));
            assert_eq!(read.ok(), expected, "{value}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named_and_never_repeated() {
        let malformed = [
            ("s3_region", ""),
            ("s3_region", "us east"),
            ("s3_bucket", ""),
            ("s3_bucket", "a/b"),
            ("s3_bucket", ".."),
            ("s3_bucket", "team:"),
            ("s3_bucket", "a:b:c"),
            ("s3_bucket", "..:b"),
            ("s3_addressing_style", "Path"),
            ("s3_access_key_id", ""),
            ("s3_secret_access_key", "with space"),
            ("s3_session_token", "line\nbreak"),
            ("s3_connect_timeout_ms", "0"),
            ("s3_first_byte_timeout_ms", "1s"),
            ("s3_between_bytes_timeout_ms", "-1"),
            ("s3_total_timeout_ms", "30s"),
            ("client_timeout_ms", "0"),
            ("s3_max_attempts", "0"),
            ("s3_max_attempts", "11"),
            ("require_checksum", ""),
            ("require_checksum", "True"),
            ("metadata_store", "postgres"),
            ("max_image_bytes", "50MB"),
            ("max_image_bytes", "0"),
            ("cors_allowed_origins", "https://a/b"),
            ("cors_allowed_origins", "https://b:99999"),
        ];

        for (name, value) in malformed {
            let error = read_with(name, value).unwrap_err();
            let text = error.to_string();
            assert!(
                matches!(error, ConfigError::Malformed { name: named, .. } if named == name),
                "{name}={value:?}: {text}"
            );
            assert!(value.len() < 2 || !text.contains(value), "{text}");
        }
    }

    #[test]
    fn a_bucket_may_be_another_tenant_s_where_the_path_names_it() {
        for bucket in ["tenant:images", ":images"] {
            let config = read_with("s3_bucket", bucket).unwrap();
            assert_eq!(config.storage.bucket, bucket);
        }

        let virtual_style = [
            ("s3_bucket", "tenant:images"),
            ("s3_addressing_style", "virtual"),
        ];
        let error = Config::read(example_variable(&virtual_style)).unwrap_err();

        assert!(error.to_string().contains("s3_bucket"), "{error}");
    }

    #[test]
    fn white_space_around_a_value_is_not_part_of_it() {
        let variable = example_variable(&[
            ("s3_bucket", " images\n"),
            ("s3_secret_access_key", "s3cr3t\r\n"),
            ("max_image_bytes", "\t7 "),
            ("s3_session_token", "\n"),
        ]);

        let config = Config::read(variable).unwrap();

        assert_eq!(config.storage.bucket, "images");
        assert_eq!(config.storage.credentials.secret_access_key, "s3cr3t");
        assert_eq!(config.storage.credentials.session_token, None);
        assert_eq!(config.max_image_bytes, 7);
    }

    #[test]
    fn a_records_token_is_absent_or_long_enough_and_equals_itself_alone() {
        let read = |value: &'static str| Config::read_records_token(|_| Ok(value.to_owned()));

        assert!(read("").unwrap().is_none());
        assert!(read(" \n").unwrap().is_none());
        let token = read("0123456789abcdef\n").unwrap().unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for other in [
            "",
            "0123456789abcde",
            "0123456789abcdeF",
            "0123456789abcdef ",
        ] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
        assert!(!format!("{token:?}").contains("0123"));
        for broken in ["0123456789abcde", "0123456789 abcdef", "0123456789abcdé"] {
            let error = read(broken).unwrap_err().to_string();
            assert!(error.contains("records_token"), "{error}");
            assert!(!error.contains(broken), "{error}");
        }
    }

    #[test]
    fn what_is_logged_is_one_of_three_words() {
        let read = |value: &'static str| Config::read_logged(|_| Ok(value.to_owned()));

        for (value, logged) in [
            ("all", Logged::All),
            (" failures\n", Logged::Failures),
            ("none", Logged::None),
        ] {
            assert_eq!(read(value), Ok(logged));
        }
        for value in ["", "All", "errors"] {
            let error = read(value).unwrap_err().to_string();
            assert!(error.contains("the variable log must be"), "{error}");
        }
    }

    #[test]
    fn an_endpoint_is_an_origin_and_loses_its_default_port() {
        let origins = [
            ("http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://127.0.0.1:9000/", "127.0.0.1:9000"),
            ("http://storage:80", "storage"),
            (
                "https://s3.eu-west-1.amazonaws.com:443",
                "s3.eu-west-1.amazonaws.com",
            ),
            ("https://storage:80", "storage:80"),
            ("http://[::1]:9000", "[::1]:9000"),
        ];

        for (text, authority) in origins {
            let endpoint = parse_endpoint(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(endpoint.authority, authority);
        }
    }

    #[test]
    fn anything_but_an_origin_is_no_endpoint() {
        let others = [
            "",
            "127.0.0.1:9000",
            "ftp://storage",
            "http://",
            "http:///",
            "http://storage/path",
            "http://storage?x",
            "http://user@storage",
            "http://user:pass@storage:9000",
            "http://storage:",
            "http://storage:0",
            "http://storage:99999",
            "http://sto rage",
        ];

        for text in others {
            assert_eq!(parse_endpoint(text), None, "{text:?}");
        }
    }
}
