//! The description of the calls, OpenAPI 3.1, at `/openapi.json`. The page `/docs` of the web interface shows it.
//!
//! Paths, shapes and answers come from the handlers and from `carlo_rest`. Added here is what holds everywhere, so that no handler
//! repeats it: the refusals, the key, the ranges of the model's inputs. [`shared`] has what several of them have in common.

pub(crate) mod shared;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use carlo_rest::Problem;
use carlo_types::limits::{
    ACCOUNTS_MAX, CATEGORIES_MAX, NUMBER_MAX, SIMULATIONS_MAX, TEXT_BYTES_MAX, TIMELINE_MONTHS_MAX,
};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::problem;

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
    let json = Bytes::from(complete(described).to_string());
    let document = async move || ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json);
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

/// The ranges of the model's inputs, and that what is no input is refused.
fn inputs(schemas: &mut Value) {
    let amounts = [
        (
            "FinancialProfile",
            &[
                "liquidAssets",
                "monthlySpending",
                "creditDebt",
                "loanDebt",
                "monthlyLoanPayments",
                "monthlyIncome",
                "monthlyBills",
            ][..],
        ),
        ("UserInputs", &["monthlyIncome"]),
        ("SimulationParams", &["emergencyMin", "emergencyMax"]),
        ("CreditCard", &["balance", "apr", "minimumPayment"]),
        ("Loan", &["balance", "interestRate", "monthlyPayment"]),
    ];
    for (shape, fields) in amounts {
        for field in fields {
            within(schemas, shape, field, 0.0, NUMBER_MAX);
        }
    }
    let params = [
        ("annualReturnMean", -1.0, 1.0),
        ("annualReturnStd", 0.0, 2.0),
        ("inflationRate", -0.5, 1.0),
        ("inflationVolatility", 0.0, 1.0),
        ("incomeVolatility", 0.0, 2.0),
        ("expenseVolatility", 0.0, 2.0),
        ("emergencyProbability", 0.0, 1.0),
        ("annualRaiseMean", -1.0, 1.0),
        ("annualRaiseVolatility", 0.0, 1.0),
        ("promotionProbability", 0.0, 1.0),
        ("promotionRaiseMean", -1.0, 1.0),
        ("promotionRaiseVolatility", 0.0, 1.0),
        ("targetStandardError", 0.0, 0.5),
        ("nSimulations", 1.0, SIMULATIONS_MAX as f64),
    ];
    for (field, min, max) in params {
        within(schemas, "SimulationParams", field, min, max);
    }
    within(schemas, "FinancialProfile", "spendingVolatility", 0.0, 2.0);
    within(schemas, "UserInputs", "age", 0.0, 130.0);
    within(schemas, "Goal", "timelineMonths", 1.0, TIMELINE_MONTHS_MAX.into());
    within(schemas, "Goal", "targetAmount", f64::MIN_POSITIVE, NUMBER_MAX);
    let text = |schemas: &mut Value, shape: &str, field: &str| {
        schemas[shape]["properties"][field]["maxLength"] = (TEXT_BYTES_MAX / 4).into();
    };
    for (shape, field) in [("Goal", "goalType"), ("Goal", "goalText"), ("CreditCard", "id"), ("Loan", "id")] {
        text(schemas, shape, field);
    }
    let properties = |schemas: &mut Value, shape: &str, field: &str, members: Value| {
        if let Some(property) = schemas[shape]["properties"][field].as_object_mut() {
            property.extend(members.as_object().cloned().unwrap_or_default());
        }
    };
    properties(schemas, "UserInputs", "riskTolerance", json!({"enum": ["low", "medium", "high", null]}));
    properties(schemas, "FinancialProfile", "spendingByCategory", json!({"maxProperties": CATEGORIES_MAX}));
    for list in ["creditCards", "loans"] {
        properties(schemas, "SimulationParams", list, json!({"maxItems": ACCOUNTS_MAX}));
    }
    let required = [
        ("SimulationRequest", &["financialProfile", "userInputs", "goal"][..]),
        ("FinancialProfile", &["liquidAssets", "monthlySpending"]),
        ("UserInputs", &["monthlyIncome"]),
        ("Goal", &["targetAmount", "timelineMonths"]),
        ("SimulationParams", &[]),
        ("CreditCard", &[]),
        ("Loan", &[]),
    ];
    for (shape, fields) in required {
        schemas[shape]["additionalProperties"] = false.into();
        schemas[shape]["required"] = json!(fields);
    }
    // One object rather than two that both must hold: neither would let the other's fields pass.
    let custom_id = json!({"type": ["string", "null"], "minLength": 1, "maxLength": 32, "description": "Its name in the batch, unique there"});
    let mut of_batch = schemas["SimulationRequest"].clone();
    of_batch["properties"]["custom_id"] = custom_id;
    schemas["BatchSimulation"] = of_batch;
}

fn within(schemas: &mut Value, shape: &str, field: &str, min: f64, max: f64) {
    let property = &mut schemas[shape]["properties"][field];
    property["minimum"] = min.into();
    property["maximum"] = max.into();
}
