use std::sync::Arc;

use carlo_types::Draft;

use super::*;

fn job(number: usize) -> JobId {
    JobId::from_random(number as u128)
}

fn batch(jobs: usize, parallel_jobs: u32, fail_fast: bool) -> Batch {
    let member = |number| Member {
        job: job(number),
        simulations: 1,
        state: JobState::Queued,
        is_released: false,
        is_forgotten: false,
    };
    Batch::new(NewBatch {
        id: BatchId::from_random(1),
        owner: OwnerId::local(),
        priority: 50,
        fail_fast,
        parallel_jobs,
        metadata_json: String::new(),
        created_at: Timestamp(1),
        members: (0..jobs).map(member).collect(),
    })
}

fn turn(batch: &mut Batch, number: usize, state: JobState) {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(1.0);
    draft.profile.monthly_spending = Some(1.0);
    draft.inputs.monthly_income = Some(1.0);
    draft.goal.target_amount = Some(1.0);
    draft.goal.timeline_months = Some(1);
    let started = !matches!(state, JobState::Queued | JobState::Cancelled);
    batch.note(&JobRecord {
        id: job(number),
        owner: OwnerId::local(),
        spec: Arc::new(draft.check(1).unwrap()),
        priority: 50,
        state,
        error: (state == JobState::Failed).then(|| "it is cursed".to_owned()),
        created_at: Timestamp(1),
        started_at: started.then_some(Timestamp(2)),
        ended_at: state.is_ended().then_some(Timestamp(3)),
        simulations_done: 0,
        stopped_early: false,
        workers_used: 0,
    });
}

/// Does what it says until it has nothing more to say; what that was.
fn settle(batch: &mut Batch) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(step) = batch.next() {
        steps.push(step);
        match step {
            Step::Release(job) => batch.release(job),
            Step::Cancel(cancelled) => {
                let number = (0..100).find(|number| job(*number) == cancelled).unwrap();
                turn(batch, number, JobState::Cancelled);
            }
        }
    }
    steps
}

fn releases(jobs: impl IntoIterator<Item = usize>) -> Vec<Step> {
    jobs.into_iter().map(|number| Step::Release(job(number))).collect()
}

fn cancels(jobs: impl IntoIterator<Item = usize>) -> Vec<Step> {
    jobs.into_iter().map(|number| Step::Cancel(job(number))).collect()
}

#[test]
fn so_many_jobs_run_at_once_until_all_are_complete() {
    let mut batch = batch(4, 2, false);
    assert_eq!(settle(&mut batch), releases([0, 1]));
    assert_eq!(batch.status(), v1::BatchStatus::Pending);
    turn(&mut batch, 1, JobState::Running);
    assert_eq!((batch.status(), batch.next()), (v1::BatchStatus::Running, None));
    turn(&mut batch, 1, JobState::Complete);
    assert_eq!(settle(&mut batch), releases([2]));
    for number in [0, 2] {
        turn(&mut batch, number, JobState::Complete);
    }
    assert_eq!(settle(&mut batch), releases([3]));
    assert_eq!((batch.status(), batch.ended_at), (v1::BatchStatus::Running, None));
    turn(&mut batch, 3, JobState::Complete);
    assert_eq!((batch.status(), batch.ended_at), (v1::BatchStatus::Completed, Some(Timestamp(3))));
}

#[test]
fn a_job_that_fails_stops_the_others_where_that_is_wanted() {
    for fail_fast in [false, true] {
        let mut batch = batch(4, 2, fail_fast);
        settle(&mut batch);
        turn(&mut batch, 0, JobState::Running);
        turn(&mut batch, 1, JobState::Running);
        turn(&mut batch, 0, JobState::Failed);
        assert!(batch.error.as_ref().unwrap().contains("it is cursed"));
        let wanted = if fail_fast { cancels([1, 2, 3]) } else { releases([2]) };
        assert_eq!(settle(&mut batch), wanted);
        let status = if fail_fast { v1::BatchStatus::Failed } else { v1::BatchStatus::Running };
        assert_eq!(batch.status(), status);
    }
}

#[test]
fn a_budget_that_does_not_reach_ends_what_had_not_started() {
    let mut batch = batch(4, 2, false);
    settle(&mut batch);
    turn(&mut batch, 0, JobState::Complete);
    batch.exceed("the cap of $1 doesn't reach");
    assert_eq!(settle(&mut batch), cancels([2, 3]));
    assert_eq!(batch.status(), v1::BatchStatus::Running);
    turn(&mut batch, 1, JobState::Complete);
    assert_eq!(batch.status(), v1::BatchStatus::Partial);
    assert!(batch.error.unwrap().contains("the cap of $1"));
}

#[test]
fn a_cancelled_batch_may_let_its_running_jobs_finish() {
    let mut batch = batch(4, 2, false);
    settle(&mut batch);
    turn(&mut batch, 0, JobState::Running);
    batch.cancel("enough", false);
    assert_eq!(settle(&mut batch), cancels([1, 2, 3]));
    assert_eq!((batch.status(), batch.has_ended()), (v1::BatchStatus::Cancelled, false));
    let mut finished = batch.clone();
    turn(&mut finished, 0, JobState::Complete);
    assert_eq!((finished.status(), finished.has_ended()), (v1::BatchStatus::Cancelled, true));
    batch.cancel("", true);
    assert_eq!(settle(&mut batch), cancels([0]));
    assert_eq!(batch.cancel_reason.as_deref(), Some("enough"));
}

#[test]
fn it_is_kept_as_long_as_any_of_its_jobs() {
    let mut batch = batch(2, 2, false);
    assert!(!batch.forget(job(1)));
    assert!(batch.forget(job(0)));
}
