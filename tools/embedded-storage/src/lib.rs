//! An S3 server in process, for development and tests: `s3s` speaks the protocol
//! and checks every signature, `s3s-fs` keeps each bucket as a folder of files.
//!
//! - [`EmbeddedStorage`]: start it, ask where it listens, stop it
//! - [`Credentials`]: the one access key it accepts
//! - [`SeenRequest`]: what clients sent, for tests to look at
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use image_proxy_embedded_storage::{Credentials, EmbeddedStorage};
//!
//! let credentials = Credentials {
//!     access_key_id: "dev".to_owned(),
//!     secret_access_key: "dev-secret".to_owned(),
//! };
//! let any_free_port = ([127, 0, 0, 1], 0).into();
//! let storage = EmbeddedStorage::start(any_free_port, "data".as_ref(), &credentials).await?;
//! println!("storage listens on {}", storage.endpoint());
//! storage.stop().await;
//! # Ok(())
//! # }
//! ```

mod connections;
mod credentials;
mod full_disk;
mod known_buckets;
mod read_to_end;
mod requests;
mod single_bucket;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use s3s::S3Error;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;

use crate::connections::Connections;
use crate::full_disk::Files;
use crate::known_buckets::KnownBuckets;
use crate::read_to_end::ReadToEnd;
use crate::requests::{Journal, Recorded};
use crate::single_bucket::{SingleBucket, SingleBucketHost};

pub use crate::credentials::Credentials;
pub use crate::requests::SeenRequest;

/// A running S3 server. It ends with [`stop`](Self::stop), or when dropped.
#[derive(Debug)]
pub struct EmbeddedStorage {
    address: SocketAddr,
    journal: Option<Journal>,
    connections: Connections,
}

impl EmbeddedStorage {
    /// Starts a server that addresses objects path-style (`/bucket/key`) and
    /// remembers every request.
    ///
    /// Port 0 of `listen` picks a free port. The buckets are the folders of `root`,
    /// which is created where it does not exist.
    ///
    /// # Errors
    /// When `root` cannot be used, or `listen` cannot be bound: the cause is then an
    /// [`std::io::Error`], for example of kind `AddrInUse`.
    pub async fn start(
        listen: SocketAddr,
        root: &Path,
        credentials: &Credentials,
    ) -> anyhow::Result<Self> {
        let service = ReadToEnd(path_style(root, credentials)?.build());
        let journal = Journal::default();
        let service = Recorded::new(service, journal.clone());
        Self::serve(listen, service, Some(journal)).await
    }

    /// As [`start`](Self::start), but remembers no request, so that it can run for days.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_unrecorded(
        listen: SocketAddr,
        root: &Path,
        credentials: &Credentials,
    ) -> anyhow::Result<Self> {
        let service = ReadToEnd(path_style(root, credentials)?.build());
        Self::serve(listen, service, None).await
    }

    /// As [`start`](Self::start), but every request addresses `bucket`, whatever its
    /// Host: virtual-host style (`/key`) on a bare address.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_virtual_hosted(
        listen: SocketAddr,
        root: &Path,
        credentials: &Credentials,
        bucket: &str,
    ) -> anyhow::Result<Self> {
        let mut builder = path_style(root, credentials)?;
        builder.set_host(SingleBucketHost::new(bucket));
        let journal = Journal::default();
        let service = Recorded::new(
            SingleBucket::new(ReadToEnd(builder.build())),
            journal.clone(),
        );
        Self::serve(listen, service, Some(journal)).await
    }

    /// Where it listens, for example `http://127.0.0.1:9000`: no trailing slash.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request seen so far, in order of arrival, also those refused for their
    /// signature. Empty after [`start_unrecorded`](Self::start_unrecorded).
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.journal
            .as_ref()
            .map(Journal::entries)
            .unwrap_or_default()
    }

    /// Stops listening and closes open connections, also those in the middle of an
    /// answer: once this returns, clients see that the server is gone.
    pub async fn stop(self) {
        self.connections.stop().await;
    }

    async fn serve<S>(
        listen: SocketAddr,
        service: S,
        journal: Option<Journal>,
    ) -> anyhow::Result<Self>
    where
        S: connections::Service,
    {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener
            .local_addr()
            .context("cannot tell the address listened on")?;
        let connections = Connections::serve(listener, service);
        Ok(Self {
            address,
            journal,
            connections,
        })
    }
}

fn path_style(root: &Path, credentials: &Credentials) -> anyhow::Result<S3ServiceBuilder> {
    std::fs::create_dir_all(root)
        .with_context(|| format!("cannot create the folder {}", root.display()))?;
    let files = s3s_fs::FileSystem::new(root)
        .map_err(|error| anyhow::anyhow!("{}", cause(error)))
        .with_context(|| format!("cannot keep objects in {}", root.display()))?;
    let mut builder = S3ServiceBuilder::new(Files(files));
    builder.set_access(KnownBuckets::new(root));
    builder.set_auth(SimpleAuth::from_single(
        credentials.access_key_id.as_str(),
        credentials.secret_access_key.as_str(),
    ));
    Ok(builder)
}

/// In words: neither this error nor the one of the protocol has another text than Rust's notation.
fn cause(error: s3s_fs::Error) -> String {
    let error = S3Error::from(error);
    match error.source() {
        Some(source) => source.to_string(),
        None => error.code().as_str().to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_used_is_told_with_its_cause_in_words() {
        let root = tempfile::tempdir().unwrap();
        // What an upload that broke off leaves is removed at the start, if it is a file.
        std::fs::create_dir(root.path().join(".tmp.1.internal.part")).unwrap();
        let credentials = Credentials {
            access_key_id: "dev".to_owned(),
            secret_access_key: "dev-secret".to_owned(),
        };

        let error = path_style(root.path(), &credentials).err().unwrap();

        let text = format!("{error:#}");
        let start = format!("cannot keep objects in {}: ", root.path().display());
        assert!(text.starts_with(&start), "{text}");
        assert!(text.ends_with("(os error 21)"), "{text}");
        assert!(!text.contains(['{', '"']), "{text}");
    }
}
