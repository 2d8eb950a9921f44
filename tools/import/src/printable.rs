//! Text from elsewhere, in a form that cannot steer a terminal.

use std::fmt::Write as _;

/// `text` with what is not shown as a character of its own escaped: control characters, line breaks,
/// and those that turn the direction of writing.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, character| {
        if is_shown(character) {
            shown.push(character);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", character.escape_default());
        }
        shown
    })
}

/// JSON with the same characters escaped as JSON does it, all of which stand in strings.
pub fn printable_json(json: &str) -> String {
    json.chars().fold(String::new(), |mut shown, character| {
        if is_shown(character) {
            shown.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
        shown
    })
}

/// Quotes are escaped in Rust's own text, and accents too where they stand alone.
fn is_shown(character: char) -> bool {
    let is_format = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !character.is_control() && !is_format
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_escaped_and_all_else_is_shown() {
        for (text, shown) in [
            ("cat.png", "cat.png"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("gnp.\u{202e}exe", "gnp.\\u{202e}exe"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("e\u{301} כלב \"it's\"", "e\u{301} כלב \"it's\""),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn json_is_the_same_json_without_what_could_steer_a_terminal() {
        let name = "a\u{1b}[31m\u{9b}31m\u{202e}\u{61c}\u{e0041}\r\nכלב";

        let shown = printable_json(&serde_json::json!({ "path": name }).to_string());

        assert!(shown.chars().all(is_shown), "{shown:?}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["path"], name);
    }
}
