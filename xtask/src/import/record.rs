//! The record of an image, and the database that it goes to.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::content::Content;

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

/// The `SQLite` database that the application reads.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
}

impl Database {
    /// Opens `file`, creates it where it does not exist, and applies the SQL files of `migrations` in
    /// the order of their names.
    ///
    /// # Errors
    /// When the file cannot be opened, or a migration fails.
    pub fn open(file: &Path, migrations: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let connection = Connection::open(file)
            .with_context(|| format!("cannot open the database {}", file.display()))?;
        // The application may be reading it at this very moment.
        connection.busy_timeout(Duration::from_secs(5))?;
        apply(migrations, &connection)
            .with_context(|| format!("cannot prepare the database {}", file.display()))?;
        Ok(Self { connection })
    }

    /// Writes `record`, in place of an earlier one of the same id.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn save(&self, record: &Record) -> anyhow::Result<()> {
        let size_bytes = i64::try_from(record.size_bytes).context("too large for a record")?;
        self.connection
            .execute(
                "INSERT INTO images (id, storage_key, mime_type, hash, size_bytes) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET
                     storage_key = excluded.storage_key, mime_type = excluded.mime_type,
                     hash = excluded.hash, size_bytes = excluded.size_bytes",
                params![
                    record.id.hyphenated().to_string(),
                    record.storage_key,
                    record.mime_type,
                    record.hash,
                    size_bytes
                ],
            )
            .context("cannot write the record")?;
        Ok(())
    }
}

fn apply(migrations: &Path, connection: &Connection) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(migrations)
        .with_context(|| format!("cannot list {}", migrations.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    for file in files {
        std::fs::read_to_string(&file)
            .map_err(anyhow::Error::from)
            .and_then(|sql| Ok(connection.execute_batch(&sql)?))
            .with_context(|| format!("cannot apply {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
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
        }
    }

    fn rows(database: &Database) -> Vec<(String, String, String, String, i64)> {
        let mut statement = database
            .connection
            .prepare("SELECT id, storage_key, mime_type, hash, size_bytes FROM images")
            .unwrap();
        statement
            .query_map([], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
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
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/images.db");
        let record = Record::of(&content());

        Database::open(&file, &crate::project::migrations())
            .unwrap()
            .save(&record)
            .unwrap();
        let database = Database::open(&file, &crate::project::migrations()).unwrap();
        database.save(&record).unwrap();

        assert_eq!(
            rows(&database),
            [(
                record.id.to_string(),
                format!("images/{}.png", record.hash),
                "image/png".to_owned(),
                record.hash,
                42
            )]
        );
    }
}
