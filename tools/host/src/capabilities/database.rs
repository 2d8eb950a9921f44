//! A SQLite database with as many connections as it takes at the moment.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, ErrorCode};

/// How long a lock of another process is waited for: as in Spin, what rusqlite waits by itself.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Most connections that are kept for later; more are open only while they are used.
const MAX_IDLE: usize = 8;

/// Said of a statement that begins a transaction and does not end it.
const UNFINISHED_TRANSACTION: &str =
    "a transaction must begin and end within one statement on this host, and has been rolled back";

/// What is done to each connection once, before it is used.
pub type Prepare = fn(&mut Connection) -> rusqlite::Result<()>;

/// A database, shared by all instances. Each statement has a connection to itself while it runs:
/// where another process holds a lock, all wait for it beside each other.
#[derive(Clone)]
pub struct Database(Arc<Connections>);

struct Connections {
    path: PathBuf,
    prepare: Prepare,
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    /// As Spin opens it: the journal stays what the file says, so that other processes can write
    /// while this one reads, and a lock of theirs is waited for.
    fn open(&self) -> rusqlite::Result<Connection> {
        let mut connection = Connection::open(&self.path)?;
        connection.busy_timeout(LOCK_PATIENCE)?;
        (self.prepare)(&mut connection)?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // Nothing that could panic is done with the list.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection for later, as the next one expects it.
    ///
    /// # Errors
    /// When a transaction was left open, which the next one would continue.
    fn put_back(&self, connection: Connection) -> Result<(), String> {
        let is_whole = connection.is_autocommit();
        if !is_whole {
            connection
                .execute_batch("ROLLBACK")
                .map_err(|error| error.to_string())?;
        }
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
        if is_whole {
            Ok(())
        } else {
            Err(UNFINISHED_TRANSACTION.to_owned())
        }
    }
}

impl Database {
    /// The database in the file at `path`.
    ///
    /// # Errors
    /// When the file is not a database, or `prepare` fails.
    pub fn open(path: &Path, prepare: Prepare) -> rusqlite::Result<Self> {
        let connections = Connections {
            path: path.to_owned(),
            prepare,
            idle: Mutex::default(),
        };
        let first = connections.open()?;
        connections.idle().push(first);
        Ok(Self(Arc::new(connections)))
    }

    /// A new database that is kept nowhere.
    ///
    /// # Errors
    /// When `prepare` fails.
    pub fn in_memory(prepare: Prepare) -> rusqlite::Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Connections share it by its name, where that begins with a slash.
        let name = format!("file:/{number}?vfs=memdb");
        Self::open(Path::new(&name), prepare)
    }

    /// Runs `work` on a connection.
    ///
    /// # Errors
    /// Those of `work`, as text: their source only says the same in other words; and when `work`
    /// leaves a transaction open.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, String> {
        let idle = self.0.idle().pop();
        let opened = idle.map_or_else(|| self.0.open(), Ok);
        let connection = opened.map_err(|error| error.to_string())?;
        let result = work(&connection).map_err(|error| error.to_string());
        let put_back = self.0.put_back(connection);
        result.and_then(|result| put_back.map(|()| result))
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

    /// `None` where that would take waiting: no connection is idle, or somebody locks the file.
    fn at_once<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<Option<T>>,
    ) -> Option<Result<T, String>> {
        let connection = self.0.idle().pop()?;
        let read = connection
            .busy_timeout(Duration::ZERO)
            .and_then(|()| read(&connection));
        let restored = connection.busy_timeout(LOCK_PATIENCE);
        let put_back = self.0.put_back(connection);
        match restored.and(read) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => None,
            Err(error) => Some(Err(error.to_string())),
            Ok(result) => put_back.map(|()| result).transpose(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Barrier;

    use super::*;

    const WITHOUT_PREPARATION: Prepare = |_| Ok(());

    fn count(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
    }

    #[test]
    fn several_connections_at_once_see_one_database_in_memory_and_no_other() {
        let databases = [(); 2].map(|()| Database::in_memory(WITHOUT_PREPARATION).unwrap());
        for (database, sql) in databases.iter().zip([
            "CREATE TABLE t (a)",
            "CREATE TABLE t (a); INSERT INTO t VALUES (1)",
        ]) {
            database
                .with(|connection| connection.execute_batch(sql))
                .unwrap();
        }

        for (database, rows) in databases.iter().zip([0, 1]) {
            let all_have_one = Barrier::new(3);
            let count = || {
                database.with(|connection| {
                    all_have_one.wait();
                    count(connection)
                })
            };
            std::thread::scope(|scope| {
                for counted in [(); 3].map(|()| scope.spawn(count)) {
                    assert_eq!(counted.join().unwrap(), Ok(rows));
                }
            });
        }
    }

    #[test]
    fn no_more_connections_than_a_few_are_kept() {
        let database = Database::in_memory(WITHOUT_PREPARATION).unwrap();
        let all_have_one = Barrier::new(2 * MAX_IDLE);

        std::thread::scope(|scope| {
            for _ in 0..2 * MAX_IDLE {
                scope.spawn(|| {
                    database.with(|_| {
                        all_have_one.wait();
                        Ok(())
                    })
                });
            }
        });

        assert_eq!(database.0.idle().len(), MAX_IDLE);
    }

    #[tokio::test]
    async fn a_transaction_that_one_statement_leaves_open_is_refused_and_rolled_back() {
        let database = Database::in_memory(WITHOUT_PREPARATION).unwrap();
        let run = |sql: &'static str| database.with(|connection| connection.execute_batch(sql));
        run("CREATE TABLE t (a)").unwrap();

        let left_open = run("BEGIN; INSERT INTO t VALUES (1)").unwrap_err();
        let begun_at_once = database
            .with_blocking(
                |connection| connection.execute_batch("BEGIN").map(Some),
                |_| Ok(()),
            )
            .await
            .unwrap_err();
        let own_error = run("BEGIN; INSERT INTO missing VALUES (1)").unwrap_err();

        assert_eq!(left_open, UNFINISHED_TRANSACTION);
        assert_eq!(begun_at_once, UNFINISHED_TRANSACTION);
        assert!(own_error.contains("no such table"), "{own_error}");
        assert_eq!(database.with(count), Ok(0));
        assert_eq!(run("BEGIN; INSERT INTO t VALUES (1); COMMIT"), Ok(()));
        assert_eq!(database.with(count), Ok(1));
    }
}
