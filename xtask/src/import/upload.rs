//! The bytes of an image, into the bucket.

mod create;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, MultipartUpload, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, RetryConfig,
};
use sha2::{Digest as _, Sha256};

use super::content::{Content, Source, hex};
use crate::settings::Storage;
use crate::stop::Stop;

// Parts of one object have to be as long as each other, and at least 5 MiB (S3: UploadPart).
const PART_BYTES: u64 = 8 * 1024 * 1024;
// A part over a slow line takes its time.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RETRIES: usize = 3;
// How long the end of an import waits for storage to forget an upload.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

/// The bucket of the images, and how to sign for it.
#[derive(Debug, Clone)]
pub struct Bucket {
    objects: Arc<AmazonS3>,
    settings: Storage,
}

/// How an upload went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// The object is in the bucket now.
    Done,
    /// It was there already.
    WasThere,
    /// The file holds other bytes than it did; there is no object.
    Changed,
    /// It was to end early; there is no object.
    Stopped,
}

impl Bucket {
    /// # Errors
    /// When the endpoint is no `http` or `https` URL.
    pub fn open(storage: &Storage) -> anyhow::Result<Self> {
        // The client asks for a default and takes none by itself; another that is set is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = storage.endpoint.trim_end_matches('/');
        let plain = endpoint.starts_with("http://");
        if !plain && !endpoint.starts_with("https://") {
            bail!(
                "{}: s3_endpoint is {endpoint}, which is no http or https URL",
                storage.file.display()
            );
        }
        let client = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(REQUEST_TIMEOUT)
            // A system without certificates is no reason to fail where none are needed.
            .with_no_system_certificates(plain);
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_region(&storage.region)
            .with_bucket_name(&storage.bucket)
            .with_access_key_id(&storage.access_key_id)
            .with_secret_access_key(&storage.secret_access_key)
            .with_virtual_hosted_style_request(storage.virtual_hosted)
            .with_client_options(client)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: REQUEST_TIMEOUT,
            });
        if let Some(token) = &storage.session_token {
            builder = builder.with_token(token);
        }
        let objects = builder
            .build()
            .with_context(|| format!("{}: storage cannot be used", storage.file.display()))?;
        Ok(Self {
            objects: Arc::new(objects),
            settings: storage.clone(),
        })
    }

    /// Whether the object `key` is there. Keys are made of the content's hash: an object of that key
    /// and size is that content.
    ///
    /// # Errors
    /// When storage cannot be reached, or refuses.
    pub async fn holds(&self, key: &str, size_bytes: u64) -> anyhow::Result<bool> {
        match self.objects.head(&Key::from(key)).await {
            Ok(object) => Ok(object.size == size_bytes),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Uploads the image as the object `key`, unless it is there already. However this ends, the
    /// object is there whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be read, storage cannot be reached, or refuses.
    pub async fn put(
        &self,
        key: &str,
        content: &Content,
        source: Source,
        mut stop: Stop,
    ) -> anyhow::Result<Upload> {
        tokio::select! {
            held = self.holds(key, content.size_bytes) => if held? {
                return Ok(Upload::WasThere);
            },
            () = stop.requested() => return Ok(Upload::Stopped),
        }
        match source {
            Source::Memory(bytes) => tokio::select! {
                outcome = self.put_whole(key, content, bytes) => outcome,
                () = stop.requested() => Ok(Upload::Stopped),
            },
            Source::File(file) => self.put_parts(key, content, &file, stop).await,
        }
    }

    async fn put_whole(
        &self,
        key: &str,
        content: &Content,
        bytes: Bytes,
    ) -> anyhow::Result<Upload> {
        let options = PutOptions::from(attributes(content));
        self.objects
            .put_opts(&Key::from(key), bytes.into(), options)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(Upload::Done)
    }

    async fn put_parts(
        &self,
        key: &str,
        content: &Content,
        file: &Path,
        mut stop: Stop,
    ) -> anyhow::Result<Upload> {
        let options = PutMultipartOptions::from(attributes(content));
        let mut upload = self
            .objects
            .put_multipart_opts(&Key::from(key), options)
            .await
            .map_err(|error| self.failed(error))?;
        let outcome = tokio::select! {
            outcome = send_parts(upload.as_mut(), content, file) => outcome,
            () = stop.requested() => Ok(Upload::Stopped),
        };
        if !matches!(outcome, Ok(Upload::Done)) {
            // Storage that cannot be told keeps the parts until its own rules remove them.
            let _ = tokio::time::timeout(ABORT_TIMEOUT, upload.abort()).await;
        }
        outcome.map_err(|error| self.failed(error))
    }

    // The client's errors repeat what is behind them, but for the very cause.
    fn failed(&self, error: impl Into<anyhow::Error>) -> anyhow::Error {
        let error = error.into();
        let (message, cause) = (error.to_string(), error.root_cause().to_string());
        if message.contains(&cause) {
            anyhow!("{}: {message}", self.failure())
        } else {
            anyhow!("{}: {message}: {cause}", self.failure())
        }
    }

    fn failure(&self) -> String {
        let Storage {
            bucket, endpoint, ..
        } = &self.settings;
        format!(
            "cannot use the bucket {bucket} in storage at {endpoint} \
             (`cargo xtask up` starts the one for local development)"
        )
    }
}

// The bytes that are sent are hashed once more: an object under a wrong hash would stay for ever.
async fn send_parts(
    upload: &mut dyn MultipartUpload,
    content: &Content,
    file: &Path,
) -> anyhow::Result<Upload> {
    let mut file = File::open(file)?;
    let mut digest = Sha256::new();
    loop {
        let part = next_part(&mut file)?;
        if part.is_empty() {
            break;
        }
        digest.update(&part);
        upload.put_part(part.into()).await?;
    }
    if hex(&digest.finalize()) != content.sha256 {
        return Ok(Upload::Changed);
    }
    upload.complete().await?;
    Ok(Upload::Done)
}

fn next_part(file: &mut File) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(PART_BYTES).read_to_end(&mut part)?;
    Ok(part)
}

fn attributes(content: &Content) -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, content.kind.mime_type)])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use object_store::memory::InMemory;

    use super::super::content::Reading;
    use super::*;

    /// How an upload in parts ends of a file that is written anew after it has been read, and the
    /// object that it leaves.
    async fn upload_after(first: &[u8], second: &[u8]) -> (Upload, Option<Bytes>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image");
        std::fs::write(&file, first).unwrap();
        let Reading::Image(content, _) = Reading::of(&file, u64::MAX) else {
            panic!("no image");
        };
        std::fs::write(&file, second).unwrap();
        let (store, key) = (InMemory::new(), Key::from("key"));
        let mut upload = store.put_multipart(&key).await.unwrap();

        let outcome = send_parts(upload.as_mut(), &content, &file).await.unwrap();

        let object = match store.get(&key).await {
            Ok(object) => Some(object.bytes().await.unwrap()),
            Err(_) => None,
        };
        (outcome, object)
    }

    #[tokio::test]
    async fn a_file_that_changes_while_it_is_imported_becomes_no_object() {
        let (before, after) = (b"GIF89a before", b"GIF89a after!");

        let unchanged = upload_after(before, before).await;
        let changed = upload_after(before, after).await;

        assert_eq!(unchanged, (Upload::Done, Some(before.as_slice().into())));
        assert_eq!(changed, (Upload::Changed, None));
    }
}
