//! Text from elsewhere within a message.

use std::fmt;

/// Shows text in quotes, and escapes what is not shown as a character of its own: whatever a record
/// or storage says, it breaks no line and steers no terminal.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars() {
            if is_shown(character) {
                write!(f, "{character}")?;
            } else {
                write!(f, "{}", character.escape_default())?;
            }
        }
        f.write_str("\"")
    }
}

/// Whether a reader sees the character itself: it does not control, break lines or turn the direction
/// of writing.
#[must_use]
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
    fn what_cannot_be_shown_is_escaped_and_all_else_stays_as_it_is() {
        for (text, shown) in [
            ("", "\"\""),
            ("image/png", "\"image/png\""),
            ("it's \"a\\b\"", "\"it's \"a\\b\"\""),
            ("a\r\nb\u{1b}[31m\u{9b}", "\"a\\r\\nb\\u{1b}[31m\\u{9b}\""),
            ("gnp.\u{202e}exe\u{2028}", "\"gnp.\\u{202e}exe\\u{2028}\""),
            ("a\u{61c}b\u{e0041}", "\"a\\u{61c}b\\u{e0041}\""),
            ("e\u{301} כלב", "\"e\u{301} כלב\""),
        ] {
            assert_eq!(Quoted(text).to_string(), shown);
        }
    }
}
