//! Restarts: what a new epoch restores, and which reports of the old one's leases it accepts.

use std::time::Duration;

use carlo_types::{BLOCK_SIMULATIONS, FaultCode};

use super::marks::Marks;
use super::world::{World, failure, report, seal_key, spec, was_accepted};
use crate::{Command, Config, JobState, Outcome, StoredJob};

const SHORT: Duration = Duration::from_millis(1);
const BLOCK: u64 = BLOCK_SIMULATIONS;

#[test]
fn a_restart_goes_on_from_the_checkpoint_and_loses_nothing_else() {
    let mut world = World::new(Config::default());
    let running = world.submit(10_000 * BLOCK);
    let worker = world.join(1);
    let queued = world.submit_as("owner", 0, &spec(BLOCK, None));
    world.apply(Command::Cancel { job: queued, reason: None }).unwrap();
    let waiting = world.submit_as("owner", 0, &spec(3 * BLOCK, None));
    world.report_first(worker, SHORT).unwrap();
    world.wait(Duration::from_secs(1));
    world.tick();
    let saved = world.view(running).simulations_done;
    world.report_first(worker, SHORT).unwrap();
    assert!(world.view(running).simulations_done > saved);

    world.leases.clear();
    world.restart();
    assert_eq!(world.view(running).simulations_done, saved);
    assert_eq!(world.view(running).workers_used, 1);
    assert_eq!(world.state(waiting), JobState::Queued);
    assert_eq!(world.state(queued), JobState::Cancelled);
    let worker = world.join(2);
    while world.report_first(worker, SHORT).is_some() {}
    assert_eq!(world.ledger.results[&running].fold, Marks::first(10_000, 10_000 * BLOCK));
    assert_eq!(world.ledger.results[&waiting].fold, Marks::first(3, 3 * BLOCK));
    assert_eq!(world.view(running).workers_used, 2);
}

#[test]
fn a_lease_finished_under_an_earlier_epoch_is_delivered_to_the_new_one() {
    let mut world = World::new(Config { leases_per_node: 1, ..Config::default() });
    let id = world.submit(4 * BLOCK);
    let worker = world.join(1);
    let (old, spec) = world.first_lease(worker).unwrap();
    world.leases.clear();
    world.restart();
    world.apply(Command::Drain { node: worker }).unwrap_err();
    // The worker joins and delivers before it gets a lease.
    world.scheduler.restore_drain("worker 1");
    world.join(1);
    for _ in 0..2 {
        assert!(was_accepted(&world.apply(report(worker, old, &spec, SHORT)).unwrap()));
        assert_eq!(world.view(id).simulations_done, old.range.simulations(4 * BLOCK));
    }
    world.apply(Command::Undrain { node: worker }).unwrap();
    while world.report_first(worker, SHORT).is_some() {}
    assert_eq!(world.ledger.results[&id].fold, Marks::first(4, 4 * BLOCK));
}

#[test]
fn a_lease_of_an_earlier_epoch_overtakes_what_was_leased_of_it_since() {
    let mut world = World::new(Config { leases_per_node: 1, ..Config::default() });
    let id = world.submit(40 * BLOCK);
    let late = world.join_with(1, 8);
    let (old, spec) = world.first_lease(late).unwrap();
    assert_eq!(old.range.len(), 8);
    world.leases.clear();
    world.restart();
    // Both get blocks of the job as soon as they join.
    let (early, other) = (world.join_with(2, 3), world.join_with(3, 3));
    for node in [early, other] {
        assert!(old.range.contains(world.first_lease(node).unwrap().0.range));
    }
    world.join_with(1, 8);
    let straddling = world.first_lease(late).unwrap().0;
    assert!(straddling.range.start() < old.range.end() && straddling.range.end() > old.range.end());
    assert!(!was_accepted(&world.apply(report(late, old, &spec, SHORT)).unwrap()));
    world.report_first(late, SHORT).unwrap();
    assert!(!was_accepted(&world.apply(report(late, old, &spec, SHORT)).unwrap()));

    world.leases.clear();
    world.restart();
    let (early, other) = (world.join_with(2, 3), world.join_with(3, 5));
    let began = [early, other].map(|node| world.first_lease(node).unwrap().0);
    world.join_with(1, 8);
    assert!(was_accepted(&world.apply(report(late, old, &spec, SHORT)).unwrap()));
    for (node, lease) in [early, other].into_iter().zip(began) {
        assert_ne!(world.first_lease(node).unwrap().0, lease, "it was revoked, and another was granted");
        assert!(!was_accepted(&world.apply(report(node, lease, &spec, SHORT)).unwrap()));
    }
    for node in [early, other, late].into_iter().cycle().take(100) {
        world.report_first(node, SHORT);
    }
    assert_eq!(world.ledger.results[&id].fold, Marks::first(40, 40 * BLOCK));
}

#[test]
fn a_lease_of_an_earlier_epoch_is_refused_once_its_blocks_are_done() {
    let mut world = World::new(Config { leases_per_node: 1, ..Config::default() });
    let id = world.submit(4 * BLOCK);
    let late = world.join(1);
    let (old, spec) = world.first_lease(late).unwrap();
    world.leases.clear();
    world.restart();
    let worker = world.join(2);
    world.join(1);
    assert_eq!(world.first_lease(worker).unwrap().0.range.start(), old.range.start());
    world.report_first(worker, SHORT).unwrap();
    let done = world.view(id).simulations_done;
    assert!(!was_accepted(&world.apply(report(late, old, &spec, SHORT)).unwrap()));
    assert_eq!(world.view(id).simulations_done, done);
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_not_taken() {
    let mut world = World::new(Config::default());
    let id = world.submit(100 * BLOCK);
    let worker = world.join(1);
    world.report_first(worker, SHORT).unwrap();
    world.wait(Duration::from_secs(1));
    world.tick();
    let mut checkpoint = world.ledger.checkpoints[&id].clone();
    checkpoint.done.clear();
    let record = world.ledger.job(id).clone();
    let mut scheduler = crate::Scheduler::<Marks>::new(Config::default(), carlo_types::Epoch(2), seal_key());
    let stored = StoredJob { record: record.clone(), checkpoint: Some(checkpoint) };
    assert_eq!(scheduler.restore(stored, world.now).unwrap_err().code, FaultCode::Internal);
    scheduler.verify();
    let stored = StoredJob { record, checkpoint: None };
    assert_eq!(scheduler.restore(stored.clone(), world.now), Ok(Outcome::default()));
    assert_eq!(scheduler.restore(stored, world.now).unwrap_err().code, FaultCode::Internal);
}

#[test]
fn a_failure_of_an_earlier_epoch_says_nothing_of_a_lease_that_looks_the_same() {
    let mut world = World::new(Config::default());
    let id = world.submit(4 * BLOCK);
    let worker = world.join(1);
    let (old, _) = world.first_lease(worker).unwrap();
    world.leases.clear();
    world.restart();
    world.join(1);
    let (new, _) = world.first_lease(worker).unwrap();
    assert_eq!((new.id, new.attempt, new.range, new.job), (old.id, old.attempt, old.range, old.job));
    for _ in 0..3 {
        assert!(!was_accepted(&world.apply(failure(worker, old, "out of memory")).unwrap()));
    }
    assert_eq!(world.state(id), JobState::Running);
    assert_eq!(world.first_lease(worker).unwrap().0, new);
}

#[test]
fn a_report_counts_only_for_a_lease_that_an_earlier_leader_granted_to_its_node() {
    let mut world = World::new(Config { leases_per_node: 1, ..Config::default() });
    let id = world.submit(4 * BLOCK);
    let worker = world.join(1);
    let (old, spec) = world.first_lease(worker).unwrap();
    world.leases.clear();
    world.restart();
    let other = world.join(2);
    world.join(1);
    let forged = carlo_types::Lease { epoch: carlo_types::Epoch(0), ..old };
    let unsealed = carlo_types::Lease { seal: carlo_types::Seal::default(), ..old };
    for (node, lease) in [(worker, forged), (worker, unsealed), (other, old)] {
        assert!(
            !was_accepted(&world.apply(report(node, lease, &spec, SHORT)).unwrap()),
            "{lease:?} of {node}"
        );
    }
    assert_eq!(world.view(id).simulations_done, 0);
    assert!(was_accepted(&world.apply(report(worker, old, &spec, SHORT)).unwrap()));
}
