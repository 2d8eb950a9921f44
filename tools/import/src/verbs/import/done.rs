//! What became of a file, as it is told and as it is listed.

use std::path::Path;

use uuid::Uuid;

use crate::content::Dimensions;
use crate::files::Found;
use crate::gallery::{Picture, SizeListed};
use crate::record::Record;
use crate::report::{Entry, Outcome, SizesTold};
use crate::site::Site;

/// What became of a file.
pub enum Done {
    /// The application can serve it: it could before, or from now on.
    Image(Box<Image>),
    /// It is not for the application, for this reason.
    Refused(String),
    /// It is not an image, in a folder that may hold anything.
    PassedOver,
}

/// An image that was brought in.
pub struct Image {
    pub id: Uuid,
    pub record: Record,
    pub dimensions: Option<Dimensions>,
    pub was_there: bool,
    pub placeholder: Option<String>,
    /// `None` where they stay as they are.
    pub sizes: Option<Sizes>,
}

/// The sizes of an image, narrowest first.
#[derive(Default)]
pub struct Sizes {
    pub all: Vec<SizeListed>,
    /// How many of them were brought in now, and their bytes.
    pub made: usize,
    pub made_bytes: u64,
    /// Why there are not all.
    pub reason: Option<String>,
}

impl Done {
    /// The entry of the report and that of the list.
    pub fn told_of(self, found: &Found, site: &Site) -> (Entry, Option<Picture>) {
        let image = match self {
            Self::Refused(reason) => return (Entry::failed(Outcome::Refused, reason), None),
            Self::PassedOver => return (Entry::of(Outcome::PassedOver), None),
            Self::Image(image) => *image,
        };
        let outcome = if image.was_there {
            Outcome::Present
        } else {
            Outcome::Imported
        };
        let url = site.application.image_url(image.id);
        let mut entry = Entry::of(outcome).with_image(image.id, &image.record, url);
        entry.sizes = image.sizes.as_ref().map(Sizes::told);
        let picture = Picture {
            id: image.id,
            name: name_of(found.file()),
            mime_type: image.record.mime_type,
            size_bytes: image.record.size_bytes,
            dimensions: image.dimensions,
            placeholder: image.placeholder,
            sizes: image.sizes.map(|sizes| sizes.all),
        };
        (entry, Some(picture))
    }
}

impl Sizes {
    fn told(&self) -> SizesTold {
        SizesTold {
            count: self.all.len(),
            size_bytes: self.all.iter().map(|size| size.size_bytes).sum(),
            made: self.made,
            made_bytes: self.made_bytes,
            reason: self.reason.clone(),
        }
    }
}

fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}
