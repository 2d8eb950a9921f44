//! `fermyon:spin/sqlite`: a component reads and writes the databases that the manifest grants to it.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use rusqlite::{
    Batch, Connection,
    fallible_iterator::FallibleIterator as _,
    hooks::{AuthAction, AuthContext, Authorization},
    params_from_iter,
    types::{Value as SqlValue, ValueRef},
};
use wasmtime::component::Resource;

pub use super::bindings::fermyon::spin::sqlite::HostConnection;
pub use super::bindings::fermyon::spin::sqlite::add_to_linker;
use super::bindings::fermyon::spin::sqlite::{Error, Host, QueryResult, RowResult, Value};
use super::database::Database;
use super::database_file::{DEFAULT, DatabaseFile, handle};
use crate::manifest::Component;

/// The application's databases: one file, labelled `default`.
pub struct Sqlite(DatabaseFile);

impl Sqlite {
    /// Databases in `state_dir`, where Spin keeps them too.
    pub fn new(state_dir: &Path) -> Self {
        Self(DatabaseFile::new(state_dir.join("sqlite_db.db"), prepare))
    }

    /// Databases of their own, empty and in memory.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn in_memory() -> anyhow::Result<Self> {
        Ok(Self(DatabaseFile::in_memory(prepare)?))
    }

    /// Where the database is kept, once something uses it.
    pub fn path_in_use(&self) -> Option<&Path> {
        self.0.path_in_use()
    }

    /// The databases that the manifest grants to a component.
    ///
    /// # Errors
    /// When one does not exist or cannot be opened.
    pub fn grant(&mut self, component: &Component) -> anyhow::Result<Instance> {
        let granted = self.0.grant(&component.sqlite_databases);
        Ok(Instance(granted.context("sqlite_databases")?))
    }

    /// Runs a `--sqlite` argument: one statement, or `@FILE` with any number of them.
    ///
    /// # Errors
    /// When the database cannot be opened, the file not be read, or the SQL not be run.
    pub fn run(&mut self, argument: &str) -> anyhow::Result<()> {
        let in_argument = || format!("--sqlite {argument}");
        let database = self.0.open()?;
        let holds_several = |connection: &Connection| Ok(are_several(connection, argument));
        let outcome = match argument.strip_prefix('@') {
            Some(file) => {
                let file = file_of(file).with_context(in_argument)?;
                let statements = std::fs::read_to_string(file).with_context(in_argument)?;
                database.with(|connection| connection.execute_batch(&statements))
            }
            // Spin would run the first of them, and say nothing.
            None if database.with(holds_several) == Ok(true) => {
                bail!(
                    "{}: must be one statement; a file, `--sqlite @FILE`, may hold several",
                    in_argument()
                )
            }
            None => database.with(|connection| query(connection, argument, &[]).map(drop)),
        };
        outcome.map_err(|error| anyhow!(error).context(in_argument()))
    }
}

fn are_several(connection: &Connection, sql: &str) -> bool {
    let mut statements = Batch::new(connection, sql);
    // The second may need what the first has not made yet.
    statements.next().is_ok() && !matches!(statements.next(), Ok(None))
}

/// The file of `FILE` or `FILE:LABEL`, which Spin parts at the first colon.
///
/// # Errors
/// When there is no database with that label, or one of the two is empty.
fn file_of(argument: &str) -> anyhow::Result<&str> {
    let (file, label) = argument.split_once(':').unwrap_or((argument, DEFAULT));
    let (file, label) = (file.trim(), label.trim());
    if file.is_empty() || label.is_empty() {
        bail!("must be @FILE or @FILE:{DEFAULT}");
    }
    if label != DEFAULT {
        bail!("there is no `{label}`: this host has only `{DEFAULT}`");
    }
    Ok(file)
}

/// Forbids attaching files: else a component could open any file of this machine.
fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }))
}

fn query(
    connection: &Connection,
    statement: &str,
    parameters: &[Value],
) -> rusqlite::Result<QueryResult> {
    let mut statement = connection.prepare_cached(statement)?;
    let columns: Vec<_> = statement.column_names().map(str::to_owned).collect();
    let parameters = params_from_iter(parameters.iter().cloned().map(to_sql));
    let rows = statement.query_map(parameters, |row| {
        let value = |index| from_sql(index, row.get_ref(index)?);
        let values = (0..columns.len()).map(value).collect::<Result<_, _>>()?;
        Ok(RowResult { values })
    })?;
    let rows = rows.collect::<Result<_, _>>()?;
    Ok(QueryResult { columns, rows })
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

/// SQLite does not check that text is UTF-8; the interface's strings are, so other text is an error.
fn from_sql(column: usize, value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(
            std::str::from_utf8(text)
                .map_err(|error| rusqlite::Error::Utf8Error(column, error))?
                .to_owned(),
        ),
        ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
        ValueRef::Null => Value::Null,
    })
}

/// The databases that one component may open: the default one, or none.
#[derive(Clone)]
pub struct Instance(Option<Database>);

impl Host for Instance {}

impl HostConnection for Instance {
    async fn open(&mut self, label: String) -> Result<Resource<Database>, Error> {
        handle(self.0.as_ref(), &label).ok_or(Error::AccessDenied)
    }

    async fn execute(
        &mut self,
        _connection: Resource<Database>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<QueryResult, Error> {
        let database = self.0.as_ref().ok_or(Error::InvalidConnection)?;
        let result = database.with_blocking(
            |connection| {
                let only_reads = connection.prepare_cached(&statement)?.readonly();
                let read = || query(connection, &statement, &parameters);
                only_reads.then(read).transpose()
            },
            {
                let (statement, parameters) = (statement.clone(), parameters.clone());
                move |connection| query(connection, &statement, &parameters)
            },
        );
        result.await.map_err(Error::Io)
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
        let mut instance = Instance(Some(Database::in_memory(prepare).unwrap()));
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

    #[test]
    fn the_file_of_an_argument_comes_before_a_colon_and_after_it_the_only_label() {
        for (argument, expected) in [
            ("a.sql", Ok("a.sql")),
            (" a b.sql : default ", Ok("a b.sql")),
            ("", Err("must be @FILE or @FILE:default")),
            ("a.sql:", Err("must be @FILE or @FILE:default")),
            (":default", Err("must be @FILE or @FILE:default")),
            (
                "a.sql:other",
                Err("there is no `other`: this host has only `default`"),
            ),
        ] {
            let file = file_of(argument).map_err(|error| error.to_string());
            assert_eq!(file, expected.map_err(str::to_owned), "{argument:?}");
        }
    }

    #[test]
    fn several_statements_of_an_argument_are_refused_and_none_is_run() {
        for (argument, is_refused) in [
            ("CREATE TABLE a (b)", false),
            ("CREATE TABLE a (b); -- more", false),
            ("CREATE TABLE a (b); CREATE TABLE c (d)", true),
            ("CREATE TABLE a (b); INSERT INTO a VALUES (1)", true),
        ] {
            let mut sqlite = Sqlite::in_memory().unwrap();

            let outcome = sqlite.run(argument).map_err(|error| error.to_string());

            let refusal = outcome
                .as_ref()
                .is_err_and(|error| error.contains("must be one statement"));
            assert_eq!(refusal, is_refused, "{argument}: {outcome:?}");
            let is_there = sqlite.run("SELECT * FROM a").is_ok();
            assert_eq!(is_there, !is_refused, "{argument}");
        }
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
