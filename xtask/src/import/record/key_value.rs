//! Records as JSON in the file that Spin keeps key-value stores in.

use anyhow::Context as _;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::{Record, RecordStore, Writing};

/// Spin's own schema: whoever comes first creates the table.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
)";

/// Writes a value, unless it is there as it is: then it changes none.
const UPSERT: &str = "INSERT INTO spin_key_value (store, key, value) VALUES ('default', ?1, ?2)
     ON CONFLICT (store, key) DO UPDATE SET value = excluded.value
     WHERE value IS NOT excluded.value";

/// The store `default`.
pub struct Store {
    connection: Connection,
    writing: Writing,
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
    pub fn prepare(connection: Connection, writing: Writing) -> anyhow::Result<Self> {
        if writing == Writing::Kept {
            connection
                .execute_batch(SCHEMA)
                .context("cannot create the table")?;
        }
        Ok(Self {
            connection,
            writing,
        })
    }
}

impl RecordStore for Store {
    fn save(&self, records: &[Record]) -> anyhow::Result<Vec<bool>> {
        super::write(&self.connection, self.writing, SCHEMA, records, |record| {
            let key = format!("image:{}", record.id.hyphenated());
            let value = serde_json::to_vec(&Value {
                storage_key: &record.storage_key,
                mime_type: &record.mime_type,
                hash: &record.hash,
                size_bytes: record.size_bytes,
            })?;
            Ok(self.connection.execute(UPSERT, params![key, value])?)
        })
    }
}
