//! What is measured: something that answers a GET with an image that storage has.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use rusqlite::Connection;
use rusty_s3::S3Action as _;
use uuid::Uuid;

use crate::program::Program;
use crate::signed::{SIGNED_FOR, signing};
use xtask::settings::Storage;

/// The table of records.
const SCHEMA: &str = include_str!("../../../migrations/0001_images.sql");

/// An image in storage.
#[derive(Debug, Clone)]
pub struct Object {
    /// What the application knows it by.
    pub id: Uuid,
    /// What storage knows it by.
    pub key: String,
    /// Its size.
    pub bytes: u64,
}

/// Where a subject is to run, and on what.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Where to listen, on a port of the subject's choice.
    pub address: IpAddr,
    /// An empty folder of its own, for its configuration, its state and its log.
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

    /// Makes a database of the images' records, in the schema of this project.
    ///
    /// # Errors
    /// When it cannot be written; the text names the file.
    pub fn record_in(&self, file: &Path) -> anyhow::Result<()> {
        record(self.objects, file).with_context(|| file.display().to_string())
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
    fn name(&self) -> &'static str;

    /// Whether it is there for comparison alone, so that the rest can do without it.
    fn is_peer(&self) -> bool {
        true
    }

    /// Starts it; it need not answer yet.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start(&self, site: &Site) -> anyhow::Result<Served>;
}

/// A subject that runs.
pub struct Served {
    /// Its process; `None` for storage itself, which runs anyway.
    pub program: Option<Program>,
    /// One URL for each of [`Site::objects`], in their order.
    pub urls: Vec<String>,
}

fn record(objects: &[Object], file: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch(SCHEMA)?;
    let transaction = connection.transaction()?;
    for object in objects {
        // Any entity-tag will do that is an image's own.
        transaction.execute(
            "INSERT INTO images (id, storage_key, mime_type, hash, size_bytes)
             VALUES (?1, ?2, 'image/png', ?3, ?4)",
            (
                object.id.to_string(),
                &object.key,
                object.id.simple().to_string(),
                object.bytes.cast_signed(),
            ),
        )?;
    }
    transaction.commit()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn each_image_has_a_record_under_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("images.db");
        let objects = [("a/1.png", 10_000), ("b.png", 1_000_000)].map(|(key, bytes)| Object {
            id: Uuid::new_v4(),
            key: key.into(),
            bytes,
        });

        record(&objects, &file).unwrap();

        let connection = Connection::open(&file).unwrap();
        for object in objects {
            let found: (String, u64) = connection
                .query_row(
                    "SELECT storage_key, size_bytes FROM images WHERE id = ?1",
                    [object.id.to_string()],
                    |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())),
                )
                .unwrap();
            assert_eq!(found, (object.key, object.bytes));
        }
    }
}
