//! Spot checks, step by step. Histories with a broken machine are in `histories`.

use std::time::Duration;

use carlo_types::{BLOCK_SIMULATIONS, Epoch, JobId, LeaseId, NodeId};

use super::marks::Marks;
use super::world::{World, facts, node, report, seal_key, spec, was_accepted};
use crate::{CheckCounts, Command, Config, Effect, JobState, NodeState};

/// So slow that a lease has one block.
const TOOK: Duration = Duration::from_secs(20);

/// A cluster in which each lease is checked.
fn world() -> World {
    World::new(Config { spot_check_share: 1.0, leases_per_node: 1, ..Config::default() })
}

/// The node reports its lease, with wrong bits unless `errors` is 0.
fn report_with(world: &mut World, node: NodeId, errors: u64) -> Vec<Effect> {
    let (lease, spec) = world.first_lease(node).expect("it has a lease");
    let mut message = report(node, lease, &spec, TOOK);
    if let Command::Report { partial, .. } = &mut message {
        partial.errors = errors;
    }
    world.apply(message).unwrap()
}

fn result(world: &World, job: JobId) -> &Marks {
    &world.ledger.results[&job].fold
}

fn state(world: &World, node: NodeId) -> NodeState {
    world.scheduler.node(node, world.now).unwrap().state
}

/// The names of the nodes because of which a result is doubtful.
fn doubts(world: &World, job: JobId) -> Vec<String> {
    let shares = &world.ledger.results[&job].shares;
    world.scheduler.doubts(shares).into_iter().map(|verdict| verdict.name.clone()).collect()
}

#[test]
fn a_report_counts_once_another_node_agrees() {
    let mut world = world();
    let job = world.submit(BLOCK_SIMULATIONS);
    let first = world.join(1);
    assert_eq!(world.leases[&first].len(), 1);
    let second = world.join(2);
    assert!(was_accepted(&report_with(&mut world, first, 0)), "its worker may forget it");
    assert_eq!(world.state(job), JobState::Running);
    assert_eq!(world.view(job).simulations_done, 0);
    let (lease, _) = world.first_lease(second).expect("the other node checks it");
    assert_eq!((lease.job, lease.range.len()), (job, 1));
    assert!(!world.leases.contains_key(&first) || world.leases[&first].is_empty());
    report_with(&mut world, second, 0);
    assert_eq!(world.state(job), JobState::Complete);
    assert_eq!(*result(&world, job), Marks::first(1, BLOCK_SIMULATIONS));
    assert_eq!(world.scheduler.check_counts(), CheckCounts { begun: 1, agreed: 1, differed: 0, skipped: 0 });
}

#[test]
fn a_third_node_decides_and_the_odd_one_is_quarantined() {
    for odd in [0, 1] {
        let mut world = world();
        let job = world.submit(BLOCK_SIMULATIONS);
        let nodes = [1, 2, 3].map(|number| world.join(number));
        for (index, node) in nodes.into_iter().enumerate().take(2) {
            let effects = report_with(&mut world, node, u64::from(index == odd) * 5);
            let contested = effects.iter().any(|effect| matches!(effect, Effect::Contested { .. }));
            assert_eq!(contested, index == 1);
        }
        assert_eq!(world.state(job), JobState::Running);
        let effects = report_with(&mut world, nodes[2], 0);
        let quarantined = effects.iter().find_map(|effect| match effect {
            Effect::Quarantined { name, reason } => Some((name.clone(), reason.clone())),
            _ => None,
        });
        let (name, reason) = quarantined.expect("the odd one is quarantined");
        assert_eq!(name, format!("worker {}", odd + 1));
        assert!(reason.contains("differently from worker"), "{reason}");
        assert_eq!(world.state(job), JobState::Complete);
        assert_eq!(*result(&world, job), Marks::first(1, BLOCK_SIMULATIONS));
        assert_eq!(doubts(&world, job), [] as [&str; 0]);
        for (index, node) in nodes.into_iter().enumerate() {
            let is_odd = index == odd;
            assert_eq!(state(&world, node) == NodeState::Quarantined, is_odd, "{index}");
        }
        assert_eq!(world.scheduler.cluster(world.now).quarantines.len(), 1);
    }
}

#[test]
fn a_quarantine_is_of_the_machine_and_outlives_workers_and_leaders_until_it_is_lifted() {
    let mut world = world();
    let job = world.submit(BLOCK_SIMULATIONS);
    let nodes = [1, 2, 3].map(|number| world.join(number));
    for (node, errors) in nodes.into_iter().zip([7, 0, 0]) {
        report_with(&mut world, node, errors);
    }
    assert_eq!(world.state(job), JobState::Complete);
    world.restart();
    let again = Command::Join { node: node(9), facts: facts("worker 1") };
    world.apply(again).unwrap();
    assert_eq!(state(&world, node(9)), NodeState::Quarantined);
    let next = world.submit(BLOCK_SIMULATIONS);
    assert_eq!(world.leases.get(&node(9)).map_or(0, Vec::len), 0);
    assert_eq!(world.view(next).waiting_for.as_deref(), Some("every worker is draining or quarantined"));
    let lift = |name: &str| Command::LiftQuarantine { name: name.to_owned() };
    world.apply(lift("worker 2")).unwrap_err();
    world.apply(lift("worker 1")).unwrap();
    assert_eq!(state(&world, node(9)), NodeState::Busy);
    world.restart();
    world.apply(Command::Join { node: node(10), facts: facts("worker 1") }).unwrap();
    assert_eq!(state(&world, node(10)), NodeState::Busy);
    assert_eq!(world.scheduler.verdicts().count(), 1, "it is remembered");
}

#[test]
fn of_two_nodes_that_differ_none_counts_until_a_third_has_decided() {
    let mut world = world();
    let job = world.submit(BLOCK_SIMULATIONS);
    let [first, second] = [1, 2].map(|number| world.join(number));
    report_with(&mut world, first, 3);
    report_with(&mut world, second, 0);
    for _ in 0..300 {
        world.wait(Duration::from_secs(1));
        world.beat(first);
        world.beat(second);
        world.tick();
    }
    assert_eq!(world.state(job), JobState::Running);
    let why = world.view(job).waiting_for.unwrap();
    assert!(why.starts_with("the workers worker 1, worker 2 disagree about blocks 0..1"), "{why}");
    // Another worker on the same machine is no other opinion.
    world.apply(Command::Join { node: node(8), facts: facts("worker 1") }).unwrap();
    assert_eq!(world.leases.get(&node(8)).map_or(0, Vec::len), 0);
    let third = world.join(3);
    report_with(&mut world, third, 0);
    assert_eq!(world.state(job), JobState::Complete);
    assert_eq!(*result(&world, job), Marks::first(1, BLOCK_SIMULATIONS));
    assert_eq!(
        [first, second, node(8)].map(|node| state(&world, node) == NodeState::Quarantined),
        [true, false, true]
    );
}

#[test]
fn a_report_that_nobody_can_check_counts_without_a_check() {
    // The other node leaves, or it is busy for too long.
    for leaves in [true, false] {
        let mut world = world();
        world.config.spot_check_patience = Duration::from_secs(10);
        let job = world.submit(2 * BLOCK_SIMULATIONS);
        let first = world.join_with(1, 1);
        let second = world.join_with(2, 1);
        report_with(&mut world, first, 0);
        if leaves {
            world.apply(Command::Lose { node: second, why: "cut".to_owned() }).unwrap();
            world.tick();
            assert_eq!(world.scheduler.check_counts().skipped, 1);
            report_with(&mut world, first, 0);
            assert_eq!(world.state(job), JobState::Complete, "with one node nothing is checked");
        } else {
            for seconds in 1..=10 {
                assert_eq!(world.scheduler.check_counts().skipped, 0, "after {seconds} s");
                world.wait(Duration::from_secs(1));
                world.beat(first);
                world.beat(second);
                world.tick();
            }
            assert_eq!(world.scheduler.check_counts().skipped, 1);
        }
    }
}

/// Two nodes complete a job each, without checks, and compute a third one. Then node 1 fails a check.
/// Returns the world, the nodes and the jobs.
fn with_verdict(checked_between: bool) -> (World, [NodeId; 3], [JobId; 3]) {
    let mut world = World::new(Config { spot_check_share: 0.0, leases_per_node: 1, ..Config::default() });
    let nodes = [1, 2, 3].map(|number| world.join_with(number, 1));
    let set = |world: &mut World, share| {
        world.config.spot_check_share = share;
        world.scheduler.config.spot_check_share = share;
    };
    // Each node gets a job of its own.
    let own = [1, 2].map(|_| world.submit(BLOCK_SIMULATIONS));
    report_with(&mut world, nodes[0], 0);
    report_with(&mut world, nodes[1], 0);
    assert_eq!(own.map(|job| world.state(job)), [JobState::Complete; 2]);
    if checked_between {
        set(&mut world, 1.0);
        world.submit(BLOCK_SIMULATIONS);
        report_with(&mut world, nodes[0], 0);
        report_with(&mut world, nodes[1], 0);
        set(&mut world, 0.0);
    }
    let large = world.submit(40 * BLOCK_SIMULATIONS);
    for node in nodes {
        report_with(&mut world, node, u64::from(node == nodes[0]) * 11);
    }
    assert_eq!(world.view(large).simulations_done, 3 * BLOCK_SIMULATIONS);
    set(&mut world, 1.0);
    for (node, errors) in nodes.into_iter().zip([13, 0, 0]) {
        while world.first_lease(node).is_none_or(|(lease, _)| lease.range.start() > 3) {
            report_with(&mut world, node, 0);
        }
        report_with(&mut world, node, errors);
    }
    (world, nodes, [own[0], own[1], large])
}

#[test]
fn what_the_odd_one_reported_since_its_last_agreeing_check_is_computed_again_or_marked() {
    let (world, nodes, [own, others, large]) = with_verdict(false);
    assert_eq!(state(&world, nodes[0]), NodeState::Quarantined);
    assert_eq!(doubts(&world, own), ["worker 1"]);
    assert_eq!(doubts(&world, others), [] as [&str; 0]);
    assert_eq!(world.state(large), JobState::Running);
    assert_eq!(world.view(large).simulations_done, 0, "the job has gone back");
    assert_eq!(world.ledger.checkpoints[&large].done, []);
    let (world, _, [own, ..]) = with_verdict(true);
    assert_eq!(doubts(&world, own), [] as [&str; 0], "a later check has agreed");
}

#[test]
fn a_job_that_went_back_ends_with_the_right_result() {
    let (mut world, nodes, [.., large]) = with_verdict(false);
    for _ in 0..200 {
        if world.state(large) == JobState::Complete {
            break;
        }
        for node in &nodes[1..] {
            world.report_first(*node, TOOK);
        }
    }
    assert_eq!(world.state(large), JobState::Complete);
    assert_eq!(*result(&world, large), Marks::first(40, 40 * BLOCK_SIMULATIONS));
    assert_eq!(doubts(&world, large), [] as [&str; 0]);
}

#[test]
fn a_lost_check_costs_only_the_check() {
    let mut world = world();
    let job = world.submit(BLOCK_SIMULATIONS);
    let [first, second] = [1, 2].map(|number| world.join(number));
    report_with(&mut world, first, 9);
    world.restart();
    world.leases.clear();
    for number in [1, 2] {
        world.join(number);
    }
    // The range is computed again, and checked again.
    report_with(&mut world, first, 0);
    report_with(&mut world, second, 0);
    assert_eq!(world.state(job), JobState::Complete);
    assert_eq!(*result(&world, job), Marks::first(1, BLOCK_SIMULATIONS));
    assert_eq!(world.scheduler.verdicts().count(), 0);
}

#[test]
fn the_drawn_leases_are_a_share_of_all_and_depend_on_the_secret() {
    let drawn = |key: crate::SealKey, share: f64| {
        (0..100_000).filter(|lease| key.draw(Epoch(1), LeaseId(*lease)) < share).collect::<Vec<_>>()
    };
    let tenth = drawn(seal_key(), 0.1);
    assert!((9_700..10_300).contains(&tenth.len()), "{}", tenth.len());
    assert_ne!(tenth, drawn(crate::SealKey::new([8; 32]), 0.1));
    assert_eq!(drawn(seal_key(), 1.0).len(), 100_000);
    assert!(drawn(seal_key(), 0.0).is_empty());
}

/// What is computed beyond the job's blocks by the default share is below 0.2 %.
#[test]
fn checks_cost_less_than_a_five_hundredth_of_the_work() {
    let blocks = 150_000;
    let mut world = World::new(Config::default());
    world.verify_every = 10_000;
    let job = world.submit_as("owner", 50, &spec(blocks * BLOCK_SIMULATIONS, None));
    let nodes = [1, 2, 3, 4].map(|number| world.join_with(number, 1));
    let mut computed = 0;
    while world.state(job) == JobState::Running {
        for node in nodes {
            if let Some((lease, _)) = world.first_lease(node) {
                computed += lease.range.len();
                world.report_first(node, TOOK);
            }
        }
    }
    let counts = world.scheduler.check_counts();
    let share = (computed - blocks) as f64 / blocks as f64;
    assert!(counts.agreed > 100 && counts.differed == 0, "{counts:?}");
    assert!(share < 0.002, "{share}");
    assert_eq!(*result(&world, job), Marks::first(blocks, blocks * BLOCK_SIMULATIONS));
}
