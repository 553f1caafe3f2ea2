//! Limits of what one user may have at the same time, with any number of keys, without effects on
//! other users.

use std::time::Duration;

use carlo_tenancy::{Tier, TierLimits};
use carlo_types::fault::Limit;
use carlo_types::{Fault, FaultCode};
use carlo_wire::v1;
use tonic::Code;

use crate::world::{PATIENCE, User, World, simulation};

/// A world in which the tier pro is bounded by `change` alone.
async fn world(change: impl FnOnce(&mut TierLimits)) -> World {
    World::with(|settings| {
        let limits = settings.terms.limits_mut(Tier::Pro);
        (limits.calls_per_second, limits.calls_per_minute) = (None, None);
        change(limits);
    })
    .await
}

fn assert_used_up<T: std::fmt::Debug>(refused: Result<T, Fault>, share: &str) {
    let fault = refused.unwrap_err();
    let bound = Some(Limit::Quota(share.to_owned()));
    assert_eq!((fault.code, &fault.limit), (FaultCode::QuotaExceeded, &bound), "{fault}");
    assert!(fault.message.contains("the tier pro allows") && fault.retry_after_seconds.is_some(), "{fault}");
}

async fn wait_for(user: &User, id: &str, wait_ms: u32) -> Result<v1::Job, Fault> {
    let request = v1::GetJobRequest { id: id.to_owned(), wait_ms, with_points: false };
    user.jobs(async |mut call, m| call.get(m).await, request).await
}

#[tokio::test]
async fn open_jobs_are_bounded_by_user() {
    let world = world(|limits| limits.open_jobs = Some(3)).await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let batch = v1::CreateBatchRequest {
        simulations: vec![
            v1::BatchSimulation { simulation: Some(simulation(1)), custom_id: String::new() };
            2
        ],
        ..Default::default()
    };
    ada.batches(async |mut call, m| call.create(m).await, batch.clone()).await.unwrap();
    assert_used_up(ada.batches(async |mut call, m| call.create(m).await, batch).await, "open_jobs");
    let third = ada.submit(1, "").await.unwrap();
    let other_key = world.user("ada", "pro").await;
    assert_used_up(other_key.submit(1, "").await, "open_jobs");
    bob.submit(1, "").await.unwrap();
    ada.cancel(&third.id).await.unwrap();
    ada.submit(1, "").await.unwrap();
}

#[tokio::test]
async fn streams_and_waiting_calls_are_bounded_by_user() {
    let world = world(|limits| limits.streams_at_once = Some(3)).await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let id = ada.submit(1, "").await.unwrap().id;
    let watch = async |user: &User| {
        let request = v1::WatchJobRequest { id: id.clone(), last_event_id: None };
        user.jobs(async |mut call, m| call.watch(m).await, request).await
    };
    let events = watch(&ada).await.unwrap();
    let simulate = |simulations| {
        let (ada, request) = (ada.clone(), simulation(simulations));
        tokio::spawn(async move {
            let request = v1::SimulateRequest { simulation: Some(request), ..Default::default() };
            ada.jobs(async |mut call, m| call.simulate(m).await, request).await
        })
    };
    let simulating = [simulate(1), simulate(2)];
    while ada.usage().await.used.unwrap().jobs < 3 {}
    assert_used_up(watch(&ada).await, "streams_at_once");
    let batch = v1::CreateBatchRequest {
        simulations: vec![v1::BatchSimulation { simulation: Some(simulation(1)), ..Default::default() }],
        ..Default::default()
    };
    let batch = ada.batches(async |mut call, m| call.create(m).await, batch).await.unwrap().id;
    let watch_batch = v1::WatchBatchRequest { id: batch, last_event_id: None };
    assert_used_up(
        ada.batches(async |mut call, m| call.watch(m).await, watch_batch).await,
        "streams_at_once",
    );
    assert_used_up(wait_for(&ada, &id, 1_000).await, "streams_at_once");
    assert_used_up(simulate(3).await.unwrap(), "streams_at_once");
    ada.get(&id).await.expect("a call that doesn't wait isn't limited");

    let other = bob.submit(1, "").await.unwrap().id;
    let request = v1::WatchJobRequest { id: other, last_event_id: None };
    bob.jobs(async |mut call, m| call.watch(m).await, request).await.unwrap();

    drop(events);
    simulating.iter().for_each(tokio::task::JoinHandle::abort);
    let free = async {
        while watch(&ada).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.expect("the end of a stream makes room");
}

#[tokio::test]
async fn bytes_in_the_ledger_are_bounded_by_user_also_after_a_restart() {
    // Room for the results of three jobs, and a little for their specifications.
    let mut world = world(|limits| limits.stored_bytes = Some(4 * 4 * 1_024 - 1)).await;
    let (mut ada, mut bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let first = ada.submit(1, "").await.unwrap();
    for _ in 0..2 {
        ada.submit(1, "").await.unwrap();
    }
    assert_used_up(ada.submit(1, "").await, "stored_bytes");
    world.crash().await;
    (ada, bob) = (world.again(&ada), world.again(&bob));
    assert_used_up(ada.submit(1, "").await, "stored_bytes");
    bob.submit(1, "").await.unwrap();
    // A cancelled job will have no results, so it takes less room.
    ada.cancel(&first.id).await.unwrap();
    ada.submit(1, "").await.unwrap();
    assert_used_up(ada.submit(1, "").await, "stored_bytes");
}

#[tokio::test]
async fn everything_that_a_revoked_key_has_open_ends_at_once() {
    let world = World::new().await;
    let request =
        v1::CreateKeyRequest { user: "ada".to_owned(), tier: "pro".to_owned(), ..Default::default() };
    let admin = world.admin();
    let created = admin.accounts(async |mut call, m| call.create_key(m).await, request).await.unwrap();
    let key = created.key.unwrap().id;
    let ada = User { key: created.secret, channel: world.channel.clone() };
    let id = ada.submit(1, "").await.unwrap().id;
    let watch = v1::WatchJobRequest { id: id.clone(), last_event_id: None };
    let mut events = ada.jobs(async |mut call, m| call.watch(m).await, watch).await.unwrap();
    events.message().await.unwrap().expect("the current state of the job");
    let batch = v1::CreateBatchRequest {
        simulations: vec![v1::BatchSimulation { simulation: Some(simulation(1)), ..Default::default() }],
        ..Default::default()
    };
    let batch = ada.batches(async |mut call, m| call.create(m).await, batch).await.unwrap().id;
    let watch_batch = v1::WatchBatchRequest { id: batch, last_event_id: None };
    let mut batch_events = ada.batches(async |mut call, m| call.watch(m).await, watch_batch).await.unwrap();
    batch_events.message().await.unwrap().expect("the current state of the batch");
    let (waits, simulates) = (ada.clone(), ada.clone());
    let waits = tokio::spawn(async move { wait_for(&waits, &id, 30_000).await });
    let simulates = tokio::spawn(async move {
        let request = v1::SimulateRequest { simulation: Some(simulation(1)), ..Default::default() };
        simulates.jobs(async |mut call, m| call.simulate(m).await, request).await
    });
    // Both calls have arrived once they are counted.
    while ada.usage().await.used.unwrap().jobs < 3 {}
    let revoke = v1::RevokeKeyRequest { id: key };
    admin.accounts(async |mut call, m| call.revoke_key(m).await, revoke).await.unwrap();
    let ends = async {
        assert_eq!(events.message().await.unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(batch_events.message().await.unwrap_err().code(), Code::Unauthenticated);
        for ended in [waits.await.unwrap(), simulates.await.unwrap()] {
            assert_eq!(ended.unwrap_err().code, FaultCode::Unauthenticated);
        }
    };
    tokio::time::timeout(PATIENCE, ends).await.expect("they end");
}
