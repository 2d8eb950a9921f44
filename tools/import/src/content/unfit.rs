//! Why a file is not imported.

use std::error::Error;
use std::io::{self, ErrorKind};

use image::ImageError;

/// Not an image to import.
#[derive(Debug)]
pub enum Unfit {
    /// Something else than an image of a known type.
    OtherFile,
    /// An image, or what claims to be one, with the reason why it stays out.
    Refused(String),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::Refused(format!("cannot be read: {error}"))
    }
}

/// Why a file is not what it claims to be, or is not known to be, in one line.
#[derive(Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// It is damaged, or something else.
    Damaged(String),
    /// It may be whole, in a variant of its format that nothing here can read.
    Unsupported(String),
}

impl Undecodable {
    pub fn because(cause: impl Into<String>) -> Self {
        Self::Damaged(cause.into())
    }

    pub fn cause(self) -> String {
        match self {
            Self::Damaged(cause) | Self::Unsupported(cause) => cause,
        }
    }
}

impl From<io::Error> for Undecodable {
    fn from(error: io::Error) -> Self {
        ImageError::IoError(error).into()
    }
}

impl From<ImageError> for Undecodable {
    fn from(error: ImageError) -> Self {
        let mut innermost: &(dyn Error + 'static) = match &error {
            ImageError::IoError(error) => error,
            other => other,
        };
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let io_kind = innermost.downcast_ref().map(io::Error::kind);
        if io_kind == Some(ErrorKind::UnexpectedEof) {
            return Self::because("it is cut off");
        }
        let cause = in_plain_words(&innermost.to_string());
        match error {
            ImageError::Unsupported(_) => Self::Unsupported(cause),
            _ => Self::Damaged(cause),
        }
    }
}

/// In one line, and without what decoders write of some causes in Rust's own notation: that of JPEG
/// quotes them, that of PNG adds the fields of a chunk's type.
fn in_plain_words(cause: &str) -> String {
    let cause = cause.replace("\\n", " ");
    let cause = cause
        .split(" while decoding ChunkType")
        .next()
        .unwrap_or_default();
    let words: Vec<_> = cause.trim_matches('"').split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_one_line_without_the_notation_of_rust() {
        let cases = [
            ("\"Bogus table\"", "Bogus table"),
            ("\"Invalid length:1\\n\"", "Invalid length:1"),
            ("two\nlines", "two lines"),
            (
                "CRC error: expected 0x1 have 0x2 while decoding ChunkType { type: IHDR } chunk.",
                "CRC error: expected 0x1 have 0x2",
            ),
        ];
        for (cause, expected) in cases {
            assert_eq!(in_plain_words(cause), expected);
        }
    }

    #[test]
    fn an_end_too_early_is_named_wherever_it_is_met() {
        let early = || io::Error::from(ErrorKind::UnexpectedEof);

        assert_eq!(
            Undecodable::from(early()),
            Undecodable::because("it is cut off")
        );
        assert_eq!(
            Undecodable::from(ImageError::IoError(early())),
            Undecodable::because("it is cut off")
        );
    }
}
