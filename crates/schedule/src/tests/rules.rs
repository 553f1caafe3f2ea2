//! Jobs: their states, their ranges, their checkpoints and their ends.

use std::time::Duration;

use carlo_types::{BLOCK_SIMULATIONS, BlockRange, Epoch, FaultCode, LeaseId, OwnerId};

use super::marks::Marks;
use super::world::{PRICE, World, failure, job, report, spec, was_accepted};
use crate::{Command, Config, Effect, Filter, JobState, Page};

const SHORT: Duration = Duration::from_millis(1);
const BLOCK: u64 = BLOCK_SIMULATIONS;

#[test]
fn a_job_is_queued_then_runs_then_is_complete_with_every_simulation_counted_once() {
    let mut world = World::new(Config::default());
    let id = world.submit(10 * BLOCK + 1);
    assert_eq!(world.state(id), JobState::Queued);
    let worker = world.join(1);
    assert_eq!(world.state(id), JobState::Running);
    assert_eq!(world.leases[&worker].len(), 2, "one to compute, one in advance");
    while world.report_first(worker, SHORT).is_some() {}
    assert_eq!(world.state(id), JobState::Complete);
    assert_eq!(world.ledger.results[&id].fold, Marks::first(11, 10 * BLOCK + 1));
    let record = world.ledger.job(id);
    assert_eq!((record.simulations_done, record.workers_used), (10 * BLOCK + 1, 1));
    assert!(!record.stopped_early && record.started_at.is_some() && record.ended_at.is_some());
    assert!(!world.ledger.checkpoints.contains_key(&id));
}

#[test]
fn a_refused_command_changes_nothing() {
    let mut world = World::new(Config { open_jobs_max: 1, ..Config::default() });
    let id = world.submit(BLOCK);
    let submit = |number, priority| Command::Submit {
        job: job(number),
        owner: OwnerId::local(),
        spec: spec(1, None),
        priority,
        price: PRICE,
    };
    let before = format!("{:?}", world.scheduler);
    for (command, code) in [
        (submit(9, 50), FaultCode::Exhausted),
        (submit(1, 50), FaultCode::Conflict),
        (submit(9, 101), FaultCode::Invalid),
        (Command::Cancel { job: job(9), reason: None }, FaultCode::NotFound),
        (Command::Drain { node: super::world::node(9) }, FaultCode::NotFound),
        (Command::Lose { node: super::world::node(9), why: String::new() }, FaultCode::NotFound),
    ] {
        assert_eq!(world.apply(command).unwrap_err().code, code);
        assert_eq!(format!("{:?}", world.scheduler), before);
    }
    assert_eq!(world.state(id), JobState::Queued);
}

#[test]
fn a_repeated_report_is_acknowledged_alike_and_counted_once() {
    let mut world = World::new(Config::default());
    let id = world.submit(100 * BLOCK);
    let worker = world.join(1);
    let (lease, spec) = world.first_lease(worker).unwrap();
    for _ in 0..3 {
        let effects = world.apply(report(worker, lease, &spec, SHORT)).unwrap();
        assert!(was_accepted(&effects));
    }
    assert_eq!(world.view(id).simulations_done, lease.range.simulations(spec.simulations()));
}

#[test]
fn a_report_counts_only_for_its_attempt_range_job_and_node() {
    let mut world = World::new(Config::default());
    let id = world.submit(100 * BLOCK);
    let other = world.submit(100 * BLOCK);
    let worker = world.join(1);
    let idle = world.join(2);
    let (lease, spec) = world.first_lease(worker).unwrap();
    let mut wrong = [lease; 4];
    wrong[0].attempt += 1;
    wrong[1].id = LeaseId(99);
    wrong[2].range = BlockRange::new(50, 51).unwrap();
    wrong[3].job = other;
    for lease in wrong {
        let effects = world.apply(report(worker, lease, &spec, SHORT)).unwrap();
        assert!(!was_accepted(&effects), "{lease:?}");
    }
    assert!(!was_accepted(&world.apply(report(idle, lease, &spec, SHORT)).unwrap()));
    let later = carlo_types::Lease { epoch: Epoch(2), ..lease };
    let fault = world.apply(report(worker, later, &spec, SHORT)).unwrap_err();
    assert_eq!(fault.code, FaultCode::Unavailable, "the worker must keep it for the leader of that epoch");
    assert_eq!(world.view(id).simulations_done, 0);
    assert!(was_accepted(&world.apply(report(worker, lease, &spec, SHORT)).unwrap()));
}

#[test]
fn the_third_fault_of_a_range_fails_its_job_with_the_last_fault_and_the_others_go_on() {
    let mut world = World::new(Config::default());
    let poisoned = world.submit(BLOCK);
    let other = world.submit(BLOCK);
    let worker = world.join(1);
    for attempt in 1..=3 {
        assert_eq!(world.state(poisoned), JobState::Running);
        let held = world.leases[&worker].iter().find(|(lease, _)| lease.job == poisoned).unwrap().0;
        assert_eq!(held.attempt, attempt);
        world.apply(failure(worker, held, &format!("fault {attempt}"))).unwrap();
        // A node with consecutive faults waits for its next lease.
        world.wait(Duration::from_secs(1));
        world.beat(worker);
        world.tick();
    }
    assert_eq!(world.state(poisoned), JobState::Failed);
    let error = world.view(poisoned).error.unwrap();
    assert_eq!(error, "blocks 0..1 failed on 3 attempts, the last time because fault 3");
    assert_eq!(world.ledger.job(poisoned).error.as_deref(), Some(error.as_str()));
    while world.report_first(worker, SHORT).is_some() {}
    assert_eq!(world.state(other), JobState::Complete);
}

#[test]
fn a_report_of_the_wrong_number_of_simulations_is_a_fault_of_the_range() {
    let mut world = World::new(Config::default());
    let id = world.submit(4 * BLOCK);
    let worker = world.join(1);
    for _ in 0..3 {
        world.wait(Duration::from_secs(1));
        world.beat(worker);
        world.tick();
        let held = &world.leases[&worker];
        let (lease, _) = held.iter().find(|(lease, _)| lease.range.start() == 0).cloned().unwrap();
        let effects = world.apply(report(worker, lease, &spec(BLOCK / 2, None), SHORT)).unwrap();
        assert!(!was_accepted(&effects));
    }
    assert!(world.view(id).error.unwrap().contains("simulations instead of"));
}

#[test]
fn a_report_that_does_not_fit_the_others_is_a_fault_of_the_range() {
    let mut world = World::new(Config::default());
    let id = world.submit(8 * BLOCK);
    let worker = world.join(1);
    let spec_of = |simulations| spec(simulations, None);
    let next = |world: &World| world.leases[&worker][0].0;
    let first = next(&world);
    assert!(was_accepted(&world.apply(report(worker, first, &spec_of(8 * BLOCK), SHORT)).unwrap()));
    // The number of simulations is right, but the report belongs to a larger job.
    let second = next(&world);
    assert!(!was_accepted(&world.apply(report(worker, second, &spec_of(9 * BLOCK), SHORT)).unwrap()));
    let third = next(&world);
    assert!(was_accepted(&world.apply(report(worker, third, &spec_of(8 * BLOCK), SHORT)).unwrap()));
    assert_eq!(world.view(id).state, JobState::Running);
}

#[test]
fn a_cancelled_job_is_revoked_and_keeps_what_is_known_of_it() {
    let mut world = World::new(Config::default());
    let id = world.submit(100 * BLOCK);
    let worker = world.join(1);
    world.report_first(worker, SHORT).unwrap();
    let done = world.view(id).simulations_done;
    assert!(done > 0);
    let (lease, spec) = world.first_lease(worker).unwrap();
    let effects = world.apply(Command::Cancel { job: id, reason: None }).unwrap();
    let revoked = effects.iter().filter(|effect| matches!(effect, Effect::Revoke { .. })).count();
    assert_eq!((revoked, world.leases[&worker].len()), (2, 0));
    assert_eq!(world.state(id), JobState::Cancelled);
    assert_eq!(world.ledger.job(id).simulations_done, done);
    assert!(!was_accepted(&world.apply(report(worker, lease, &spec, SHORT)).unwrap()));
    let fault = world.apply(Command::Cancel { job: id, reason: None }).unwrap_err();
    assert_eq!(
        (fault.code, fault.message),
        (FaultCode::Conflict, format!("{id} has ended: it is cancelled"))
    );
}

#[test]
fn an_early_stop_takes_the_same_simulations_on_any_cluster() {
    let target = spec(3_000_000, Some(0.0012));
    for workers in [1, 3, 8] {
        let mut world = World::new(Config::default());
        let id = world.submit_as("owner", 50, &target);
        let nodes: Vec<_> = (1..=workers).map(|number| world.join(number)).collect();
        let mut turn = 0;
        while world.state(id) == JobState::Running {
            // The last node reports most often, so late segments are done before early ones.
            turn += 1;
            let node = nodes[if turn % 3 == 0 { turn / 3 % nodes.len() } else { nodes.len() - 1 }];
            world.wait(SHORT);
            if world.report_first(node, SHORT).is_none() {
                for node in &nodes {
                    world.report_first(*node, SHORT);
                }
            }
        }
        let result = &world.ledger.results[&id];
        assert_eq!(result.fold, Marks::first(16, 3_000_000), "with {workers} workers");
        assert!(result.stopped_early);
        assert_eq!(world.view(id).simulations_done, 16 * BLOCK);
        assert!(world.leases.values().all(Vec::is_empty), "what was leased beyond is revoked");
    }
}

#[test]
fn progress_is_durable_after_a_second_or_a_twentieth_of_the_job() {
    let mut world = World::new(Config::default());
    let id = world.submit(1_000 * BLOCK);
    let worker = world.join(1);
    world.report_first(worker, Duration::from_secs(1)).unwrap();
    world.tick();
    assert!(world.ledger.checkpoints.is_empty(), "neither yet");
    world.wait(Duration::from_secs(1));
    world.tick();
    let saved =
        |world: &World| world.ledger.checkpoints[&id].done.iter().map(|range| range.len()).sum::<u64>();
    let first = saved(&world);
    assert!((1..50).contains(&first));
    // A fast report makes the next lease large.
    while world.view(id).simulations_done < (first + 50) * BLOCK {
        world.report_first(worker, SHORT).unwrap();
    }
    world.tick();
    assert!(saved(&world) >= first + 50);
    let before = world.ledger.checkpoints.clone();
    world.wait(Duration::from_secs(2));
    world.beat(worker);
    let outcome = world.scheduler.apply(Command::Tick, world.now).unwrap();
    assert!(outcome.records.is_empty(), "nothing is written where nothing happened");
    assert_eq!(before, world.ledger.checkpoints);
}

#[test]
fn ended_jobs_are_forgotten_when_their_time_is_over_or_they_are_too_many() {
    let kept = Duration::from_hours(1);
    let mut world = World::new(Config { ended_jobs_kept: kept, ended_jobs_max: 2, ..Config::default() });
    let ids: Vec<_> = (0..3).map(|_| world.submit(BLOCK)).collect();
    for id in &ids {
        world.apply(Command::Cancel { job: *id, reason: None }).unwrap();
        world.wait(SHORT);
    }
    world.tick();
    assert!(world.scheduler.job(ids[0], world.now).is_none());
    assert_eq!(world.ledger.jobs.len(), 2);
    // A restart doesn't extend the time.
    world.wait(kept / 2);
    world.restart();
    world.wait(kept / 2 + SHORT * 9);
    world.tick();
    assert!(world.ledger.jobs.is_empty());
}

#[test]
fn lists_are_newest_first_by_owner_and_state() {
    let mut world = World::new(Config::default());
    let mut ids = Vec::new();
    for number in 0..6 {
        world.wait(SHORT);
        ids.push(world.submit_as(if number % 2 == 0 { "even" } else { "odd" }, 50, &spec(BLOCK, None)));
    }
    world.apply(Command::Cancel { job: ids[4], reason: None }).unwrap();
    let list = |filter: &Filter, skip, take| {
        let (total, views) = world.scheduler.jobs(filter, Page { skip, take }, world.now);
        (total, views.into_iter().map(|view| view.id).collect::<Vec<_>>())
    };
    let all = Filter::default();
    assert_eq!(list(&all, 0, 2), (6, vec![ids[5], ids[4]]));
    assert_eq!(list(&all, 4, 9), (6, vec![ids[1], ids[0]]));
    let even = Filter { owner: Some(OwnerId::new("even")), state: None };
    assert_eq!(list(&even, 0, 9), (3, vec![ids[4], ids[2], ids[0]]));
    let waiting = Filter { state: Some(JobState::Queued), ..even };
    assert_eq!(list(&waiting, 1, 9), (2, vec![ids[0]]));
}
