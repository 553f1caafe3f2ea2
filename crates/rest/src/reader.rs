//! Reading objects field by field, so that every fault of names and types is known at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::problem::FieldError;
use crate::request::Seed;

/// The longest text that is repeated to whom it came from.
const SHOWN_BYTES_MAX: usize = 40;

/// One object of the body, the names read from it so far, and where faults go.
pub(crate) struct Object<'a> {
    /// `None` where there is no object to read from: every field of it is absent.
    fields: Option<&'a Map<String, Value>>,
    pointer: String,
    known: BTreeSet<String>,
    /// What the object is a part of, for who meets a field that isn't.
    whole: &'static str,
    faults: &'a mut Vec<FieldError>,
}

impl<'a> Object<'a> {
    /// Reads `value`, which stands at `pointer` and belongs to `whole`, as in "a simulation request".
    pub(crate) fn new(
        value: &'a Value,
        pointer: String,
        whole: &'static str,
        faults: &'a mut Vec<FieldError>,
    ) -> Self {
        let fields = value.as_object();
        if fields.is_none() {
            faults.push(FieldError::new(&pointer, format!("must be an object, not {}", kind(value))));
        }
        Self { fields, pointer, known: BTreeSet::new(), whole, faults }
    }

    /// The value of a field, under either of its spellings; an explicit null is an absent field.
    fn take(&mut self, name: &str) -> Option<&'a Value> {
        let snake = snake_case(name);
        let fields = self.fields?;
        let (camel_value, snake_value) = (fields.get(name), fields.get(&snake));
        if snake != name && camel_value.is_some() && snake_value.is_some() {
            self.fault(name, format!("is given twice, as {name} and as {snake}"));
        }
        self.known.extend([name.to_owned(), snake]);
        camel_value.or(snake_value).filter(|value| !value.is_null())
    }

    fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let read = read(value);
        if read.is_none() {
            self.fault(name, format!("must be {expected}, not {}", kind(value)));
        }
        read
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<f64> {
        self.read(name, "a number", Value::as_f64)
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, "true or false", Value::as_bool)
    }

    pub(crate) fn whole(&mut self, name: &str) -> Option<u64> {
        self.read(name, "a whole number, not negative", whole)
    }

    /// Any object, as it is.
    pub(crate) fn map(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        self.read(name, "an object", Value::as_object)
    }

    /// One of these words, as `word` spells them.
    pub(crate) fn one_of<T: Copy>(
        &mut self,
        name: &str,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Option<T> {
        let value = self.take(name)?;
        let named = all.iter().copied().find(|one| Some(word(*one)) == value.as_str());
        if named.is_none() {
            let words: Vec<_> = all.iter().map(|one| word(*one)).collect();
            let text = value.as_str().filter(|text| text.len() <= SHOWN_BYTES_MAX);
            let told = text.map_or_else(|| kind(value), |text| format!("{text:?}"));
            self.fault(name, format!("must be one of {}, not {told}", words.join(", ")));
        }
        named
    }

    /// A whole number of a range.
    pub(crate) fn within(&mut self, name: &str, min: u64, max: u64) -> Option<u32> {
        self.read(name, &format!("a whole number from {min} to {max}"), |value| {
            whole(value).filter(|number| (min..=max).contains(number))?.try_into().ok()
        })
    }

    /// Whether a fault of this field, or of the object as a whole, is known already.
    pub(crate) fn is_at_fault(&self, name: &str) -> bool {
        let pointer = format!("{}/{name}", self.pointer);
        self.fields.is_none() || self.faults.iter().any(|fault| fault.pointer == pointer)
    }

    pub(crate) fn seed(&mut self, name: &str) -> Option<Seed> {
        self.read(name, "a whole number of 64 bits, or one in a text", |value| {
            value.as_u64().or_else(|| value.as_str()?.parse().ok()).map(Seed)
        })
    }

    pub(crate) fn amounts(&mut self, name: &str) -> Option<BTreeMap<String, f64>> {
        let entries = self.read(name, "an object", Value::as_object)?;
        let mut amounts = BTreeMap::new();
        for (entry, value) in entries {
            if let Some(amount) = value.as_f64() {
                amounts.insert(entry.clone(), amount);
            } else {
                let path = format!("{name}/{}", escape(entry));
                self.fault(&path, format!("must be a number, not {}", kind(value)));
            }
        }
        Some(amounts)
    }

    pub(crate) fn object<T: Default>(&mut self, name: &str, read: fn(&mut Object<'_>) -> T) -> T {
        let Some(value) = self.take(name) else { return T::default() };
        let pointer = format!("{}/{name}", self.pointer);
        let mut object = Object::new(value, pointer, self.whole, self.faults);
        let shape = read(&mut object);
        object.refuse_others();
        shape
    }

    pub(crate) fn list<T>(&mut self, name: &str, read: fn(&mut Object<'_>) -> T) -> Option<Vec<T>> {
        self.list_of(name, self.whole, read)
    }

    /// A list of objects that are each a whole of their own.
    pub(crate) fn list_of<T>(
        &mut self,
        name: &str,
        whole: &'static str,
        read: fn(&mut Object<'_>) -> T,
    ) -> Option<Vec<T>> {
        let entries = self.read(name, "a list", Value::as_array)?;
        let pointer = format!("{}/{name}", self.pointer);
        let mut list = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let mut object = Object::new(entry, format!("{pointer}/{index}"), whole, self.faults);
            list.push(read(&mut object));
            object.refuse_others();
        }
        Some(list)
    }

    /// Names every field that nobody has asked for: a mistyped name must not silently run the default.
    pub(crate) fn refuse_others(&mut self) {
        for name in self.fields.into_iter().flat_map(Map::keys) {
            if !self.known.contains(name) {
                let pointer = format!("{}/{}", self.pointer, escape(name));
                self.faults.push(FieldError::new(pointer, format!("is not a field of {}", self.whole)));
            }
        }
    }

    pub(crate) fn fault(&mut self, path: &str, message: String) {
        self.faults.push(FieldError::new(format!("{}/{path}", self.pointer), message));
    }
}

/// A whole number, also where it is written as `1e6` or `36.0`.
fn whole(value: &Value) -> Option<u64> {
    /// The largest range in which every whole number is a floating-point number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let number =
            value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=EXACT).contains(number))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in range")]
        Some(number as u64)
    })
}

pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A name as one step of a JSON pointer (RFC 6901, section 3).
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
