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
            ImageError::Limits(_) => Self::because("it is too large to be decoded"),
            ImageError::Unsupported(_) => Self::Unsupported(cause),
            _ => Self::Damaged(cause),
        }
    }
}

/// A decoder's cause in one line of plain words: the first word in Rust's own notation ends it, and
/// takes with it the words that only lead there.
fn in_plain_words(cause: &str) -> String {
    let cause = cause.replace("\\n", " ");
    // The decoder of JPEG quotes all that it says.
    let cause = with_names_of_chunks(cause.trim().trim_matches('"'));
    let mut words: Vec<_> = cause.split_whitespace().collect();
    words.pop_if(|last| is_name_of_a_variant(last));
    let plain = words.iter().take_while(|word| !is_notation(word)).count();
    let said = words[..plain].join(" ");
    let said = match said.rfind([':', ',', '(']) {
        Some(end) if plain < words.len() => &said[..end],
        _ => &said,
    };
    match said.trim_end_matches([' ', '.']) {
        "" => "its content is damaged".to_owned(),
        said => said.to_owned(),
    }
}

/// The decoder of PNG writes all fields of a chunk's type, of which the name is enough.
fn with_names_of_chunks(cause: &str) -> String {
    const START: &str = "ChunkType { type: ";
    const END: &str = " }";

    let Some((before, fields)) = cause.split_once(START) else {
        return cause.to_owned();
    };
    let (fields, after) = fields.split_once(END).unwrap_or((fields, ""));
    let is_name = |name: &&str| name.len() == 4 && name.bytes().all(|c| c.is_ascii_alphabetic());
    let name = fields.split(',').next().filter(is_name);
    format!("{before}{}{after}", name.unwrap_or("unknown"))
}

/// Whether a word shows a list, fields, a string, a path, a value in its type or a tuple.
fn is_notation(word: &str) -> bool {
    let begins_tuple = word.starts_with('(') && word.ends_with(',');
    let wraps_value = word
        .split_once('(')
        .is_some_and(|(name, _)| name.starts_with(|first: char| first.is_ascii_uppercase()));
    begins_tuple || wraps_value || word.contains("::") || word.contains(['[', '{', '"', '\\', '='])
}

/// Whether a cause ends in a name such as `BadZlibHeader`.
fn is_name_of_a_variant(word: &str) -> bool {
    let letters = word.as_bytes();
    word.bytes().all(|letter| letter.is_ascii_alphabetic())
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && letters
            .array_windows()
            .any(|[left, right]| left.is_ascii_lowercase() && right.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use image::error::{LimitError, LimitErrorKind};

    use super::*;

    #[test]
    fn a_cause_is_one_line_without_the_notation_of_rust() {
        let cases = [
            ("\"Bogus table\"", "Bogus table"),
            ("\"Invalid length:1\\n\"", "Invalid length:1"),
            ("two\nlines", "two lines"),
            (
                "CRC error: expected 0x1 have 0x2 while decoding ChunkType { type: IHDR } chunk.",
                "CRC error: expected 0x1 have 0x2 while decoding IHDR chunk",
            ),
            (
                "ChunkType { type: I,\\u{7f}R, critical: true } chunk appeared before IHDR chunk",
                "unknown chunk appeared before IHDR chunk",
            ),
            (
                "Image too large (one of (2147483647, 20) > soft limit of 65535)",
                "Image too large",
            ),
            (
                "The decoder for Bmp does not support Unknown bitmap header type (size=57)",
                "The decoder for Bmp does not support Unknown bitmap header type",
            ),
            (
                "Corrupt deflate stream. BadZlibHeader",
                "Corrupt deflate stream",
            ),
            (
                "Unrecognized critical chunk: XDAT",
                "Unrecognized critical chunk: XDAT",
            ),
            (
                "Invalid Chunk header: [2b, c9, 1, 4c]",
                "Invalid Chunk header",
            ),
            (
                "\"Reason:Invalid component id 9, expected one one of [1, 2, 3]\"",
                "Reason:Invalid component id 9",
            ),
            (
                "Unknown header line with identifier \"a b\"",
                "Unknown header line with identifier",
            ),
            (
                "Missing header line: have height=Some(3), width=None",
                "Missing header line",
            ),
            (
                "Entry(30, 20) and PNG(31, 20) dimensions do not match!",
                "its content is damaged",
            ),
            (
                "is not a power of two(0) in 3 byte(s)",
                "is not a power of two(0) in 3 byte(s)",
            ),
        ];
        for (cause, expected) in cases {
            assert_eq!(in_plain_words(cause), expected);
        }
    }

    #[test]
    fn what_takes_more_than_a_decoder_may_take_is_told_in_our_own_words() {
        let limit = LimitError::from_kind(LimitErrorKind::InsufficientMemory);

        assert_eq!(
            Undecodable::from(ImageError::Limits(limit)),
            Undecodable::because("it is too large to be decoded")
        );
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
