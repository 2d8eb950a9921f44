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
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::KeyValue => "key-value",
        }
    }

    /// The file that Spin gives a component as its store `default`.
    pub(crate) fn file(self, data: &DataFolder) -> PathBuf {
        data.state().join(match self {
            Self::Sqlite => "sqlite_db.db",
            Self::KeyValue => "sqlite_key_value.db",
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn a_store_goes_by_the_same_name_on_the_command_line_and_in_the_application() {
        for store in MetadataStore::value_variants() {
            let on_the_command_line = store.to_possible_value().unwrap();

            assert_eq!(on_the_command_line.get_name(), store.name());
        }
    }
}
