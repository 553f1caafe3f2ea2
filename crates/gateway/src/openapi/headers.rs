//! The headers of responses. Each is described once; operations refer to them.

use serde_json::{Map, Value, json};

/// The headers of all responses.
const EVERYWHERE: [&str; 3] = ["X-Request-Id", "RateLimit", "RateLimit-Policy"];

/// All headers: name, description, example.
const HEADERS: [(&str, &str, &str); 11] = [
    ("Allow", "The methods of this path", "GET,HEAD,POST"),
    (
        "ETag",
        "The version of the response. A request with it in If-None-Match gets 304 as long as nothing has changed",
        "W/\"8f14e45fceea167a5a36dedd4bea2543\"",
    ),
    (
        "Location",
        "The path of the created resource, or of the job that computed the response",
        "/api/jobs/job_01kaxcoyote",
    ),
    ("Preference-Applied", "The wait that was applied", "wait=30"),
    (
        "RateLimit",
        "How many calls are left, and for how many seconds, if the key's tier has a rate limit (draft-ietf-httpapi-ratelimit-headers-10)",
        "\"minute\";r=57;t=42",
    ),
    (
        "RateLimit-Policy",
        "How many calls the key's tier allows, and in how many seconds",
        "\"minute\";q=60;w=60",
    ),
    ("Retry-After", "The number of seconds after which to try again", "2"),
    ("WWW-Authenticate", "How to authenticate", "Bearer realm=\"carlo\""),
    ("X-Accel-Buffering", "`no`: proxies should not buffer the events", "no"),
    ("X-Job-Id", "The job that computed the response", "job_01kaxcoyote"),
    (
        "X-Request-Id",
        "The id of this call in the logs: the one in the request if it is valid, else a new one",
        "0193f3a4c1d87b2f9d2e4c6a8b0f1e2d",
    ),
];

/// The headers as components, by name.
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

/// References to these headers and to those of all responses, by name.
pub(super) fn references(names: &[&str]) -> Value {
    let names = EVERYWHERE.iter().chain(names);
    let reference =
        |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    names.map(reference).collect::<Map<_, _>>().into()
}

/// Adds the headers to an operation's own responses. They follow from its parameters.
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
