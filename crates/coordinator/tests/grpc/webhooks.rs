//! Webhooks through gRPC, with a coordinator that records events and sends none.

use std::sync::atomic::Ordering;

use carlo_types::{Fault, FaultCode};
use carlo_wire::v1;

use crate::puppet::Puppet;
use crate::world::{TOKEN, User, World, simulation};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DAY_MS: u64 = 24 * 3_600_000;

fn webhook(url: &str, events: &[&str]) -> v1::Webhook {
    let events = events.iter().map(|event| (*event).to_owned()).collect();
    v1::Webhook { url: url.to_owned(), secret: None, events }
}

fn request(webhook: Option<v1::Webhook>, idempotency_key: &str) -> v1::SubmitRequest {
    v1::SubmitRequest {
        simulation: Some(simulation(1)),
        webhook,
        idempotency_key: idempotency_key.to_owned(),
        ..Default::default()
    }
}

async fn submit(user: &User, webhook: Option<v1::Webhook>) -> Result<v1::Job, Fault> {
    user.jobs(async |mut call, m| call.submit(m).await, request(webhook, "")).await
}

async fn endpoints(user: &User, all: bool) -> Result<Vec<v1::Endpoint>, Fault> {
    let request = v1::ListEndpointsRequest { all, user: String::new() };
    let listed = user.webhooks(async |mut call, m| call.list_endpoints(m).await, request).await?;
    Ok(listed.endpoints)
}

async fn deliveries(user: &User, request: v1::ListDeliveriesRequest) -> Vec<v1::Delivery> {
    user.webhooks(async |mut call, m| call.list_deliveries(m).await, request).await.unwrap().deliveries
}

/// The events of an object, the first one first.
async fn events(user: &User, object: &str) -> Vec<String> {
    let request = v1::ListDeliveriesRequest { object: object.to_owned(), ..Default::default() };
    deliveries(user, request).await.into_iter().rev().map(|delivery| delivery.event).collect()
}

/// Computes this number of leases, which end these jobs.
async fn compute(world: &World, leases: usize, user: &User, jobs: &[&str]) {
    let mut puppet = Puppet::join(world, Some(TOKEN)).await.unwrap();
    for _ in 0..leases {
        puppet.compute().await;
    }
    for id in jobs {
        let request = v1::GetJobRequest { id: (*id).to_owned(), wait_ms: 30_000, with_points: false };
        loop {
            let job = user.jobs(async |mut call, m| call.get(m).await, request.clone()).await.unwrap();
            if job.status() == v1::JobStatus::Complete {
                break;
            }
        }
    }
}

fn pointers(fault: &Fault) -> Vec<&str> {
    fault.fields.iter().map(|field| field.pointer.as_str()).collect()
}

#[tokio::test]
async fn a_made_secret_is_shown_once_and_a_url_keeps_it() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let asked = request(Some(webhook("https://example.org/a", &[])), "key-1");
    let first = ada.jobs(async |mut call, m| call.submit(m).await, asked.clone()).await.unwrap();
    let made = first.webhook.unwrap();
    assert!(made.secret.starts_with("whsec_"), "it is made");
    let repeated = ada.jobs(async |mut call, m| call.submit(m).await, asked).await.unwrap();
    assert_eq!((repeated.id.clone(), repeated.webhook.unwrap().secret), (first.id.clone(), String::new()));
    let shown = ada.get(&first.id).await.unwrap().webhook.unwrap();
    assert_eq!((shown.endpoint_id, shown.secret), (made.endpoint_id.clone(), String::new()));
    let second = submit(&ada, Some(webhook("https://EXAMPLE.org:443/a", &[]))).await.unwrap();
    let second = second.webhook.unwrap();
    assert_eq!((&second.endpoint_id, second.secret.as_str()), (&made.endpoint_id, ""), "the URL has one");
    let given = v1::Webhook { secret: Some(SECRET.to_owned()), ..webhook("https://example.org/b", &[]) };
    let given = submit(&ada, Some(given)).await.unwrap().webhook.unwrap();
    assert_eq!(given.secret, "", "the caller knows it");
    assert_eq!(endpoints(&ada, false).await.unwrap().len(), 2);
    assert_eq!(submit(&ada, None).await.unwrap().webhook, None);
}

#[tokio::test]
async fn what_may_not_be_reached_is_refused_by_pointer() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    for (url, words) in [
        ("http://example.org/", "must begin with https://"),
        ("https://127.0.0.1/", "loopback"),
        ("https://169.254.169.254/latest", "link-local"),
        ("https://[::ffff:10.0.0.1]/", "private"),
        ("https://localhost/", "the cluster's own machine"),
    ] {
        let fault = submit(&ada, Some(webhook(url, &[]))).await.unwrap_err();
        assert_eq!(pointers(&fault), ["/webhook/url"], "{url}");
        assert!(fault.fields[0].message.contains(words), "{url}: {fault:?}");
    }
    let fault = submit(&ada, Some(webhook("nowhere", &["batch.failed", "job.done"]))).await.unwrap_err();
    assert_eq!(pointers(&fault), ["/webhook/url", "/webhook/events/1", "/webhook/events/0"]);
    assert_eq!(endpoints(&ada, false).await.unwrap(), [], "a refused request makes no webhook");
}

#[tokio::test]
async fn each_state_that_is_asked_for_is_recorded_with_the_change_and_once() {
    let mut world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let all = ["job.running", "job.complete", "job.failed", "job.cancelled"];
    let watched = submit(&ada, Some(webhook("https://example.org/", &all))).await.unwrap().id;
    let ends = submit(&ada, Some(webhook("https://example.org/", &[]))).await.unwrap().id;
    let cancelled = submit(&ada, Some(webhook("https://example.org/", &["job.failed"]))).await.unwrap().id;
    ada.cancel(&cancelled).await.unwrap();
    assert_eq!(events(&ada, &cancelled).await, [""; 0], "it asked for failures only");
    compute(&world, 2, &ada, &[&watched, &ends]).await;
    for (id, wanted) in [(&watched, &["job.running", "job.complete"][..]), (&ends, &["job.complete"])] {
        assert_eq!(events(&ada, id).await, wanted);
    }
    let request = v1::ListDeliveriesRequest { object: watched.clone(), ..Default::default() };
    let before = deliveries(&ada, request.clone()).await;
    assert_eq!((before[0].state(), before[0].attempts), (v1::DeliveryState::Pending, 0));
    world.crash().await;
    let ada = world.again(&ada);
    assert_eq!(deliveries(&ada, request).await, before, "they are as durable as the job");
    assert_eq!(events(&ada, &watched).await.len(), 2, "and not recorded again by a restart");
}

#[tokio::test]
async fn a_batch_sends_its_own_events_and_those_of_its_jobs_only_where_named() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let create = async |hook: v1::Webhook| {
        let simulations =
            vec![v1::BatchSimulation { simulation: Some(simulation(1)), ..Default::default() }; 2];
        let request = v1::CreateBatchRequest { simulations, webhook: Some(hook), ..Default::default() };
        ada.batches(async |mut call, m| call.create(m).await, request).await.unwrap()
    };
    let quiet = create(webhook("https://example.org/", &[])).await;
    assert!(quiet.webhook.as_ref().unwrap().secret.starts_with("whsec_"));
    let loud =
        create(webhook("https://example.org/", &["batch.running", "batch.completed", "job.complete"])).await;
    assert_eq!(loud.webhook.unwrap().secret, "");
    let get = v1::GetBatchRequest { id: quiet.id.clone(), wait_ms: 0 };
    let shown = ada.batches(async |mut call, m| call.get(m).await, get).await.unwrap();
    assert_eq!(shown.webhook.unwrap().secret, "");
    let jobs: Vec<&str> = quiet.job_ids.iter().chain(&loud.job_ids).map(String::as_str).collect();
    compute(&world, jobs.len(), &ada, &jobs).await;
    assert_eq!(events(&ada, &quiet.id).await, ["batch.completed"]);
    assert_eq!(events(&ada, &loud.id).await, ["batch.running", "batch.completed"]);
    for (batch, wanted) in [(&quiet.job_ids, &[][..]), (&loud.job_ids, &["job.complete"])] {
        for job in batch {
            assert_eq!(events(&ada, job).await, wanted);
        }
    }
}

#[tokio::test]
async fn others_see_and_change_nothing_but_administrators_do() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let job = submit(&ada, Some(webhook("https://example.org/", &[]))).await.unwrap();
    ada.cancel(&job.id).await.unwrap();
    let endpoint = job.webhook.unwrap().endpoint_id;
    let delivery = deliveries(&ada, v1::ListDeliveriesRequest::default()).await.remove(0);
    assert_eq!((delivery.event.as_str(), &delivery.endpoint_id), ("job.cancelled", &endpoint));
    assert_eq!(endpoints(&bob, false).await.unwrap(), []);
    assert_eq!(endpoints(&bob, true).await.unwrap_err().code, FaultCode::Forbidden);
    assert_eq!(events(&bob, &job.id).await, [""; 0]);
    let one = v1::EndpointRequest { id: endpoint.clone() };
    let enable = bob.webhooks(async |mut call, m| call.enable_endpoint(m).await, one.clone()).await;
    assert_eq!(enable.unwrap_err().code, FaultCode::NotFound);
    let again = v1::RedeliverRequest { id: delivery.id.clone() };
    let repeat = bob.webhooks(async |mut call, m| call.redeliver(m).await, again.clone()).await;
    assert_eq!(repeat.unwrap_err().code, FaultCode::NotFound);
    let pending = ada.webhooks(async |mut call, m| call.redeliver(m).await, again.clone()).await;
    assert_eq!(pending.unwrap_err().code, FaultCode::Conflict);

    let admin = world.admin();
    let all = v1::ListDeliveriesRequest { all: true, ..Default::default() };
    assert_eq!(deliveries(&admin, all).await.len(), 1);
    world.calendar.wall.fetch_add(DAY_MS, Ordering::SeqCst);
    let given_up = async {
        loop {
            let found = deliveries(&ada, v1::ListDeliveriesRequest::default()).await.remove(0);
            if found.state() == v1::DeliveryState::Failed {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let given_up = tokio::time::timeout(crate::world::PATIENCE, given_up).await.unwrap();
    assert_eq!(given_up.outcome, "not sent: an earlier event or the endpoint held it up");
    let repeated = admin.webhooks(async |mut call, m| call.redeliver(m).await, again).await.unwrap();
    assert_eq!((&repeated.id, repeated.state()), (&delivery.id, v1::DeliveryState::Pending));
    admin.webhooks(async |mut call, m| call.enable_endpoint(m).await, one.clone()).await.unwrap();
    admin.webhooks(async |mut call, m| call.delete_endpoint(m).await, one).await.unwrap();
    assert_eq!(deliveries(&ada, v1::ListDeliveriesRequest::default()).await, []);
    let log = v1::ListAuditRequest { page: 1, page_size: 3 };
    let log = admin.accounts(async |mut call, m| call.list_audit(m).await, log).await.unwrap().records;
    let said: Vec<_> =
        log.iter().map(|record| (record.action(), record.object.as_str(), record.detail.as_str())).collect();
    let wanted = [
        (v1::AuditAction::WebhookDeleted, endpoint.as_str(), "of ada"),
        (v1::AuditAction::WebhookEnabled, endpoint.as_str(), "of ada"),
        (v1::AuditAction::DeliveryRepeated, delivery.id.as_str(), "of ada"),
    ];
    assert_eq!(said, wanted);
}

#[tokio::test]
async fn a_key_has_a_webhook_for_what_names_none() {
    let mut world = World::new().await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let set =
        v1::SetDefaultRequest { key_id: String::new(), webhook: Some(webhook("https://example.org/", &[])) };
    let default = ada.webhooks(async |mut call, m| call.set_default(m).await, set.clone()).await.unwrap();
    assert!(default.secret.starts_with("whsec_") && default.key_id.starts_with("key_"));
    let others = v1::SetDefaultRequest { key_id: default.key_id.clone(), ..set };
    let refused = bob.webhooks(async |mut call, m| call.set_default(m).await, others.clone()).await;
    assert_eq!(refused.unwrap_err().code, FaultCode::NotFound, "it is another user's key");
    let of_admin =
        world.admin().webhooks(async |mut call, m| call.set_default(m).await, others).await.unwrap();
    assert_eq!((of_admin.endpoint_id, of_admin.secret), (default.endpoint_id.clone(), String::new()));

    assert_eq!(submit(&ada, None).await.unwrap().webhook.unwrap().endpoint_id, default.endpoint_id);
    let named = submit(&ada, Some(webhook("https://example.org/other", &[]))).await.unwrap();
    assert_ne!(named.webhook.unwrap().endpoint_id, default.endpoint_id);
    assert_eq!(submit(&bob, None).await.unwrap().webhook, None);
    world.crash().await;
    let ada = world.again(&ada);
    assert!(submit(&ada, None).await.unwrap().webhook.is_some(), "it is durable");

    // A key that takes another one's place has its webhook.
    let rotate = v1::RotateKeyRequest { id: default.key_id.clone(), ..Default::default() };
    let made = world.admin().accounts(async |mut call, m| call.rotate_key(m).await, rotate).await.unwrap();
    let next = User { key: made.secret, channel: world.channel.clone() };
    let of = v1::DefaultRequest::default();
    let shown = next.webhooks(async |mut call, m| call.get_default(m).await, of.clone()).await.unwrap();
    assert_eq!((shown.endpoint_id, shown.secret), (default.endpoint_id, String::new()));
    next.webhooks(async |mut call, m| call.clear_default(m).await, of.clone()).await.unwrap();
    let none = next.webhooks(async |mut call, m| call.get_default(m).await, of).await.unwrap_err();
    assert_eq!(none.code, FaultCode::NotFound);
    assert_eq!(submit(&next, None).await.unwrap().webhook, None);
}

#[tokio::test]
async fn pages_of_deliveries_follow_a_cursor_and_faults_are_named() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let id = submit(&ada, Some(webhook("https://example.org/", &[]))).await.unwrap().id;
        ada.cancel(&id).await.unwrap();
        ids.push(id);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = v1::ListDeliveriesRequest { page_size: 2, cursor, ..Default::default() };
        let page = ada.webhooks(async |mut call, m| call.list_deliveries(m).await, request).await.unwrap();
        seen.extend(page.deliveries.into_iter().map(|delivery| delivery.object));
        cursor = page.cursor;
        if cursor.is_empty() {
            break;
        }
    }
    ids.reverse();
    assert_eq!(seen, ids);
    let wrong = v1::ListDeliveriesRequest {
        cursor: "x".to_owned(),
        page_size: 101,
        endpoint_id: "y".to_owned(),
        user: "two words".to_owned(),
        state: Some(9),
        ..Default::default()
    };
    let fault = ada.webhooks(async |mut call, m| call.list_deliveries(m).await, wrong).await.unwrap_err();
    assert_eq!(pointers(&fault), ["/page_size", "/user", "/state", "/endpoint_id", "/cursor"]);
}
