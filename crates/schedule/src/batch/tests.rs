use carlo_types::{BatchId, OwnerId};

use super::*;

fn job(number: usize) -> JobId {
    JobId::from_random(number as u128)
}

fn money(amount: u128) -> Money {
    Money::from_nanos(amount)
}

/// A batch of jobs with these estimates.
fn batch(estimates: &[u128], parallel_jobs: u32) -> Batch {
    let member = |(number, estimate): (usize, &u128)| BatchJob {
        job: job(number),
        simulations: 1,
        estimate: money(*estimate),
        state: JobState::Queued,
        is_blocked: true,
        bill: None,
        simulations_done: 0,
        is_forgotten: false,
    };
    Batch::new(BatchRecord {
        id: BatchId::from_random(1),
        owner: OwnerId::local(),
        priority: 50,
        fail_fast: false,
        parallel_jobs,
        budget_cap: None,
        metadata_json: String::new(),
        created_at: Timestamp(1),
        started_at: None,
        ended_at: None,
        jobs: estimates.iter().enumerate().map(member).collect(),
        error: None,
        is_cancelled: false,
        cancel_reason: None,
        unattributed: Bill::default(),
    })
}

fn capped(estimates: &[u128], parallel_jobs: u32, cap: u128) -> Batch {
    let mut batch = batch(estimates, parallel_jobs);
    batch.record.budget_cap = Some(money(cap));
    batch
}

/// Changes a job's state. `cost` is its cost if it has ended.
fn turn(batch: &mut Batch, number: usize, state: JobState, cost: u128) {
    let started = !matches!(state, JobState::Queued | JobState::Cancelled);
    let change = JobChange {
        state,
        error: (state == JobState::Failed).then_some("it is cursed"),
        started_at: started.then_some(Timestamp(2)),
        ended_at: state.is_ended().then_some(Timestamp(3)),
        bill: state.is_ended().then_some(Bill { tokens: 0, cost: money(cost) }),
        simulations_done: 0,
    };
    batch.note(job(number), change);
}

fn number(id: JobId) -> usize {
    (0..100).find(|number| job(*number) == id).unwrap()
}

/// Takes the batch's steps. Returns the numbers of the released jobs and of the cancelled ones.
fn advance(batch: &mut Batch) -> (Vec<usize>, Vec<usize>) {
    let (mut released, mut cancelled) = (Vec::new(), Vec::new());
    while let Some(step) = batch.next() {
        match step {
            Step::Release(id) => {
                batch.release(id);
                released.push(number(id));
            }
            Step::GiveUp(id, reason) | Step::Unaffordable(id, reason) => {
                if reason.contains("budget") {
                    batch.note_over_budget();
                }
                assert!(!reason.is_empty());
                turn(batch, number(id), JobState::Cancelled, 0);
                cancelled.push(number(id));
            }
        }
    }
    batch.verify();
    (released, cancelled)
}

#[test]
fn as_many_jobs_as_it_says_run_at_once_until_all_are_complete() {
    let mut batch = batch(&[1; 4], 2);
    assert_eq!(advance(&mut batch), (vec![0, 1], vec![]));
    assert_eq!(batch.state(), BatchState::Pending);
    turn(&mut batch, 1, JobState::Running, 0);
    assert_eq!((batch.state(), batch.next()), (BatchState::Running, None));
    turn(&mut batch, 1, JobState::Complete, 1);
    assert_eq!(advance(&mut batch), (vec![2], vec![]));
    for number in [0, 2] {
        turn(&mut batch, number, JobState::Complete, 1);
    }
    assert_eq!(advance(&mut batch), (vec![3], vec![]));
    assert_eq!((batch.state(), batch.record.ended_at), (BatchState::Running, None));
    turn(&mut batch, 3, JobState::Complete, 1);
    assert_eq!((batch.state(), batch.record.ended_at), (BatchState::Completed, Some(Timestamp(3))));
    assert_eq!((batch.counts().complete, batch.record.error), (4, None));
}

#[test]
fn a_failed_job_stops_the_others_only_with_fail_fast() {
    for fail_fast in [false, true] {
        let mut batch = batch(&[1; 4], 2);
        batch.record.fail_fast = fail_fast;
        advance(&mut batch);
        turn(&mut batch, 0, JobState::Running, 0);
        turn(&mut batch, 1, JobState::Running, 0);
        turn(&mut batch, 0, JobState::Failed, 1);
        assert!(batch.record.error.as_ref().unwrap().contains("it is cursed"));
        let wanted = if fail_fast { (vec![], vec![1, 2, 3]) } else { (vec![2], vec![]) };
        assert_eq!(advance(&mut batch), wanted);
        let state = if fail_fast { BatchState::Failed } else { BatchState::Running };
        assert_eq!(batch.state(), state);
    }
}

#[test]
fn a_job_that_does_not_fit_beside_the_running_ones_waits_for_their_end() {
    let mut batch = capped(&[10, 10], 2, 15);
    assert_eq!(advance(&mut batch), (vec![0], vec![]));
    assert!(batch.waiting_for().contains("budget cap of $0.000000015"), "{}", batch.waiting_for());
    turn(&mut batch, 0, JobState::Complete, 5);
    assert_eq!(advance(&mut batch), (vec![1], vec![]));
    turn(&mut batch, 1, JobState::Complete, 10);
    assert_eq!(
        (batch.state(), batch.spent().cost, batch.record.error),
        (BatchState::Completed, money(15), None)
    );
}

#[test]
fn a_job_that_can_not_fit_any_more_is_cancelled_and_the_others_go_on() {
    let mut batch = capped(&[10, 40, 10, 10], 1, 30);
    assert_eq!(advance(&mut batch), (vec![0], vec![1]), "no end of another job makes room for 40");
    for (number, next) in [(0, Some(2)), (2, Some(3)), (3, None)] {
        turn(&mut batch, number, JobState::Complete, 10);
        assert_eq!(advance(&mut batch), (Vec::from_iter(next), vec![]));
    }
    assert_eq!((batch.state(), batch.spent().cost), (BatchState::Partial, money(30)), "exactly the cap");
    assert!(batch.record.error.unwrap().contains("budget cap of $0.00000003"));
}

#[test]
fn neither_timing_nor_order_nor_parallel_jobs_change_which_jobs_a_budget_pays_for() {
    // The estimate and the cost of each job.
    let jobs = [(9, 9), (4, 1), (6, 6), (5, 2), (8, 3), (7, 7)];
    let mut outcomes = std::collections::BTreeSet::new();
    for rotation in 0..jobs.len() {
        let mut order = jobs;
        order.rotate_left(rotation);
        for parallel_jobs in 1..=6 {
            for newest_first in [false, true] {
                let estimates = order.map(|(estimate, _)| estimate);
                let mut batch = capped(&estimates, parallel_jobs, 20);
                let (mut running, mut complete) = (Vec::new(), Vec::new());
                loop {
                    running.extend(advance(&mut batch).0);
                    let next = if newest_first { running.len().wrapping_sub(1) } else { 0 };
                    if running.is_empty() {
                        break;
                    }
                    let number = running.remove(next);
                    turn(&mut batch, number, JobState::Running, 0);
                    turn(&mut batch, number, JobState::Complete, order[number].1);
                    complete.push(order[number]);
                }
                assert!(batch.has_ended());
                complete.sort_unstable();
                outcomes.insert(complete);
            }
        }
    }
    assert_eq!(Vec::from_iter(outcomes), [vec![(4, 1), (5, 2), (6, 6), (7, 7)]]);
}

#[test]
fn a_cancelled_batch_may_let_its_running_jobs_finish() {
    let mut batch = batch(&[1; 4], 2);
    advance(&mut batch);
    turn(&mut batch, 0, JobState::Running, 0);
    batch.cancel(Some("enough".to_owned()), false);
    assert_eq!(advance(&mut batch), (vec![], vec![1, 2, 3]));
    assert_eq!((batch.state(), batch.has_ended()), (BatchState::Cancelled, false));
    let mut finished = batch.clone();
    turn(&mut finished, 0, JobState::Complete, 1);
    assert_eq!((finished.state(), finished.has_ended()), (BatchState::Cancelled, true));
    batch.cancel(None, true);
    assert_eq!(advance(&mut batch), (vec![], vec![0]));
    assert_eq!(batch.record.cancel_reason.as_deref(), Some("enough"));
    assert_eq!(batch.record.error.as_deref(), Some("its batch was cancelled: enough"));
}

#[test]
fn a_batch_whose_jobs_were_all_cancelled_says_so() {
    let mut batch = batch(&[1; 2], 2);
    advance(&mut batch);
    for number in [0, 1] {
        turn(&mut batch, number, JobState::Cancelled, 0);
    }
    assert_eq!(batch.state(), BatchState::Failed);
    assert_eq!(batch.record.error.as_deref(), Some("every job of the batch was cancelled"));
}

#[test]
fn it_is_kept_as_long_as_any_of_its_jobs() {
    let mut batch = batch(&[1; 2], 2);
    assert!(!batch.forget(job(1)));
    assert!(batch.forget(job(0)));
}
