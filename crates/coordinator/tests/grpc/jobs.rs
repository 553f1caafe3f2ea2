//! Jobs of several users, repeated requests, waiting and watching.

use std::time::Duration;

use carlo_types::{BatchId, FaultCode, JobId};
use carlo_wire::v1;
use carlo_wire::v1::jobs_client::JobsClient;
use tokio::time::timeout;
use tonic::Request;
use tonic::transport::Channel;

use crate::puppet::Puppet;
use crate::world::{PATIENCE, TOKEN, User, World, simulation};

async fn watch(user: &User, id: &str, last_event_id: Option<u64>) -> tonic::Streaming<v1::JobEvent> {
    let request = v1::WatchJobRequest { id: id.to_owned(), last_event_id };
    user.jobs(async |mut call, m| call.watch(m).await, request).await.unwrap()
}

async fn next(events: &mut tonic::Streaming<v1::JobEvent>) -> Option<(u64, v1::Job)> {
    let event = timeout(PATIENCE, events.message()).await.expect("an event comes").unwrap();
    event.map(|event| (event.id, event.job.unwrap()))
}

#[tokio::test]
async fn another_users_job_is_refused_on_every_call() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", "enterprise").await, world.user("bob", "pro").await);
    let id = ada.submit(1, "").await.unwrap().id;
    let request = v1::CreateBatchRequest {
        simulations: vec![v1::BatchSimulation { simulation: Some(simulation(1)), custom_id: String::new() }],
        ..Default::default()
    };
    let batch = ada.batches(async |mut call, m| call.create(m).await, request).await.unwrap().id;
    for (user, code, id, batch) in [
        (&bob, FaultCode::Forbidden, id.clone(), batch.clone()),
        (&ada, FaultCode::NotFound, JobId::from_random(9).to_string(), BatchId::from_random(9).to_string()),
        (&ada, FaultCode::NotFound, "nonsense".to_owned(), "nonsense".to_owned()),
    ] {
        let get = || v1::GetBatchRequest { id: batch.clone(), wait_ms: 0 };
        let watch = v1::WatchJobRequest { id: id.clone(), last_event_id: None };
        let cancel = v1::CancelBatchRequest { id: batch.clone(), ..Default::default() };
        let delete = v1::DeleteBatchRequest { id: batch.clone() };
        let codes = [
            user.get(&id).await.unwrap_err().code,
            user.cancel(&id).await.unwrap_err().code,
            user.update(&id, 60).await.unwrap_err().code,
            user.delete(&id).await.unwrap_err().code,
            user.jobs(async |mut call, m| call.watch(m).await, watch).await.unwrap_err().code,
            user.batches(async |mut call, m| call.get(m).await, get()).await.unwrap_err().code,
            user.batches(async |mut call, m| call.jobs(m).await, get()).await.unwrap_err().code,
            user.batches(async |mut call, m| call.results(m).await, get()).await.unwrap_err().code,
            user.batches(async |mut call, m| call.cancel(m).await, cancel).await.unwrap_err().code,
            user.batches(async |mut call, m| call.delete(m).await, delete).await.unwrap_err().code,
        ];
        assert_eq!(codes, [code; 10]);
    }
    for (user, jobs, batches) in [(&ada, 2, 1), (&bob, 0, 0), (&world.admin(), 0, 0)] {
        let listed =
            user.jobs(async |mut call, m| call.list(m).await, v1::ListJobsRequest::default()).await.unwrap();
        let request = v1::ListBatchesRequest::default();
        let found = user.batches(async |mut call, m| call.list(m).await, request).await.unwrap();
        assert_eq!(
            (listed.total, listed.jobs.len() as u64, found.total, found.batches.len() as u64),
            (jobs, jobs, batches, batches)
        );
    }
}

#[tokio::test]
async fn a_cached_job_is_valid_for_its_owner_alone() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let (id, open) = (ada.submit(1, "").await.unwrap().id, ada.submit(1, "").await.unwrap().id);
    let at = ada.cancel(&id).await.unwrap().completed_at_ms.unwrap();
    let cached = |user: &User, id: &str, completed_at_ms| v1::CachedJob {
        key: user.key.clone(),
        id: id.to_owned(),
        completed_at_ms,
        verdict: 0,
    };
    let calls = [ada.usage().await.used.unwrap().calls, bob.usage().await.used.unwrap().calls];
    let jobs = vec![
        cached(&ada, &id, at),
        cached(&bob, &id, at),
        cached(&ada, &id, at + 1),
        v1::CachedJob { verdict: 1, ..cached(&ada, &id, at) },
        cached(&ada, &open, 0),
        cached(&ada, &JobId::from_random(9).to_string(), at),
        cached(&ada, "nonsense", at),
        v1::CachedJob { key: String::new(), ..cached(&ada, &id, at) },
        v1::CachedJob { key: "carlo_nobody".to_owned(), ..cached(&ada, &id, at) },
        cached(&ada, &id, at),
    ];
    // The key in the metadata doesn't matter.
    let answer =
        bob.jobs(async |mut call, m| call.revalidate(m).await, v1::RevalidateRequest { jobs }).await.unwrap();
    let valid: Vec<_> = answer.revalidations.iter().map(|one| one.is_valid).collect();
    assert_eq!(valid, [true, false, false, false, false, false, false, false, false, true]);
    for one in &answer.revalidations {
        assert_eq!([one.ratelimit.is_empty(), one.ratelimit_policy.is_empty()], [!one.is_valid; 2]);
    }
    // Each valid entry counts as a call, and so does the request for the usage.
    assert_eq!(ada.usage().await.used.unwrap().calls, calls[0] + 3);
    assert_eq!(bob.usage().await.used.unwrap().calls, calls[1] + 1);
    let jobs = vec![cached(&ada, &id, at); 1_001];
    let refused =
        bob.jobs(async |mut call, m| call.revalidate(m).await, v1::RevalidateRequest { jobs }).await;
    assert_eq!(refused.unwrap_err().code, FaultCode::Invalid);
}

#[tokio::test]
async fn no_cached_job_is_valid_beyond_a_limit() {
    let world = World::new().await;
    let ada = world.user("ada", "free").await;
    let id = ada.submit(1, "").await.unwrap().id;
    let at = ada.cancel(&id).await.unwrap().completed_at_ms.unwrap();
    let cached = v1::CachedJob { key: ada.key.clone(), id, completed_at_ms: at, verdict: 0 };
    let request = v1::RevalidateRequest { jobs: vec![cached; 20] };
    let answer = ada.jobs(async |mut call, m| call.revalidate(m).await, request).await.unwrap();
    let valid = answer.revalidations.iter().filter(|one| one.is_valid).count();
    // The limit is two per second, and there were two calls before, perhaps in another second.
    assert!(valid <= 2, "{valid} of 20");
}

#[tokio::test]
async fn two_requests_with_one_key_at_the_same_instant_are_one_job() {
    let mut world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let (one, other) = tokio::join!(ada.submit(5, "k"), ada.submit(5, "k"));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one, other);
    assert_eq!(ada.submit(6, "k").await.unwrap_err().code, FaultCode::KeyReused);
    ada.cancel(&one.id).await.unwrap();
    world.crash().await;
    let ada = world.again(&ada);
    assert_eq!(ada.submit(5, "k").await.unwrap(), one, "the first answer, as it was");
    assert_eq!(ada.usage().await.used.unwrap().jobs, 1);
    world.calendar.wall.fetch_add(24 * 3_600 * 1_000, std::sync::atomic::Ordering::SeqCst);
    assert_ne!(ada.submit(5, "k").await.unwrap().id, one.id);
    // Refused requests don't use up their key.
    assert_eq!(ada.submit(0, "z").await.unwrap_err().code, FaultCode::Invalid);
    ada.submit(1, "z").await.unwrap();
}

#[tokio::test]
async fn a_job_that_is_waited_for_is_answered_when_it_has_ended() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let request = |wait_ms, key: &str| v1::SimulateRequest {
        simulation: Some(simulation(16_384)),
        priority: None,
        idempotency_key: key.to_owned(),
        wait_ms,
        preview: false,
    };
    let late = ada.jobs(async |mut call, m| call.simulate(m).await, request(Some(1), "k")).await.unwrap();
    assert_eq!(late.status(), v1::JobStatus::Queued, "it goes on without its caller");
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let simulating = ada.jobs(async |mut call, m| call.simulate(m).await, request(None, "k"));
    let (job, computed) = tokio::join!(simulating, puppet.compute());
    let job = job.unwrap();
    assert_eq!((&job.id, &computed), (&late.id, &late.id), "the same request is the same job");
    assert!(job.results.is_some());
    let large = v1::SimulateRequest { simulation: Some(simulation(10_000_001)), ..request(None, "") };
    let refused = ada.jobs(async |mut call, m| call.simulate(m).await, large).await.unwrap_err();
    assert_eq!(refused.fields[0].pointer, "/simulationParams/nSimulations");
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_what_it_waits_for() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let request = v1::SimulateRequest {
        simulation: Some(simulation(1)),
        idempotency_key: "k".to_owned(),
        ..Default::default()
    };
    let waiting = {
        let (ada, request) = (ada.clone(), request.clone());
        tokio::spawn(async move { ada.jobs(async |mut call, m| call.simulate(m).await, request).await })
    };
    let list = || ada.jobs(async |mut call, m| call.list(m).await, v1::ListJobsRequest::default());
    let id = loop {
        if let Some(job) = list().await.unwrap().jobs.first() {
            break job.id.clone();
        }
    };
    let in_use = ada.jobs(async |mut call, m| call.simulate(m).await, request.clone()).await.unwrap_err();
    assert_eq!(in_use.code, FaultCode::KeyInUse);
    waiting.abort();
    let job = ada.end_of(&id).await;
    assert_eq!(job.status(), v1::JobStatus::Cancelled);
    assert_eq!(job.cancel_reason.as_deref(), Some("the caller that waited for it has gone"));
}

#[tokio::test]
async fn the_same_request_joins_the_job_that_goes_on() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let request = |simulations, wait_ms| v1::SimulateRequest {
        simulation: Some(simulation(simulations)),
        wait_ms: Some(wait_ms),
        ..Default::default()
    };
    let simulate = async |user: &User, simulations, wait_ms| {
        user.jobs(async |mut call, m| call.simulate(m).await, request(simulations, wait_ms)).await.unwrap()
    };
    let first = simulate(&ada, 16_384, 1).await;
    assert_eq!(simulate(&ada, 16_384, 1).await.id, first.id, "its caller was told that it goes on");
    assert_ne!(simulate(&ada, 16_385, 1).await.id, first.id, "another request is another job");
    assert_ne!(simulate(&bob, 16_384, 1).await.id, first.id, "and so is another user's");
    assert_eq!(ada.usage().await.used.unwrap().jobs, 2);
    // A caller who was told that the job continues can disconnect later without cancelling it.
    let leaving = timeout(Duration::from_millis(50), simulate(&ada, 16_384, 30_000)).await;
    assert!(leaving.is_err());
    assert_eq!(ada.get(&first.id).await.unwrap().status(), v1::JobStatus::Queued);
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let (job, _) = tokio::join!(simulate(&ada, 16_384, 30_000), puppet.compute());
    assert_eq!((job.id, job.results.is_some()), (first.id.clone(), true));
    // The results have been delivered, so the same request starts a new job.
    assert_ne!(simulate(&ada, 16_384, 1).await.id, first.id);
}

#[tokio::test]
async fn the_same_request_joins_within_a_minute_of_the_last_one() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let simulate = async || {
        let request = v1::SimulateRequest {
            simulation: Some(simulation(16_384)),
            wait_ms: Some(1),
            ..Default::default()
        };
        ada.jobs(async |mut call, m| call.simulate(m).await, request).await.unwrap().id
    };
    let pass = async |seconds| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    let first = simulate().await;
    // Nobody computes it, so it goes on. Each request that joins begins another minute.
    for _ in 0..2 {
        pass(58).await;
        assert_eq!(simulate().await, first);
    }
    pass(61).await;
    let second = simulate().await;
    assert_ne!(second, first);
    assert_eq!(ada.get(&first).await.unwrap().status(), v1::JobStatus::Queued, "nobody has cancelled it");
    pass(58).await;
    assert_eq!(simulate().await, second);
}

#[tokio::test]
async fn a_job_is_cancelled_when_the_last_who_wait_for_it_have_gone() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let waiting = || {
        let (ada, simulation) = (ada.clone(), Some(simulation(1)));
        let request = v1::SimulateRequest { simulation, ..Default::default() };
        tokio::spawn(async move { ada.jobs(async |mut call, m| call.simulate(m).await, request).await })
    };
    let calls = async || ada.usage().await.used.unwrap().calls;
    let before = calls().await;
    let (one, other) = (waiting(), waiting());
    let list = || ada.jobs(async |mut call, m| call.list(m).await, v1::ListJobsRequest::default());
    // Both calls have arrived once they are counted, beside the calls of this test.
    let mut own = 1;
    while calls().await < before + own + 2 {
        own += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let jobs = list().await.unwrap().jobs;
    assert_eq!(jobs.len(), 1);
    one.abort();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ada.get(&jobs[0].id).await.unwrap().status(), v1::JobStatus::Queued);
    other.abort();
    assert_eq!(ada.end_of(&jobs[0].id).await.status(), v1::JobStatus::Cancelled);
}

/// The id of the last event of every job.
const LAST_EVENT_ID: u64 = (1 << 53) - 1;

#[tokio::test]
async fn events_are_numbered_and_end_with_the_results() {
    let mut world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let id = ada.submit(2 * 16_384, "").await.unwrap().id;
    let mut events = watch(&ada, &id, None).await;
    let (number, job) = next(&mut events).await.unwrap();
    assert_eq!((number, job.status()), (1, v1::JobStatus::Queued));
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    assert_eq!(puppet.granted().await, id);
    let (number, job) = next(&mut events).await.unwrap();
    assert_eq!((number, job.status()), (2, v1::JobStatus::Running));
    drop(events);
    while ada.get(&id).await.unwrap().status() == v1::JobStatus::Running {
        let computing = timeout(Duration::from_millis(50), puppet.compute()).await;
        drop(computing);
    }
    // A caller that returns misses no event, and the last event contains the whole job.
    let mut events = watch(&ada, &id, Some(1)).await;
    let (mut number, mut job) = next(&mut events).await.unwrap();
    assert_eq!((number, job.status(), job.results.is_none()), (2, v1::JobStatus::Running, true));
    while let Some((later, seen)) = next(&mut events).await {
        let is_last = seen.status() == v1::JobStatus::Complete;
        assert_eq!(later, if is_last { LAST_EVENT_ID } else { number + 1 });
        (number, job) = (later, seen);
    }
    assert_eq!((job.status(), job.results.is_some()), (v1::JobStatus::Complete, true));
    // The same holds at the coordinator that saw the end, and at one that was started later.
    for crashes in [false, true] {
        if crashes {
            world.crash().await;
        }
        let ada = world.again(&ada);
        for id_from_nowhere in [20, LAST_EVENT_ID - 1, LAST_EVENT_ID + 1, u64::MAX] {
            let mut events = watch(&ada, &id, Some(id_from_nowhere)).await;
            assert_eq!(next(&mut events).await.unwrap().0, LAST_EVENT_ID, "after {id_from_nowhere}");
            assert_eq!(next(&mut events).await, None, "one event ends it");
        }
        let request = v1::WatchJobRequest { id: id.clone(), last_event_id: Some(LAST_EVENT_ID) };
        let again = JobsClient::new(world.channel.clone()).watch(ada.request(request)).await.unwrap();
        assert!(again.metadata().contains_key("carlo-stream-is-over"));
        assert!(again.into_inner().message().await.unwrap().is_none(), "nothing is told twice");
    }
}

#[tokio::test]
async fn a_job_that_goes_on_has_events_also_for_who_claims_to_have_seen_its_last() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    for claimed in [LAST_EVENT_ID, LAST_EVENT_ID - 1] {
        let id = ada.submit(1, "").await.unwrap().id;
        let mut events = watch(&ada, &id, Some(claimed)).await;
        assert_eq!(next(&mut events).await.unwrap().0, 1);
        ada.cancel(&id).await.unwrap();
        assert_eq!(next(&mut events).await.unwrap().0, LAST_EVENT_ID);
        assert_eq!(next(&mut events).await, None);
    }
}

#[tokio::test]
async fn no_number_is_given_to_two_events_over_a_crash() {
    let mut world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let id = ada.submit(1, "").await.unwrap().id;
    let mut events = watch(&ada, &id, Some(7)).await;
    assert_eq!(next(&mut events).await.unwrap().0, 8);
    world.crash().await;
    let mut events = watch(&world.again(&ada), &id, Some(8)).await;
    assert_eq!(next(&mut events).await.unwrap().0, 9);
    let mut other = watch(&world.again(&ada), &id, Some(20)).await;
    assert_eq!(next(&mut other).await.unwrap().0, 9, "an id that doesn't exist yet starts at the present");
}

#[tokio::test]
async fn a_job_keeps_its_name_and_priority_and_a_wrong_one_is_a_fault_like_any_other() {
    let mut world = World::new().await;
    let mut ada = world.user("ada", "pro").await;
    let submit = async |user: &User, name: &str, priority| {
        let request = v1::SubmitRequest {
            simulation: Some(simulation(1)),
            priority,
            name: Some(name.to_owned()),
            ..Default::default()
        };
        user.jobs(async |mut call, m| call.submit(m).await, request).await
    };
    let id = submit(&ada, "Retire at 60", Some(7)).await.unwrap().id;
    world.crash().await;
    ada = world.again(&ada);
    let job = ada.get(&id).await.unwrap();
    assert_eq!((job.name.as_deref(), job.priority), (Some("Retire at 60"), 7));
    assert_eq!(submit(&ada, "plain", None).await.unwrap().priority, 50);
    let refused = submit(&ada, "a\u{1b}[2J", Some(101)).await.unwrap_err();
    let pointers: Vec<_> = refused.fields.iter().map(|field| &*field.pointer).collect();
    assert_eq!((refused.code, &*pointers), (FaultCode::Invalid, &["/name", "/priority"][..]));
}

#[tokio::test]
async fn many_watch_one_job_and_none_waits_for_another() {
    let world = World::with(|settings| {
        settings.terms.limits_mut(carlo_tenancy::Tier::Pro).calls_per_second = None;
        settings.terms.limits_mut(carlo_tenancy::Tier::Pro).calls_per_minute = None;
        settings.terms.limits_mut(carlo_tenancy::Tier::Pro).streams_at_once = None;
    })
    .await;
    let ada = world.user("ada", "pro").await;
    let id = ada.submit(16_384, "").await.unwrap().id;
    let mut watchers = Vec::new();
    for _ in 0..500 {
        watchers.push(watch(&ada, &id, None).await);
    }
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    puppet.compute().await;
    assert_eq!(ada.end_of(&id).await.status(), v1::JobStatus::Complete);
    // The first stream has not been read so far.
    for events in &mut watchers {
        let mut last = None;
        while let Some((_, job)) = next(events).await {
            last = Some(job);
        }
        assert!(last.unwrap().results.is_some());
    }
}

#[tokio::test]
async fn calls_that_are_reset_at_once_cut_no_other_call_of_the_connection() {
    let world = World::with(|settings| {
        settings.terms.limits_mut(carlo_tenancy::Tier::Pro).calls_per_second = None;
        settings.terms.limits_mut(carlo_tenancy::Tier::Pro).calls_per_minute = None;
        settings.terms.limits_mut(carlo_tenancy::Tier::Pro).streams_at_once = None;
    })
    .await;
    let ada = world.user("ada", "pro").await;
    let id = ada.submit(1, "").await.unwrap().id;
    let mut events = watch(&ada, &id, None).await;
    next(&mut events).await.unwrap();
    for _ in 0..5 {
        let call = |_| {
            let (ada, request) =
                (ada.clone(), v1::GetJobRequest { id: id.clone(), wait_ms: 30_000, with_points: false });
            tokio::spawn(async move { ada.jobs(async |mut call, m| call.get(m).await, request).await })
        };
        let calls: Vec<_> = (0..200).map(call).collect();
        tokio::task::yield_now().await;
        for call in calls {
            call.abort();
        }
    }
    ada.cancel(&id).await.unwrap();
    assert_eq!(next(&mut events).await.unwrap().1.status(), v1::JobStatus::Cancelled);
}

#[tokio::test]
async fn a_cancellation_that_races_the_completion_has_one_winner() {
    let world = World::new().await;
    let ada = world.user("ada", "enterprise").await;
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let mut tokens = 0;
    for _ in 0..10 {
        let id = ada.submit(100_000, "").await.unwrap().id;
        let computing = async {
            // The job may be cancelled before all of it is computed.
            while timeout(Duration::from_millis(20), puppet.compute()).await.is_ok() {}
        };
        let (cancelled, ()) = tokio::join!(ada.cancel(&id), computing);
        let job = ada.get(&id).await.unwrap();
        match cancelled {
            Ok(_) => assert_eq!(job.status(), v1::JobStatus::Cancelled),
            Err(fault) => {
                assert_eq!(fault.code, FaultCode::Conflict);
                assert_eq!(job.status(), v1::JobStatus::Complete);
            }
        }
        tokens += job.tokens_used.unwrap();
    }
    let used = ada.usage().await.used.unwrap();
    assert_eq!((used.jobs_completed + used.jobs_cancelled, used.tokens), (10, tokens));
}

#[tokio::test]
async fn a_job_keeps_the_ids_of_its_request_over_a_crash() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let submit = async |request_id: Option<&str>| {
        let message = v1::SubmitRequest { simulation: Some(simulation(100)), ..Default::default() };
        let call = async |mut call: JobsClient<Channel>, mut request: Request<v1::SubmitRequest>| {
            if let Some(id) = request_id {
                let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
                request.metadata_mut().insert("x-request-id", id.parse().unwrap());
                request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
            }
            call.submit(request).await
        };
        ada.jobs(call, message).await.unwrap().id
    };
    let (named, unnamed) = (submit(Some("id-7")).await, submit(None).await);
    world.crash().await;
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    for _ in 0..2 {
        puppet.compute().await;
    }
    let (request_id, traceparent) = &puppet.origins[&named];
    assert_eq!((&**request_id, traceparent.contains(TRACE)), ("id-7", true), "{traceparent}");
    // Of a request without an id only the log of its leader knows one.
    assert_eq!(puppet.origins[&unnamed].0, "");
}
