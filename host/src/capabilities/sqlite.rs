//! `fermyon:spin/sqlite`: a component reads and writes the databases that the manifest grants to it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
    params_from_iter,
    types::{Value as SqlValue, ValueRef},
};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::bindings::fermyon::spin::sqlite::{
    Error, Host, HostConnection, QueryResult, RowResult, Value, add_to_linker,
};
use crate::manifest::Component;

/// The one label that needs no runtime configuration, and the one that this host has.
const DEFAULT: &str = "default";

/// The application's databases: one file, labelled `default`, opened when it is first granted.
pub struct Sqlite {
    path: PathBuf,
    database: Option<Database>,
}

/// A connection, shared by all instances. One is enough: queries are short, and `SQLite` would
/// let only one of them write anyway.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

/// Why the databases cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The manifest grants a label that does not exist.
    #[error("sqlite_databases: there is no database `{0}`: this host has only `{DEFAULT}`")]
    NoSuchDatabase(String),
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
    /// A `--sqlite` argument failed.
    #[error("--sqlite {argument}: {reason}")]
    Statement {
        /// The argument.
        argument: String,
        /// Why.
        reason: String,
    },
}

impl Sqlite {
    /// Databases in `state_dir`, where Spin keeps them too.
    pub fn new(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("sqlite_db.db"),
            database: None,
        }
    }

    /// Where the database is kept, once something uses it.
    pub fn path_in_use(&self) -> Option<&Path> {
        self.database.as_ref().map(|_| self.path.as_path())
    }

    /// The databases that the manifest grants to a component.
    ///
    /// # Errors
    /// When one does not exist or cannot be opened.
    pub fn grant(&mut self, component: &Component) -> Result<Instance, OpenError> {
        let granted: BTreeSet<_> = component
            .sqlite_databases
            .iter()
            .map(String::as_str)
            .collect();
        if let Some(unknown) = granted.iter().find(|label| **label != DEFAULT) {
            return Err(OpenError::NoSuchDatabase((*unknown).to_owned()));
        }
        let default = if granted.is_empty() {
            None
        } else {
            Some(self.open()?)
        };
        Ok(Instance(default))
    }

    /// Runs a `--sqlite` argument: SQL, or `@FILE` with SQL.
    ///
    /// # Errors
    /// When the database cannot be opened, the file not be read, or the SQL not be run.
    pub fn run(&mut self, argument: &str) -> Result<(), OpenError> {
        let failed = |reason: String| OpenError::Statement {
            argument: argument.to_owned(),
            reason,
        };
        let sql = match argument.strip_prefix('@') {
            Some(file) => {
                let file = file.strip_suffix(":default").unwrap_or(file).trim();
                std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?
            }
            None => argument.to_owned(),
        };
        let database = self.open()?;
        database
            .with(|connection| connection.execute_batch(&sql))
            .map_err(|error| failed(error.to_string()))
    }

    fn open(&mut self) -> Result<Database, OpenError> {
        if let Some(database) = &self.database {
            return Ok(database.clone());
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| OpenError::Folder {
                path: folder.to_owned(),
                source,
            })?;
        }
        let database = Database::open(&self.path).map_err(|source| OpenError::Database {
            path: self.path.clone(),
            source,
        })?;
        Ok(self.database.insert(database).clone())
    }
}

impl Database {
    /// As Spin opens it: the journal stays what the file says, so that other processes can write
    /// while this one reads, and a lock of theirs is waited for up to rusqlite's 5 seconds.
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
            // Else a component could open any file of this machine.
            AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => {
                Authorization::Deny
            }
            _ => Authorization::Allow,
        }))?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn with<T>(
        &self,
        use_it: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // A panic between two statements leaves a connection whole.
        use_it(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn query(&self, statement: &str, parameters: Vec<Value>) -> rusqlite::Result<QueryResult> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(statement)?;
            let columns: Vec<_> = statement.column_names().map(str::to_owned).collect();
            let rows = statement
                .query_map(
                    params_from_iter(parameters.into_iter().map(to_sql)),
                    |row| {
                        let value = |index| row.get_ref(index).map(from_sql);
                        let values = (0..columns.len()).map(value).collect::<Result<_, _>>()?;
                        Ok(RowResult { values })
                    },
                )?
                .collect::<Result<_, _>>()?;
            Ok(QueryResult { columns, rows })
        })
    }
}

fn to_sql(value: Value) -> SqlValue {
    match value {
        Value::Integer(integer) => SqlValue::Integer(integer),
        Value::Real(real) => SqlValue::Real(real),
        Value::Text(text) => SqlValue::Text(text),
        Value::Blob(blob) => SqlValue::Blob(blob),
        Value::Null => SqlValue::Null,
    }
}

fn from_sql(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        // SQLite does not check that text is UTF-8; the interface's strings are.
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
        ValueRef::Null => Value::Null,
    }
}

/// The databases that one component may open: the default one, or none.
///
/// All its connections are the same one, so their handles need no table: the engine itself
/// checks that a component uses only handles that it was given and has not dropped.
#[derive(Clone)]
pub struct Instance(Option<Database>);

impl Instance {
    /// Lets components import the interface.
    ///
    /// # Errors
    /// When the linker has it already.
    pub fn link<T: Send + 'static>(
        linker: &mut Linker<T>,
        get: fn(&mut T) -> &mut Self,
    ) -> wasmtime::Result<()> {
        add_to_linker::<T, HasSelf<Self>>(linker, get)
    }
}

impl Host for Instance {}

impl HostConnection for Instance {
    async fn open(&mut self, label: String) -> Result<Resource<Database>, Error> {
        if self.0.is_some() && label == DEFAULT {
            Ok(Resource::new_own(0))
        } else {
            Err(Error::AccessDenied)
        }
    }

    async fn execute(
        &mut self,
        _connection: Resource<Database>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<QueryResult, Error> {
        let database = self.0.clone().ok_or(Error::InvalidConnection)?;
        tokio::task::spawn_blocking(move || database.query(&statement, parameters))
            .await
            .map_err(|error| Error::Io(error.to_string()))?
            .map_err(|error| Error::Io(error.to_string()))
    }

    async fn drop(&mut self, _connection: Resource<Database>) -> wasmtime::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    async fn instance() -> (Instance, Resource<Database>) {
        let mut instance = Instance(Some(Database::open(Path::new(":memory:")).unwrap()));
        let connection = instance.open("default".to_owned()).await.unwrap();
        (instance, connection)
    }

    fn borrow(connection: &Resource<Database>) -> Resource<Database> {
        Resource::new_borrow(connection.rep())
    }

    #[tokio::test]
    async fn every_kind_of_value_comes_back_as_it_was_bound() {
        let (mut instance, connection) = instance().await;
        let values = vec![
            Value::Integer(i64::MIN),
            Value::Real(0.5),
            Value::Text("ä".to_owned()),
            Value::Blob(vec![0, 255]),
            Value::Null,
        ];

        let result = instance
            .execute(
                borrow(&connection),
                "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e".to_owned(),
                values.clone(),
            )
            .await
            .unwrap();

        assert_eq!(result.columns, ["a", "b", "c", "d", "e"]);
        assert_eq!(
            format!("{:?}", result.rows[0].values),
            format!("{values:?}")
        );
    }

    #[tokio::test]
    async fn a_database_that_is_not_granted_is_denied() {
        let (mut granted, _) = instance().await;

        assert!(matches!(
            granted.open("other".to_owned()).await,
            Err(Error::AccessDenied)
        ));
        assert!(matches!(
            Instance(None).open("default".to_owned()).await,
            Err(Error::AccessDenied)
        ));
    }

    #[tokio::test]
    async fn no_other_file_can_be_attached() {
        let (mut instance, connection) = instance().await;
        let mut attach = async |file: &str| {
            let statement = format!("ATTACH '{file}' AS other{}", file.len());
            instance
                .execute(borrow(&connection), statement, vec![])
                .await
        };

        assert!(attach("secrets.db").await.is_err());
        assert!(attach(":memory:").await.is_ok());
    }
}
