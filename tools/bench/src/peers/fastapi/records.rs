//! The service's records: a database in the schema of this project.

use std::path::Path;

use anyhow::Context as _;
use rusqlite::Connection;

use crate::images::Object;

/// The table of records.
const SCHEMA: &str = include_str!("../../../../../migrations/0001_images.sql");

/// Writes a record of each object into `file`, as often as asked to.
///
/// # Errors
/// When it cannot be written; the text names the file.
pub fn write(objects: &[Object], file: &Path) -> anyhow::Result<()> {
    insert(objects, file).with_context(|| file.display().to_string())
}

fn insert(objects: &[Object], file: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch(SCHEMA)?;
    let transaction = connection.transaction()?;
    for object in objects {
        transaction.execute(
            "INSERT OR REPLACE INTO images (id, storage_key, mime_type, hash, size_bytes)
             VALUES (?1, ?2, 'image/png', ?3, ?4)",
            (
                object.id.to_string(),
                &object.key,
                &object.hash,
                object.bytes.cast_signed(),
            ),
        )?;
    }
    transaction.commit()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_image_has_one_record_under_its_id_however_often_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("images.db");
        let objects = [("a/1.png", 10_000), ("b.png", 1_000_000)].map(|(key, bytes)| Object {
            id: Uuid::new_v4(),
            key: key.into(),
            bytes,
            hash: format!("hash of {key}"),
        });

        write(&objects, &file).unwrap();
        write(&objects, &file).unwrap();

        let connection = Connection::open(&file).unwrap();
        for object in objects {
            let found: (String, String, u64) = connection
                .query_row(
                    "SELECT storage_key, hash, size_bytes FROM images WHERE id = ?1",
                    [object.id.to_string()],
                    |row| {
                        Ok((
                            row.get(0)?,
                            row.get(1)?,
                            row.get::<_, i64>(2)?.cast_unsigned(),
                        ))
                    },
                )
                .unwrap();
            assert_eq!(found, (object.key, object.hash, object.bytes));
        }
    }
}
