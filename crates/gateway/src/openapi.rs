//! The description of the calls, OpenAPI 3.1, at `/openapi.json`. The page `/docs` of the web interface shows it.
//!
//! Paths, shapes and answers come from the handlers and from `carlo_rest`. Added here is what holds everywhere, so that no handler
//! repeats it: the refusals, the key, the schemas of the
//! requests, which follow from their definitions. [`shared`] has what several of them have in common.

pub(crate) mod shared;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use carlo_rest::Problem;
use carlo_types::Request;
use carlo_types::definition::schema::Components;
use carlo_types::question::{CompareRequest, SolveRequest};
use carlo_types::request::envelope::{CancelBatch, CancelJob, CreateBatch, CreateKey, SubmitJob};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::problem;
use crate::static_page::StaticPage;

/// What the handlers' descriptions are added to.
#[derive(OpenApi)]
#[openapi(
    info(title = "carlo", description = "Monte Carlo simulation of household finances on a cluster"),
    components(schemas(Problem)),
    tags(
        (name = "jobs", description = "Jobs: camelCase names, lower-case states"),
        (name = "simulations", description = "The same jobs: snake_case names, upper-case states"),
        (name = "batches", description = "Jobs that are submitted together, with a budget"),
        (name = "accounts", description = "What has been used"),
        (name = "cluster", description = "Nodes"),
        (name = "admin", description = "Keys, for keys with the role admin")
    )
)]
pub(crate) struct Description;

/// The route of the description.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(described: utoipa::openapi::OpenApi) -> Router<S> {
    let json = StaticPage::new("application/json", complete(described).to_string());
    let document = async move |headers: HeaderMap| json.respond(&headers);
    Router::new().route("/openapi.json", get(document))
}

/// The whole description.
pub(crate) fn complete(described: utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(described).expect("a description is JSON");
    for item in values(&mut document["paths"]) {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            refusals(method, operation);
            parameters(operation);
            streams(operation);
        }
    }
    let components = &mut document["components"];
    components["responses"]["Problem"] = json!({
        "description": "Why it was refused, or failed",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    components["securitySchemes"] = json!({
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    });
    components["schemas"]["Problem"]["properties"]["type"]["description"] = problem::description().into();
    inputs(&mut components["schemas"]);
    document["security"] = json!([{"key": []}, {"bearer": []}, {}]);
    document
}

fn values(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().into_iter().flat_map(Map::values_mut)
}

/// Every way in which a call may be refused. A handler describes those that are its own.
fn refusals(method: &str, operation: &mut Value) {
    let mut statuses = vec![400, 401, 403, 405, 429, 500, 502, 503, 504];
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    if parameters.iter().any(|parameter| parameter["in"] == "path") {
        statuses.push(404);
    }
    if parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key") {
        statuses.extend([409, 422]);
    }
    if operation.get("requestBody").is_some() || method == "post" {
        statuses.extend([408, 413, 415]);
    }
    for status in statuses {
        let response = &mut operation["responses"][status.to_string()];
        if response.is_null() {
            *response = json!({"$ref": "#/components/responses/Problem"});
        }
    }
}

/// Numbers of parameters have the range that is described, and not that of a signed integer.
fn parameters(operation: &mut Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        parameter["schema"].as_object_mut().map(|schema| schema.remove("format"));
    }
}

/// What comes bit by bit is no one text that a shape could describe.
fn streams(operation: &mut Value) {
    for response in values(&mut operation["responses"]) {
        for kind in ["text/event-stream", "application/jsonl"] {
            if let Some(content) = response.get_mut("content").and_then(|content| content.get_mut(kind)) {
                *content = json!({});
            }
        }
    }
}

/// The schemas of what is sent, in place of those that only hold their names.
fn inputs(schemas: &mut Value) {
    let mut defined = Components::default();
    defined.add::<Request>();
    defined.add::<SubmitJob>();
    defined.add::<CompareRequest>();
    defined.add::<SolveRequest>();
    defined.add::<CreateBatch>();
    defined.add::<CancelBatch>();
    defined.add::<CancelJob>();
    defined.add::<CreateKey>();
    for (name, schema) in defined.into_inner() {
        schemas[name] = schema;
    }
}
