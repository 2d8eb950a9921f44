//! Records in Spin's SQLite (table `images`, see `migrations/`).

use std::cell::OnceCell;

use spin_sdk::sqlite::{Connection, Error, RowResult, Value};

use super::{Deleted, ImageRepository, Put};
use crate::error::{MetadataError, UnusableRecord};
use crate::host_failure::first_line;
use crate::image::{Image, ImageId, Record};
use crate::sha256::Sha256;

const SELECT: &str = "SELECT storage_key, mime_type, hash, size_bytes FROM images WHERE id = ?";

/// Returns a row where there was none before.
const INSERT: &str = "INSERT INTO images (id, storage_key, mime_type, hash, size_bytes)
    VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id";
/// Returns a row where there is one of the same type, hash and size.
const MOVE: &str = "UPDATE images SET storage_key = ?2
    WHERE id = ?1 AND mime_type = ?3 AND hash = ?4 AND size_bytes = ?5 RETURNING id";
const EXISTS: &str = "SELECT id FROM images WHERE id = ?";
const DELETE: &str = "DELETE FROM images WHERE id = ? RETURNING hash";

/// How often a record may be deleted while it is put.
const PUT_ROUNDS: u32 = 3;

/// The manifest's SQLite database `default`, opened where it is first asked for something.
#[derive(Default)]
pub struct SqliteRepository(OnceCell<Connection>);

impl ImageRepository for SqliteRepository {
    fn get_by_id(&self, id: ImageId) -> Result<Option<Image>, MetadataError> {
        match self.row(SELECT, &[Value::Text(id.to_string())])? {
            Some(row) => Ok(Some(Image::try_from(record(row.values)?)?)),
            None => Ok(None),
        }
    }

    fn insert(&self, id: ImageId, image: &Image) -> Result<bool, MetadataError> {
        let row = self.row(INSERT, &values(id, image))?;
        Ok(row.is_some())
    }

    /// Each statement is one transaction, so that of two at once one is the first.
    fn put(&self, id: ImageId, image: &Image) -> Result<Put, MetadataError> {
        let values = values(id, image);
        for _ in 0..PUT_ROUNDS {
            if self.row(INSERT, &values)?.is_some() {
                return Ok(Put::Created);
            }
            if self.row(MOVE, &values)?.is_some() {
                return Ok(Put::Kept);
            }
            // Else it was deleted in between, and can be inserted after all.
            if self.row(EXISTS, &values[..1])?.is_some() {
                return Ok(Put::Conflict);
            }
        }
        Err(MetadataError::Unavailable(
            "a record neither is there nor can be inserted: is there another constraint?".into(),
        ))
    }

    fn delete(&self, id: ImageId) -> Result<Option<Deleted>, MetadataError> {
        let row = self.row(DELETE, &[Value::Text(id.to_string())])?;
        Ok(row.map(|row| Deleted {
            sha256: match row.values.first() {
                Some(Value::Text(hash)) => Sha256::of_hash(hash.as_bytes()),
                _ => None,
            },
        }))
    }
}

impl SqliteRepository {
    /// The first row that a statement returns.
    fn row(&self, statement: &str, values: &[Value]) -> Result<Option<RowResult>, MetadataError> {
        let result = self
            .open()?
            .execute(statement, values)
            .map_err(unavailable)?;
        Ok(result.rows.into_iter().next())
    }

    fn open(&self) -> Result<&Connection, MetadataError> {
        if let Some(connection) = self.0.get() {
            return Ok(connection);
        }
        let connection = Connection::open_default().map_err(unavailable)?;
        Ok(self.0.get_or_init(|| connection))
    }
}

/// In the order of the table's columns.
fn values(id: ImageId, image: &Image) -> [Value; 5] {
    let record = Record::from(image);
    [
        Value::Text(id.to_string()),
        Value::Text(record.storage_key),
        Value::Text(record.mime_type),
        Value::Text(record.hash),
        Value::Integer(record.size_bytes),
    ]
}

/// The columns of [`SELECT`], in its order.
fn record(values: Vec<Value>) -> Result<Record, UnusableRecord> {
    let mut values = values.into_iter();
    let mut text = |field| match values.next() {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(UnusableRecord::FieldType {
            field,
            expected: "text",
        }),
    };
    let (storage_key, mime_type, hash) = (text("storage_key")?, text("mime_type")?, text("hash")?);
    let Some(Value::Integer(size_bytes)) = values.next() else {
        return Err(UnusableRecord::FieldType {
            field: "size_bytes",
            expected: "an integer",
        });
    };
    Ok(Record {
        storage_key,
        mime_type,
        hash,
        size_bytes,
    })
}

fn unavailable(error: Error) -> MetadataError {
    MetadataError::Unavailable(match error {
        Error::NoSuchDatabase => "there is no SQLite database 'default'".into(),
        Error::AccessDenied => {
            "the manifest does not grant it: sqlite_databases = [\"default\"]".into()
        }
        Error::InvalidConnection => "its connection is not valid".into(),
        Error::DatabaseFull => "the database is full".into(),
        Error::Io(cause) => {
            let cause = first_line(cause);
            format!("{cause}{}", hint(&cause))
        }
    })
}

/// What to do about SQLite's own words, which libSQL repeats among others. Whichever column it misses,
/// the table is another one.
fn hint(cause: &str) -> &'static str {
    if cause.contains("no such table: images") {
        ": create it by `spin up --sqlite @migrations/0001_images.sql`, or on libSQL as docs/spinkube.md says"
    } else if cause.contains("column") {
        ": the table images is not the one of migrations/0001_images.sql"
    } else {
        ""
    }
}
