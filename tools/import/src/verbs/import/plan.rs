//! What is to be made of a file, by what the list for a page says of it.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use uuid::Uuid;

use crate::content::{Accepted, Content, Raster, Reading, Source};
use crate::gallery::{Listed, SizeListed};
use crate::record::Record;
use crate::sizes::{self, Made, Size, Widths};

/// What an import makes of its files.
pub struct Plan {
    pub accepted: Accepted,
    /// `None`: sizes stay as they are.
    pub widths: Option<Widths>,
    /// What the list says; `None` where there is none.
    pub listed: Option<HashMap<Uuid, Listed>>,
}

/// What a file is, and all that was made of it.
#[derive(Debug)]
pub enum Prepared {
    Image(Box<Image>),
    /// Something else than an image of a known type.
    OtherFile,
    /// Nothing to import, for this reason.
    Refused(String),
}

/// An image, ready to be brought in.
#[derive(Debug)]
pub struct Image {
    pub content: Content,
    pub source: Source,
    /// `None` where they stay as they are.
    pub sizes: Option<Sizes>,
    pub placeholder: Option<String>,
}

/// The sizes of an image.
#[derive(Debug, Default)]
pub struct Sizes {
    /// Those that the list has already.
    pub kept: Vec<SizeListed>,
    pub made: Vec<Size>,
    /// Why there are not all.
    pub reason: Option<String>,
}

impl Plan {
    /// Reads a file and makes what it lacks, those widths that the list has and that are lost among it.
    pub fn prepare(&self, file: &Path, lost: &BTreeSet<u32>) -> Prepared {
        match Reading::of(file, &self.accepted, self.listed.is_some()) {
            Reading::OtherFile => Prepared::OtherFile,
            Reading::Refused(reason) => Prepared::Refused(reason),
            Reading::Image(content, source, raster) => {
                let (sizes, placeholder) = self.make(&content, raster, lost);
                Prepared::Image(Box::new(Image {
                    content,
                    source,
                    sizes,
                    placeholder,
                }))
            }
        }
    }

    fn make(
        &self,
        content: &Content,
        raster: Option<Raster>,
        lost: &BTreeSet<u32>,
    ) -> (Option<Sizes>, Option<String>) {
        let Some(listed) = &self.listed else {
            return (None, None);
        };
        let (id, _) = Record::of(content);
        let listed = listed.get(&id).cloned().unwrap_or_default();
        let width = content.dimensions.map_or(0, |dimensions| dimensions.width);
        let width = if raster.is_some() { width } else { 0 };
        let wanted = self.widths.as_ref().map(|widths| widths.below(width));
        let mut sizes = wanted.as_ref().map(|wanted| {
            let mut sizes = Sizes {
                kept: listed.sizes,
                ..Sizes::default()
            };
            let stays = |width: &u32| wanted.contains(width) && !lost.contains(width);
            sizes.kept.retain(|size| stays(&size.width));
            sizes
        });
        let kept = sizes.iter().flat_map(|sizes| &sizes.kept);
        let kept: BTreeSet<u32> = kept.map(|size| size.width).collect();
        let wanted = wanted.unwrap_or_default();
        let missing: BTreeSet<u32> = wanted.difference(&kept).copied().collect();
        let Some(raster) = raster.filter(|_| !missing.is_empty() || !listed.has_placeholder) else {
            return (sizes, None);
        };
        match made(raster, &wanted, &missing) {
            Ok(made) => {
                if let Some(sizes) = &mut sizes {
                    sizes.take(made.sizes, self.accepted.max_bytes());
                }
                (sizes, made.placeholder)
            }
            Err(reason) => {
                if let Some(sizes) = sizes.as_mut().filter(|_| !missing.is_empty()) {
                    sizes.reason = Some(reason);
                }
                (sizes, None)
            }
        }
    }
}

impl Sizes {
    /// Those that the application does not refuse for their length.
    fn take(&mut self, mut made: Vec<Size>, max_bytes: u64) {
        let all = made.len();
        made.retain(|size| size.content.size_bytes <= max_bytes);
        if made.len() < all {
            self.reason = Some(format!(
                "has sizes of more bytes than the limit of {max_bytes} (--max-bytes)"
            ));
        }
        self.made = made;
    }
}

/// An encoder may panic at what nobody has foreseen: the image is imported all the same.
fn made(raster: Raster, widths: &BTreeSet<u32>, missing: &BTreeSet<u32>) -> Result<Made, String> {
    catch_unwind(AssertUnwindSafe(|| sizes::make(raster, widths, missing)))
        .unwrap_or_else(|_| Err("cannot be resized: its resizer failed".to_owned()))
}
