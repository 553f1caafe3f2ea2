//! The JSON Schemas of definitions, as in OpenAPI 3.1.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kind::{Kind, Leaf, Tagged};
use super::rule::{Input, Part, Presence};
use super::{Name, Section, paragraphs};

/// The schema of a field.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub(super) name: &'static Name,
    doc: &'static str,
    schema: fn() -> Value,
    is_required: fn() -> bool,
    components: fn(&mut Components),
}

impl Member {
    /// A field with this name and documentation.
    pub const fn new(
        name: &'static Name,
        doc: &'static str,
        schema: fn() -> Value,
        is_required: fn() -> bool,
        components: fn(&mut Components),
    ) -> Self {
        Self { name, doc, schema, is_required, components }
    }

    /// The tag of an object, which determines the other members.
    pub(super) fn tag(name: &'static Name) -> Self {
        Self::new(name, "", || Value::Null, || true, |_| {})
    }

    fn property(&self) -> Value {
        let mut schema = (self.schema)();
        let mut words = paragraphs(self.doc);
        if let Some(unit) = schema.get("x-unit").and_then(Value::as_str) {
            words = format!("{words} In {unit}.");
        }
        if let Some(implied) = schema.as_object_mut().and_then(|schema| schema.remove("x-implied")) {
            words = format!("{words} Where absent: {}.", implied.as_str().unwrap_or_default());
        }
        schema["description"] = words.into();
        schema
    }
}

/// The schemas to which others refer, by name.
#[derive(Debug, Default)]
pub struct Components(BTreeMap<String, Value>);

impl Components {
    /// Adds the schemas of a section and of everything in it.
    pub fn add<S: Section>(&mut self) {
        if self.0.contains_key(S::TITLE) {
            return;
        }
        let members = S::members();
        self.0.insert(S::TITLE.to_owned(), object(S::DOC, &members));
        for member in members {
            (member.components)(self);
        }
    }

    /// Adds the schema to which a single value refers, if it does.
    pub(crate) fn add_leaf<T: Leaf>(&mut self) {
        if let Some((name, schema)) = T::component() {
            self.0.insert(name.to_owned(), schema);
        }
    }

    /// Adds the schemas of a tagged object.
    pub(crate) fn add_tagged<T: Tagged>(&mut self) {
        let (tag, mut refs) = (T::TAG.camel(), Vec::new());
        let mut mapping = serde_json::Map::new();
        for (word, title, doc, members) in T::variants() {
            let mut schema = object(doc, &members);
            schema["properties"][tag] =
                json!({"type": "string", "const": word, "description": "The kind of the object."});
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            schema["required"] = std::iter::once(tag.into()).chain(required).collect();
            self.0.insert(title.to_owned(), schema);
            refs.push(reference(title));
            mapping.insert(word.to_owned(), format!("#/components/schemas/{title}").into());
            for member in members {
                (member.components)(self);
            }
        }
        let schema = json!({
            "description": paragraphs(T::DOC),
            "oneOf": refs,
            "discriminator": {"propertyName": tag, "mapping": mapping},
        });
        self.0.insert(T::TITLE.to_owned(), schema);
    }

    /// All schemas, by name.
    pub fn into_inner(self) -> BTreeMap<String, Value> {
        self.0
    }
}

fn object(doc: &str, members: &[Member]) -> Value {
    let properties: serde_json::Map<_, _> =
        members.iter().map(|member| (member.name.usual().to_owned(), member.property())).collect();
    let required: Vec<_> =
        members.iter().filter(|member| (member.is_required)()).map(|member| member.name.usual()).collect();
    let mut schema = json!({
        "type": "object",
        "description": paragraphs(doc),
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// A reference to the schema with this name.
pub(crate) fn reference(title: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{title}")})
}

/// A field with one value.
pub(super) fn of_input<T: Leaf>(rule: &Input<T>) -> Value {
    let mut schema = of_item(rule);
    if !matches!(rule.presence, Presence::Required) {
        schema = nullable(schema);
    }
    match rule.presence {
        Presence::Default(value) => schema["default"] = json!(T::of(value)),
        Presence::Implied(words) => schema["x-implied"] = words.into(),
        Presence::Required | Presence::Optional => {}
    }
    schema
}

/// One value, in a field or a list.
pub(super) fn of_item<T: Leaf>(rule: &Input<T>) -> Value {
    let mut schema = T::schema(&rule.rule);
    if !rule.unit.is_empty() {
        schema["x-unit"] = rule.unit.into();
    }
    if let Some(example) = rule.example {
        schema["examples"] = json!([T::of(example)]);
    }
    schema
}

/// The schema that also allows null, which means an absent field.
fn nullable(mut schema: Value) -> Value {
    let is_simple = schema.get("enum").is_none() && schema["type"].is_string();
    if is_simple {
        schema["type"] = json!([schema["type"], "null"]);
        return schema;
    }
    // The description of the field stays outside of the choice.
    let mut outer = json!({});
    for key in ["x-unit", "examples"] {
        if let Some(value) = schema.as_object_mut().and_then(|schema| schema.remove(key)) {
            outer[key] = value;
        }
    }
    let choices = match schema.as_object_mut().and_then(|schema| schema.remove("oneOf")) {
        Some(Value::Array(choices)) => choices,
        _ => vec![schema],
    };
    outer["anyOf"] = choices.into_iter().chain([json!({"type": "null"})]).collect();
    outer
}

/// A field with an object of this schema.
pub(crate) fn of_part(part: Part, title: &str) -> Value {
    if part.is_required { reference(title) } else { json!({"anyOf": [reference(title), {"type": "null"}]}) }
}

/// A list.
pub(crate) fn of_list(part: Part, item: &Value) -> Value {
    let mut schema = json!({"type": "array", "items": item});
    if part.entries_min > 0 {
        schema["minItems"] = part.entries_min.into();
    }
    if part.entries_max < usize::MAX {
        schema["maxItems"] = part.entries_max.into();
    }
    if part.is_required { schema } else { nullable(schema) }
}

/// A seed: a number of 64 bits, or the same as a string.
pub(super) fn of_seed() -> Value {
    let max = u64::MAX.to_string();
    // Numbers with fewer digits, and those that have a smaller digit somewhere and the same digits
    // before it.
    let smaller = max.char_indices().filter_map(|(at, digit)| {
        let low = if at == 0 { '1' } else { '0' };
        let high = char::from_digit(digit.to_digit(10)?.checked_sub(1)?, 10).filter(|high| *high >= low)?;
        Some(format!("{}[{low}-{high}][0-9]{{{}}}", &max[..at], max.len() - at - 1))
    });
    let shorter = format!("[0-9]{{1,{}}}", max.len() - 1);
    let choices: Vec<_> = std::iter::once(shorter).chain(smaller).chain([max.clone()]).collect();
    json!({"oneOf": [
        {"type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX},
        {"type": "string", "pattern": format!("^0*({})$", choices.join("|"))},
    ]})
}

impl Part {
    /// Whether the field is required.
    pub(crate) fn is_required(&self) -> bool {
        self.is_required
    }
}

/// The schema of a field with this type and rule.
pub fn of<K: Kind>(rule: &K::Rule) -> Value {
    K::schema(rule)
}
