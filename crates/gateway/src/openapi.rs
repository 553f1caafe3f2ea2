//! The description of the API, OpenAPI 3.1, at `/openapi.json`. The page `/docs` of the web
//! interface shows it.
//!
//! Paths, parameters and responses are described at the handlers, and the schemas of responses in
//! `carlo_rest`. This module adds what all calls have in common: error responses, headers,
//! authentication, the schemas of requests, which are derived from their definitions, and examples.
//! [`shared`] has what several handlers have in common.

mod examples;
mod headers;
pub(crate) mod shared;
mod streams;
mod webhooks;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use carlo_rest::Problem;
use carlo_rest::webhook::{Webhook, WebhookBatch, WebhookBody, WebhookData, WebhookJob};
use carlo_types::Request;
use carlo_types::analysis::{CompareRequest, SolveRequest};
use carlo_types::definition::schema::Components;
use carlo_types::request::envelope::{
    CancelBatch, CancelJob, CreateBatch, CreateJoinToken, CreateKey, RotateKey, SubmitJob, UpdateJob,
};
use carlo_types::sweep::SweepRequest;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::problem;
use crate::static_page::StaticPage;

/// The document to which the handlers' descriptions are added.
#[derive(OpenApi)]
#[openapi(
    info(title = "carlo", description = "Monte Carlo simulation of household finances on a cluster"),
    components(schemas(Problem, WebhookBody, WebhookData, WebhookJob, WebhookBatch)),
    servers((url = "/", description = "The gateway that served this document")),
    tags(
        (name = "jobs", description = "Jobs: camelCase names, lower-case states"),
        (name = "simulations", description = "The same jobs: snake_case names, upper-case states"),
        (name = "batches", description = "Jobs that are submitted together, with a budget"),
        (name = "accounts", description = "Usage"),
        (name = "webhooks", description = "Events that are sent to URLs, signed as Standard Webhooks says"),
        (name = "cluster", description = "The cluster and its nodes"),
        (name = "admin", description = "Keys, join tokens, tiers, the usage of all users and the audit log; for keys with the role admin")
    )
)]
pub(crate) struct Description;

/// The operations whose body may be left out, because nothing in it is required.
const OPTIONAL_BODIES: [&str; 5] =
    ["cancelBatch", "cancelSimulation", "createJoinToken", "rotateKey", "updateJob"];

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
            bodies(operation);
            streams::describe(operation);
            refusals(method, operation);
            headers::add(operation);
            examples::add(operation);
        }
    }
    let components = &mut document["components"];
    components["responses"] = problems();
    components["headers"] = headers::components();
    components["examples"] = examples::components();
    components["securitySchemes"] = json!({
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    });
    components["schemas"]["Problem"]["properties"]["type"]["description"] = problem::description().into();
    inputs(&mut components["schemas"]);
    selected_results(&mut document);
    document["webhooks"] = webhooks::describe();
    document["security"] = json!([{"key": []}, {"bearer": []}, {}]);
    document
}

fn values(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().into_iter().flat_map(Map::values_mut)
}

/// The values of the member with this name, if it is an object.
fn members<'v>(object: &'v mut Value, name: &str) -> impl Iterator<Item = &'v mut Value> + use<'v> {
    object.get_mut(name).into_iter().flat_map(values)
}

fn bodies(operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    if OPTIONAL_BODIES.contains(&id) {
        operation["requestBody"]["required"] = false.into();
    }
}

/// Adds all error responses that the handler doesn't describe itself.
fn refusals(method: &str, operation: &mut Value) {
    let mut statuses = vec![400, 401, 403, 405, 414, 421, 429, 431, 500, 502, 503, 504];
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
            let name = match status {
                401 => "Unauthenticated",
                405 => "WrongMethod",
                429 | 503 => "TryAgain",
                _ => "Problem",
            };
            *response = json!({"$ref": format!("#/components/responses/{name}")});
        }
    }
}

/// The error responses that all calls share.
fn problems() -> Value {
    let problem = |description: &str, headers: &[&str]| {
        json!({
            "description": description,
            "headers": headers::references(headers),
            "content": {carlo_rest::problem::CONTENT_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": examples::references("Problem"),
            }},
        })
    };
    json!({
        "Problem": problem("The reason why the call was refused or failed", &[]),
        "Unauthenticated": problem("The key is missing or unknown", &["WWW-Authenticate"]),
        "WrongMethod": problem("The path doesn't have this method", &["Allow"]),
        "TryAgain": problem(
            "A limit is reached, or the cluster can't serve the call now. If the call started a job that continues, Location has its path",
            &["Retry-After", "Location", "X-Job-Id"],
        ),
    })
}

/// Replaces the schemas of request bodies, of which the handlers only give the names.
fn inputs(schemas: &mut Value) {
    let mut defined = Components::default();
    defined.add::<Request>();
    defined.add::<SubmitJob>();
    defined.add::<CompareRequest>();
    defined.add::<SolveRequest>();
    defined.add::<SweepRequest>();
    defined.add::<CreateBatch>();
    defined.add::<CancelBatch>();
    defined.add::<CancelJob>();
    defined.add::<CreateKey>();
    defined.add::<CreateJoinToken>();
    defined.add::<RotateKey>();
    defined.add::<UpdateJob>();
    defined.add::<Webhook>();
    for (name, schema) in defined.into_inner() {
        schemas[name] = schema;
    }
}

/// Adds the schemas of responses with the parameter `fields`, which contain only some members of
/// the results.
fn selected_results(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    let all = [&schemas["Results"], &schemas["JobResults"]["allOf"][1]];
    let members: Map<_, _> =
        all.into_iter().filter_map(|part| part["properties"].as_object().cloned()).flatten().collect();
    schemas["SelectedResults"] = json!({
        "type": "object",
        "description": "The members of `JobResults` that `fields` selects.",
        "properties": members,
    });
    for whole in ["Job", "Simulation", "SimulationResult"] {
        let mut part = schemas[whole].clone();
        part["description"] = format!("A `{whole}` in response to a request with `fields`.").into();
        part["properties"]["results"] = json!({"$ref": "#/components/schemas/SelectedResults"});
        schemas[format!("PartOf{whole}")] = part;
    }
    for operation in values(&mut document["paths"]).flat_map(values) {
        let parameters = operation["parameters"].as_array();
        if !parameters.into_iter().flatten().any(|parameter| parameter["name"] == "fields") {
            continue;
        }
        if let Some(schema) = operation.pointer_mut("/responses/200/content/application~1json/schema") {
            let whole = schema["$ref"].as_str().unwrap_or_default();
            let part = whole.replace("/schemas/", "/schemas/PartOf");
            *schema = json!({"anyOf": [{"$ref": whole}, {"$ref": part}]});
        }
    }
}

#[cfg(test)]
mod tests;
