//! Records in Spin's SQLite (table `images`, see `migrations/`).

use spin_sdk::sqlite::{Connection, Error, Value};

use super::ImageRepository;
use crate::error::{MetadataError, UnusableRecord};
use crate::image::{Image, ImageId, Record};

const SELECT: &str = "SELECT storage_key, mime_type, hash, size_bytes FROM images WHERE id = ?";

/// The manifest's SQLite database `default`.
pub struct SqliteRepository;

impl ImageRepository for SqliteRepository {
    fn get_by_id(&self, id: ImageId) -> Result<Option<Image>, MetadataError> {
        let connection = Connection::open_default().map_err(unavailable)?;
        let rows = connection
            .execute(SELECT, &[Value::Text(id.to_string())])
            .map_err(unavailable)?
            .rows;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(Image::try_from(record(row.values)?)?))
    }
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
        Error::Io(cause) => cause,
        other => other.to_string(),
    })
}
