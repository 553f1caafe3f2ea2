//! The requests that the cluster sends to webhooks (`webhooks` of OpenAPI 3.1).

use carlo_rest::webhook::WebhookEvent;
use serde_json::{Map, Value, json};

use super::examples;

/// The request of each event, by the event's name.
pub(super) fn describe() -> Value {
    let requests = WebhookEvent::ALL.map(|event| (event.to_string(), json!({"post": request(event)})));
    requests.into_iter().collect::<Map<_, _>>().into()
}

fn request(event: WebhookEvent) -> Value {
    let header = |name: &str, words: &str| json!({"name": name, "in": "header", "required": true, "description": words, "schema": {"type": "string"}});
    let object = if event.is_of_job() { "job" } else { "batch" };
    json!({
        "operationId": format!("on {event}"),
        "tags": ["webhooks"],
        "summary": format!("A {object} that asked for it has reached the state of {event}"),
        "description": "Sent until it is answered with a status of 200 to 299, with growing pauses for a day, and so perhaps more than once. \
            The events of one job or batch are sent in their order. Check the signature and the time before you believe it.",
        "parameters": [
            header("webhook-id", "The delivery, `msg_…`, the same in all attempts"),
            header("webhook-timestamp", "When the attempt began, in seconds since 1970"),
            header("webhook-signature", "`v1,` and the Base64 of HMAC-SHA256 over id, time and body, with points between them. The key is the Base64 behind `whsec_` of the secret, decoded"),
        ],
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/WebhookBody"},
            "examples": examples::references(if event.is_of_job() { "WebhookBody" } else { "WebhookBody.batch" }),
        }}},
        "responses": {
            "2XX": {"description": "It has arrived"},
            "410": {"description": "The receiver wants no more: the webhook is disabled"},
            "default": {"description": "It is sent again later. `Retry-After` in seconds is honoured, up to two hours"},
        },
    })
}
