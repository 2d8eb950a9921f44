//! This project's component, on one of its hosts.

use std::fmt;
use std::net::SocketAddr;
use std::process::Command;

use crate::host::{Host, Name};
use crate::program::Program;
use crate::records;
use crate::served::{Served, UnknownPath};
use crate::settings::{Provider, Settings};
use crate::subject::{Site, Subject};
use crate::work::Work;
use xtask::host::Kind;
use xtask::metadata_store::MetadataStore;
use xtask::project;
use xtask::storage_server::free_ports;
use xtask::wasi::Wasi;

/// What opens the records route.
const RECORDS_TOKEN: &str = "records-of-the-benchmark";

/// Where it has its stores, within the folder that a subject is given.
const STATE: &str = "state";

/// Largest image that is kept where images are kept, in bytes.
const KEPT_BYTES: u64 = 131_072;

/// The component as one may set it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// What runs it.
    pub host: Kind,
    /// Where its records are.
    pub records: MetadataStore,
    /// Whether it keeps small images in the key-value store once they were served.
    pub keeps_images: bool,
    /// Where the host looks its settings up.
    pub settings: Provider,
    /// Which of the components it is.
    pub wasi: Wasi,
}

impl Setup {
    /// With records in this store, every image from storage, and settings where they are fast.
    pub fn with(host: Kind, records: MetadataStore) -> Self {
        Self {
            host,
            records,
            keeps_images: false,
            settings: Provider::Static,
            wasi: Wasi::V0_2,
        }
    }

    /// The same with the component for Spin 4.1 and later.
    pub fn on_wasi_0_3(self) -> Self {
        Self {
            wasi: Wasi::V0_3,
            ..self
        }
    }

    /// The same, with small images kept.
    pub fn keeping_images(self) -> Self {
        Self {
            keeps_images: true,
            ..self
        }
    }

    /// The same, with all settings in the environment.
    pub fn reading_the_environment(self) -> Self {
        Self {
            settings: Provider::Environment,
            ..self
        }
    }
}

/// Its name in the report.
impl fmt::Display for Setup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = match self.records {
            MetadataStore::Sqlite => "SQLite",
            MetadataStore::KeyValue => "key-value",
        };
        let kept = if self.keeps_images { ", kept" } else { "" };
        let settings = match self.settings {
            Provider::Static => "",
            Provider::Environment => ", settings in the environment",
        };
        let wasi = match self.wasi {
            Wasi::V0_2 => "",
            Wasi::V0_3 => ", WASI 0.3",
        };
        write!(
            formatter,
            "image-proxy, {}, {records}{kept}{settings}{wasi}",
            Name(self.host)
        )
    }
}

/// The component on a host.
pub struct Component {
    host: Host,
    setup: Setup,
}

impl Component {
    /// On `host`, which is that of the setup.
    pub fn on(host: Host, setup: Setup) -> Self {
        Self { host, setup }
    }

    fn command(&self, site: &Site, listen: SocketAddr) -> anyhow::Result<Command> {
        let manifest = project::root().join(self.setup.wasi.manifest());
        let mut command = self.host.up(&manifest, listen, &site.folder.join(STATE));
        if self.setup.records == MetadataStore::Sqlite {
            let migration = format!("@{}", project::migration().display());
            command.args(["--sqlite", &migration]);
        }
        self.settings(site)?.give(&mut command, self.setup.settings);
        Ok(command)
    }

    fn settings(&self, site: &Site) -> anyhow::Result<Settings> {
        let storage = site.storage;
        let kept = if self.setup.keeps_images {
            KEPT_BYTES
        } else {
            0
        };
        let mut settings = Settings::of_the_manifest(&project::manifest())?;
        settings.set("s3_endpoint", &storage.endpoint);
        settings.set("s3_region", &storage.region);
        settings.set("s3_bucket", &storage.bucket);
        settings.set("s3_access_key_id", &storage.access_key_id);
        settings.set("s3_secret_access_key", &storage.secret_access_key);
        settings.set("metadata_store", self.setup.records.name());
        settings.set("records_token", RECORDS_TOKEN);
        settings.set("cache_max_bytes", &kept.to_string());
        Ok(settings)
    }
}

impl Subject for Component {
    fn name(&self) -> String {
        self.setup.to_string()
    }

    fn is_peer(&self) -> bool {
        false
    }

    fn takes(&self, work: Work) -> bool {
        // What is not kept is served in the same way as where nothing is.
        !self.setup.keeps_images || matches!(work, Work::Whole(bytes) if bytes <= KEPT_BYTES)
    }

    fn start(&self, site: &Site) -> anyhow::Result<Served> {
        let [port] = free_ports(site.address)?;
        let listen = SocketAddr::new(site.address, port);
        let has_records = site.folder.join(STATE).exists();
        let mut program = Program::start(&mut self.command(site, listen)?, site.folder)?;
        if !has_records {
            program.wait_until_it_answers(&format!("http://{listen}/readyz"))?;
            records::write(listen, RECORDS_TOKEN, site.objects)?;
        }
        Ok(Served {
            program: Some(program),
            urls: site.image_urls(listen),
            unknown_path: Some(UnknownPath::at(listen, 404)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_is_called_by_its_host_its_store_what_it_keeps_and_slow_settings() {
        let setup = Setup::with(Kind::Spin, MetadataStore::KeyValue);

        assert_eq!(setup.to_string(), "image-proxy, Spin, key-value");
        assert_eq!(
            setup.keeping_images().to_string(),
            "image-proxy, Spin, key-value, kept"
        );
        assert_eq!(
            setup.reading_the_environment().to_string(),
            "image-proxy, Spin, key-value, settings in the environment"
        );
        assert_eq!(
            setup.on_wasi_0_3().to_string(),
            "image-proxy, Spin, key-value, WASI 0.3"
        );
        assert_eq!(
            Setup::with(Kind::Embedded, MetadataStore::Sqlite).to_string(),
            "image-proxy, embedded host, SQLite"
        );
    }
}
