//! The storage server that `cargo xtask test --storage` has started, or was given.

use super::storage::Credentials;

/// A server that all tests of the run share.
pub struct RealServer {
    /// As `--storage` names it.
    pub name: String,
    /// Its origin.
    pub endpoint: String,
    pub region: String,
    pub credentials: Credentials,
}

impl RealServer {
    /// The one that the `STORAGE_…` variables describe; without them, each test has an embedded one.
    pub fn of_this_run() -> Option<Self> {
        let endpoint = std::env::var("STORAGE_ENDPOINT").ok()?;
        let told = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("STORAGE_ENDPOINT is set, {name} is not"))
        };
        Some(Self {
            name: told("STORAGE_NAME"),
            region: told("STORAGE_REGION"),
            credentials: Credentials {
                access_key_id: told("STORAGE_ACCESS_KEY_ID"),
                secret_access_key: told("STORAGE_SECRET_ACCESS_KEY"),
            },
            endpoint,
        })
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        self.endpoint
            .strip_prefix("http://")
            .unwrap_or_else(|| panic!("{}: only http:// can be observed", self.endpoint))
    }
}
