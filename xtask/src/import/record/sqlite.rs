//! Records as rows of the table `images`.

use anyhow::Context as _;
use rusqlite::{Connection, params};

use super::{Record, RecordStore, Writing};
use crate::project;

/// Writes a row, unless it is there as it is: then it changes none.
pub const UPSERT: &str =
    "INSERT INTO images (id, storage_key, mime_type, hash, size_bytes) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (id) DO UPDATE SET
         storage_key = excluded.storage_key, mime_type = excluded.mime_type,
         hash = excluded.hash, size_bytes = excluded.size_bytes
     WHERE (storage_key, mime_type, hash, size_bytes)
         IS NOT (excluded.storage_key, excluded.mime_type, excluded.hash, excluded.size_bytes)";

/// The table that `migrations/` makes.
pub struct Table {
    connection: Connection,
    schema: String,
    writing: Writing,
}

impl Table {
    /// Applies the project's migrations.
    ///
    /// # Errors
    /// When one cannot be read or fails.
    pub fn prepare(connection: Connection, writing: Writing) -> anyhow::Result<Self> {
        let schema = schema()?;
        if writing == Writing::Kept {
            connection
                .execute_batch(&schema)
                .context("cannot apply the migrations")?;
        }
        Ok(Self {
            connection,
            schema,
            writing,
        })
    }
}

impl RecordStore for Table {
    fn save(&self, records: &[Record]) -> anyhow::Result<Vec<bool>> {
        super::write(
            &self.connection,
            self.writing,
            &self.schema,
            records,
            |record| {
                let size_bytes = i64::try_from(record.size_bytes)?;
                let id = record.id.hyphenated().to_string();
                let Record {
                    storage_key,
                    mime_type,
                    hash,
                    ..
                } = record;
                let row = params![id, storage_key, mime_type, hash, size_bytes];
                Ok(self.connection.execute(UPSERT, row)?)
            },
        )
    }
}

/// The project's migrations, in the order of their names.
///
/// # Errors
/// When one cannot be read.
pub fn schema() -> anyhow::Result<String> {
    let folder = project::migrations();
    let cannot_list = || format!("cannot list {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(cannot_list)? {
        let path = entry.with_context(cannot_list)?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    let mut schema = String::new();
    for file in files {
        let sql = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        schema.push_str(&sql);
        schema.push('\n');
    }
    Ok(schema)
}
