//! Webhooks of jobs, batches, sweeps and keys, and deliveries.

use carlo_types::{Fault, FaultCode, FieldFault};
use carlo_wire::v1;
use serde_json::{Value, json};

use crate::coordinator::webhooks::{SECRET, set};
use crate::coordinator::{self, Coordinator};
use crate::{Gateway, pointers, ready, refused};

async fn shown(gateway: &Gateway, path: &str) -> Value {
    let response = gateway.get(path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_made_secret_is_in_the_first_response_and_in_no_cache() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    coordinator.keep(v1::Job { webhook: Some(set()), ..coordinator::queued() });
    let mut job = ready();
    job["webhook"] = json!({"url": "https://Example.org/carlo", "events": ["job.failed"]});
    let sweep = json!({
        "request": ready(),
        "axes": [{"pointer": "/goal/timelineMonths", "values": [12, 24]}],
        "webhook": job["webhook"],
    });
    for (path, body) in [("/api/jobs", &job), ("/simulations", &job), ("/api/sweep", &sweep)] {
        let post = gateway.post_to(path).header("content-type", "application/json").body(body.to_string());
        let response = post.send().await.unwrap();
        assert_eq!(response.status(), 202, "{path}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        let made: Value = response.json().await.unwrap();
        assert_eq!(made["webhook"], json!({"id": "hook_1", "secret": SECRET}), "{path}");
        let asked = coordinator.state.submitted.lock().unwrap().pop().unwrap().webhook.unwrap();
        assert_eq!((asked.url.as_str(), asked.secret), ("https://example.org/carlo", None), "{path}");
        assert_eq!(asked.events, ["job.failed"], "{path}");
    }
    let id = coordinator::queued().id;
    let again = shown(&gateway, &format!("/api/jobs/{id}")).await;
    assert_eq!(again["webhookId"], "hook_1");
    assert!(!again.to_string().contains("whsec_"), "{again}");
}

#[tokio::test]
async fn a_response_without_a_secret_is_as_before() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let response = gateway.submit(&ready()).send().await.unwrap();
    assert!(!response.headers().contains_key("cache-control"));
    let made: Value = response.json().await.unwrap();
    assert_eq!(made.get("webhook"), None);
    assert_eq!(coordinator.state.submitted.lock().unwrap()[0].webhook, None);
}

#[tokio::test]
async fn a_batch_has_a_webhook_with_events_of_both_kinds() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let webhook =
        json!({"url": "https://example.org/", "secret": SECRET, "events": ["job.failed", "batch.partial"]});
    let body = json!({"simulations": [ready()], "webhook": webhook});
    let post = gateway.post_to("/simulations/batch").header("content-type", "application/json");
    assert_eq!(post.body(body.to_string()).send().await.unwrap().status(), 202);
    let asked = coordinator.state.created.lock().unwrap()[0].webhook.clone().unwrap();
    assert_eq!(asked.secret.as_deref(), Some(SECRET));
    assert_eq!(asked.events, ["job.failed", "batch.partial"]);
}

#[tokio::test]
async fn every_fault_of_a_webhook_has_its_pointer() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut job = ready();
    job["webhook"] = json!({"url": "https://ada@example.org", "secret": "whsec_", "events": ["job.complet", "batch.failed"]});
    let problem = refused(gateway.submit(&job), 400).await;
    let wanted = ["/webhook/url", "/webhook/secret", "/webhook/events/0", "/webhook/events/1"];
    assert_eq!(pointers(&problem), wanted);
    assert!(problem.errors[2].message.ends_with("did you mean job.complete?"), "{problem:?}");

    // What only the coordinator knows has the pointer of the body, too.
    let fault = || Fault::invalid(vec![FieldFault::new("/webhook/url", "must begin with https://")]);
    *coordinator.state.faulted.lock().unwrap() = Some(fault());
    job["webhook"] = json!({"url": "http://example.org"});
    let problem = refused(gateway.submit(&job), 400).await;
    assert_eq!(pointers(&problem), ["/webhook/url"]);
    let sweep = json!({
        "request": ready(),
        "axes": [{"pointer": "/goal/timelineMonths", "values": [12, 24]}],
        "webhook": job["webhook"],
    });
    *coordinator.state.faulted.lock().unwrap() = Some(fault());
    let post =
        gateway.post_to("/api/sweep").header("content-type", "application/json").body(sweep.to_string());
    assert_eq!(pointers(&refused(post, 400).await), ["/webhook/url"]);
    *coordinator.state.faulted.lock().unwrap() = Some(fault());
    let put = gateway.client.put(format!("{}/api/webhooks/default", gateway.url));
    let put = put.header("content-type", "application/json").body(job["webhook"].to_string());
    assert_eq!(pointers(&refused(put, 400).await), ["/url"], "the body is the webhook");
}

#[tokio::test]
async fn webhooks_are_listed_enabled_and_deleted() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut webhook = json!({
        "id": "hook_1", "owner": "ann", "url": "https://example.org/carlo", "createdAt": "2023-11-14T22:13:20.123Z",
        "enabled": false, "disabledReason": "it is gone", "disabledAt": "2023-11-14T22:13:22Z", "pending": 2,
        "failures": 3, "failingSince": "2023-11-14T22:13:21Z",
    });
    assert_eq!(shown(&gateway, "/api/webhooks?user=ann").await, json!({"webhooks": [webhook]}));
    let enabled = gateway.post_to("/api/webhooks/hook_1/enable").send().await.unwrap();
    let fields = webhook.as_object_mut().unwrap();
    fields.retain(|name, _| !name.starts_with("disabled"));
    fields.insert("enabled".to_owned(), true.into());
    assert_eq!(enabled.json::<Value>().await.unwrap(), webhook);
    let deleted: Value = gateway.delete("/api/webhooks/hook_1").send().await.unwrap().json().await.unwrap();
    assert_eq!(deleted, json!({"success": true, "message": "the webhook hook_1 is deleted"}));
    refused(gateway.delete("/api/webhooks/a.b"), 404).await;
    assert_eq!(pointers(&refused(gateway.get("/api/webhooks?page=1"), 400).await), ["/page"]);
}

#[tokio::test]
async fn the_webhook_of_a_key_shows_a_made_secret_once() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let put = |body: Value| {
        let put = gateway.client.put(format!("{}/api/webhooks/default?key=key_2", gateway.url));
        put.header("content-type", "application/json").body(body.to_string()).send()
    };
    let response = put(json!({"url": "https://example.org/a"})).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let wanted = json!({
        "keyId": "key_2", "id": "hook_1", "url": "https://example.org/a", "events": ["job.failed"], "secret": SECRET,
    });
    assert_eq!(response.json::<Value>().await.unwrap(), wanted);
    let response = put(json!({"url": "https://example.org/a", "secret": SECRET})).await.unwrap();
    assert!(!response.headers().contains_key("cache-control"));
    assert_eq!(response.json::<Value>().await.unwrap().get("secret"), None);
    let default = shown(&gateway, "/api/webhooks/default").await;
    assert_eq!((&default["keyId"], default.get("secret")), (&json!("key_1"), None));
    let cleared = gateway.delete("/api/webhooks/default").send().await.unwrap();
    assert_eq!(cleared.status(), 200);
}

#[tokio::test]
async fn deliveries_are_filtered_page_by_page() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let path =
        "/api/webhooks/deliveries?object=job_1&webhook=hook_1&state=failed&cursor=9&page_size=3&user=*";
    let delivery = json!({
        "id": "msg_1", "owner": "ann", "webhookId": "hook_1", "url": "https://example.org/carlo", "event": "job.complete",
        "objectId": "job_1", "state": "pending", "createdAt": "2023-11-14T22:13:20.123Z", "attempts": 1,
        "nextAttemptAt": "2023-11-14T22:13:25Z", "outcome": "refused with 500", "responseStatus": 500,
    });
    assert_eq!(shown(&gateway, path).await, json!({"deliveries": [delivery], "nextCursor": "7"}));
    shown(&gateway, "/api/webhooks/deliveries").await;
    let asked = coordinator.state.deliveries_listed.lock().unwrap().clone();
    let wanted = v1::ListDeliveriesRequest {
        all: true,
        object: "job_1".to_owned(),
        endpoint_id: "hook_1".to_owned(),
        state: Some(v1::DeliveryState::Failed.into()),
        cursor: "9".to_owned(),
        page_size: 3,
        ..Default::default()
    };
    assert_eq!(asked, [wanted, v1::ListDeliveriesRequest { page_size: 20, ..Default::default() }]);
    let wrong = "/api/webhooks/deliveries?object=a.b&state=done&page_size=101&sort=x&cursor=";
    let problem = refused(gateway.get(wrong), 400).await;
    assert_eq!(pointers(&problem), ["/object", "/state", "/page_size", "/sort", "/cursor"]);
    let retried = gateway.post_to("/api/webhooks/deliveries/msg_9/retry").send().await.unwrap();
    assert_eq!(retried.json::<Value>().await.unwrap()["id"], "msg_9");
    *coordinator.state.faulted.lock().unwrap() = Some(Fault::new(FaultCode::Conflict, "it is pending"));
    refused(gateway.post_to("/api/webhooks/deliveries/msg_9/retry"), 409).await;
}

#[tokio::test]
async fn the_document_describes_what_is_sent() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let document = shown(&gateway, "/openapi.json").await;
    let webhooks = document["webhooks"].as_object().unwrap();
    assert_eq!(webhooks.len(), carlo_types::webhook::WebhookEvent::ALL.len());
    for (name, item) in webhooks {
        let schema = &item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let schema = document.pointer(schema.as_str().unwrap().trim_start_matches('#')).unwrap();
        assert!(schema["properties"]["data"].is_object(), "{name}");
    }
}
