//! Makes characters visible that a terminal would obey or hide: control characters, and characters
//! that change the direction of writing or break lines.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A text of one line, so line breaks become visible, too.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, |letter| letter.escape_default().to_string())
}

/// A text of several lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| letter != '\n' && is_hidden(letter), |letter| letter.escape_default().to_string())
}

/// JSON, which has such characters only in strings. They become escapes of JSON, so the value stays
/// the same.
pub fn json(json: &str) -> Cow<'_, str> {
    let is_hidden = |letter| !matches!(letter, '\n' | '\r' | '\t') && is_hidden(letter);
    escaped(json, is_hidden, |letter| {
        let mut units = [0; 2];
        letter.encode_utf16(&mut units).iter().fold(String::new(), |mut text, unit| {
            // Writing to a `String` can't fail.
            let _ = write!(text, "\\u{unit:04x}");
            text
        })
    })
}

fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escaped(text: &str, is_hidden: impl Fn(char) -> bool, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.chars().any(&is_hidden) {
        return Cow::Borrowed(text);
    }
    let letter = |letter| if is_hidden(letter) { escape(letter) } else { String::from(letter) };
    Cow::Owned(text.chars().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_visible() {
        let text = "a\u{1b}[2J\u{9b}31m\u{7}\r\n\u{202e}b\u{85}ü";
        assert_eq!(line(text), r"a\u{1b}[2J\u{9b}31m\u{7}\r\n\u{202e}b\u{85}ü");
        assert_eq!(lines("a\nb\u{1b}"), "a\nb\\u{1b}");
        assert!(matches!(line("häuser €"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_keeps_its_value() {
        let text = "{\n  \"goalText\": \"a\u{9b}\u{2028}\u{85}b\"\n}";
        let shown = json(text);
        assert_eq!(shown, "{\n  \"goalText\": \"a\\u009b\\u2028\\u0085b\"\n}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&shown), value(text));
    }
}
