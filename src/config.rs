//! Spin variables to settings: what is read of them is valid.

mod endpoint;
mod storage;

use std::cell::RefCell;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use subtle::ConstantTimeEq as _;

pub use self::endpoint::Endpoint;
pub use self::storage::{AddressingStyle, Credentials, StorageConfig, Timeouts};
use crate::cors::AllowedOrigins;
use crate::error::ConfigError;

/// Most bytes of an object that is hashed although it is not kept.
pub const MAX_HASHED_BYTES: u64 = 64 * 1024;
/// Most bytes of an image that is kept; the component has memory for that.
pub const MAX_CACHED_BYTES: u64 = 256 * 1024;
/// Where `client_timeout_ms` cannot be used, and the answer does not depend on it.
pub const DEFAULT_CLIENT_TIMEOUT: Duration = Duration::from_mins(1);

const ORIGINS: &str = "empty, '*', or origins such as https://app.example, separated by commas \
    (no path, other scripts as xn--...)";
const RECORDS_TOKEN: &str = "empty, or at least 16 characters of visible ASCII";
/// Shorter ones can be guessed.
const MIN_TOKEN_BYTES: usize = 16;

/// The settings of one deployment.
///
/// Each is read, and found usable or not, where an answer needs it: on Spin a look-up costs more than
/// what most answers do with it (`specs/002-api-image-proxy/research.md`, "What a request costs on Spin").
/// None is looked up twice.
pub struct Settings<'a> {
    variable: &'a dyn Fn(&str) -> Result<String, String>,
    values: RefCell<Vec<(&'static str, String)>>,
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

/// Which of Spin's stores holds the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataStore {
    /// The SQLite database `default`.
    Sqlite,
    /// The key-value store `default`.
    KeyValue,
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

/// Each of these fails when its variable cannot be read or used; [`ConfigError`] names it.
#[expect(clippy::missing_errors_doc, reason = "said once for all of them")]
impl<'a> Settings<'a> {
    /// Those of `variable`, which gives a variable's value or says why not.
    #[must_use]
    pub fn new(variable: &'a dyn Fn(&str) -> Result<String, String>) -> Self {
        Self {
            variable,
            values: RefCell::default(),
        }
    }

    /// Reads all of them.
    pub fn check_all(&self) -> Result<(), ConfigError> {
        self.storage()?;
        self.require_checksum()?;
        self.hash_max_bytes()?;
        self.cache_max_bytes()?;
        self.metadata_store()?;
        self.max_image_bytes()?;
        self.allowed_origins()?;
        self.client_timeout()?;
        self.records_token()?;
        self.logged()?;
        Ok(())
    }

    /// Where the records are.
    pub fn metadata_store(&self) -> Result<MetadataStore, ConfigError> {
        let expected = "'sqlite' or 'key-value'";
        self.parse("metadata_store", expected, |text| match text {
            "sqlite" => Some(MetadataStore::Sqlite),
            "key-value" => Some(MetadataStore::KeyValue),
            _ => None,
        })
    }

    /// Largest image that is served, in bytes.
    pub fn max_image_bytes(&self) -> Result<u64, ConfigError> {
        self.parse("max_image_bytes", "a whole number above zero", |text| {
            text.parse().ok().map(NonZeroU64::get)
        })
    }

    /// Which pages of other origins may read answers.
    pub fn allowed_origins(&self) -> Result<AllowedOrigins, ConfigError> {
        self.parse("cors_allowed_origins", ORIGINS, AllowedOrigins::parse)
    }

    /// Longest time that a client may take no byte of its answer, or need for its content.
    pub fn client_timeout(&self) -> Result<Duration, ConfigError> {
        self.milliseconds("client_timeout_ms")
    }

    /// Whether only what is known to be the object of the record's SHA-256 is served.
    pub fn require_checksum(&self) -> Result<bool, ConfigError> {
        self.parse("require_checksum", "'true' or 'false'", |text| {
            text.parse().ok()
        })
    }

    /// The largest object that is hashed where storage keeps no checksum of it, in bytes.
    pub fn hash_max_bytes(&self) -> Result<u64, ConfigError> {
        self.parse("hash_max_bytes", "a number from 0 to 65536", |text| {
            text.parse().ok().filter(|bytes| *bytes <= MAX_HASHED_BYTES)
        })
    }

    /// The largest image that is kept in the key-value store, in bytes; 0 where none is.
    pub fn cache_max_bytes(&self) -> Result<u64, ConfigError> {
        self.parse("cache_max_bytes", "a number from 0 to 262144", |text| {
            text.parse().ok().filter(|bytes| *bytes <= MAX_CACHED_BYTES)
        })
    }

    /// What a client shows to read and write records; `None` where that cannot be done.
    pub fn records_token(&self) -> Result<Option<RecordsToken>, ConfigError> {
        self.parse("records_token", RECORDS_TOKEN, |text| match text {
            "" => Some(None),
            token => parse_visible(token)
                .filter(|token| token.len() >= MIN_TOKEN_BYTES)
                .map(|token| Some(RecordsToken(token))),
        })
    }

    /// Of which requests a line is logged.
    pub fn logged(&self) -> Result<Logged, ConfigError> {
        let expected = "'all', 'failures' or 'none'";
        self.parse("log", expected, |text| match text {
            "all" => Some(Logged::All),
            "failures" => Some(Logged::Failures),
            "none" => Some(Logged::None),
            _ => None,
        })
    }

    fn milliseconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        self.parse(name, "a whole number of milliseconds above zero", |text| {
            let milliseconds: NonZeroU32 = text.parse().ok()?;
            Some(Duration::from_millis(u64::from(milliseconds.get())))
        })
    }

    fn parse<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let text = self.text(name)?;
        // A Secret that was made with `echo` ends in a line break.
        parse(text.trim()).ok_or(ConfigError::Malformed { name, expected })
    }

    fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        let mut values = self.values.borrow_mut();
        if let Some((_, known)) = values.iter().find(|(known, _)| *known == name) {
            return Ok(known.clone());
        }
        let value =
            (self.variable)(name).map_err(|cause| ConfigError::Unreadable { name, cause })?;
        values.push((name, value.clone()));
        Ok(value)
    }
}

fn parse_visible(text: &str) -> Option<String> {
    let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_visible.then(|| text.to_owned())
}

/// Complete settings, some of them replaced.
#[cfg(test)]
pub(crate) fn example_variable(
    replaced: &[(&str, &str)],
) -> impl Fn(&str) -> Result<String, String> {
    const COMPLETE: [(&str, &str); 21] = [
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
        ("hash_max_bytes", "16384"),
        ("cache_max_bytes", "0"),
        ("metadata_store", "sqlite"),
        ("max_image_bytes", "52428800"),
        ("cors_allowed_origins", ""),
        ("records_token", ""),
        ("log", "all"),
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
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_variable_that_cannot_be_read_is_named_with_its_cause() {
        let settings = Settings::new(&|_| Err("undefined".into()));

        let expected = ConfigError::Unreadable {
            name: "s3_endpoint",
            cause: "undefined".into(),
        };
        assert_eq!(settings.storage().unwrap_err(), expected);
    }

    #[test]
    fn a_variable_is_looked_up_once() {
        let lookups = Cell::new(0);
        let variable = |_: &str| {
            lookups.set(lookups.get() + 1);
            Ok("7".to_owned())
        };
        let settings = Settings::new(&variable);

        for _ in 0..3 {
            assert_eq!(settings.max_image_bytes(), Ok(7));
        }

        assert_eq!(lookups.get(), 1);
    }

    #[test]
    fn what_is_read_into_memory_has_a_limit() {
        type Read = fn(&Settings) -> Result<u64, ConfigError>;
        let settings: [(&str, u64, Read); 2] = [
            ("hash_max_bytes", 65_536, |settings| {
                settings.hash_max_bytes()
            }),
            ("cache_max_bytes", 262_144, |settings| {
                settings.cache_max_bytes()
            }),
        ];
        for (name, most, read) in settings {
            for (value, expected) in [
                ("0", Some(0)),
                (&most.to_string(), Some(most)),
                (&(most + 1).to_string(), None),
                ("-1", None),
                ("", None),
            ] {
                let replaced = [(name, value)];
                let variable = example_variable(&replaced);
                assert_eq!(read(&Settings::new(&variable)).ok(), expected, "{value}");
            }
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
            let replaced = [(name, value)];
            let variable = example_variable(&replaced);
            let error = Settings::new(&variable).check_all().unwrap_err();
            let text = error.to_string();
            assert!(
                matches!(error, ConfigError::Malformed { name: named, .. } if named == name),
                "{name}={value:?}: {text}"
            );
            assert!(value.len() < 2 || !text.contains(value), "{text}");
        }
    }

    #[test]
    fn white_space_around_a_value_is_not_part_of_it() {
        let variable = example_variable(&[
            ("s3_bucket", " images\n"),
            ("s3_secret_access_key", "s3cr3t\r\n"),
            ("max_image_bytes", "\t7 "),
            ("s3_session_token", "\n"),
        ]);

        let settings = Settings::new(&variable);

        let storage = settings.storage().unwrap();
        assert_eq!(storage.bucket, "images");
        assert_eq!(storage.credentials.secret_access_key, "s3cr3t");
        assert_eq!(storage.credentials.session_token, None);
        assert_eq!(settings.max_image_bytes(), Ok(7));
    }

    #[test]
    fn a_records_token_is_absent_or_long_enough_and_equals_itself_alone() {
        let read = |value: &'static str| Settings::new(&|_| Ok(value.to_owned())).records_token();

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
        let read = |value: &'static str| Settings::new(&|_| Ok(value.to_owned())).logged();

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
}
