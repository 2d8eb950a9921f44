//! The record of an image, and the stores that the application may read it from.

mod key_value;
mod libsql;
mod sqlite;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rusqlite::Connection;
use uuid::Uuid;

use super::content::Content;
use crate::data_folder::DataFolder;
use crate::metadata_store::{Database, MetadataStore};

/// What the application knows of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The id in its URL.
    pub id: Uuid,
    /// Object key in the bucket.
    pub storage_key: String,
    /// Media type.
    pub mime_type: String,
    /// Entity-tag, without quotes.
    pub hash: String,
    /// Length in bytes.
    pub size_bytes: u64,
}

impl Record {
    /// The record of these bytes. Key and id follow from their SHA-256 alone, so that the same image
    /// is the same record on every machine and at every import.
    pub fn of(content: &Content) -> Self {
        let Content {
            kind,
            sha256,
            size_bytes,
            ..
        } = content;
        Self {
            id: Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("sha256:{sha256}").as_bytes()),
            storage_key: format!("images/{sha256}.{}", kind.extension),
            mime_type: kind.mime_type.to_owned(),
            hash: sha256.clone(),
            size_bytes: *size_bytes,
        }
    }
}

/// Whether what is written stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// It does.
    Kept,
    /// It is undone at once: only what would change is of interest.
    Tried,
}

/// Where records are written.
pub trait RecordStore {
    /// Writes `records`, all or none, each in place of an earlier one of the same id. Tells of each
    /// whether that changed anything.
    ///
    /// # Errors
    /// When the store refuses.
    fn save(&self, records: &[Record]) -> anyhow::Result<Vec<bool>>;
}

impl MetadataStore {
    /// Opens the store in `data`, and makes it where it does not exist.
    ///
    /// # Errors
    /// When its file cannot be opened or prepared.
    pub fn open(self, data: &DataFolder) -> anyhow::Result<Box<dyn RecordStore>> {
        self.open_in(&Database::File(self.file(data)), Writing::Kept)
    }

    /// Opens the store in `database`, and makes it where it does not exist.
    ///
    /// # Errors
    /// When it cannot be opened or prepared, or is of a kind that the store is never kept in.
    pub fn open_in(
        self,
        database: &Database,
        writing: Writing,
    ) -> anyhow::Result<Box<dyn RecordStore>> {
        match (self, database) {
            (Self::Sqlite, Database::LibSql { url, token }) => Ok(Box::new(
                libsql::Database::prepare(url, token.as_deref(), writing)?,
            )),
            (Self::KeyValue, Database::LibSql { .. }) => {
                bail!(
                    "a libSQL database holds no key-value store: give --metadata sqlite, or a file"
                )
            }
            (_, Database::File(file)) => connect(file, writing)
                .with_context(|| format!("cannot open the database {}", file.display()))
                .and_then(|connection| {
                    self.prepare(connection, writing)
                        .with_context(|| format!("cannot prepare the database {}", file.display()))
                }),
        }
    }

    fn prepare(
        self,
        connection: Connection,
        writing: Writing,
    ) -> anyhow::Result<Box<dyn RecordStore>> {
        Ok(match self {
            Self::Sqlite => Box::new(sqlite::Table::prepare(connection, writing)?),
            Self::KeyValue => Box::new(key_value::Store::prepare(connection, writing)?),
        })
    }
}

// One transaction, in which `save_one` tells how many rows it has changed.
fn write(
    connection: &Connection,
    writing: Writing,
    schema: &str,
    records: &[Record],
    save_one: impl Fn(&Record) -> anyhow::Result<usize>,
) -> anyhow::Result<Vec<bool>> {
    let save_all = || {
        let transaction = connection.unchecked_transaction()?;
        if writing == Writing::Tried {
            transaction.execute_batch(schema)?;
        }
        let changed = records
            .iter()
            .map(|record| Ok(save_one(record)? > 0))
            .collect::<anyhow::Result<_>>()?;
        match writing {
            Writing::Kept => transaction.commit()?,
            Writing::Tried => transaction.rollback()?,
        }
        anyhow::Ok(changed)
    };
    save_all().context("cannot write records")
}

fn connect(file: &Path, writing: Writing) -> anyhow::Result<Connection> {
    if writing == Writing::Tried && !file.exists() {
        return Ok(Connection::open_in_memory()?);
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let connection = Connection::open(file)?;
    // The application may be reading it at this very moment.
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use clap::ValueEnum as _;

    use super::super::content::Kind;
    use super::*;

    fn content() -> Content {
        Content {
            kind: Kind {
                mime_type: "image/png",
                extension: "png",
            },
            sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
            size_bytes: 42,
            dimensions: None,
        }
    }

    /// A folder in which `record` has been saved by two imports, one after the other.
    fn saved_twice(store: MetadataStore, record: &Record) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path()).unwrap();
        for _ in 0..2 {
            store
                .open(&data)
                .unwrap()
                .save(std::slice::from_ref(record))
                .unwrap();
        }
        let connection = Connection::open(store.file(&data)).unwrap();
        (folder, connection)
    }

    #[test]
    fn the_id_of_the_same_bytes_is_the_same_for_ever() {
        let record = Record::of(&content());

        assert_eq!(
            record.id.to_string(),
            "253e17a1-9e69-5be4-9366-ac08a9590b04"
        );
    }

    #[test]
    fn the_id_does_not_depend_on_anything_but_the_bytes() {
        let mut other = content();
        other.kind.extension = "PNG";
        let mut different = content();
        different.sha256.replace_range(..1, "f");

        assert_eq!(Record::of(&other).id, Record::of(&content()).id);
        assert_ne!(Record::of(&different).id, Record::of(&content()).id);
    }

    #[test]
    fn a_record_saved_twice_is_one_row_with_every_column() {
        let record = Record::of(&content());
        let (_folder, connection) = saved_twice(MetadataStore::Sqlite, &record);

        let row: (String, String, String, String, i64) = connection
            .query_one(
                "SELECT id, storage_key, mime_type, hash, size_bytes FROM images",
                [],
                |row| row.try_into(),
            )
            .unwrap();

        assert_eq!(
            row,
            (
                record.id.to_string(),
                format!("images/{}.png", record.hash),
                "image/png".to_owned(),
                record.hash,
                42
            )
        );
    }

    #[test]
    fn a_record_saved_twice_is_one_key_of_spins_default_store_with_every_field() {
        let record = Record::of(&content());
        let (_folder, connection) = saved_twice(MetadataStore::KeyValue, &record);

        let (store, key, value): (String, String, Vec<u8>) = connection
            .query_one("SELECT store, key, value FROM spin_key_value", [], |row| {
                row.try_into()
            })
            .unwrap();

        assert_eq!(store, "default");
        assert_eq!(key, "image:253e17a1-9e69-5be4-9366-ac08a9590b04");
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&value).unwrap(),
            serde_json::json!({
                "storage_key": record.storage_key,
                "mime_type": "image/png",
                "hash": record.hash,
                "size_bytes": 42,
            })
        );
    }

    #[test]
    fn only_a_record_that_is_new_or_another_than_before_counts_as_a_change() {
        let record = Record::of(&content());
        let corrected = Record {
            mime_type: "image/apng".to_owned(),
            ..record.clone()
        };
        for store in MetadataStore::value_variants() {
            let folder = tempfile::tempdir().unwrap();
            let data = DataFolder::at(folder.path()).unwrap();
            let records = store.open(&data).unwrap();

            for (record, changed) in [
                (&record, true),
                (&record, false),
                (&corrected, true),
                (&corrected, false),
            ] {
                let outcome = records.save(std::slice::from_ref(record)).unwrap();

                assert_eq!(outcome, [changed], "{store:?}, {record:?}");
            }
        }
    }

    #[test]
    fn what_is_only_tried_leaves_no_file_and_no_record() {
        let record = Record::of(&content());
        for store in MetadataStore::value_variants() {
            let folder = tempfile::tempdir().unwrap();
            let data = DataFolder::at(folder.path()).unwrap();
            let database = Database::File(store.file(&data));
            let save = |writing| {
                let records = store.open_in(&database, writing).unwrap();
                records.save(std::slice::from_ref(&record)).unwrap()
            };

            assert_eq!(save(Writing::Tried), [true], "{store:?}");
            assert!(!store.file(&data).exists(), "{store:?}");
            std::fs::create_dir(data.state()).unwrap();
            std::fs::write(store.file(&data), "").unwrap();
            assert_eq!(save(Writing::Tried), [true], "{store:?}");
            assert_eq!(save(Writing::Kept), [true], "{store:?}");
            assert_eq!(save(Writing::Tried), [false], "{store:?}");
        }
    }

    #[test]
    fn a_store_goes_by_the_same_name_on_the_command_line_and_in_the_application() {
        for store in MetadataStore::value_variants() {
            let on_the_command_line = store.to_possible_value().unwrap();

            assert_eq!(on_the_command_line.get_name(), store.name());
        }
    }

    #[test]
    fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path()).unwrap();
        for store in [MetadataStore::Sqlite, MetadataStore::KeyValue] {
            let file = store.file(&data);
            std::fs::create_dir_all(data.state()).unwrap();
            std::fs::write(&file, "no database, but text of some length").unwrap();

            let error = store.open(&data).err().unwrap();

            assert!(
                error.to_string().contains(&file.display().to_string()),
                "{error:#}"
            );
        }
    }
}
