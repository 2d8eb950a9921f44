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

/// What a store is kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of `SQLite`.
    File(PathBuf),
    /// A database of a libSQL server.
    LibSql {
        /// `http`, `https` or `libsql`.
        url: String,
        /// What the server knows us by.
        token: Option<String>,
    },
}

impl Database {
    /// What `argument` means: a URL, or else a file.
    pub fn named(argument: &str, token: Option<&str>) -> Self {
        let is_url = ["http://", "https://", "libsql://"]
            .iter()
            .any(|scheme| argument.starts_with(scheme));
        if is_url {
            Self::LibSql {
                url: argument.to_owned(),
                token: token.map(str::to_owned),
            }
        } else {
            Self::File(argument.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_file_unless_it_is_a_url() {
        for (argument, is_file) in [
            ("images.db", true),
            ("/var/lib/image-proxy/images.db", true),
            ("http.db", true),
            ("http://127.0.0.1:8080", false),
            ("https://db.example", false),
            ("libsql://db.example", false),
        ] {
            let database = Database::named(argument, None);

            assert_eq!(matches!(database, Database::File(_)), is_file, "{argument}");
        }
    }
}
