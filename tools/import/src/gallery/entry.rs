//! One image of the list.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::content::Dimensions;
use crate::record::Record;

/// An image as the page shows it.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The id in its URL.
    pub id: Uuid,
    /// Name of the file that it came from, without its folder.
    pub name: String,
    /// Its media type.
    pub mime_type: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its size on a page, where it is known.
    pub dimensions: Option<Dimensions>,
    /// A data URL to show until it is there.
    pub placeholder: Option<String>,
    /// All that it has; `None` where they are to be left as they are.
    pub sizes: Option<Vec<SizeListed>>,
}

/// One image of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub id: Uuid,
    /// Path on the application's own origin.
    url: String,
    pub name: String,
    mime_type: String,
    size_bytes: u64,
    /// In pixels; `null` where it is not known.
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<SizeListed>,
}

/// An image in another width, which is an image of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeListed {
    /// Its own id.
    pub id: Uuid,
    /// Path on the application's own origin.
    pub url: String,
    /// Media type.
    pub mime_type: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl From<Picture> for Entry {
    fn from(picture: Picture) -> Self {
        Self {
            id: picture.id,
            url: url_of(picture.id),
            name: picture.name,
            mime_type: picture.mime_type,
            size_bytes: picture.size_bytes,
            width: picture.dimensions.map(|dimensions| dimensions.width),
            height: picture.dimensions.map(|dimensions| dimensions.height),
            placeholder: picture.placeholder,
            sizes: picture.sizes.unwrap_or_default(),
        }
    }
}

impl Entry {
    /// Its own, and those of its sizes.
    pub fn ids(&self) -> impl Iterator<Item = Uuid> {
        let sizes = self.sizes.iter().map(|size| size.id);
        [self.id].into_iter().chain(sizes)
    }

    /// Takes over the sizes, where there is something to say of them, and what was not known.
    pub fn learn(&mut self, picture: Picture) {
        if let Some(sizes) = picture.sizes {
            self.sizes = sizes;
        }
        if self.placeholder.is_none() {
            self.placeholder = picture.placeholder;
        }
        if let (None, None, Some(Dimensions { width, height })) =
            (self.width, self.height, picture.dimensions)
        {
            (self.width, self.height) = (Some(width), Some(height));
        }
    }
}

impl SizeListed {
    /// The image with this id and record.
    pub fn of(id: Uuid, record: &Record, dimensions: Dimensions) -> Self {
        Self {
            id,
            url: url_of(id),
            mime_type: record.mime_type.clone(),
            size_bytes: record.size_bytes,
            width: dimensions.width,
            height: dimensions.height,
        }
    }
}

/// Where any application serves an image.
fn url_of(id: Uuid) -> String {
    format!("/api/v1/images/{}/file", id.hyphenated())
}
