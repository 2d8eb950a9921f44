//! A SQLite file in the application's state folder: what both kinds of store are kept in.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use rusqlite::{Connection, ErrorCode};
use wasmtime::component::Resource;

/// The one label that needs no runtime configuration, and the one that this host has.
pub const DEFAULT: &str = "default";

/// How long a lock of another process is waited for: as in Spin, what rusqlite waits by itself.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// What is done to a connection once, before it is used.
type Prepare = fn(&mut Connection) -> rusqlite::Result<()>;

/// A file that is opened when it is first needed.
pub struct DatabaseFile {
    path: PathBuf,
    prepare: Prepare,
    database: Option<Database>,
}

/// A connection, shared by all instances. One is enough: queries are short, and `SQLite` would
/// let only one of them write anyway.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

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
    pub fn in_memory(prepare: Prepare) -> Self {
        Self::new(":memory:".into(), prepare)
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

impl Database {
    /// As Spin opens it: the journal stays what the file says, so that other processes can write
    /// while this one reads, and a lock of theirs is waited for.
    ///
    /// # Errors
    /// When the file is not a database, or `prepare` fails.
    pub fn open(path: &Path, prepare: Prepare) -> rusqlite::Result<Self> {
        let mut connection = Connection::open(path)?;
        prepare(&mut connection)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Uses the connection while nobody else does.
    ///
    /// # Errors
    /// Those of `work`, as text: their source only says the same in other words.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, String> {
        // A panic between two statements leaves a connection whole.
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|error| error.to_string())
    }

    /// As [`with`](Self::with), for what may take time: on a thread that may wait, unless `read` has
    /// the result at once. To go to that thread and back takes longer than to read a row does.
    ///
    /// # Errors
    /// Those of `read` and `work`, as text.
    pub async fn with_blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<Option<T>>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        if let Some(result) = self.at_once(read) {
            return result;
        }
        let database = self.clone();
        tokio::task::spawn_blocking(move || database.with(work))
            .await
            .map_err(|error| error.to_string())?
    }

    /// `None` where that would take waiting: somebody else uses the connection, or locks the file.
    fn at_once<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<Option<T>>,
    ) -> Option<Result<T, String>> {
        let connection = self.0.try_lock().ok()?;
        connection.busy_timeout(Duration::ZERO).ok()?;
        let result = read(&connection);
        connection.busy_timeout(LOCK_PATIENCE).ok()?;
        match result {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => None,
            result => result.map_err(|error| error.to_string()).transpose(),
        }
    }
}

/// A component's handle of the database with this label, where it is granted.
///
/// All handles mean the same connection, so they need no table: the engine itself checks that a
/// component uses only handles that it was given and has not dropped.
pub fn handle(granted: Option<&Database>, label: &str) -> Option<Resource<Database>> {
    granted
        .filter(|_| label == DEFAULT)
        .map(|_| Resource::new_own(0))
}
