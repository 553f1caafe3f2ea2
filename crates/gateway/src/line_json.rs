//! JSON that never breaks a line. JSON lines and server-sent events are split at line ends, and
//! some readers also split at U+0085, U+2028 and U+2029, which JSON leaves as they are. They are
//! escaped here.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// `value` as JSON on one line, without a line end.
pub(crate) fn to_string(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, OneLine))?;
    Ok(String::from_utf8(bytes).expect("serde_json writes UTF-8"))
}

struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        self.write_raw_fragment(writer, text)
    }

    /// In finished JSON these characters can only be within strings, so they can be escaped there.
    fn write_raw_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['\u{85}', '\u{2028}', '\u{2029}']) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let separator = rest[at..].chars().next().expect("the separator was found at this position");
            write!(writer, "\\u{:04x}", u32::from(separator))?;
            rest = &rest[at + separator.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_readers_take_for_a_line_end_is_escaped() {
        let value = serde_json::json!({"a\u{2028}": "x\n\u{85}y\u{2029}", "plain": ["\u{e4}", 1.5]});
        let json = to_string(&value).unwrap();
        assert_eq!(json, r#"{"a\u2028":"x\n\u0085y\u2029","plain":["ä",1.5]}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }
}
