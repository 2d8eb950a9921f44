//! The key-value store, as an importer sees it.

use std::path::Path;

use rusqlite::Connection;

use super::images::TestImage;

/// An open `sqlite_key_value.db`, where Spin keeps the store `default`.
pub struct KeyValue(Connection);

impl KeyValue {
    /// Spin's own schema.
    pub fn create(folder: &Path) -> Self {
        let store = Self::open(folder);
        let schema = "CREATE TABLE spin_key_value (
            store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))";
        store.0.execute_batch(schema).unwrap();
        store
    }

    /// As it is.
    pub fn open(folder: &Path) -> Self {
        let path = folder.join("state/sqlite_key_value.db");
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(super::PATIENCE).unwrap();
        Self(connection)
    }

    /// Any value under an image's key.
    pub fn set(&self, image: &TestImage, value: &[u8]) {
        let key = format!("image:{}", image.id.as_hyphenated());
        self.0
            .execute(
                "INSERT INTO spin_key_value VALUES ('default', ?, ?)",
                (key, value),
            )
            .unwrap();
    }

    /// The record of an image.
    pub fn insert(&self, image: &TestImage) {
        let record = serde_json::json!({
            "storage_key": image.key,
            "mime_type": image.mime_type,
            "hash": image.hash(),
            "size_bytes": image.bytes.len(),
        });
        self.set(image, record.to_string().as_bytes());
    }
}
