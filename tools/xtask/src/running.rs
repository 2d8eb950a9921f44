//! What a running `cargo xtask up` leaves in its data folder for others that work with it.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use crate::data_folder::DataFolder;
use crate::metadata_store::MetadataStore;
use crate::project;
use crate::settings::Storage;

/// Where the application of a data folder answers, and what opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The application's origin.
    pub api: String,
    /// What opens its records route.
    pub records_token: String,
    /// Storage's origin.
    pub s3_endpoint: String,
    s3_region: String,
    s3_bucket: String,
    s3_access_key_id: String,
    s3_secret_access_key: String,
    /// Where its records are, as its setting `metadata_store` says it.
    metadata_store: String,
    /// The gallery's origin, if there is a gallery.
    gallery: Option<String>,
    /// The widths that its images are made in, as the importer takes them.
    sizes: String,
}

impl Running {
    /// An application on this storage.
    pub fn on(
        storage: &Storage,
        api: String,
        records_token: String,
        metadata: MetadataStore,
        gallery: Option<String>,
        sizes: String,
    ) -> Self {
        Self {
            api,
            sizes,
            records_token,
            metadata_store: metadata.name().to_owned(),
            gallery,
            s3_endpoint: storage.endpoint.clone(),
            s3_region: storage.region.clone(),
            s3_bucket: storage.bucket.clone(),
            s3_access_key_id: storage.access_key_id.clone(),
            s3_secret_access_key: storage.secret_access_key.clone(),
        }
    }

    /// Leaves it in the data folder, for its owner's eyes alone.
    ///
    /// # Errors
    /// When the file cannot be written; the text names it.
    pub fn write(&self, data: &DataFolder) -> anyhow::Result<()> {
        let file = data.running();
        let write = || {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            // Made anew: an older one would keep its looser permissions.
            let _ = std::fs::remove_file(&file);
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            options
                .open(&file)?
                .write_all(&serde_json::to_vec_pretty(self)?)
        };
        write().with_context(|| format!("cannot write {}", project::shown(&file)))
    }

    /// What `up` has left.
    ///
    /// # Errors
    /// What to start, where there is nothing.
    pub fn read(data: &DataFolder) -> anyhow::Result<Self> {
        let file = data.running();
        // One that was killed has left its file.
        ensure!(
            data.is_in_use() && file.exists(),
            "no application runs on {}: start it by `cargo xtask up`, with the same --data",
            project::shown(data.folder())
        );
        let cannot_read = || format!("cannot read {}", project::shown(&file));
        let text = std::fs::read(&file).with_context(cannot_read)?;
        serde_json::from_slice(&text)
            .with_context(|| format!("cannot use {}", project::shown(&file)))
    }

    /// Takes it out of the data folder.
    pub fn forget(data: &DataFolder) {
        // Whoever reads it later learns that nobody answers.
        let _ = std::fs::remove_file(data.running());
    }

    /// What tells the importer of it, whatever else its environment says.
    pub fn importer_environment(&self, data: &DataFolder) -> Vec<(&'static str, OsString)> {
        let Self {
            api,
            records_token,
            s3_endpoint,
            s3_region,
            s3_bucket,
            s3_access_key_id,
            s3_secret_access_key,
            metadata_store: _,
            gallery: _,
            sizes,
        } = self;
        let texts = [
            ("IMAGE_PROXY_RECORDS", api.as_str()),
            ("IMAGE_PROXY_RECORDS_TOKEN", records_token),
            ("SPIN_VARIABLE_S3_ENDPOINT", s3_endpoint),
            ("SPIN_VARIABLE_S3_REGION", s3_region),
            ("SPIN_VARIABLE_S3_BUCKET", s3_bucket),
            ("SPIN_VARIABLE_S3_ADDRESSING_STYLE", "path"),
            ("SPIN_VARIABLE_S3_ACCESS_KEY_ID", s3_access_key_id),
            ("SPIN_VARIABLE_S3_SECRET_ACCESS_KEY", s3_secret_access_key),
            ("SPIN_VARIABLE_S3_SESSION_TOKEN", ""),
            ("IMAGE_PROXY_SIZES", sizes),
            // Both are on this machine.
            ("NO_PROXY", "*"),
        ];
        let gallery = ("IMAGE_PROXY_GALLERY", data.gallery().into());
        texts
            .map(|(name, value)| (name, value.into()))
            .into_iter()
            .chain([gallery])
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn running() -> Running {
        let storage = Storage::read(&project::runtime_config()).unwrap();
        Running::on(
            &storage,
            "http://127.0.0.1:3000".into(),
            "a token".into(),
            MetadataStore::Sqlite,
            Some("http://127.0.0.1:4200".into()),
            "320,640".into(),
        )
    }

    #[test]
    fn what_up_leaves_is_found_again_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path()).unwrap();

        let lock = data.lock().unwrap();
        running().write(&data).unwrap();
        running().write(&data).unwrap();

        assert_eq!(Running::read(&data).unwrap(), running());
        let mode = data.running().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Running::forget(&data);
        let error = Running::read(&data).unwrap_err().to_string();
        assert!(error.contains("cargo xtask up"), "{error}");
        drop(lock);
    }

    #[test]
    fn what_an_up_that_was_killed_has_left_is_not_taken_for_a_running_one() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path()).unwrap();

        drop(data.lock().unwrap());
        running().write(&data).unwrap();

        let error = Running::read(&data).unwrap_err().to_string();
        assert!(error.contains("cargo xtask up"), "{error}");
    }

    #[test]
    fn an_importer_learns_of_the_application_its_storage_and_the_gallery() {
        let data = DataFolder::at("somewhere".as_ref()).unwrap();

        let environment = running().importer_environment(&data);

        let value = |name: &str| {
            let mut pairs = environment.iter();
            pairs.find(|pair| pair.0 == name).unwrap().1.clone()
        };
        assert_eq!(value("IMAGE_PROXY_RECORDS"), "http://127.0.0.1:3000");
        assert_eq!(value("IMAGE_PROXY_RECORDS_TOKEN"), "a token");
        assert_eq!(value("SPIN_VARIABLE_S3_BUCKET"), "images");
        assert_eq!(value("IMAGE_PROXY_SIZES"), "320,640");
        assert_eq!(value("IMAGE_PROXY_GALLERY"), data.gallery());
    }
}
