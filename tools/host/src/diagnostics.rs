//! The host's own lines on standard error.

use std::fmt::{self, Display, Write as _};

use crate::standard_error;

/// Writes a line, and one line whatever is quoted in it.
pub fn report(line: impl Display) {
    let line = one_line(&line.to_string());
    standard_error::write(format!("{line}\n").as_bytes());
}

/// Text from elsewhere, quoted within a message.
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", escaped(self.0))
    }
}

/// Line breaks become spaces: they are those of errors that take several lines.
fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    escaped(&lines.join(" "))
}

/// What would break a line, steer a terminal or turn the direction of writing is escaped.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        // Writing to a string cannot fail.
        let _ = if is_shown(character) {
            write!(escaped, "{character}")
        } else {
            write!(escaped, "{}", character.escape_default())
        };
        escaped
    })
}

/// Whether a reader sees the character itself.
pub fn is_shown(character: char) -> bool {
    let is_format = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !character.is_control() && !is_format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_shows_what_can_be_shown_and_escapes_the_rest() {
        for (text, shown) in [
            ("s3_bucket", "`s3_bucket`"),
            ("it's \"a\\b\" כלב", "`it's \"a\\b\" כלב`"),
            ("a\r\nb\u{1b}[31m", "`a\\r\\nb\\u{1b}[31m`"),
            ("a\u{61c}b\u{e0041}", "`a\\u{61c}b\\u{e0041}`"),
            ("gnp.\u{202e}exe\u{2028}", "`gnp.\\u{202e}exe\\u{2028}`"),
        ] {
            assert_eq!(Quoted(text).to_string(), shown);
        }
    }

    #[test]
    fn a_report_is_one_line_whatever_is_in_it() {
        assert_eq!(
            one_line("spin.toml: expected a string\n  found a number\r\n\u{9b}31m"),
            "spin.toml: expected a string found a number \\u{9b}31m"
        );
    }
}
