//! Answers that come bit by bit. OpenAPI 3.1 knows no schema of a part, and tools agree on these:
//! that of server-sent events describes each event; lines of JSON are one text, and `x-item-schema`
//! says what each line is, as `itemSchema` does in OpenAPI 3.2.

use serde_json::{Value, json};

/// Puts in its place what a handler says each line, or the data of each event, is.
pub(super) fn describe(operation: &mut Value) {
    for response in super::members(operation, "responses") {
        for (kind, content) in
            response.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten()
        {
            let item = content["schema"].take();
            content["schema"] = match kind.as_str() {
                "application/jsonl" => lines(&item),
                "text/event-stream" => event(&item),
                _ => item,
            };
        }
    }
}

fn lines(line: &Value) -> Value {
    json!({
        "type": "string",
        "description": "One JSON value a line.",
        "contentMediaType": "application/jsonl",
        "x-item-schema": line,
    })
}

fn event(data: &Value) -> Value {
    json!({
        "type": "object",
        "description": "One event.",
        "properties": {
            "id": {"description": "A number that grows by one with each event.", "type": "string", "pattern": "^[0-9]+$"},
            "event": {
                "description": "The last event is named after how it ended.",
                "type": "string",
                "enum": ["progress", "complete", "failed", "cancelled"],
            },
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data},
        },
        "required": ["id", "event", "data"],
    })
}
