//! A SQLite file in the application's state folder: what both kinds of store are kept in.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use wasmtime::component::Resource;

use super::database::{Database, Prepare};

/// The one label that needs no runtime configuration, and the one that this host has.
pub const DEFAULT: &str = "default";

/// A file that is opened when it is first needed.
pub struct DatabaseFile {
    path: PathBuf,
    prepare: Prepare,
    database: Option<Database>,
}

impl DatabaseFile {
    /// The file at `path`, not opened yet.
    pub fn new(path: PathBuf, prepare: Prepare) -> Self {
        Self {
            path,
            prepare,
            database: None,
        }
    }

    /// A database that is kept nowhere, of which every value of this type has its own.
    ///
    /// # Errors
    /// When `prepare` fails.
    pub fn in_memory(prepare: Prepare) -> rusqlite::Result<Self> {
        Ok(Self {
            path: ":memory:".into(),
            prepare,
            database: Some(Database::in_memory(prepare)?),
        })
    }

    /// Where it is, once something uses it.
    pub fn path_in_use(&self) -> Option<&Path> {
        self.database.as_ref().map(|_| self.path.as_path())
    }

    /// The database, where one of these labels is granted.
    ///
    /// # Errors
    /// When a label is unknown, or the file cannot be opened.
    pub fn grant(&mut self, labels: &[String]) -> anyhow::Result<Option<Database>> {
        if let Some(unknown) = labels.iter().find(|label| *label != DEFAULT) {
            bail!("there is no `{unknown}`: this host has only `{DEFAULT}`");
        }
        if labels.is_empty() {
            return Ok(None);
        }
        self.open().map(Some)
    }

    /// The open database.
    ///
    /// # Errors
    /// When the folder cannot be made, or the file is not a database; the text names it.
    pub fn open(&mut self) -> anyhow::Result<Database> {
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let database = Database::open(&self.path, self.prepare)
            .map_err(|error| anyhow!("{}: {error}", self.path.display()))?;
        Ok(self.database.insert(database).clone())
    }
}

/// A component's handle of the database with this label, where it is granted.
///
/// All handles mean the same database, so they need no table: the engine itself checks that a
/// component uses only handles that it was given and has not dropped.
pub fn handle(granted: Option<&Database>, label: &str) -> Option<Resource<Database>> {
    granted
        .filter(|_| label == DEFAULT)
        .map(|_| Resource::new_own(0))
}
