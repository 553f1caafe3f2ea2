//! Batches: budgets, failures, cancellation, restarts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use carlo_types::fault::Limit;
use carlo_types::{Fault, FaultCode};
use carlo_wire::v1;
use carlo_wire::v1::BatchStatus;
use carlo_wire::v1::batches_client::BatchesClient;
use tokio::time::timeout;

use crate::puppet::Puppet;
use crate::world::{PATIENCE, TOKEN, User, World, simulation};

/// A batch of this number of jobs of a token each.
fn request(jobs: usize) -> v1::CreateBatchRequest {
    let one = |number: usize| v1::BatchSimulation {
        simulation: Some(simulation(16_384)),
        custom_id: format!("number {number}"),
    };
    v1::CreateBatchRequest { simulations: (0..jobs).map(one).collect(), ..Default::default() }
}

async fn create(user: &User, request: v1::CreateBatchRequest) -> Result<v1::Batch, Fault> {
    user.batches(async |mut call, m| call.create(m).await, request).await
}

async fn get(user: &User, id: &str) -> v1::Batch {
    let request = v1::GetBatchRequest { id: id.to_owned(), wait_ms: 0 };
    user.batches(async |mut call, m| call.get(m).await, request).await.unwrap()
}

async fn jobs(user: &User, id: &str) -> Vec<v1::Job> {
    let request = v1::GetBatchRequest { id: id.to_owned(), wait_ms: 0 };
    user.batches(async |mut call, m| call.jobs(m).await, request).await.unwrap().jobs
}

async fn cancel(user: &User, id: &str, cancel_running: Option<bool>) -> Result<v1::Batch, Fault> {
    let request = v1::CancelBatchRequest { id: id.to_owned(), reason: "enough".to_owned(), cancel_running };
    user.batches(async |mut call, m| call.cancel(m).await, request).await
}

/// Waits until this number of the batch's jobs have ended.
async fn ended(user: &User, id: &str, jobs: u32) -> v1::Batch {
    let looking = async {
        loop {
            let batch = get(user, id).await;
            if batch.completed_jobs + batch.failed_jobs + batch.cancelled_jobs >= jobs {
                return batch;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("they end")
}

#[tokio::test]
async fn a_batch_runs_a_few_jobs_at_a_time_and_survives_every_crash() {
    let mut world = World::new().await;
    let mut ada = world.user("ada", "enterprise").await;
    let metadata_json = "{\"a\": 1}".to_owned();
    let asked = v1::CreateBatchRequest {
        parallel_jobs: Some(2),
        metadata_json,
        idempotency_key: "k".to_owned(),
        ..request(5)
    };
    let batch = create(&ada, asked.clone()).await.unwrap();
    assert_eq!(
        (batch.status(), batch.pending_jobs, &*batch.metadata_json),
        (BatchStatus::Pending, 5, "{\"a\": 1}")
    );
    assert_eq!(batch.estimated_cost_nanodollars, 500_000);
    for done in 0..5_u32 {
        world.crash().await;
        ada = world.again(&ada);
        assert_eq!(create(&ada, asked.clone()).await.unwrap(), batch, "the first answer, as it was");
        let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
        puppet.granted().await;
        let waiting = jobs(&ada, &batch.id).await;
        let held = waiting
            .iter()
            .filter(|job| job.waiting_for.as_deref().is_some_and(|why| why.contains("parallel_jobs")));
        assert_eq!(held.count(), 3_usize.saturating_sub(done as usize), "two may run");
        puppet.compute().await;
        let seen = ended(&ada, &batch.id, done + 1).await;
        assert_eq!(seen.actual_cost_nanodollars, 100_000 * (u64::from(done) + 1));
    }
    world.crash().await;
    ada = world.again(&ada);
    let whole = get(&ada, &batch.id).await;
    assert_eq!(
        (whole.status(), whole.completed_jobs, whole.progress_percent),
        (BatchStatus::Completed, 5, 100.0)
    );
    assert!(whole.completed_at_ms.is_some() && whole.error.is_none());
    let request = v1::GetBatchRequest { id: batch.id.clone(), wait_ms: 0 };
    let mut results = ada.batches(async |mut call, m| call.results(m).await, request).await.unwrap();
    for (number, id) in batch.job_ids.iter().enumerate() {
        let job = results.message().await.unwrap().expect("one for each job, in their order");
        assert_eq!((&job.id, job.custom_id), (id, Some(format!("number {number}"))));
        assert!(job.results.is_some() && job.batch_id.as_ref() == Some(&batch.id));
    }
    assert!(results.message().await.unwrap().is_none());
    assert_eq!(cancel(&ada, &batch.id, None).await.unwrap_err().code, FaultCode::Conflict);
    let used = ada.usage().await;
    assert_eq!(
        (used.used.unwrap().jobs, used.used.unwrap().cost_nanodollars, used.reserved_nanodollars),
        (5, 500_000, 0)
    );
    let stats = ada.batches(async |mut call, m| call.stats(m).await, v1::BatchStatsRequest {}).await.unwrap();
    assert_eq!(
        (stats.total_batches, stats.completed_batches, stats.total_jobs, stats.total_cost_nanodollars),
        (1, 1, 5, 500_000)
    );
}

#[tokio::test]
async fn a_batch_at_exactly_its_budget_runs_and_one_past_it_stops_there() {
    let mut world = World::new().await;
    let mut ada = world.user("ada", "enterprise").await;
    let budget = |cap| v1::CreateBatchRequest {
        budget_cap_nanodollars: Some(cap),
        parallel_jobs: Some(1),
        ..request(3)
    };
    let refused = create(&ada, budget(99_999)).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::OverBudget);
    assert_eq!(refused.limit, Some(Limit::BudgetCap { nanodollars: 99_999 }));
    let exact = create(&ada, budget(300_000)).await.unwrap();
    let short = create(&ada, budget(299_999)).await.unwrap();
    world.crash().await;
    ada = world.again(&ada);
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    for _ in 0..5 {
        puppet.compute().await;
    }
    let (exact, short) = (ended(&ada, &exact.id, 3).await, ended(&ada, &short.id, 3).await);
    assert_eq!((exact.status(), exact.actual_cost_nanodollars), (BatchStatus::Completed, 300_000));
    assert_eq!(exact.budget_remaining_nanodollars, Some(0));
    assert_eq!((short.status(), short.completed_jobs, short.cancelled_jobs), (BatchStatus::Partial, 2, 1));
    assert_eq!(short.actual_cost_nanodollars, 200_000);
    assert!(short.error.unwrap().contains("budget cap of $0.000299999"));
}

#[tokio::test]
async fn the_first_failure_ends_the_others_where_that_is_wanted() {
    let world = World::new().await;
    let ada = world.user("ada", "enterprise").await;
    let batch = create(&ada, v1::CreateBatchRequest { fail_fast: true, ..request(5) }).await.unwrap();
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    puppet.compute().await;
    puppet.granted().await;
    puppet.fail().await;
    let batch = ended(&ada, &batch.id, 5).await;
    assert_eq!((batch.completed_jobs, batch.failed_jobs, batch.cancelled_jobs), (1, 1, 3));
    assert_eq!(batch.status(), BatchStatus::Partial);
    assert!(batch.error.unwrap().contains("out of memory"));
}

#[tokio::test]
async fn a_cancelled_batch_lets_its_running_jobs_finish_where_that_is_wanted() {
    let world = World::new().await;
    let ada = world.user("ada", "enterprise").await;
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let batch = create(&ada, v1::CreateBatchRequest { parallel_jobs: Some(1), ..request(3) }).await.unwrap();
    puppet.granted().await;
    let cancelled = cancel(&ada, &batch.id, Some(false)).await.unwrap();
    assert_eq!(
        (cancelled.status(), cancelled.running_jobs, cancelled.cancelled_jobs),
        (BatchStatus::Cancelled, 1, 2)
    );
    puppet.compute().await;
    let batch = ended(&ada, &batch.id, 3).await;
    assert_eq!((batch.status(), batch.completed_jobs), (BatchStatus::Cancelled, 1));

    let batch = create(&ada, request(3)).await.unwrap();
    let cancelled = cancel(&ada, &batch.id, None).await.unwrap();
    assert_eq!((cancelled.status(), cancelled.cancelled_jobs), (BatchStatus::Cancelled, 3));
    assert_eq!(cancelled.cancel_reason.as_deref(), Some("enough"));
}

async fn watch(
    user: &User,
    id: &str,
    last_event_id: Option<u64>,
) -> Result<tonic::Response<tonic::Streaming<v1::BatchEvent>>, tonic::Status> {
    let request = v1::WatchBatchRequest { id: id.to_owned(), last_event_id };
    BatchesClient::new(user.channel.clone()).watch(user.request(request)).await
}

/// The next event of a stream: its id, and what it says of the batch.
async fn next(events: &mut tonic::Streaming<v1::BatchEvent>) -> (u64, v1::Batch) {
    let event = timeout(PATIENCE, events.message()).await.expect("it comes").unwrap().expect("another");
    (event.id, event.batch.unwrap())
}

#[tokio::test]
async fn a_batch_is_told_until_its_end_across_coordinators() {
    let mut world = World::new().await;
    let mut ada = world.user("ada", "enterprise").await;
    let batch = create(&ada, v1::CreateBatchRequest { parallel_jobs: Some(1), ..request(2) }).await.unwrap();
    let mut events = watch(&ada, &batch.id, None).await.unwrap().into_inner();
    let (first, seen) = next(&mut events).await;
    assert_eq!((seen.status(), seen.pending_jobs), (BatchStatus::Pending, 2));
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    puppet.granted().await;
    let (second, seen) = next(&mut events).await;
    assert!(second > first);
    assert_eq!((seen.status(), seen.running_jobs), (BatchStatus::Running, 1));
    puppet.compute().await;
    // The next job starts at once, so one event may stand for both changes.
    let (mut third, mut seen) = next(&mut events).await;
    while seen.running_jobs == 0 {
        (third, seen) = next(&mut events).await;
    }
    assert!(third > second);
    assert_eq!(seen.completed_jobs, 1);

    world.crash().await;
    ada = world.again(&ada);
    let mut events = watch(&ada, &batch.id, Some(third)).await.unwrap().into_inner();
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    puppet.compute().await;
    let (last, seen) = next(&mut events).await;
    assert!(last > third, "nothing that was seen is told again");
    assert_eq!((seen.status(), seen.completed_jobs), (BatchStatus::Completed, 2));
    assert!(events.message().await.unwrap().is_none(), "the stream ends");

    let over = watch(&ada, &batch.id, Some(last)).await.unwrap();
    assert!(over.metadata().contains_key("carlo-stream-is-over"));
    let mut again = watch(&ada, &batch.id, Some(last + 1)).await.unwrap().into_inner();
    assert_eq!(next(&mut again).await.0, last, "an event that was never told can't have been seen");
    let bob = world.user("bob", "enterprise").await;
    assert_eq!(watch(&bob, &batch.id, None).await.unwrap_err().code(), tonic::Code::PermissionDenied);
}

#[tokio::test]
async fn a_wait_for_a_batch_ends_at_every_change_of_a_job() {
    let world = World::new().await;
    let ada = world.user("ada", "enterprise").await;
    let batch = create(&ada, v1::CreateBatchRequest { parallel_jobs: Some(4), ..request(4) }).await.unwrap();
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    for done in 0..2 {
        // A worker holds two leases.
        while get(&ada, &batch.id).await.running_jobs < 2 {}
        let (user, id) = (ada.clone(), batch.id.clone());
        let mut calls = ada.usage().await.used.unwrap().calls;
        let waiting = tokio::spawn(async move {
            let request = v1::GetBatchRequest { id, wait_ms: 30_000 };
            user.batches(async |mut call, m| call.get(m).await, request).await.unwrap()
        });
        // It waits once it is counted beside the calls that ask for that.
        loop {
            calls += 1;
            if ada.usage().await.used.unwrap().calls > calls {
                break;
            }
        }
        puppet.compute().await;
        let seen = timeout(Duration::from_secs(20), waiting).await.expect("not the whole wait").unwrap();
        // Its status is the same as before.
        assert_eq!((seen.status(), seen.completed_jobs), (BatchStatus::Running, done + 1));
    }
}

#[tokio::test]
async fn a_month_that_ends_in_the_middle_of_a_batch_has_all_of_its_bill() {
    let world = World::new().await;
    let ada = world.user("ada", "enterprise").await;
    let batch = create(&ada, v1::CreateBatchRequest { parallel_jobs: Some(1), ..request(2) }).await.unwrap();
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    puppet.compute().await;
    ended(&ada, &batch.id, 1).await;
    world.calendar.wall.fetch_add(24 * 3_600 * 1_000, Ordering::SeqCst);
    puppet.compute().await;
    ended(&ada, &batch.id, 2).await;
    let history = v1::UsageHistoryRequest { periods: 1 };
    let history = ada.accounts(async |mut call, m| call.get_usage_history(m).await, history).await.unwrap();
    let january = history.history[0].used.unwrap();
    assert_eq!((january.jobs, january.jobs_completed, january.cost_nanodollars), (2, 2, 200_000));
    assert_eq!(history.current.unwrap().used.unwrap().cost_nanodollars, 0);
}

#[tokio::test]
async fn every_fault_of_a_batch_is_named_and_nothing_of_it_is_kept() {
    let world = World::with(|settings| {
        settings.terms.limits_mut(carlo_tenancy::Tier::Free).calls_per_second = None;
    })
    .await;
    let ada = world.user("ada", "free").await;
    let mut bad = request(5);
    bad.simulations[3].simulation.as_mut().unwrap().goal.as_mut().unwrap().target_amount = Some(f64::NAN);
    bad.simulations[4].custom_id = "number 0".to_owned();
    bad.parallel_jobs = Some(101);
    bad.priority = Some(101);
    bad.metadata_json = "[1]".to_owned();
    let refused = create(&ada, bad).await.unwrap_err();
    let pointers: Vec<_> = refused.fields.iter().map(|field| &*field.pointer).collect();
    let wanted = [
        "/parallelJobs",
        "/priority",
        "/metadata",
        "/simulations/3/goal/targetAmount",
        "/simulations/4/customId",
    ];
    assert_eq!((refused.code, &*pointers), (FaultCode::Invalid, &wanted[..]));
    let refused = create(&ada, request(6)).await.unwrap_err();
    assert_eq!(refused.fields[0].pointer, "/simulations", "the tier free has batches of five");
    assert_eq!(create(&ada, request(0)).await.unwrap_err().code, FaultCode::Invalid);
}

#[tokio::test]
async fn a_batch_is_kept_as_long_as_any_of_its_jobs() {
    let mut world = World::with(|settings| settings.scheduler.ended_jobs_max = 2).await;
    let mut ada = world.user("ada", "enterprise").await;
    let batch = create(&ada, request(3)).await.unwrap();
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    for _ in 0..3 {
        puppet.compute().await;
    }
    ended(&ada, &batch.id, 3).await;
    for _ in 0..2 {
        let kept = async {
            while jobs(&ada, &batch.id).await.len() > 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, kept).await.expect("one of its jobs is forgotten");
        let whole = get(&ada, &batch.id).await;
        assert_eq!((whole.status(), whole.completed_jobs), (BatchStatus::Completed, 3));
        assert_eq!((whole.progress_percent, whole.actual_cost_nanodollars), (100.0, 300_000));
        world.crash().await;
        ada = world.again(&ada);
    }
    for _ in 0..2 {
        let id = ada.submit(1, "").await.unwrap().id;
        ada.cancel(&id).await.unwrap();
    }
    let gone = async {
        let request = || v1::GetBatchRequest { id: batch.id.clone(), wait_ms: 0 };
        while ada.batches(async |mut call, m| call.get(m).await, request()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the batch is forgotten");
    world.crash().await;
    let used = world.again(&ada).usage().await.used.unwrap();
    assert_eq!((used.jobs, used.jobs_completed, used.cost_nanodollars), (5, 3, 300_000));
}

#[tokio::test]
async fn a_list_of_batches_shows_a_hundred_jobs_of_each() {
    let world = World::with(|settings| {
        settings.terms.limits_mut(carlo_tenancy::Tier::Pro).batch_size = 150;
    })
    .await;
    let ada = world.user("ada", "pro").await;
    let [small, large] =
        [3, 150].map(|jobs| v1::CreateBatchRequest { metadata_json: String::new(), ..request(jobs) });
    create(&ada, small).await.unwrap();
    let large = create(&ada, large).await.unwrap();
    assert_eq!(large.job_ids.len(), 150);
    let request = v1::ListBatchesRequest::default();
    let list = ada.batches(async |mut call, m| call.list(m).await, request).await.unwrap();
    // Both are of the same millisecond, so their order says nothing.
    let mut listed = list.batches;
    listed.sort_by_key(|batch| batch.total_jobs);
    let lengths: Vec<_> = listed.iter().map(|batch| (batch.total_jobs, batch.job_ids.len())).collect();
    assert_eq!(lengths, [(3, 3), (150, 100)]);
    assert_eq!(listed[1].job_ids, large.job_ids[..100]);
}
