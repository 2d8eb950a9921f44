//! A bucket for storage of one's own, before anything is put into it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use rusty_s3::S3Action as _;
use ureq::http::StatusCode;

use crate::settings::Storage;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a signature stays good; each is used at once.
const SIGNATURE_LIFETIME: Duration = Duration::from_mins(1);

/// Creates the bucket; fine if it exists.
///
/// # Errors
/// When storage cannot be reached, or refuses.
pub fn create(storage: &Storage) -> anyhow::Result<()> {
    let (bucket, key) = storage.signing()?;
    let cannot_use = || format!("cannot use storage at {}", storage.endpoint);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .build()
        .into();
    let exists = bucket.head_bucket(Some(&key)).sign(SIGNATURE_LIFETIME);
    let answer = agent.head(exists.as_str()).call();
    if answer.with_context(cannot_use)?.status() == StatusCode::OK {
        return Ok(());
    }
    let create = bucket.create_bucket(&key).sign(SIGNATURE_LIFETIME);
    let mut answer = agent
        .put(create.as_str())
        .send_empty()
        .with_context(cannot_use)?;
    if !answer.status().is_success() {
        let said = answer.body_mut().read_to_string().unwrap_or_default();
        bail!(
            "cannot create the bucket {}: storage answered {}: {}",
            storage.bucket,
            answer.status(),
            said.trim()
        );
    }
    Ok(())
}
