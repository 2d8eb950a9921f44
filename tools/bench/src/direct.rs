//! Storage itself, asked by presigned URLs: what everything else is held against.

use crate::served::Served;
use crate::subject::{Site, Subject};

/// The presigned GET.
pub struct Direct;

impl Direct {
    /// Its name in the report.
    pub const NAME: &str = "direct, presigned";
}

impl Subject for Direct {
    fn name(&self) -> String {
        Self::NAME.into()
    }

    fn is_peer(&self) -> bool {
        false
    }

    fn start(&self, site: &Site) -> anyhow::Result<Served> {
        let urls = site.objects.iter().map(|object| site.presigned(object));
        Ok(Served {
            program: None,
            urls: urls.collect::<anyhow::Result<_>>()?,
            unknown_path: None,
        })
    }
}
