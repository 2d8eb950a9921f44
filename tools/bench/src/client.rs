//! The HTTP client of everything that is not load.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::blocking::Client;

/// Longest that an answer may take.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A client that goes through no proxy: whatever it asks is on this machine.
///
/// # Errors
/// When the system allows none.
pub fn client() -> anyhow::Result<Client> {
    let client = Client::builder().no_proxy().timeout(PATIENCE);
    client.build().context("there is no HTTP client")
}
