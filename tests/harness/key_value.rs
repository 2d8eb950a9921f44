//! The key-value store, as an importer sees it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use super::images::TestImage;
use super::redis::Redis;

/// Spin's own schema.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))";

/// The store `default`.
pub enum KeyValue<'a> {
    /// An open `sqlite_key_value.db`, where Spin keeps it unless told otherwise.
    File(Connection),
    /// Where the runtime configuration says so.
    Redis(&'a Redis),
}

impl<'a> KeyValue<'a> {
    /// The one in Redis, else the one in `folder`, made where it is not there.
    pub fn open(folder: &Path, redis: Option<&'a Redis>) -> Self {
        if let Some(redis) = redis {
            return Self::Redis(redis);
        }
        let connection = Connection::open(folder.join("state/sqlite_key_value.db")).unwrap();
        connection.busy_timeout(super::PATIENCE).unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        Self::File(connection)
    }

    /// Any value under an image's key.
    pub fn set(&self, image: &TestImage, value: &[u8]) {
        self.set_key(&format!("image:{}", image.id.as_hyphenated()), value);
    }

    fn set_key(&self, key: &str, value: &[u8]) {
        match self {
            Self::File(connection) => {
                let insert = "INSERT INTO spin_key_value VALUES ('default', ?, ?)";
                connection.execute(insert, (key, value)).unwrap();
            }
            Self::Redis(redis) => redis.set(key, value),
        }
    }

    /// The bytes that are kept of an image.
    pub fn kept(&self, image: &TestImage) -> Option<Vec<u8>> {
        let key = kept_under(image);
        match self {
            Self::File(connection) => {
                let query = "SELECT value FROM spin_key_value WHERE store = 'default' AND key = ?";
                let row = connection.query_row(query, [key], |row| row.get(0));
                row.optional().unwrap()
            }
            Self::Redis(redis) => {
                let is_there = redis.keys().contains(&key);
                is_there.then(|| redis.get(&key))
            }
        }
    }

    /// Has these bytes kept of an image.
    pub fn keep(&self, image: &TestImage, bytes: &[u8]) {
        self.set_key(&kept_under(image), bytes);
    }

    /// The record of an image.
    pub fn insert(&self, image: &TestImage) {
        self.set(image, image.record().to_string().as_bytes());
    }

    /// All records, by the ids of their images.
    pub fn records(&self) -> BTreeMap<String, Value> {
        let pairs: Vec<(String, Vec<u8>)> = match self {
            Self::File(connection) => {
                let query = "SELECT key, value FROM spin_key_value WHERE store = 'default'";
                let mut statement = connection.prepare(query).unwrap();
                let rows = statement.query_map([], |row| row.try_into()).unwrap();
                rows.collect::<Result<_, _>>().unwrap()
            }
            Self::Redis(redis) => {
                let keys = redis.keys();
                keys.into_iter()
                    .map(|key| (key.clone(), redis.get(&key)))
                    .collect()
            }
        };
        pairs
            .iter()
            .filter_map(|(key, value)| {
                let id = key.strip_prefix("image:")?.to_owned();
                Some((id, serde_json::from_slice(value).unwrap()))
            })
            .collect()
    }
}

fn kept_under(image: &TestImage) -> String {
    format!("bytes:{}", image.hash())
}
