//! A SQLite file in the application's state folder: what both kinds of store are kept in.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;

/// The one label that needs no runtime configuration, and the one that this host has.
pub const DEFAULT: &str = "default";

/// A file that is opened when it is first needed.
pub struct DatabaseFile {
    path: PathBuf,
    prepare: fn(&mut Connection) -> rusqlite::Result<()>,
    database: Option<Database>,
}

/// A connection, shared by all instances. One is enough: queries are short, and `SQLite` would
/// let only one of them write anyway.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The manifest grants a label that does not exist.
    #[error("there is no `{0}`: this host has only `{DEFAULT}`")]
    UnknownLabel(String),
    /// The folder cannot be made.
    #[error("{}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no database, or cannot be opened.
    #[error("{}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

impl DatabaseFile {
    /// The file at `path`; `prepare` is done to its connection once.
    pub fn new(path: PathBuf, prepare: fn(&mut Connection) -> rusqlite::Result<()>) -> Self {
        Self {
            path,
            prepare,
            database: None,
        }
    }

    /// Where it is, once something uses it.
    pub fn path_in_use(&self) -> Option<&Path> {
        self.database.as_ref().map(|_| self.path.as_path())
    }

    /// The database, where one of these labels is granted.
    ///
    /// # Errors
    /// When a label is unknown, or the file cannot be opened.
    pub fn grant(&mut self, labels: &[String]) -> Result<Option<Database>, OpenError> {
        let granted: BTreeSet<_> = labels.iter().map(String::as_str).collect();
        if let Some(unknown) = granted.iter().find(|label| **label != DEFAULT) {
            return Err(OpenError::UnknownLabel((*unknown).to_owned()));
        }
        if granted.is_empty() {
            return Ok(None);
        }
        self.open().map(Some)
    }

    /// The open database.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(&mut self) -> Result<Database, OpenError> {
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| OpenError::Folder {
                path: folder.to_owned(),
                source,
            })?;
        }
        let database =
            Database::open(&self.path, self.prepare).map_err(|source| OpenError::Database {
                path: self.path.clone(),
                source,
            })?;
        Ok(self.database.insert(database).clone())
    }
}

impl Database {
    /// As Spin opens it: the journal stays what the file says, so that other processes can write
    /// while this one reads, and a lock of theirs is waited for up to rusqlite's 5 seconds.
    ///
    /// # Errors
    /// When the file is no database, or `prepare` fails.
    pub fn open(
        path: &Path,
        prepare: fn(&mut Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Self> {
        let mut connection = Connection::open(path)?;
        prepare(&mut connection)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Uses the connection while nobody else does.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // A panic between two statements leaves a connection whole.
        work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Uses the connection on a thread that may wait.
    ///
    /// # Errors
    /// Those of `work`, as text.
    pub async fn with_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let database = self.clone();
        tokio::task::spawn_blocking(move || database.with(work))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }
}
