use std::collections::BTreeSet;
use std::sync::Arc;

use carlo_kernel::{Accumulator, Job, Level, MODEL_VERSION};
use carlo_schedule::{JobState, Mark, Part, Scheduler, SealKey};
use carlo_service::CancellationToken;
use carlo_store::MemoryLedger;
use carlo_types::{BatchId, Bill, Draft, Epoch, JobSpec, Money, NodeId, Now, OwnerId, Timestamp};

use super::*;
use crate::Settings;
use crate::core::Core;
use crate::environment::{Environment as _, SystemEnvironment};

/// A contribution to a job.
fn share(ahead: u64) -> Share {
    let mark = Mark { epoch: Epoch(3), number: 7 };
    Share { node: NodeId::from_random(8), simulations: 16_384, ahead, mark }
}

fn spec() -> JobSpec {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(1_000.0);
    draft.profile.monthly_spending = Some(2_000.0);
    draft.inputs.monthly_income = Some(3_000.0);
    draft.goal.target_amount = Some(5_000.0);
    draft.goal.timeline_months = Some(6);
    draft.params.n_simulations = Some(40_000);
    draft.check(3).unwrap()
}

fn record(id: u128, state: JobState) -> JobRecord {
    JobRecord {
        id: JobId::from_random(id),
        owner: OwnerId::new("ada"),
        spec: Arc::new(spec()),
        priority: 70,
        state,
        error: (state == JobState::Failed).then(|| "a range failed three times".to_owned()),
        created_at: Timestamp(1_000),
        started_at: (state != JobState::Queued).then_some(Timestamp(2_000)),
        ended_at: state.is_ended().then_some(Timestamp(3_000)),
        simulations_done: if state.is_ended() { 16_384 } else { 0 },
        stopped_early: false,
        workers_used: u32::from(state.is_ended()),
        batch: None,
        is_blocked: false,
        price: Money::from_nanos(100_000),
        bill: state.is_ended().then_some(Bill { tokens: 2, cost: Money::from_nanos(200_000) }),
        is_preview: state == JobState::Complete,
    }
}

/// The partial result of the first block.
fn partial() -> Partial {
    partial_of(&spec())
}

fn partial_of(spec: &JobSpec) -> Partial {
    let job = Job::new(spec, Level::Portable);
    let mut accumulator = Accumulator::new(&job);
    accumulator.block(&job, 0);
    accumulator.finish()
}

fn checkpoint() -> Checkpoint<Partial> {
    let range = |start, end| BlockRange::new(start, end).unwrap();
    Checkpoint {
        done: vec![range(0, 1)],
        parts: vec![Part { range: range(0, 3), partial: partial() }],
        shares: vec![share(9)],
    }
}

/// Writes a record of a job with this metadata.
fn write_with(record: &Record<Partial>, metadata: &BTreeMap<JobId, JobMetadata>, writes: &mut Vec<Write>) {
    let known = Known { metadata, hooks: &BTreeMap::new(), origins: &Origins::default() };
    write(record, known, writes);
}

async fn committed(records: &[Record<Partial>]) -> MemoryLedger {
    let ledger = MemoryLedger::new();
    let epoch = ledger.lead().await.unwrap();
    let mut writes = Vec::new();
    for record in records {
        write_with(record, &BTreeMap::new(), &mut writes);
    }
    ledger.commit(epoch, writes).await.unwrap();
    ledger
}

#[tokio::test]
async fn a_job_in_any_state_is_read_back_as_it_was_written() {
    for (id, state) in (1..).zip(JobState::ALL) {
        let record = record(id, state);
        let ledger = committed(&[Record::Job(record.clone())]).await;
        let key = job_key(record.id);
        let value = ledger.get(&key).await.unwrap().unwrap();
        let (read, metadata, origin) = read::job(&key, &value, &BTreeSet::new()).unwrap();
        assert_eq!((read, metadata), (record, JobMetadata::default()));
        assert!(origin.is_none());
    }
}

#[tokio::test]
async fn a_job_s_metadata_are_read_back_as_they_were_written() {
    let metadata = JobMetadata {
        custom_id: Some("one".to_owned()),
        name: Some("Retire at 60".to_owned()),
        hook: Some(golden::hook()),
    };
    let mut record = record(1, JobState::Cancelled);
    (record.batch, record.error) = (Some(BatchId::from_random(7)), Some("enough".to_owned()));
    let (ledger, mut writes) = (MemoryLedger::new(), Vec::new());
    let all = BTreeMap::from([(record.id, metadata.clone())]);
    write_with(&Record::Job(record.clone()), &all, &mut writes);
    ledger.commit(ledger.lead().await.unwrap(), writes).await.unwrap();
    let stored = load(&ledger).await.unwrap();
    let LoadedJob { job, metadata: read, .. } = &stored.jobs[0];
    assert_eq!((&job.record, read), (&record, &metadata));
}

#[tokio::test]
async fn a_checkpoint_is_read_back_until_its_job_ends() {
    let running = record(1, JobState::Running);
    let records =
        [Record::Job(running.clone()), Record::Checkpoint { job: running.id, checkpoint: checkpoint() }];
    let ledger = committed(&records).await;
    assert_eq!(super::checkpoint(&ledger, &running).await.unwrap(), Some(checkpoint()));

    let ended = Record::Job(record(1, JobState::Cancelled));
    let ledger = committed(&[&records[..], &[ended]].concat()).await;
    assert_eq!(super::checkpoint(&ledger, &running).await.unwrap(), None);
}

#[tokio::test]
async fn a_scheduler_restored_from_the_ledger_shows_the_same_jobs() {
    let mut records = vec![Record::Drain { name: "old".to_owned(), draining: true }];
    records.extend((1..).zip(JobState::ALL).map(|(id, state)| Record::Job(record(id, state))));
    let running = JobId::from_random(2);
    records.push(Record::Checkpoint { job: running, checkpoint: checkpoint() });
    let ledger = committed(&records).await;

    let mut scheduler = Scheduler::new(carlo_schedule::Config::default(), Epoch(2), SealKey::new([7; 32]));
    let stored = load(&ledger).await.unwrap();
    assert_eq!((stored.jobs.len(), &*stored.drains), (JobState::ALL.len(), &["old".to_owned()][..]));
    for LoadedJob { job, .. } in stored.jobs {
        let outcome = scheduler.restore(job, Now::default()).unwrap();
        assert!(outcome.records.is_empty());
    }
    scheduler.verify();
    for (id, state) in (1..).zip(JobState::ALL) {
        let view = scheduler.job(JobId::from_random(id), Now::default()).unwrap();
        assert_eq!((view.state, view.owner.as_str(), view.priority), (state, "ada", 70));
    }
    assert_eq!(scheduler.job(running, Now::default()).unwrap().simulations_done, 16_384);
    assert_eq!(scheduler.fold(running), Some(partial()));
}

#[tokio::test]
async fn a_result_remembers_who_computed_it() {
    let id = JobId::from_random(1);
    let result = ResultRecord {
        job: id,
        spec: Arc::new(spec()),
        fold: partial(),
        stopped_early: true,
        shares: vec![share(0)],
    };
    let ended = record(1, JobState::Complete);
    let ledger = committed(&[Record::Job(ended.clone()), Record::Result(result)]).await;
    let entry = super::result(&ledger, id).await.unwrap().unwrap();
    let completed = entry.results.clone().unwrap();
    assert!(completed.stopped_early);
    assert_eq!(completed.assumptions, Some(ended.spec.to_draft().into()));
    assert_eq!((completed.workers_used, completed.results.unwrap().simulations_run), (1, 16_384));
    let mut job = v1::Job::default();
    add_shares(&mut job, &entry);
    assert_eq!(job.node_progress[&NodeId::from_random(8).to_string()].simulations, 16_384);

    let forgotten = committed(&[Record::Forget { job: id, owner: OwnerId::new("ada") }]).await;
    assert_eq!(super::result(&forgotten, id).await.unwrap(), None);
}

/// A broken worker may report counts that no simulations can have. Their sum may not be a valid
/// partial result.
#[tokio::test]
async fn a_checkpoint_that_cannot_be_used_costs_its_progress_and_nothing_else() {
    let running = record(1, JobState::Running);
    let whole = checkpoint_entry(&checkpoint());
    let mut rubbish = whole.clone();
    rubbish.parts[0].partial.truncate(9);
    let older = v1::CheckpointEntry { model_version: MODEL_VERSION - 1, ..whole.clone() };
    let contradiction = v1::CheckpointEntry { done: Vec::new(), ..whole.clone() };
    let mut twice = whole.clone();
    twice.parts.push(twice.parts[0].clone());
    for entry in [rubbish, older, contradiction, twice] {
        let ledger = committed(&[Record::Job(running.clone())]).await;
        let epoch = ledger.lead().await.unwrap();
        let key = checkpoint_key(running.id);
        ledger.commit(epoch, vec![put(key.clone(), &entry)]).await.unwrap();
        let ledger = Arc::new(ledger);
        let shared: Arc<dyn Ledger> = Arc::<MemoryLedger>::clone(&ledger);
        let (core, handle) =
            Core::load(Settings::default(), shared, Arc::new(SystemEnvironment), Arc::default())
                .await
                .unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(core.run(stop.clone()));
        let id = running.id;
        let view = handle.ask(move |core| core.snapshot_with_fold(id)).await.unwrap().unwrap().view;
        assert_eq!((view.state, view.simulations_done), (JobState::Running, 0));
        assert_eq!(ledger.get(&key).await.unwrap(), None, "the next start doesn't meet it again");
        stop.cancel();
        serving.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_named() {
    let id = JobId::from_random(1);
    for value in [&b"rubbish"[..], b""] {
        let ledger = MemoryLedger::new();
        let epoch = ledger.lead().await.unwrap();
        ledger.commit(epoch, vec![Write::Put(job_key(id), Bytes::from_static(value))]).await.unwrap();
        let error = load(&ledger).await.unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("failed to read the ledger's entry job/{id}")),
            "{error}"
        );
    }
}

/// One damaged idempotency entry must not keep a cluster from having a leader.
#[tokio::test]
async fn an_idempotency_entry_that_cannot_be_read_is_dropped() {
    let id = idempotency::IdempotencyId { user: OwnerId::new("ada"), key: [3; 32] };
    // Not so old that it is forgotten.
    let whole = idempotency::Stored { id, fingerprint: [9; 32], at: SystemEnvironment.wall() };
    let ledger = Arc::new(MemoryLedger::new());
    let epoch = ledger.lead().await.unwrap();
    let keys = ["idempotency/ada/00", "idempotency/nobody", "idempotency/bob/x"];
    let mut writes = vec![idempotency::write(&whole, b"answer".to_vec())];
    writes.extend(keys.map(|key| Write::Put(Key::new(key).unwrap(), Bytes::from_static(b"rubbish"))));
    ledger.commit(epoch, writes).await.unwrap();
    let stored = load(&*ledger).await.unwrap();
    assert_eq!((stored.idempotency.len(), stored.unusable_idempotency.len()), (1, 3));
    // The first commit of the next leader deletes them.
    let (core, _handle) =
        Core::load(Settings::default(), ledger.clone(), Arc::new(SystemEnvironment), Arc::default())
            .await
            .unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(core.run(stop.clone()));
    let is_clean = async {
        while !load(&*ledger).await.unwrap().unusable_idempotency.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), is_clean).await.unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(load(&*ledger).await.unwrap().idempotency.len(), 1);
}

#[tokio::test]
async fn results_are_stored_in_less_than_half_of_their_size() {
    let result = ResultRecord {
        job: JobId::from_random(1),
        spec: Arc::new(house_deposit()),
        fold: partial_of(&house_deposit()),
        stopped_early: false,
        shares: vec![share(0)],
    };
    let mut job = record(1, JobState::Complete);
    job.spec = Arc::clone(&result.spec);
    let ledger = committed(&[Record::Job(job), Record::Result(result.clone())]).await;
    let stored = ledger.get(&result_key(result.job)).await.unwrap().unwrap();
    let read = super::result(&ledger, result.job).await.unwrap().unwrap().results.unwrap();
    let expected = carlo_kernel::results(&result.spec, &result.fold);
    assert_eq!(read.results, Some((&expected).into()), "nothing is lost");
    let whole = read.encoded_len();
    assert!(2 * stored.len() < whole, "{} of {whole} bytes", stored.len());
}

/// What counts as a user's stored bytes is no less than what results take, and not much more.
#[test]
fn results_take_about_what_is_counted_for_them() {
    let example = |text: &str| {
        let document = carlo_types::json::parse(text.as_bytes().to_vec()).unwrap();
        let mut faults = carlo_types::definition::Faults::default();
        let request = carlo_types::definition::read(&document.value, &mut faults);
        JobSpec::of(faults.none_or(request).unwrap())
    };
    let with_months = |months| {
        let mut spec = house_deposit();
        spec.goal.timeline_months = months;
        spec
    };
    for (name, spec) in [
        ("one month", with_months(1)),
        ("three years", with_months(36)),
        ("twenty years", with_months(240)),
        ("a century", with_months(1_200)),
        (
            "early retirement",
            example(include_str!("../../../../deploy/examples/early_retirement_guardrails.json")),
        ),
        ("a couple", example(include_str!("../../../../deploy/examples/retired_couple.json"))),
    ] {
        let fold = partial_of(&spec);
        let result = ResultRecord {
            job: JobId::from_random(1),
            spec: Arc::new(spec),
            fold,
            stopped_early: false,
            shares: vec![share(0)],
        };
        let stored = result_entry(&result).encoded_len() as u64;
        let counted = crate::core::result_bytes(&result.spec);
        assert!((counted / 8..=counted).contains(&stored), "{name}: {stored} bytes, {counted} are counted");
    }
}

/// A specification with a long timeline, whose chart has as many points as may be.
fn house_deposit() -> JobSpec {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(13_500.0);
    draft.profile.monthly_spending = Some(3_200.0);
    draft.inputs.monthly_income = Some(5_000.0);
    draft.goal.target_amount = Some(300_000.0);
    draft.goal.timeline_months = Some(240);
    draft.params.n_simulations = Some(16_384);
    draft.check(3).unwrap()
}
