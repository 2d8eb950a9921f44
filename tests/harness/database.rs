//! The metadata database, as an importer sees it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, ToSql};
use serde_json::Value;

use super::images::TestImage;
use super::root;

/// An open `sqlite_db.db`, where Spin keeps the database `default`.
pub struct Database(Connection);

impl Database {
    /// With the project's schema.
    pub fn create(folder: &Path) -> Self {
        let schema = std::fs::read_to_string(root().join("migrations/0001_images.sql")).unwrap();
        let database = Self::open(folder);
        database.run(&schema);
        database
    }

    /// As it is.
    pub fn open(folder: &Path) -> Self {
        let connection = Connection::open(folder.join("state/sqlite_db.db")).unwrap();
        connection.busy_timeout(super::PATIENCE).unwrap();
        Self(connection)
    }

    /// Any statements.
    pub fn run(&self, sql: &str) {
        self.0.execute_batch(sql).unwrap();
    }

    /// All records, by the ids of their images.
    pub fn records(&self) -> BTreeMap<String, Value> {
        let query = "SELECT id, json_object('storage_key', storage_key, 'mime_type', mime_type,
            'hash', hash, 'size_bytes', size_bytes) FROM images";
        let mut statement = self.0.prepare(query).unwrap();
        let rows = statement.query_map([], |row| <(String, String)>::try_from(row));
        rows.unwrap()
            .map(|row| {
                let (id, record) = row.unwrap();
                (id, serde_json::from_str(&record).unwrap())
            })
            .collect()
    }

    /// The record of an image.
    pub fn insert(&self, image: &TestImage) {
        let size = i64::try_from(image.bytes.len()).unwrap();
        self.insert_values(image, &[&image.key, &image.mime_type, &image.hash(), &size]);
    }

    /// The record of an image, with other values than its own: storage key, MIME type, hash, size.
    pub fn insert_values(&self, image: &TestImage, values: &[&dyn ToSql; 4]) {
        let id = image.id.as_hyphenated().to_string();
        let [key, mime_type, hash, size] = values;
        self.0
            .execute(
                "INSERT INTO images VALUES (?, ?, ?, ?, ?)",
                [&id as &dyn ToSql, key, mime_type, hash, size],
            )
            .unwrap();
    }
}
