//! Keys, limits, usage.

use std::sync::atomic::Ordering;

use carlo_coordinator::Access;
use carlo_tenancy::Tier;
use carlo_types::FaultCode;
use carlo_types::fault::Limit;
use carlo_wire::v1;
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::jobs_client::JobsClient;
use tonic::{Code, Request};

use crate::puppet::Puppet;
use crate::world::{TOKEN, User, World};

async fn create_key(
    user: &User,
    name: &str,
    idempotency_key: &str,
) -> Result<v1::CreatedKey, carlo_types::Fault> {
    let request = v1::CreateKeyRequest {
        user: name.to_owned(),
        idempotency_key: idempotency_key.to_owned(),
        ..Default::default()
    };
    user.accounts(async |mut call, m| call.create_key(m).await, request).await
}

#[tokio::test]
async fn nobody_is_let_in_without_a_key_and_no_worker_without_the_token() {
    let world = World::new().await;
    let mut client = JobsClient::new(world.channel.clone());
    let refused = client.list(v1::ListJobsRequest::default()).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, "an API key is needed"));
    let mut request = Request::new(v1::ListJobsRequest::default());
    let unknown = format!("Bearer carlo_{}", "0".repeat(64));
    request.metadata_mut().insert("authorization", unknown.parse().unwrap());
    assert_eq!(client.list(request).await.unwrap_err().message(), "the API key is unknown");
    for token in [None, Some("another-token-of-16-letters")] {
        let refused = Puppet::join(&world, token).await.err().expect("it is refused");
        assert_eq!(refused.code, FaultCode::Unauthenticated);
        assert!(refused.message.contains("token"), "{refused}");
    }
    Puppet::join(&world, Some(TOKEN)).await.unwrap();
}

#[tokio::test]
async fn no_key_is_made_while_authentication_is_off() {
    let world = World::with(|settings| settings.access = Access::Open).await;
    let fault = create_key(&world.admin(), "ada", "").await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Forbidden);
    assert!(fault.message.contains("while authentication is off"), "{}", fault.message);
}

#[tokio::test]
async fn a_key_is_made_once_shown_once_and_revoked_at_once() {
    let mut world = World::new().await;
    let first = create_key(&world.admin(), "ada", "k").await.unwrap();
    let again = create_key(&world.admin(), "ada", "k").await.unwrap();
    assert_eq!((again.key.as_ref(), &*again.secret), (first.key.as_ref(), ""));
    assert_eq!(create_key(&world.admin(), "bob", "k").await.unwrap_err().code, FaultCode::KeyReused);
    let ada = User { key: first.secret, ..world.admin() };
    assert_eq!(create_key(&ada, "eve", "").await.unwrap_err().code, FaultCode::Forbidden);
    let drain = v1::DrainRequest { node_id: String::new() };
    let refused = ada.cluster(async |mut call, m| call.drain(m).await, drain).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::Forbidden);

    world.crash().await;
    let (admin, ada) = (world.admin(), world.again(&ada));
    assert_eq!(ada.usage().await.tier, "free");
    let revoke = v1::RevokeKeyRequest { id: first.key.unwrap().id };
    let revoked = admin.accounts(async |mut call, m| call.revoke_key(m).await, revoke).await.unwrap();
    assert!(revoked.revoked_at_ms.is_some());
    assert_eq!(ada.get("job_1").await.unwrap_err().code, FaultCode::Unauthenticated);
    world.crash().await;
    assert_eq!(world.again(&ada).get("job_1").await.unwrap_err().code, FaultCode::Unauthenticated);
}

#[tokio::test]
async fn answers_and_refusals_say_how_the_caller_stands() {
    let world = World::new().await;
    let ada = world.user("ada", "free").await;
    let mut client = JobsClient::new(world.channel.clone());
    let mut list = async || client.list(ada.request(v1::ListJobsRequest::default())).await;
    let first = list().await.unwrap();
    let policy = "\"second\";q=2;w=1, \"minute\";q=10;w=60, \"hour\";q=100;w=3600";
    assert_eq!(first.metadata().get("ratelimit-policy").unwrap(), policy);
    assert!(first.metadata().get("ratelimit").unwrap().to_str().unwrap().contains("\"minute\";r=9;"));
    let refused = loop {
        if let Err(refused) = list().await {
            break refused;
        }
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.metadata().get("ratelimit-policy").unwrap(), policy);
    assert!(refused.metadata().get("retry-after").is_some());
    assert_eq!(carlo_wire::status::to_fault(&refused).code, FaultCode::RateLimited);
}

#[tokio::test]
async fn usage_is_exact_whenever_the_coordinator_is_killed() {
    let mut world = World::new().await;
    let mut ada = world.user("ada", "pro").await;
    let mut calls = 0;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(ada.submit(16_384, "").await.unwrap().id);
        calls += 1;
        world.crash().await;
        ada = world.again(&ada);
    }
    ada.cancel(&ids[1]).await.unwrap();
    ada.get(&ids[0]).await.unwrap();
    assert_eq!(ada.get("job_1").await.unwrap_err().code, FaultCode::NotFound);
    calls += 3;
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let done = puppet.compute().await;
    while ada.get(&done).await.unwrap().status() != v1::JobStatus::Complete {
        calls += 1;
    }
    calls += 1;
    world.crash().await;
    ada = world.again(&ada);
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let last = puppet.compute().await;
    assert_ne!(done, last);
    while ada.get(&last).await.unwrap().status() != v1::JobStatus::Complete {
        calls += 1;
    }
    calls += 1;
    world.crash().await;
    ada = world.again(&ada);
    let usage = ada.usage().await;
    calls += 1;
    let wanted = v1::Counters {
        calls,
        jobs: 3,
        jobs_completed: 2,
        jobs_failed: 0,
        jobs_cancelled: 1,
        tokens: 2,
        cost_nanodollars: 200_000,
    };
    assert_eq!((usage.used, usage.reserved_nanodollars), (Some(wanted), 0));
    let job = ada.get(&done).await.unwrap();
    assert_eq!((job.tokens_used, job.cost_nanodollars), (Some(1), Some(100_000)));
    let cancelled = ada.get(&ids[1]).await.unwrap();
    assert_eq!((cancelled.tokens_used, cancelled.cancel_reason.as_deref()), (Some(0), Some("enough")));
}

#[tokio::test]
async fn a_quota_holds_for_its_month() {
    let world = World::with(|settings| {
        settings.terms.limits_mut(Tier::Free).jobs_per_month = Some(1);
        settings.terms.limits_mut(Tier::Free).calls_per_second = None;
    })
    .await;
    let ada = world.user("ada", "free").await;
    let job = ada.submit(1, "").await.unwrap();
    let refused = ada.submit(1, "").await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after_seconds), (FaultCode::QuotaExceeded, Some(12 * 3_600)));
    assert_eq!(refused.limit, Some(Limit::Quota("simulations".to_owned())));
    assert!(refused.message.contains("simulations"), "{refused}");
    assert!(ada.usage().await.exceeded.is_some());
    world.calendar.wall.fetch_add(12 * 3_600 * 1_000, Ordering::SeqCst);
    ada.submit(1, "").await.unwrap();
    // A job that was admitted in January is billed in January.
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    while ada.get(&job.id).await.unwrap().status() != v1::JobStatus::Complete {
        puppet.compute().await;
    }
    let history = v1::UsageHistoryRequest { periods: 1 };
    let history = ada.accounts(async |mut call, m| call.get_usage_history(m).await, history).await.unwrap();
    let january = &history.history[0];
    let counters = january.used.unwrap();
    assert_eq!((&*january.period, counters.jobs, counters.jobs_completed), ("2026-01", 1, 1));
    let february = history.current.unwrap();
    assert_eq!((&*february.period, february.used.unwrap().jobs), ("2026-02", 1));
}

#[tokio::test]
async fn a_probe_needs_no_key_and_is_nobodys_call() {
    let world = World::new().await;
    let ada = world.user("ada", "free").await;
    let before = ada.usage().await.used.unwrap().calls;
    let mut cluster = ClusterClient::new(world.channel.clone());
    cluster.ready(v1::ReadyRequest {}).await.unwrap();
    ada.cluster(async |mut call, m| call.ready(m).await, v1::ReadyRequest {}).await.unwrap();
    assert_eq!(ada.usage().await.used.unwrap().calls, before + 1);
}

#[tokio::test]
async fn events_tell_who_joined_was_refused_and_what_administrators_did() {
    use v1::ClusterEventKind::{Joined, KeyCreated, LeaderChanged, Refused};
    let world = World::new().await;
    let ada = world.user("ada", "free").await;
    Puppet::join(&world, None).await.err().expect("it is refused");
    let _node = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let events = async |user: &User| {
        let request = v1::ClusterEventsRequest {};
        let answer = user.cluster(async |mut call, m| call.events(m).await, request).await.unwrap();
        answer.events.iter().map(v1::ClusterEvent::kind).collect::<Vec<_>>()
    };
    assert_eq!(events(&world.admin()).await, [Joined, Refused, KeyCreated, LeaderChanged]);
    assert_eq!(events(&ada).await, [Joined, Refused, LeaderChanged], "keys are none of a user's business");
}

#[tokio::test]
async fn the_last_key_with_the_role_admin_stays() {
    let world = World::new().await;
    let admin = world.admin();
    let keys = admin.accounts(async |mut call, m| call.list_keys(m).await, v1::ListKeysRequest {}).await;
    let first = keys.unwrap().keys[0].id.clone();
    let revoke = async |id: &str| {
        let request = v1::RevokeKeyRequest { id: id.to_owned() };
        admin.accounts(async |mut call, m| call.revoke_key(m).await, request).await
    };
    let refused = revoke(&first).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::Conflict);
    assert!(refused.message.contains("last key with the role admin"), "{refused}");
    let request =
        v1::CreateKeyRequest { user: "eve".to_owned(), role: v1::Role::Admin.into(), ..Default::default() };
    admin.accounts(async |mut call, m| call.create_key(m).await, request).await.unwrap();
    revoke(&first).await.unwrap();
}

#[tokio::test]
async fn several_join_tokens_are_valid_at_once_and_outlive_the_coordinator() {
    let mut world = World::new().await;
    let mut admin = world.admin();
    let request = v1::CreateJoinTokenRequest {
        note: Some("rack 7".to_owned()),
        expires_in_days: Some(1),
        idempotency_key: "k".to_owned(),
    };
    let made =
        admin.accounts(async |mut call, m| call.create_join_token(m).await, request.clone()).await.unwrap();
    let again = admin.accounts(async |mut call, m| call.create_join_token(m).await, request).await.unwrap();
    let id = made.token.clone().unwrap().id;
    assert_eq!((again.token.unwrap().id, &*again.text), (id.clone(), ""));
    for token in [TOKEN, &made.text] {
        Puppet::join(&world, Some(token)).await.unwrap();
    }
    world.crash().await;
    admin = world.admin();
    Puppet::join(&world, Some(&made.text)).await.unwrap();
    world.calendar.wall.fetch_add(24 * 3_600_000, Ordering::SeqCst);
    let refused = Puppet::join(&world, Some(&made.text)).await.err().expect("it is refused");
    assert!(refused.message.contains("expired"), "{refused}");
    let revoke = v1::RevokeJoinTokenRequest { id };
    admin.accounts(async |mut call, m| call.revoke_join_token(m).await, revoke).await.unwrap();
    Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let list = v1::ListJoinTokensRequest {};
    let tokens =
        admin.accounts(async |mut call, m| call.list_join_tokens(m).await, list).await.unwrap().tokens;
    assert_eq!(tokens.len(), 2);
    assert!(tokens.iter().all(|token| token.last_used_at_ms.is_some()), "{tokens:?}");

    let ada = world.user("ada", "pro").await;
    let list = v1::ListJoinTokensRequest {};
    let refused = ada.accounts(async |mut call, m| call.list_join_tokens(m).await, list).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::Forbidden);
    let bad = v1::CreateJoinTokenRequest { expires_in_days: Some(0), ..Default::default() };
    let refused = admin.accounts(async |mut call, m| call.create_join_token(m).await, bad).await.unwrap_err();
    assert_eq!(refused.fields[0].pointer, "/expiresInDays");
}

#[tokio::test]
async fn the_tiers_are_the_clusters_and_outlive_the_coordinator() {
    let mut world = World::new().await;
    let set = async |user: &User, json: &str| {
        let request = v1::Tiers { json: json.to_owned() };
        user.accounts(async |mut call, m| call.set_tiers(m).await, request).await
    };
    let refused =
        set(&world.admin(), r#"{"tiers": {"gold": {}, "pro": {"open_jobs": 0}}}"#).await.unwrap_err();
    let pointers: Vec<_> = refused.fields.iter().map(|field| &*field.pointer).collect();
    assert_eq!(pointers, ["/tiers/gold", "/tiers/pro/open_jobs"]);
    set(&world.admin(), r#"{"tiers": {"pro": {"open_jobs": 1}}}"#).await.unwrap();
    let mut ada = world.user("ada", "pro").await;
    ada.submit(1, "").await.unwrap();
    assert_eq!(ada.submit(1, "").await.unwrap_err().code, FaultCode::QuotaExceeded);
    // The next leader has other tiers in its configuration, but uses those of the ledger.
    world.crash().await;
    ada = world.again(&ada);
    assert_eq!(ada.submit(1, "").await.unwrap_err().code, FaultCode::QuotaExceeded);
    let get = v1::GetTiersRequest {};
    let tiers = world.admin().accounts(async |mut call, m| call.get_tiers(m).await, get).await.unwrap();
    let tiers = carlo_tenancy::Terms::parse(&tiers.json).unwrap();
    assert_eq!(tiers.limits(Tier::Pro).open_jobs, Some(1));
    // It replaces those of the ledger if it is configured to.
    world.settings.replaces_terms = true;
    world.crash().await;
    ada = world.again(&ada);
    ada.submit(1, "").await.unwrap();
    assert_eq!(set(&ada, "{}").await.unwrap_err().code, FaultCode::Forbidden);
}
