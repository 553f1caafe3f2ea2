//! Streamed responses. OpenAPI 3.1 has no schema for the items of a stream, but tools agree on
//! conventions: the schema of server-sent events describes one event; JSON lines are one string,
//! and `x-item-schema` has the schema of a line, like `itemSchema` in OpenAPI 3.2.

use serde_json::{Value, json};

/// Moves the schema that a handler gives for a line, or for the data of an event, to its place.
pub(super) fn describe(operation: &mut Value) {
    let ends: &[&str] = match operation["operationId"].as_str() {
        Some("watchBatch") => &["completed", "partial", "failed", "cancelled"],
        _ => &["complete", "failed", "cancelled"],
    };
    for response in super::members(operation, "responses") {
        for (kind, content) in
            response.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten()
        {
            let item = content["schema"].take();
            content["schema"] = match kind.as_str() {
                "application/jsonl" => lines(&item),
                "text/event-stream" => event(&item, ends),
                _ => item,
            };
        }
    }
}

fn lines(line: &Value) -> Value {
    json!({
        "type": "string",
        "description": "One JSON value per line.",
        "contentMediaType": "application/jsonl",
        "x-item-schema": line,
    })
}

fn event(data: &Value, ends: &[&str]) -> Value {
    let names = [&["progress"], ends].concat();
    json!({
        "type": "object",
        "description": "One event.",
        "properties": {
            "id": {"description": "A number that increases with each event.", "type": "string", "pattern": "^[0-9]+$"},
            "event": {
                "description": "`progress`, or for the last event the final status of the job.",
                "type": "string",
                "enum": names,
            },
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data},
        },
        "required": ["id", "event", "data"],
    })
}
