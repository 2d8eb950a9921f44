//! Which store holds the records, and where it is kept.

use std::path::PathBuf;

use crate::data_folder::DataFolder;

/// The stores that the application knows, by the names of its variable `metadata_store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MetadataStore {
    /// Rows of the table `images`
    Sqlite,
    /// JSON in the key-value store, one key for each image
    KeyValue,
}

impl MetadataStore {
    /// What the variable `metadata_store` has to be.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::KeyValue => "key-value",
        }
    }

    /// The file that Spin gives a component as its store `default`.
    pub fn file(self, data: &DataFolder) -> PathBuf {
        data.state().join(match self {
            Self::Sqlite => "sqlite_db.db",
            Self::KeyValue => "sqlite_key_value.db",
        })
    }
}
