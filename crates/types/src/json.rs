//! A strict reader of JSON: a name that is twice in one object is a fault, because readers differ
//! in which of the two values they use.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::definition::fault::escape;
use crate::fault::FieldFault;
use crate::limits::FIELD_FAULTS_MAX;

/// A parsed JSON text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The value. For a duplicate name, it has the last one.
    pub value: Value,
    /// A fault for each duplicate name.
    pub duplicates: Vec<FieldFault>,
    text: Vec<u8>,
}

impl Document {
    /// The document `{}`.
    pub fn empty_object() -> Self {
        Self { value: Value::Object(Map::new()), duplicates: Vec::new(), text: b"{}".to_vec() }
    }

    /// A member of the outermost object as it was written, without white space between its parts. A
    /// [`Value`] loses the order of names and digits of large numbers.
    pub fn member(&self, name: &str) -> Option<String> {
        let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(&self.text).ok()?;
        members.get(name).map(|value| without_white_space(value.get()))
    }
}

/// JSON without white space outside of strings.
fn without_white_space(json: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    let keeps = |letter: &char| {
        let keeps = is_text || !letter.is_ascii_whitespace();
        is_text ^= *letter == '"' && !is_escaped;
        is_escaped = is_text && !is_escaped && *letter == '\\';
        keeps
    };
    json.chars().filter(keeps).collect()
}

/// The byte order mark, which some editors write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Parses a JSON text. A byte order mark at its beginning is skipped.
///
/// # Errors
///
/// If the text is not JSON, with line and column. Numbers beyond the range of 64-bit floating point
/// and nesting of more than 128 levels are refused, too.
pub fn parse(mut text: Vec<u8>) -> Result<Document, serde_json::Error> {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(&text);
    let mut duplicates = Vec::new();
    let value =
        Reader { pointer: &mut String::new(), duplicates: &mut duplicates }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Document { value, duplicates, text })
}

/// Reads the value at `pointer`.
struct Reader<'a> {
    pointer: &'a mut String,
    duplicates: &'a mut Vec<FieldFault>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let (mut list, parent) = (Vec::new(), self.pointer.len());
        loop {
            self.pointer.push('/');
            self.pointer.push_str(&list.len().to_string());
            let entry =
                entries.next_element_seed(Reader { pointer: self.pointer, duplicates: self.duplicates })?;
            self.pointer.truncate(parent);
            match entry {
                Some(entry) => list.push(entry),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let (mut object, parent) = (Map::new(), self.pointer.len());
        while let Some(name) = entries.next_key::<String>()? {
            self.pointer.push('/');
            self.pointer.push_str(&escape(&name));
            let value =
                entries.next_value_seed(Reader { pointer: self.pointer, duplicates: self.duplicates })?;
            if object.insert(name, value).is_some() && self.duplicates.len() < FIELD_FAULTS_MAX {
                self.duplicates.push(FieldFault::new(self.pointer.as_str(), "is given twice"));
            }
            self.pointer.truncate(parent);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_read_as_serde_json_reads_it() {
        let text =
            r#"{"a": [1, -2, 3.5, 18446744073709551615, 1e300, "x\u00e9", null, true, {}], "b": {"c": []}}"#;
        let document = parse(text.into()).expect("it is JSON");
        assert_eq!(document.value, serde_json::from_str::<Value>(text).expect("it is JSON"));
        assert_eq!(document.duplicates, []);
    }

    #[test]
    fn a_duplicate_name_is_reported_wherever_it_is() {
        let document = parse(br#"{"a": 1, "l": [0, {"x/y": 1, "x/y": 2}], "a": {"a": 3}}"#.to_vec())
            .expect("it is JSON");
        let pointers: Vec<_> = document.duplicates.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/l/1/x~1y", "/a"]);
        assert_eq!(document.value, json!({"a": {"a": 3}, "l": [0, {"x/y": 2}]}));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place_and_never_overflows_the_stack() {
        let deep = "[".repeat(1_000_000);
        let objects = r#"{"a":"#.repeat(200_000);
        for text in ["", "{", "nan", "1e400", "{} {}", r#"{"a" 1}"#, &deep, &objects] {
            let error = parse(text.into()).expect_err("it is no JSON").to_string();
            assert!(error.contains(" at line 1 column "), "{error}");
        }
        assert!(parse(b"\"\xff\"".to_vec()).is_err());
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(parse(b"\xef\xbb\xbf{}".to_vec()).expect("it is JSON"), Document::empty_object());
        assert!(parse(b"\xef\xbb{}".to_vec()).is_err());
    }

    #[test]
    fn a_member_is_there_as_it_is_written() {
        let text = "{ \"other\": [1], \"m\\u0065\": {\"z\": 123456789012345678901234567890.10,\n\t\"a\": \"b \\\\\\\" \\u00e9\", \"c\":[ ] } }";
        let document = parse(text.into()).expect("it is JSON");
        let written = r#"{"z":123456789012345678901234567890.10,"a":"b \\\" \u00e9","c":[]}"#;
        assert_eq!(document.member("me").as_deref(), Some(written));
        assert_eq!(document.member("m"), None);
        assert_eq!(Document::empty_object().member("me"), None);
    }
}
