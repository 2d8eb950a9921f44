//! What is measured: something that answers a GET with an image that storage has.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use rusty_s3::S3Action as _;

use crate::images::Object;
use crate::served::Served;
use crate::signed::{SIGNED_FOR, signing};
use crate::work::Work;
use xtask::settings::Storage;

/// Where a subject is to run, and on what.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Where to listen, on a port of the subject's choice.
    pub address: IpAddr,
    /// A folder of its own, for its configuration, its state and its log: empty at its first start, and
    /// as it left it at those that follow.
    pub folder: &'a Path,
    /// The storage to read from.
    pub storage: &'a Storage,
    /// What it has to serve.
    pub objects: &'a [Object],
}

impl Site<'_> {
    /// The presigned URL of an object.
    ///
    /// # Errors
    /// When the storage's endpoint is not a URL.
    pub fn presigned(&self, object: &Object) -> anyhow::Result<String> {
        let (bucket, key) = signing(self.storage)?;
        let url = bucket.get_object(Some(&key), &object.key).sign(SIGNED_FOR);
        Ok(url.into())
    }

    /// The presigned URL of an object without its origin: its path and query.
    ///
    /// # Errors
    /// As [`presigned`](Self::presigned).
    pub fn presigned_path(&self, object: &Object) -> anyhow::Result<String> {
        let url = self.presigned(object)?;
        Ok(url[self.storage.endpoint.trim_end_matches('/').len()..].to_owned())
    }

    /// The images' URLs at a server of this project's API.
    pub fn image_urls(&self, server: SocketAddr) -> Vec<String> {
        let objects = self.objects.iter();
        objects
            .map(|object| format!("http://{server}/api/v1/images/{}/file", object.id))
            .collect()
    }

    /// Host and port of the storage.
    pub fn storage_authority(&self) -> &str {
        let endpoint = self.storage.endpoint.trim_end_matches('/');
        endpoint.trim_start_matches("http://")
    }
}

/// Something that can be measured.
pub trait Subject {
    /// Its name in tables and charts.
    fn name(&self) -> String;

    /// Whether it is there for comparison alone, so that the rest can do without it.
    fn is_peer(&self) -> bool {
        true
    }

    /// Whether it can be asked for this, and something is learnt of it.
    fn takes(&self, work: Work) -> bool {
        work != Work::UnknownPath
    }

    /// Starts it; it need not answer yet.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start(&self, site: &Site) -> anyhow::Result<Served>;
}
