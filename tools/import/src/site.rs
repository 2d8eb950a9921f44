//! What every verb works on: an application, its storage, and how to say what becomes of it.

use std::path::PathBuf;

use anyhow::Context as _;
use reqwest::Url;
use uuid::Uuid;

use crate::bucket::Bucket;
use crate::given::given;
use crate::http;
use crate::image_route::{ImageRoute, image_url};
use crate::records_route::RecordsRoute;
use crate::runtime_config::RuntimeConfig;
use crate::storage::StorageOptions;

/// How many images are worked on at the same time by default.
const DEFAULT_PARALLEL: usize = 8;

/// Options that every verb has.
#[derive(Debug, clap::Args)]
pub struct SiteOptions {
    /// Address of the application that keeps the records
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "IMAGE_PROXY_RECORDS",
        hide_env_values = true,
        help_heading = "Application"
    )]
    records: Option<String>,

    /// The application's records token; better by its variable, since others on this machine see options
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "IMAGE_PROXY_RECORDS_TOKEN",
        hide_env_values = true,
        help_heading = "Application"
    )]
    records_token: Option<String>,

    /// Address of the application in the URLs that are printed [default: that of --records]
    #[arg(long, global = true, value_name = "URL", help_heading = "Application")]
    origin: Option<String>,

    /// The application's runtime configuration: its static values stand for options that nobody gives
    #[arg(long, global = true, value_name = "FILE", help_heading = "Application")]
    pub runtime_config_file: Option<PathBuf>,

    #[command(flatten)]
    storage: StorageOptions,

    /// List for a gallery page, which images are added to and removed from
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "IMAGE_PROXY_GALLERY",
        help_heading = "General"
    )]
    gallery: Option<String>,

    /// How many images are worked on at the same time
    #[arg(long, global = true, value_name = "IMAGES", default_value_t = DEFAULT_PARALLEL, value_parser = parallel, help_heading = "General")]
    pub parallel: usize,

    #[command(flatten)]
    pub style: Style,
}

/// How a command says what it does.
#[derive(Debug, Clone, clap::Args)]
pub struct Style {
    /// Change nothing; say what would be done
    #[arg(long, global = true, help_heading = "General")]
    pub dry_run: bool,

    /// One JSON object an image, and one at the end, on standard output
    #[arg(long, global = true, help_heading = "General")]
    pub json: bool,
}

/// An application.
pub struct Application {
    /// Where records are written and read.
    pub records: RecordsRoute,
    /// Where images are served.
    pub images: ImageRoute,
    /// For URLs that are told.
    origin: Url,
}

/// An application and its storage.
pub struct Site {
    pub application: Application,
    /// Where objects are.
    pub bucket: Bucket,
}

impl Application {
    /// Where the application serves an image.
    pub fn image_url(&self, id: Uuid) -> String {
        image_url(&self.origin, id)
    }
}

impl SiteOptions {
    /// Takes from a runtime configuration what nobody has given.
    pub fn complete(&mut self, config: &RuntimeConfig) {
        config.complete(&mut self.records_token, "records_token");
        self.storage.complete(config);
    }

    /// The list for a gallery page, if there is to be one.
    pub fn gallery(&self) -> Option<PathBuf> {
        given(self.gallery.as_ref()).map(PathBuf::from)
    }

    fn token(&self) -> anyhow::Result<String> {
        let token = given(self.records_token.as_ref()).context(
            "set the variable IMAGE_PROXY_RECORDS_TOKEN to the application's records_token",
        )?;
        anyhow::ensure!(
            token.bytes().all(|byte| byte.is_ascii_graphic()),
            "IMAGE_PROXY_RECORDS_TOKEN must be visible ASCII, as the application's records_token is"
        );
        Ok(token)
    }

    /// The application that the options name. Nothing is asked of it yet.
    ///
    /// # Errors
    /// Names the option that is missing or cannot be used.
    pub fn application(&self) -> anyhow::Result<Application> {
        let records = address("--records", self.records.as_ref())?.context(
            "give --records, or the variable IMAGE_PROXY_RECORDS: the address of the application",
        )?;
        let origin = address("--origin", self.origin.as_ref())?;
        let token = self.token()?;
        if http::is_open_to_the_network(&records) {
            eprintln!(
                "warning: the token goes to {records} unencrypted, and who is on the way can read it \
                 and write records: give an address that begins with https://"
            );
        }
        let client = http::client(&records)?;
        Ok(Application {
            images: ImageRoute::new(client.clone(), records.clone()),
            origin: origin.unwrap_or_else(|| records.clone()),
            records: RecordsRoute::new(client, records, token),
        })
    }

    /// The application, and the storage beside it.
    ///
    /// # Errors
    /// As [`application`](Self::application).
    pub fn site(&self) -> anyhow::Result<Site> {
        let application = self.application()?;
        let storage = self.storage.storage()?;
        Ok(Site {
            application,
            bucket: Bucket::open(http::client(&storage.endpoint)?, &storage)?,
        })
    }
}

/// The value is not repeated: it may hold a password.
fn address(option: &str, value: Option<&String>) -> anyhow::Result<Option<Url>> {
    let Some(value) = given(value) else {
        return Ok(None);
    };
    let url = http::origin(&value);
    url.map(Some)
        .map_err(|reason| anyhow::anyhow!("{option} {reason}"))
}

fn parallel(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(images @ 1..=64) => Ok(images),
        _ => Err("must be 1 to 64".to_owned()),
    }
}
