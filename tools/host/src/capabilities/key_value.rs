//! `fermyon:spin/key-value`: a component reads and writes the stores that the manifest grants to it.

use std::{path::Path, str::FromStr};

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, OptionalExtension};
use wasmtime::component::Resource;

pub use super::bindings::fermyon::spin::key_value::HostStore;
pub use super::bindings::fermyon::spin::key_value::add_to_linker;
use super::bindings::fermyon::spin::key_value::{Error, Host};
use super::database::Database;
use super::database_file::{DEFAULT, DatabaseFile, handle};
use crate::manifest::Component;

/// Spin's own schema, so that both hosts can use the same file.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
)";

/// The application's stores: one file, with the store `default` in it.
pub struct KeyValue(DatabaseFile);

/// A `--key-value` argument: a key of the default store and its value.
#[derive(Clone, Debug)]
pub struct Pair {
    key: String,
    value: String,
}

impl FromStr for Pair {
    type Err = &'static str;

    fn from_str(argument: &str) -> Result<Self, Self::Err> {
        let (key, value) = argument.split_once('=').ok_or("must be KEY=VALUE")?;
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl KeyValue {
    /// Stores in `state_dir`, where Spin keeps them too.
    pub fn new(state_dir: &Path) -> Self {
        Self(DatabaseFile::new(
            state_dir.join("sqlite_key_value.db"),
            prepare,
        ))
    }

    /// Stores of their own, empty and in memory.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn in_memory() -> anyhow::Result<Self> {
        Ok(Self(DatabaseFile::in_memory(prepare)?))
    }

    /// Where the stores are kept, once something uses them.
    pub fn path_in_use(&self) -> Option<&Path> {
        self.0.path_in_use()
    }

    /// The stores that the manifest grants to a component.
    ///
    /// # Errors
    /// When one does not exist or cannot be opened.
    pub fn grant(&mut self, component: &Component) -> anyhow::Result<Instance> {
        let granted = self.0.grant(&component.key_value_stores);
        Ok(Instance(granted.context("key_value_stores")?))
    }

    /// Sets a key, whatever its value was.
    ///
    /// # Errors
    /// When the store cannot be opened or written.
    pub fn set(&mut self, pair: &Pair) -> anyhow::Result<()> {
        let database = self.0.open()?;
        database
            .with(|connection| set(connection, &pair.key, pair.value.as_bytes()))
            .map_err(|error| anyhow!("--key-value {}: {error}", pair.key))
    }
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch(SCHEMA)
}

fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM spin_key_value WHERE store = ? AND key = ?")?
        .query_row([DEFAULT, key], |row| row.get(0))
        .optional()
}

fn delete(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM spin_key_value WHERE store = ? AND key = ?",
        [DEFAULT, key],
    )?;
    Ok(())
}

fn set(connection: &Connection, key: &str, value: &[u8]) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO spin_key_value VALUES (?, ?, ?)",
        (DEFAULT, key, value),
    )?;
    Ok(())
}

/// The stores that one component may open: the default one, or none.
#[derive(Clone)]
pub struct Instance(Option<Database>);

impl Instance {
    /// Sets a key of the default store, whatever its value was.
    ///
    /// # Errors
    /// When the store is not granted or cannot be written; the text says so.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let database = self.0.as_ref().ok_or("no store is granted")?;
        database.with(|connection| set(connection, key, value))
    }
}

impl Instance {
    /// On a thread that may wait for a lock.
    async fn write(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), Error> {
        let database = self.0.as_ref().ok_or(Error::AccessDenied)?;
        let written = database.with_blocking(|_| Ok(None), work);
        written.await.map_err(Error::Other)
    }
}

impl Host for Instance {}

impl HostStore for Instance {
    async fn open(&mut self, label: String) -> Result<Resource<Database>, Error> {
        handle(self.0.as_ref(), &label).ok_or(Error::AccessDenied)
    }

    async fn get(
        &mut self,
        _store: Resource<Database>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        let database = self.0.as_ref().ok_or(Error::AccessDenied)?;
        let value = database.with_blocking(|connection| get(connection, &key).map(Some), {
            let key = key.clone();
            move |connection| get(connection, &key)
        });
        value.await.map_err(Error::Other)
    }

    async fn set(
        &mut self,
        _store: Resource<Database>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        self.write(move |connection| set(connection, &key, &value))
            .await
    }

    async fn delete(&mut self, _store: Resource<Database>, key: String) -> Result<(), Error> {
        self.write(move |connection| delete(connection, &key)).await
    }

    async fn drop(&mut self, _store: Resource<Database>) -> wasmtime::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn database() -> Database {
        Database::in_memory(prepare).unwrap()
    }

    #[tokio::test]
    async fn a_key_of_the_default_store_has_its_value_and_no_other_has_one() {
        let database = database();
        let rows =
            "INSERT INTO spin_key_value VALUES ('default', 'a', x'00ff'), ('other', 'b', x'01')";
        database
            .with(|connection| connection.execute_batch(rows))
            .unwrap();
        let mut instance = Instance(Some(database));
        let store = instance.open("default".to_owned()).await.unwrap();
        let mut get = async |key: &str| {
            let store = Resource::new_borrow(store.rep());
            instance.get(store, key.to_owned()).await.unwrap()
        };

        assert_eq!(get("a").await, Some(vec![0, 255]));
        assert_eq!(get("b").await, None);
        assert_eq!(get("A").await, None);
    }

    #[tokio::test]
    async fn a_component_sets_and_deletes_keys_of_the_default_store() {
        let mut instance = Instance(Some(database()));
        let store = instance.open("default".to_owned()).await.unwrap();
        let store = || Resource::new_borrow(store.rep());
        for value in [b"old".as_slice(), b"new"] {
            let (key, value) = ("a".to_owned(), value.to_vec());
            HostStore::set(&mut instance, store(), key, value)
                .await
                .unwrap();
        }
        let value = instance.get(store(), "a".to_owned()).await.unwrap();
        assert_eq!(value.as_deref(), Some(&b"new"[..]));

        for _ in 0..2 {
            instance.delete(store(), "a".to_owned()).await.unwrap();
            assert_eq!(instance.get(store(), "a".to_owned()).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_pair_of_the_command_line_takes_the_place_of_an_earlier_value() {
        let database = database();
        for argument in ["a=old", "a=b=@c"] {
            let Pair { key, value } = argument.parse().unwrap();
            database
                .with(|connection| set(connection, &key, value.as_bytes()))
                .unwrap();
        }

        let mut instance = Instance(Some(database));
        let store = instance.open("default".to_owned()).await.unwrap();

        let value = instance.get(store, "a".to_owned()).await.unwrap();
        assert_eq!(value.as_deref(), Some(&b"b=@c"[..]));
        assert!("a".parse::<Pair>().is_err());
    }

    #[tokio::test]
    async fn a_store_that_is_not_granted_is_denied() {
        for (granted, label) in [(Some(database()), "other"), (None, "default")] {
            let opened = Instance(granted).open(label.to_owned()).await;
            assert!(matches!(opened, Err(Error::AccessDenied)), "{label}");
        }
    }
}
