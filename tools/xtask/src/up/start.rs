//! Storage, gallery and application, started in the order in which each has to know the others.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use uuid::Uuid;

use super::announcement::Announcement;
use super::application::Launch;
use super::programs::Programs;
use super::{Args, address, readiness, samples};
use crate::data_folder::DataFolder;
use crate::metadata_store::MetadataStore;
use crate::project;
use crate::running::Running;
use crate::settings::Storage;

const STORAGE: &str = "storage";
const GALLERY: &str = "the gallery";
const APPLICATION: &str = "the application";

/// What is to be brought up.
pub struct Up<'a> {
    /// What was asked for.
    pub args: &'a Args,
    /// Where it is kept.
    pub data: &'a DataFolder,
    /// Storage, as far as it is known before it listens.
    pub settings: Storage,
    /// What runs the application.
    pub program: &'a Path,
}

impl Up<'_> {
    /// Starts all, storage at this address, and imports the images.
    ///
    /// # Errors
    /// When one of them does not start, or the import fails.
    pub fn start(
        self,
        programs: &mut Programs,
        storage: SocketAddr,
    ) -> anyhow::Result<Announcement> {
        programs.start(STORAGE, &self.storage(storage))?;
        // Its port may have been anybody's choice until now.
        let endpoint = origin(programs.address_of(STORAGE)?);
        let settings = self.settings.clone().at(&endpoint);
        // The gallery listens before the application starts, which has to know its origin.
        let gallery = match self.args.gallery() {
            Some(address) => {
                programs.start(GALLERY, &self.gallery(address))?;
                Some(programs.address_of(GALLERY)?)
            }
            None => None,
        };
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let origins = gallery.map(allowed_origins);
        programs.start(
            APPLICATION,
            &self.application(&settings, &token, origins.as_deref()),
        )?;
        let application = address::reachable(programs.address_of(APPLICATION)?);
        readiness::ensure(application, &self.data.log())?;
        let api = origin(application);

        let metadata = self.args.local.metadata;
        let running = Running::on(
            &settings,
            api.clone(),
            token,
            metadata,
            gallery.map(origin),
            self.args.sizes.clone(),
        );
        running.write(self.data)?;
        Ok(Announcement {
            samples: samples::import(programs, &running, self.data)?,
            objects: settings.endpoint,
            records: metadata.file(self.data),
            gallery,
            api,
        })
    }

    fn storage(&self, listen: SocketAddr) -> Command {
        let mut command = Command::new(project::storage());
        command
            .args([
                "--listen",
                &listen.to_string(),
                "--bucket",
                &self.settings.bucket,
                "--folder",
            ])
            .arg(self.data.objects())
            .env("STORAGE_ACCESS_KEY_ID", &self.settings.access_key_id)
            .env(
                "STORAGE_SECRET_ACCESS_KEY",
                &self.settings.secret_access_key,
            );
        command
    }

    fn gallery(&self, listen: SocketAddr) -> Command {
        let mut command = Command::new(project::gallery_program());
        command
            .args(["serve", "--listen", &listen.to_string(), "--page"])
            .arg(project::gallery())
            .arg("--pictures")
            .arg(self.data.gallery())
            .arg("--running")
            .arg(self.data.running());
        command
    }

    fn application(&self, storage: &Storage, token: &str, origins: Option<&str>) -> Command {
        let metadata = self.args.local.metadata;
        let mut variables = vec![
            ("s3_endpoint", storage.endpoint.as_str()),
            ("metadata_store", metadata.name()),
        ];
        variables.extend(origins.map(|origins| ("cors_allowed_origins", origins)));
        let launch = Launch {
            program: self.program,
            listen: self.args.listen,
            state: &self.data.state(),
            has_table: metadata == MetadataStore::Sqlite,
            variables: &variables,
            records_token: token,
        };
        launch.command()
    }
}

fn origin(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// The origins by which browsers may name the gallery: of a gallery for other devices, any.
fn allowed_origins(gallery: SocketAddr) -> String {
    match gallery.ip() {
        ip if ip.is_unspecified() => "*".to_owned(),
        ip if ip.is_loopback() => {
            format!("http://{gallery},http://localhost:{}", gallery.port())
        }
        _ => origin(gallery),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_gallery_is_allowed_by_each_name_that_browsers_may_give_it() {
        for (gallery, expected) in [
            (
                "http://127.0.0.1:4200",
                "http://127.0.0.1:4200,http://localhost:4200",
            ),
            ("http://192.0.2.1:4200", "http://192.0.2.1:4200"),
            ("http://0.0.0.0:4200", "*"),
            ("http://[::]:4200", "*"),
        ] {
            let gallery = address::of_origin(gallery).unwrap();

            assert_eq!(allowed_origins(gallery), expected);
        }
    }
}
