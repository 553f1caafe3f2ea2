//! Jobs: their states, their ranges, their checkpoints and their ends.

use std::time::Duration;

use carlo_types::{BLOCK_SIMULATIONS, BlockRange, Epoch, FaultCode, LeaseId, OwnerId};

use super::marks::Marks;
use super::world::{PRICE, World, failure, job, report, spec, was_accepted};
use crate::{Command, Config, Effect, Filter, JobState, OwnerLimits, RetentionLimits};

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

/// What a job that solves computes follows from its first simulations, so it is billed for the
/// months that its reports tell, not for those that were reserved; also under a later leader.
#[test]
fn a_job_is_billed_for_the_months_that_were_computed() {
    for (months, is_cancelled) in [(Some(5), false), (Some(5), true), (None, false)] {
        let mut world = World::new(Config::default());
        let id = world.submit(20_000 * BLOCK);
        let worker = world.join(1);
        let mut reports = 0;
        while let Some((lease, spec)) = world.first_lease(worker) {
            let mut partial = Marks::of(lease.range, spec.simulations());
            partial.months = months;
            world.apply(Command::Report { node: worker, lease, partial, computed_in: SHORT }).unwrap();
            reports += 1;
            if reports == 3 {
                world.wait(Duration::from_secs(2));
                world.tick();
                world.restart();
                world.leases.clear();
                world.join(1);
                if is_cancelled {
                    world.apply(Command::Cancel { job: id, reason: None }).unwrap();
                }
            }
        }
        let record = world.ledger.job(id);
        let expected = carlo_types::metering::tokens(record.simulations_done, months.unwrap_or(12));
        assert!(record.simulations_done > 0 && expected > 0);
        assert_eq!(record.bill.unwrap().tokens, expected, "{months:?} months of {record:?}");
    }
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
        is_preview: false,
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

/// What an owner's ended jobs are kept for.
fn limit(owner: &str, kept_for: Option<Duration>, jobs: Option<u32>) -> Command<Marks> {
    let retention = RetentionLimits { kept_for, jobs };
    let limits = OwnerLimits { jobs_at_once: None, weight: 1.0, retention };
    Command::Limit { owner: OwnerId::new(owner), limits: Some(limits) }
}

#[test]
fn ended_jobs_are_kept_as_their_owners_limits_say() {
    let hour = Duration::from_hours(1);
    let mut world = World::new(Config { ended_jobs_kept: hour, ..Config::default() });
    let submit_ended = |world: &mut World, owner: &str| {
        let id = world.submit_as(owner, 50, &spec(BLOCK, None));
        world.apply(Command::Cancel { job: id, reason: None }).unwrap();
        world.wait(SHORT);
        id
    };
    world.apply(limit("few", Some(hour), Some(2))).unwrap();
    world.apply(limit("long", None, None)).unwrap();
    let few: Vec<_> = (0..4).map(|_| submit_ended(&mut world, "few")).collect();
    let long = submit_ended(&mut world, "long");
    let other = submit_ended(&mut world, "other");
    let kept = |world: &World, id| world.scheduler.job(id, world.now).is_some();
    world.tick();
    assert_eq!(few.iter().map(|id| kept(&world, *id)).collect::<Vec<_>>(), [false, false, true, true]);
    assert!(kept(&world, other));
    world.wait(hour);
    world.tick();
    assert!(!kept(&world, few[3]) && !kept(&world, other) && kept(&world, long));
    // Other limits hold for the jobs that are there, too.
    world.apply(limit("long", Some(hour), None)).unwrap();
    world.tick();
    assert!(!kept(&world, long));
    assert!(world.ledger.jobs.is_empty());
}

#[test]
fn an_ended_job_is_forgotten_when_it_is_asked_for_and_an_open_one_is_not() {
    let mut world = World::new(Config::default());
    let id = world.submit(BLOCK);
    let forget = || Command::Forget { job: id };
    assert_eq!(world.apply(forget()).unwrap_err().code, FaultCode::Conflict);
    world.apply(Command::Cancel { job: id, reason: None }).unwrap();
    world.apply(forget()).unwrap();
    assert_eq!(world.apply(forget()).unwrap_err().code, FaultCode::NotFound);
    assert!(world.ledger.jobs.is_empty());
}

#[test]
fn a_batch_is_forgotten_with_all_of_its_jobs_once_it_has_ended() {
    let mut world = World::new(Config::default());
    let batch = world.submit_batch(&[BLOCK, BLOCK, BLOCK], |_| {});
    let forget = || Command::ForgetBatch { batch };
    assert_eq!(world.apply(forget()).unwrap_err().code, FaultCode::Conflict);
    world.apply(Command::Cancel { job: job(1), reason: None }).unwrap();
    world.apply(Command::Forget { job: job(1) }).unwrap();
    world.apply(Command::CancelBatch { batch, reason: None, with_running: true }).unwrap();
    world.apply(forget()).unwrap();
    assert_eq!(world.apply(forget()).unwrap_err().code, FaultCode::NotFound);
    assert!(world.ledger.jobs.is_empty() && world.ledger.batches.is_empty());
}

#[test]
fn a_preview_is_in_no_list_and_is_forgotten_soon() {
    let mut world = World::new(Config::default());
    let id = job(77);
    let submit = Command::Submit {
        job: id,
        owner: OwnerId::new("owner"),
        spec: spec(BLOCK, None),
        priority: 50,
        price: PRICE,
        is_preview: true,
    };
    world.apply(submit).unwrap();
    assert_eq!(world.scheduler.count(&Filter::default()), 0);
    assert_eq!(world.scheduler.cluster(world.now).queued_jobs, 1, "it is work all the same");
    world.restart();
    let worker = world.join(1);
    while world.report_first(worker, SHORT).is_some() {}
    assert_eq!((world.state(id), world.scheduler.count(&Filter::default())), (JobState::Complete, 0));
    assert!(world.ledger.results.contains_key(&id), "its answer can be read for a while");
    world.wait(world.config.ended_previews_kept);
    world.tick();
    assert!(world.ledger.jobs.is_empty() && world.ledger.results.is_empty());
}

#[test]
fn a_job_goes_before_others_once_its_priority_is_higher() {
    let mut world = World::new(Config { running_jobs_max: 1, ..Config::default() });
    let ids: Vec<_> = (0..3).map(|_| world.submit(100 * BLOCK)).collect();
    let set = |job, priority| Command::Reprioritize { job, priority };
    assert_eq!(world.view(ids[2]).queue_position, Some(3));
    world.apply(set(ids[2], 60)).unwrap();
    assert_eq!(world.view(ids[2]).queue_position, Some(1));
    let worker = world.join(1);
    assert_eq!(world.state(ids[2]), JobState::Running);
    // A running job yields to one that is more urgent now, and keeps what it has.
    world.apply(set(ids[2], 10)).unwrap();
    world.report_first(worker, SHORT);
    let view = world.view(ids[2]);
    assert!(view.simulations_done > 0 && view.priority == 10);
    assert_eq!(world.ledger.job(ids[2]).priority, 10);
    assert_eq!(world.state(ids[0]), JobState::Running);
    assert_eq!(world.apply(set(ids[1], 101)).unwrap_err().code, FaultCode::Invalid);
    world.apply(Command::Cancel { job: ids[1], reason: None }).unwrap();
    assert_eq!(world.apply(set(ids[1], 1)).unwrap_err().code, FaultCode::Conflict);
}
