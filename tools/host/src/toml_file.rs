//! Reads a TOML file into its type, with errors that fit one line.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a TOML file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or holds a key or a value that its type does not allow.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line of the offending text, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The file asks for something that Spin has and this host does not.
    #[error("{}: `{key}` is a Spin setting that this host does not implement: remove it, or run the application with Spin", path.display())]
    NotImplemented {
        /// The file.
        path: PathBuf,
        /// Dotted path of the key.
        key: String,
    },
}

/// A table of the file, and the keys that Spin allows in it and this host does not implement.
///
/// In `table`, `*` stands for any key, or for every element of an array.
pub struct NotImplemented {
    /// Dotted path of the table; empty for the root.
    pub table: &'static str,
    /// The keys.
    pub keys: &'static [&'static str],
}

/// Reads the file at `path`.
///
/// # Errors
/// When the file cannot be read, has a key of `not_implemented`, or does not fit `T`.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    not_implemented: &[NotImplemented],
) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text, not_implemented)
}

/// Parses `text`, which is the contents of `path`.
///
/// # Errors
/// As [`read`].
pub fn parse<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    not_implemented: &[NotImplemented],
) -> Result<T, Error> {
    // `toml`'s own rendering quotes the offending line, which may hold a secret.
    let malformed = |error: toml::de::Error| Error::Malformed {
        path: path.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().replace('\n', ", "),
    };
    let root: toml::Table = toml::from_str(text).map_err(malformed)?;
    let root = toml::Value::Table(root);
    for NotImplemented { table, keys } in not_implemented {
        if let Some(key) = find(&root, table, keys, "") {
            return Err(Error::NotImplemented {
                path: path.to_owned(),
                key,
            });
        }
    }
    toml::from_str(text).map_err(malformed)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|&byte| byte == b'\n')
        .count()
}

/// The dotted path of the first of `keys` that a table matching `pattern` has.
fn find(value: &toml::Value, pattern: &str, keys: &[&str], at: &str) -> Option<String> {
    if pattern.is_empty() {
        let table = value.as_table()?;
        return keys
            .iter()
            .find(|key| table.contains_key(**key))
            .map(|key| format!("{at}{key}"));
    }
    let (step, rest) = pattern.split_once('.').unwrap_or((pattern, ""));
    match value {
        toml::Value::Table(table) => table
            .iter()
            .filter(|(key, _)| step == "*" || step == *key)
            .find_map(|(key, value)| find(value, rest, keys, &format!("{at}{key}."))),
        toml::Value::Array(array) if step == "*" => {
            array.iter().find_map(|value| find(value, rest, keys, at))
        }
        _ => None,
    }
}
