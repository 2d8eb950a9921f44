//! Spin's key-value store, for records and for images that are kept.

use std::cell::OnceCell;

use spin_sdk::key_value::{Error, Store};

use crate::host_failure::first_line;

/// The manifest's key-value store `default`, opened where it is first asked for something.
///
/// Every failure is told in words.
#[derive(Default)]
pub struct KeyValueStore(OnceCell<Store>);

impl KeyValueStore {
    /// What stands under the key.
    pub fn read(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        self.open()?.get(key).map_err(cause)
    }

    /// Puts a value under the key, whatever stood there.
    pub fn write(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.open()?.set(key, value).map_err(cause)
    }

    /// Takes the key away, if it is there.
    pub fn remove(&self, key: &str) -> Result<(), String> {
        self.open()?.delete(key).map_err(cause)
    }

    fn open(&self) -> Result<&Store, String> {
        if let Some(store) = self.0.get() {
            return Ok(store);
        }
        let store = Store::open_default().map_err(cause)?;
        Ok(self.0.get_or_init(|| store))
    }
}

fn cause(error: Error) -> String {
    match error {
        Error::NoSuchStore => "there is no key-value store 'default'".into(),
        Error::AccessDenied => {
            "the manifest does not grant it: key_value_stores = [\"default\"]".into()
        }
        Error::StoreTableFull => "too many key-value stores are open".into(),
        Error::Other(cause) => first_line(cause),
    }
}
