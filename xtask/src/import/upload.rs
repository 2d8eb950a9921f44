//! The bytes of an image, into the bucket.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rusty_s3::{Credentials, S3Action as _, UrlStyle};
use ureq::http::StatusCode;
use ureq::{Agent, SendBody};

use super::content::Content;
use crate::settings::Storage;

// How long a signature stays good; each is used at once.
const SIGNATURE_LIFETIME: Duration = Duration::from_mins(1);

/// The bucket of the images, and how to sign for it.
pub struct Bucket {
    endpoint: String,
    signer: rusty_s3::Bucket,
    credentials: Credentials,
    agent: Agent,
}

impl Bucket {
    /// # Errors
    /// When the endpoint is no `http` or `https` URL.
    pub fn open(storage: &Storage) -> anyhow::Result<Self> {
        let endpoint = storage
            .endpoint
            .parse()
            .with_context(|| format!("{}: s3_endpoint is no URL", storage.file.display()))?;
        let signer = rusty_s3::Bucket::new(
            endpoint,
            UrlStyle::Path,
            storage.bucket.clone(),
            storage.region.clone(),
        )
        .with_context(|| format!("{}: s3_endpoint cannot be used", storage.file.display()))?;
        let (id, secret) = (
            storage.access_key_id.clone(),
            storage.secret_access_key.clone(),
        );
        let credentials = match &storage.session_token {
            Some(token) => Credentials::new_with_token(id, secret, token.clone()),
            None => Credentials::new(id, secret),
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .build()
            .into();
        Ok(Self {
            endpoint: storage.endpoint.clone(),
            signer,
            credentials,
            agent,
        })
    }

    /// Creates the bucket; fine if it exists.
    ///
    /// # Errors
    /// When storage cannot be reached, or refuses.
    pub fn create(&self) -> anyhow::Result<()> {
        let exists = self
            .signer
            .head_bucket(Some(&self.credentials))
            .sign(SIGNATURE_LIFETIME);
        if self
            .agent
            .head(exists.as_str())
            .call()
            .with_context(|| self.unreachable())?
            .status()
            == StatusCode::OK
        {
            return Ok(());
        }
        let create = self
            .signer
            .create_bucket(&self.credentials)
            .sign(SIGNATURE_LIFETIME);
        let response = self
            .agent
            .put(create.as_str())
            .send_empty()
            .with_context(|| self.unreachable())?;
        succeeded(response)
            .with_context(|| format!("cannot create the bucket {}", self.signer.name()))
    }

    /// Uploads `file` as the object `key`, a buffer at a time, unless it is there already.
    ///
    /// # Errors
    /// When the file cannot be read, storage cannot be reached, or refuses.
    pub fn put(&self, key: &str, file: &Path, content: &Content) -> anyhow::Result<()> {
        if self.holds(key, content.size_bytes)? {
            return Ok(());
        }
        let url = self
            .signer
            .put_object(Some(&self.credentials), key)
            .sign(SIGNATURE_LIFETIME);
        let response = self
            .agent
            .put(url.as_str())
            .header("Content-Length", content.size_bytes.to_string())
            .header("Content-Type", content.kind.mime_type)
            .send(SendBody::from_owned_reader(File::open(file)?))
            .with_context(|| self.unreachable())?;
        succeeded(response)
            .with_context(|| format!("cannot upload to the bucket {}", self.signer.name()))
    }

    fn unreachable(&self) -> String {
        format!(
            "cannot reach storage at {} (`cargo xtask up` starts the one for local development)",
            self.endpoint
        )
    }

    // The key is made of the content's hash: an object of that key and size is that content.
    fn holds(&self, key: &str, size_bytes: u64) -> anyhow::Result<bool> {
        let url = self
            .signer
            .head_object(Some(&self.credentials), key)
            .sign(SIGNATURE_LIFETIME);
        let response = self
            .agent
            .head(url.as_str())
            .call()
            .with_context(|| self.unreachable())?;
        let length = response
            .headers()
            .get("content-length")
            .and_then(|length| length.to_str().ok()?.parse().ok());
        Ok(response.status() == StatusCode::OK && length == Some(size_bytes))
    }
}

fn succeeded(mut response: ureq::http::Response<ureq::Body>) -> anyhow::Result<()> {
    if response.status().is_success() {
        return Ok(());
    }
    let said = response.body_mut().read_to_string().unwrap_or_default();
    bail!("storage answered {}: {}", response.status(), said.trim())
}
