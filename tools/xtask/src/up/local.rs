//! What tells one application on this machine from another.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::address::parse_loopback;
use crate::data_folder::DataFolder;
use crate::metadata_store::MetadataStore;
use crate::project;
use crate::settings::Storage;

/// The options for it.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where records are kept
    #[arg(long, value_enum, default_value_t = MetadataStore::Sqlite)]
    pub metadata: MetadataStore,

    /// Where embedded storage listens [default: where runtime-config.toml says]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_loopback)]
    pub storage: Option<SocketAddr>,

    /// Folder of databases, stored objects and sample images [default: this checkout]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl Options {
    /// Storage as runtime-config.toml describes it, at the address of `--storage` where that is given.
    ///
    /// # Errors
    /// Names the file, and the key that is missing or cannot be used.
    pub fn storage_settings(&self) -> anyhow::Result<Storage> {
        let settings = Storage::read(&project::runtime_config())?;
        Ok(match self.storage {
            Some(address) => settings.at(&format!("http://{address}")),
            None => settings,
        })
    }

    /// The folder of `--data`, or the checkout.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn data_folder(&self) -> anyhow::Result<DataFolder> {
        DataFolder::given(self.data.as_deref())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Result<Options, clap::Error> {
        let words = ["command"].iter().chain(arguments);
        Command::try_parse_from(words).map(|command| command.options)
    }

    #[test]
    fn without_options_it_is_the_application_of_the_checkout() {
        let options = options(&[]).unwrap();

        assert_eq!(options.metadata, MetadataStore::Sqlite);
        assert_eq!(
            options.data_folder().unwrap(),
            DataFolder::at(project::root()).unwrap()
        );
        assert_eq!(
            options.storage_settings().unwrap().endpoint,
            Storage::read(&project::runtime_config()).unwrap().endpoint
        );
    }

    #[test]
    fn an_address_of_storage_takes_the_place_of_the_configured_one() {
        let options = options(&["--storage", "127.0.0.1:9100"]).unwrap();

        let settings = options.storage_settings().unwrap();

        assert_eq!(settings.endpoint, "http://127.0.0.1:9100");
    }
}
