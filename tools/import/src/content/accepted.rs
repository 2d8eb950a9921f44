//! What is imported of the types that are known.

use std::fmt;

use super::formats::FORMATS;
use super::kind::Format;
use super::unfit::Unfit;

/// The limits of an import: how large its images are, and of which types.
#[derive(Debug, Clone)]
pub struct Accepted {
    max_bytes: u64,
    types: Vec<&'static str>,
}

impl Accepted {
    /// Images of at most `max_bytes`, of the types that browsers show and of `types` beyond those.
    ///
    /// # Errors
    /// One of `types` is not a media type that is known here.
    pub fn new<T: AsRef<str>>(
        max_bytes: u64,
        types: impl IntoIterator<Item = T>,
    ) -> Result<Self, UnknownType> {
        let types = types.into_iter().map(|name| known(name.as_ref()));
        Ok(Self {
            max_bytes,
            types: types.collect::<Result<_, _>>()?,
        })
    }

    /// Larger images are refused.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// # Errors
    /// Files of this format or of this size are refused.
    pub(super) fn admit(&self, format: &Format, size_bytes: u64) -> Result<(), Unfit> {
        let media_type = format.kind.mime_type;
        if !format.shown && !self.types.contains(&media_type) {
            return Err(Unfit::Refused(format!(
                "is {} ({media_type}), which browsers do not show: \
                 convert it, or let it in with --allow-type {media_type}",
                format.name
            )));
        }
        if size_bytes > self.max_bytes {
            return Err(Unfit::Refused(format!(
                "has {size_bytes} bytes, more than the limit of {} (--max-bytes)",
                self.max_bytes
            )));
        }
        Ok(())
    }
}

fn known(name: &str) -> Result<&'static str, UnknownType> {
    media_types()
        .find(|media_type| media_type.eq_ignore_ascii_case(name))
        .ok_or_else(|| UnknownType(name.to_owned()))
}

fn media_types() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().map(|format| format.kind.mime_type)
}

/// A media type that no file is recognised as.
#[derive(Debug)]
pub struct UnknownType(String);

impl std::error::Error for UnknownType {}

impl fmt::Display for UnknownType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = media_types().collect::<Vec<_>>().join(", ");
        write!(
            formatter,
            "{} is not a known type of image; these are: {known}",
            self.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_is_not_known_is_refused_with_a_list_of_those_that_are() {
        for name in ["image/tif", "tiff", "", "image/*"] {
            let message = Accepted::new(1, [name]).unwrap_err().to_string();

            assert!(
                message.starts_with(&format!("{name} is not a known type of image; these are: ")),
                "{message}"
            );
            for media_type in media_types() {
                assert!(message.contains(media_type), "{media_type}");
            }
        }
    }

    #[test]
    fn a_media_type_is_known_in_either_case() {
        let accepted = Accepted::new(1, ["IMAGE/Tiff"]).unwrap();

        assert_eq!(accepted.types, ["image/tiff"]);
    }
}
