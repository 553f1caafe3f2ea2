//! The headers of answers: each described once, and referred to where it is sent.

use serde_json::{Map, Value, json};

/// Headers of every answer.
const EVERYWHERE: [&str; 3] = ["X-Request-Id", "RateLimit", "RateLimit-Policy"];

/// Every header: its name, what it says, an example.
const HEADERS: [(&str, &str, &str); 11] = [
    ("Allow", "The methods of this path", "GET,HEAD,POST"),
    (
        "ETag",
        "Names this very answer: If-None-Match with it answers 304 until something changes",
        "W/\"8f14e45fceea167a5a36dedd4bea2543\"",
    ),
    (
        "Location",
        "The path of what was created, or of the job beneath the answer",
        "/api/jobs/job_01kaxcoyote",
    ),
    ("Preference-Applied", "The wait that was taken from Prefer", "wait=30"),
    (
        "RateLimit",
        "How many calls are left, and for how many seconds, where the key's tier has a rate limit (draft-ietf-httpapi-ratelimit-headers-10)",
        "\"minute\";r=57;t=42",
    ),
    (
        "RateLimit-Policy",
        "How many calls the key's tier allows, and in how many seconds",
        "\"minute\";q=60;w=60",
    ),
    ("Retry-After", "Seconds after which the call is worth another try", "2"),
    ("WWW-Authenticate", "How to authenticate", "Bearer realm=\"carlo\""),
    ("X-Accel-Buffering", "`no`: a proxy passes every event on at once", "no"),
    ("X-Job-Id", "The job beneath the answer", "job_01kaxcoyote"),
    (
        "X-Request-Id",
        "Names this call in the logs: the caller's own, where it sent a sane one",
        "0193f3a4c1d87b2f9d2e4c6a8b0f1e2d",
    ),
];

/// Their descriptions, by name.
pub(super) fn components() -> Value {
    let header = |(name, description, example): (&str, &str, &str)| {
        let kind = if name == "Retry-After" {
            json!({"type": "integer", "format": "int32", "minimum": 0})
        } else {
            json!({"type": "string"})
        };
        let example = example.parse::<u32>().map_or_else(|_| example.into(), Value::from);
        (name.to_owned(), json!({"description": description, "schema": kind, "example": example}))
    };
    HEADERS.into_iter().map(header).collect::<Map<_, _>>().into()
}

/// References to these headers and to those of every answer, by name.
pub(super) fn references(names: &[&str]) -> Value {
    let names = EVERYWHERE.iter().chain(names);
    let reference =
        |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    names.map(reference).collect::<Map<_, _>>().into()
}

/// Adds the headers to an operation's own answers: what it can be asked for says which they have.
pub(super) fn add(operation: &mut Value) {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let takes = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
    let is_waited_for = ["simulate", "sensitivity", "compare", "solve"]
        .contains(&operation["operationId"].as_str().unwrap_or_default());
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if response.get("$ref").is_some() {
            continue;
        }
        let is_success = status.starts_with('2') || status == "304";
        let mut names = Vec::new();
        if is_success && takes("If-None-Match") {
            names.push("ETag");
        }
        if is_success && takes("Prefer") {
            names.push("Preference-Applied");
        }
        if is_waited_for {
            names.extend(["Location", "X-Job-Id"]);
        }
        if response.pointer("/content/text~1event-stream").is_some() {
            names.push("X-Accel-Buffering");
        }
        let own = response.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        response["headers"] = references(&names);
        for (name, header) in own {
            response["headers"][name] = header;
        }
    }
}
