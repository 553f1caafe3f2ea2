//! Examples of request and response bodies, by the names of their schemas. Further examples of a
//! schema are named after it, with a point and a word behind it. They are in
//! `examples.json`; a test validates them against the schemas.

use serde_json::{Map, Value, json};

/// All examples, by the names of their schemas.
pub(super) fn all() -> Map<String, Value> {
    serde_json::from_str(include_str!("examples.json")).expect("the examples are JSON, which a test reads")
}

/// The examples as components, to which operations refer.
pub(super) fn components() -> Value {
    all().into_iter().map(|(name, value)| (name, json!({"value": value}))).collect()
}

/// References to the examples of the schema of this name.
pub(super) fn references(schema: &str) -> Value {
    // A submission is a request with a name and a priority.
    let further = if schema == "SubmitJob" { "SimulationRequest" } else { schema };
    let is_of = |name: &String| {
        name == schema || name.split_once('.').is_some_and(|(of, _)| of == schema || of == further)
    };
    let names = all().into_iter().map(|(name, _)| name).filter(is_of);
    names.map(|name| (name.clone(), json!({"$ref": format!("#/components/examples/{name}")}))).collect()
}

/// Adds examples to an operation's request body and responses.
pub(super) fn add(operation: &mut Value) {
    let mut bodies = Vec::new();
    if let Some(fields) = operation.as_object_mut() {
        for (name, field) in fields {
            match name.as_str() {
                "requestBody" => bodies.push(field),
                "responses" => bodies.extend(super::values(field)),
                _ => {}
            }
        }
    }
    for content in bodies.into_iter().flat_map(|body| super::members(body, "content")) {
        if let Some(name) = name_of(&content["schema"]) {
            content["examples"] = references(&name);
        } else if let Some(text) = text(&content["schema"]) {
            content["example"] = text.into();
        }
    }
}

/// The name of the schema in a reference.
fn name_of(schema: &Value) -> Option<String> {
    Some(schema.get("$ref")?.as_str()?.rsplit('/').next()?.to_owned())
}

/// A stream with one item as its example.
fn text(schema: &Value) -> Option<String> {
    let examples = all();
    let example = |schema: &Value| examples.get(&name_of(schema)?).map(Value::to_string);
    if let Some(line) = schema.get("x-item-schema") {
        return Some(example(line)? + "\n");
    }
    let data = example(schema.pointer("/properties/data/contentSchema")?)?;
    let good_end = schema.pointer("/properties/event/enum/1")?.as_str()?;
    Some(format!("retry: 3000\n\nid: 1\nevent: {good_end}\ndata: {data}\n\n"))
}
