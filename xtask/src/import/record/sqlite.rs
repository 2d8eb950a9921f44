//! Records as rows of the table `images`.

use std::path::Path;

use anyhow::Context as _;
use rusqlite::{Connection, params};

use super::{Record, RecordStore};
use crate::project;

/// The table that `migrations/` makes.
pub struct Table {
    connection: Connection,
}

impl Table {
    /// Applies the project's migrations.
    ///
    /// # Errors
    /// When one cannot be read or fails.
    pub fn prepare(connection: Connection) -> anyhow::Result<Self> {
        apply(&project::migrations(), &connection)?;
        Ok(Self { connection })
    }
}

impl RecordStore for Table {
    fn save(&self, record: &Record) -> anyhow::Result<()> {
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

// In the order of their names.
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
