//! `fermyon:spin/key-value`: a component reads the stores that the manifest grants to it.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::bindings::fermyon::spin::key_value::{Error, Host, HostStore, add_to_linker};
use super::database_file::{DEFAULT, Database, DatabaseFile, OpenError};
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

/// The manifest grants a store that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("key_value_stores")]
pub struct GrantError(#[from] OpenError);

impl KeyValue {
    /// Stores in `state_dir`, where Spin keeps them too.
    pub fn new(state_dir: &Path) -> Self {
        Self(DatabaseFile::new(
            state_dir.join("sqlite_key_value.db"),
            prepare,
        ))
    }

    /// Where the stores are kept, once something uses them.
    pub fn path_in_use(&self) -> Option<&Path> {
        self.0.path_in_use()
    }

    /// The stores that the manifest grants to a component.
    ///
    /// # Errors
    /// When one does not exist or cannot be opened.
    pub fn grant(&mut self, component: &Component) -> Result<Instance, GrantError> {
        Ok(Instance(self.0.grant(&component.key_value_stores)?))
    }
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch(SCHEMA)
}

/// The stores that one component may open: the default one, or none. Its handles need no table, as
/// those of [`sqlite`](super::sqlite) do not.
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

impl HostStore for Instance {
    async fn open(&mut self, label: String) -> Result<Resource<Database>, Error> {
        if self.0.is_some() && label == DEFAULT {
            Ok(Resource::new_own(0))
        } else {
            Err(Error::AccessDenied)
        }
    }

    async fn get(
        &mut self,
        _store: Resource<Database>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        let database = self.0.as_ref().ok_or(Error::AccessDenied)?;
        let value = database.with_blocking(move |connection| {
            connection
                .prepare_cached("SELECT value FROM spin_key_value WHERE store = ? AND key = ?")?
                .query_row([DEFAULT, &key], |row| row.get(0))
                .optional()
        });
        value.await.map_err(Error::Other)
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
        Database::open(Path::new(":memory:"), prepare).unwrap()
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
    async fn a_store_that_is_not_granted_is_denied() {
        for (granted, label) in [(Some(database()), "other"), (None, "default")] {
            let opened = Instance(granted).open(label.to_owned()).await;
            assert!(matches!(opened, Err(Error::AccessDenied)), "{label}");
        }
    }
}
