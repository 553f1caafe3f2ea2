//! JSON as a server must read it: a name that is given twice in one object is a fault, because every reader would take
//! another one of the two values.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::FieldError;
use crate::reader::escape;

/// Names that are told of, of those that were given twice.
const TWICE_MAX: usize = 100;

/// Reads a text of JSON, and names everything in it that is given twice.
///
/// # Errors
///
/// What is no JSON, with its line and column. Numbers beyond 64-bit floating point and nesting beyond 128 levels are none.
pub fn parse(text: &[u8]) -> Result<(Value, Vec<FieldError>), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mut twice = Vec::new();
    let value = Reader { pointer: &mut String::new(), twice: &mut twice }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, twice))
}

/// Reads one value, which stands at `pointer`.
struct Reader<'a> {
    pointer: &'a mut String,
    twice: &'a mut Vec<FieldError>,
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
            let entry = entries.next_element_seed(Reader { pointer: self.pointer, twice: self.twice })?;
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
            let value = entries.next_value_seed(Reader { pointer: self.pointer, twice: self.twice })?;
            if object.insert(name, value).is_some() && self.twice.len() < TWICE_MAX {
                self.twice.push(FieldError::new(self.pointer.as_str(), "is given twice"));
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
        let (value, twice) = parse(text.as_bytes()).expect("it is JSON");
        assert_eq!(value, serde_json::from_str::<Value>(text).expect("it is JSON"));
        assert_eq!(twice, []);
    }

    #[test]
    fn what_is_given_twice_is_named_wherever_it_is() {
        let (value, twice) =
            parse(br#"{"a": 1, "l": [0, {"x/y": 1, "x/y": 2}], "a": {"a": 3}}"#).expect("it is JSON");
        let pointers: Vec<_> = twice.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/l/1/x~1y", "/a"]);
        assert_eq!(value, json!({"a": {"a": 3}, "l": [0, {"x/y": 2}]}));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place_and_never_overflows_the_stack() {
        let deep = "[".repeat(1_000_000);
        let objects = r#"{"a":"#.repeat(200_000);
        for text in ["", "{", "nan", "1e400", "{} {}", r#"{"a" 1}"#, &deep, &objects] {
            let error = parse(text.as_bytes()).expect_err("it is no JSON").to_string();
            assert!(error.contains(" at line 1 column "), "{error}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }
}
