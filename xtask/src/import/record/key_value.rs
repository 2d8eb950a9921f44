//! Records as JSON in the file that Spin keeps key-value stores in.

use anyhow::Context as _;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::{Record, RecordStore};

/// Spin's own schema: whoever comes first creates the table.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
)";

/// The store `default`.
pub struct Store {
    connection: Connection,
}

/// What stands under the key; the id is in the key.
#[derive(Serialize)]
struct Value<'a> {
    storage_key: &'a str,
    mime_type: &'a str,
    hash: &'a str,
    size_bytes: u64,
}

impl Store {
    /// Creates the table where it does not exist.
    ///
    /// # Errors
    /// When the file is no database.
    pub fn prepare(connection: Connection) -> anyhow::Result<Self> {
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection })
    }
}

impl RecordStore for Store {
    fn save(&self, record: &Record) -> anyhow::Result<()> {
        let key = format!("image:{}", record.id.hyphenated());
        let value = serde_json::to_vec(&Value {
            storage_key: &record.storage_key,
            mime_type: &record.mime_type,
            hash: &record.hash,
            size_bytes: record.size_bytes,
        })?;
        self.connection
            .execute(
                "INSERT INTO spin_key_value (store, key, value) VALUES ('default', ?1, ?2)
                 ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
                params![key, value],
            )
            .context("cannot write the record")?;
        Ok(())
    }
}
