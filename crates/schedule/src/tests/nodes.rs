//! Nodes that join, die and drain, and the end of a job.

use std::collections::BTreeSet;
use std::time::Duration;

use carlo_types::limits::SIMULATIONS_MAX;
use carlo_types::{BLOCK_SIMULATIONS, FaultCode, Load};

use super::marks::Marks;
use super::world::{World, facts, failure, node, report, spec, was_accepted};
use crate::{Command, Config, Effect, JobState, NodeState};

const SHORT: Duration = Duration::from_millis(1);
const BLOCK: u64 = BLOCK_SIMULATIONS;

fn state_of(world: &World, number: u128) -> Option<NodeState> {
    let cluster = world.scheduler.cluster(world.now);
    cluster.nodes.iter().find(|view| view.id == node(number)).map(|view| view.state)
}

#[test]
fn a_worker_of_another_version_is_refused_in_words() {
    let mut world = World::new(Config::default());
    let mut old = facts("old");
    old.model_version = 2;
    let fault = world.apply(Command::Join { node: node(1), facts: old }).unwrap_err();
    assert_eq!(fault.code, FaultCode::Incompatible);
    assert!(fault.message.contains("is of model version 2, the coordinator is of 1"), "{}", fault.message);
    let mut old = facts("old");
    old.protocol_version = 7;
    assert!(world.apply(Command::Join { node: node(1), facts: old }).is_err());
}

#[test]
fn a_cluster_admits_a_bounded_number_of_workers() {
    let mut world = World::new(Config { nodes_max: 1, ..Config::default() });
    world.join(1);
    let fault = world.apply(Command::Join { node: node(2), facts: facts("two") }).unwrap_err();
    assert_eq!(fault.code, FaultCode::Exhausted);
    // A member may join again.
    world.join(1);
}

#[test]
fn a_silent_node_is_lost_after_three_seconds_and_its_ranges_go_to_others_at_once() {
    let mut world = World::new(Config::default());
    let id = world.submit(4 * BLOCK);
    let dead = world.join(1);
    let ranges: Vec<_> = world.leases[&dead].iter().map(|(lease, _)| lease.range).collect();
    let live = world.join(2);
    assert!(!world.leases.contains_key(&live), "everything is leased");
    world.wait(Duration::from_millis(2_900));
    world.beat(live);
    world.tick();
    assert_eq!(state_of(&world, 1), Some(NodeState::Busy));
    world.wait(Duration::from_millis(200));
    let effects = world.tick();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Disconnect { node, .. } if *node == dead)));
    assert_eq!(state_of(&world, 1), Some(NodeState::Offline));
    let first = world.first_lease(live).unwrap().0;
    assert_eq!(first.range.start(), ranges[0].start());
    let fault =
        world.apply(Command::Heartbeat { node: dead, load: Load::default(), progress: vec![] }).unwrap_err();
    assert_eq!(fault.code, FaultCode::NotFound);
    while world.report_first(live, SHORT).is_some() {}
    assert_eq!(world.ledger.results[&id].fold, Marks::first(4, 4 * BLOCK));
}

#[test]
fn ranges_of_a_lost_node_are_leased_alone_and_only_the_range_that_kills_fails_its_job() {
    let mut world = World::new(Config { range_losses_max: 3, ..Config::default() });
    let jobs = [(); 3].map(|()| world.submit(BLOCK));
    // The second job kills every worker that computes it. The first worker also has a lease of the
    // first job.
    let mut number = 1;
    while world.state(jobs[1]) != JobState::Failed {
        let worker = world.join(number);
        let held: Vec<_> = world.leases[&worker].iter().map(|(lease, _)| lease.job).collect();
        match number {
            1 => assert_eq!(held, jobs[..2]),
            _ => assert_eq!(held.len(), 1, "a suspect is alone"),
        }
        while world.first_lease(worker).is_some_and(|(lease, _)| lease.job != jobs[1]) && number > 1 {
            assert_eq!(world.report_first(worker, SHORT), Some(true));
        }
        world.apply(Command::Lose { node: worker, why: "the stream broke".to_owned() }).unwrap();
        number += 1;
    }
    let error = world.view(jobs[1]).error.unwrap();
    let expected =
        "3 workers were lost while they computed blocks 0..1, the last one because the stream broke";
    assert_eq!(error, expected);
    assert_eq!(world.state(jobs[0]), JobState::Complete);
    let last = world.join(number);
    while world.report_first(last, SHORT).is_some() {}
    assert_eq!(world.state(jobs[2]), JobState::Complete);
}

#[test]
fn a_suspect_range_waits_for_a_node_that_holds_nothing_and_then_holds_up_nobody() {
    let mut world = World::new(Config::default());
    world.submit(1_000_000 * BLOCK);
    let worker = world.join(1);
    let lost = world.join(2);
    let suspects: Vec<_> = world.leases[&lost].iter().map(|(lease, _)| lease.range).collect();
    assert_eq!((world.leases[&worker].len(), suspects.len()), (2, 2));
    world.apply(Command::Lose { node: lost, why: "the stream broke".to_owned() }).unwrap();
    assert_eq!(world.report_first(worker, SHORT), Some(true));
    assert_eq!(world.leases[&worker].len(), 1, "nothing is prefetched while a suspect waits");
    let mut blocks: u64 = suspects.iter().map(|range| range.len()).sum();
    while blocks > 0 {
        assert_eq!(world.report_first(worker, SHORT), Some(true));
        let [(alone, _)] = world.leases[&worker].as_slice() else { panic!("a suspect is alone") };
        assert!((suspects[0].start()..suspects[1].end()).contains(&alone.range.start()), "suspects go first");
        blocks -= alone.range.len();
    }
    assert_eq!(world.report_first(worker, SHORT), Some(true));
    assert_eq!(world.leases[&worker].len(), 2);
}

#[test]
fn a_node_that_joins_again_is_a_new_session_whose_old_leases_are_stale() {
    let mut world = World::new(Config::default());
    let id = world.submit(4 * BLOCK);
    let worker = world.join(1);
    let (old, spec) = world.first_lease(worker).unwrap();
    world.join(1);
    assert!(!was_accepted(&world.apply(report(worker, old, &spec, SHORT)).unwrap()));
    assert_eq!(world.view(id).simulations_done, 0);
    assert_eq!(world.first_lease(worker).unwrap().0.attempt, 2);
}

#[test]
fn a_draining_node_finishes_what_it_holds_and_stays_drained_over_restarts() {
    let mut world = World::new(Config::default());
    let id = world.submit(1_000 * BLOCK);
    let worker = world.join(1);
    world.apply(Command::Drain { node: worker }).unwrap();
    assert_eq!(state_of(&world, 1), Some(NodeState::Draining));
    assert_eq!(world.report_first(worker, SHORT), Some(true));
    let (lease, spec) = world.first_lease(worker).unwrap();
    let effects = world.apply(report(worker, lease, &spec, SHORT)).unwrap();
    assert!(effects.contains(&Effect::Drained { node: worker }));
    assert_eq!(state_of(&world, 1), Some(NodeState::Drained));
    world.restart();
    world.join(1);
    assert_eq!(state_of(&world, 1), Some(NodeState::Drained));
    assert_eq!(world.view(id).waiting_for.as_deref(), Some("every worker is draining"));
    world.apply(Command::Undrain { node: worker }).unwrap();
    assert_eq!(world.view(id).waiting_for, None);
    assert_eq!(state_of(&world, 1), Some(NodeState::Busy));
    assert!(world.ledger.drains.is_empty());
}

#[test]
fn the_drain_of_a_name_that_no_listed_node_has_can_be_lifted() {
    let mut world = World::new(Config::default());
    world.submit(1_000 * BLOCK);
    let worker = world.join(1);
    world.apply(Command::Drain { node: worker }).unwrap();
    world.restart();
    let undrain = |name: &str| Command::UndrainName { name: name.to_owned() };
    assert_eq!(world.apply(undrain("worker 2")).unwrap_err().code, FaultCode::NotFound);
    world.apply(undrain("worker 1")).unwrap();
    assert!(world.ledger.drains.is_empty());
    world.join(1);
    assert_eq!(state_of(&world, 1), Some(NodeState::Busy));
}

#[test]
fn a_leaving_node_gets_nothing_more_and_may_come_back() {
    let mut world = World::new(Config::default());
    world.submit(1_000 * BLOCK);
    let worker = world.join(1);
    world.apply(Command::Leave { node: worker }).unwrap();
    while world.report_first(worker, SHORT).is_some() {}
    assert_eq!(state_of(&world, 1), Some(NodeState::Drained));
    world.apply(Command::Lose { node: worker, why: "it left".to_owned() }).unwrap();
    world.join(1);
    assert_eq!(state_of(&world, 1), Some(NodeState::Busy));
}

#[test]
fn the_last_leases_are_given_twice_and_the_first_report_counts() {
    let mut world = World::new(Config::default());
    let id = world.submit(2 * BLOCK);
    let slow = world.join(1);
    let fast = world.join(2);
    let third = world.join(3);
    let (lease, spec) = world.first_lease(slow).unwrap();
    world.wait(Duration::from_millis(400));
    world.tick();
    assert!(!world.leases.contains_key(&fast), "a lease may last that long");
    world.wait(Duration::from_millis(200));
    world.tick();
    let (again, _) = world.first_lease(fast).unwrap();
    assert_eq!((again.range, again.attempt), (lease.range, 2));
    assert!(!world.leases.contains_key(&third), "nothing is given three times");
    let effects = world.apply(report(fast, again, &spec, SHORT)).unwrap();
    assert!(was_accepted(&effects));
    assert!(effects.contains(&Effect::Revoke { node: slow, lease: lease.id }));
    assert!(!was_accepted(&world.apply(report(slow, lease, &spec, SHORT)).unwrap()));
    assert_eq!(world.ledger.results[&id].fold, Marks::first(2, 2 * BLOCK));
}

#[test]
fn heartbeats_show_speed_before_a_lease_is_done() {
    let mut world = World::new(Config::default());
    let id = world.submit(1_000 * BLOCK);
    let worker = world.join(1);
    let lease = world.first_lease(worker).unwrap().0.id;
    world.wait(Duration::from_secs(1));
    let beat = |blocks| Command::Heartbeat {
        node: worker,
        load: Load { cpu: 0.5, memory: 0.25 },
        progress: vec![(lease, blocks)],
    };
    world.apply(beat(1)).unwrap();
    let cluster = world.scheduler.cluster(world.now);
    assert_eq!(cluster.nodes[0].load, Load { cpu: 0.5, memory: 0.25 });
    let speeds = [
        cluster.simulations_per_second,
        cluster.nodes[0].simulations_per_second,
        world.view(id).simulations_per_second,
        world.view(id).nodes[0].simulations_per_second,
    ];
    for speed in speeds {
        assert!((10_000.0..25_000.0).contains(&speed), "{speeds:?}");
    }
    assert_eq!(world.view(id).simulations_done, 0);
}

#[test]
fn one_bad_node_fails_no_job_while_others_work() {
    let mut world = World::new(Config { leases_per_node: 1, ..Config::default() });
    let id = world.submit(40 * BLOCK);
    let bad = world.join(1);
    for _ in 0..20 {
        if let Some((lease, _)) = world.first_lease(bad) {
            world.apply(failure(bad, lease, "it is always out of memory")).unwrap();
        }
        world.wait(Duration::from_millis(100));
        world.beat(bad);
        world.tick();
        if world.view(id).state == JobState::Failed {
            break;
        }
    }
    // A single node can't be compared with others: a block at which every node fails can't be
    // computed.
    assert_eq!(world.state(id), JobState::Failed);

    let id = world.submit(40 * BLOCK);
    let good = world.join(2);
    for _ in 0..400 {
        if let Some((lease, _)) = world.first_lease(bad) {
            world.apply(failure(bad, lease, "it is always out of memory")).unwrap();
        }
        world.report_first(good, SHORT);
        world.wait(Duration::from_millis(100));
        for node in [bad, good] {
            world.beat(node);
        }
        world.tick();
    }
    assert_eq!(world.state(id), JobState::Complete, "{:?}", world.view(id).error);
}

#[test]
fn a_node_that_lives_but_makes_no_progress_loses_its_leases() {
    let mut world = World::new(Config { leases_per_node: 1, ..Config::default() });
    let id = world.submit(BLOCK);
    let idle = world.join(1);
    let (lease, spec) = world.first_lease(idle).unwrap();
    for _ in 0..59 {
        world.wait(Duration::from_secs(1));
        world.beat(idle);
        world.tick();
    }
    assert_eq!(world.first_lease(idle).unwrap().0, lease);
    world.wait(Duration::from_secs(1));
    world.beat(idle);
    let effects = world.tick();
    assert!(effects.contains(&Effect::Revoke { node: idle, lease: lease.id }));
    assert!(!was_accepted(&world.apply(report(idle, lease, &spec, SHORT)).unwrap()));
    assert_eq!(world.state(id), JobState::Running);
}

#[test]
fn a_lost_node_is_forgotten_after_a_minute_or_when_its_name_comes_back() {
    let mut world = World::new(Config::default());
    let lose = |world: &mut World, number| {
        let node = world.join(number);
        world.apply(Command::Lose { node, why: "the stream broke".to_owned() }).unwrap();
    };
    lose(&mut world, 1);
    assert_eq!(state_of(&world, 1), Some(NodeState::Offline));
    let facts = facts("worker 1");
    world.apply(Command::Join { node: node(2), facts }).unwrap();
    assert_eq!((state_of(&world, 1), state_of(&world, 2)), (None, Some(NodeState::Available)));
    lose(&mut world, 3);
    for _ in 0..60 {
        world.wait(Duration::from_secs(1));
        world.beat(node(2));
        world.tick();
    }
    assert_eq!(state_of(&world, 3), None);
}

#[test]
fn a_brief_job_does_not_wait_for_the_leases_of_a_long_one() {
    let mut world = World::new(Config { spot_check_share: 0.0, ..Config::default() });
    let long = world.submit(SIMULATIONS_MAX);
    let node = world.join(1);
    // 1,000 blocks per second: a lease of half a second has 500.
    for _ in 0..3 {
        let (lease, _) = world.first_lease(node).unwrap();
        world.report_first(node, SHORT * u32::try_from(lease.range.len()).unwrap());
    }
    let jobs = |world: &World| world.leases[&node].iter().map(|(lease, _)| lease.job).collect::<Vec<_>>();
    assert_eq!(jobs(&world), [long, long]);
    let too_long = world.submit_as("owner", 49, &spec(21 * BLOCK, None));
    assert_eq!(jobs(&world), [long, long], "it takes more than a moment");
    let brief = world.submit_as("other", 50, &spec(20 * BLOCK, None));
    assert_eq!(jobs(&world), [long, long, brief]);
    let next = world.submit_as("other", 50, &spec(BLOCK, None));
    assert_eq!(jobs(&world), [long, long, brief], "only one at a time");
    let (lease, spec) = world.leases[&node][2].clone();
    world.apply(report(node, lease, &spec, 20 * SHORT)).unwrap();
    assert_eq!((world.state(brief), jobs(&world)), (JobState::Complete, vec![long, long, next]));
    assert_eq!(world.state(too_long), JobState::Queued);
}

/// The reports of 20,000 nodes don't come more often than the leader can handle.
#[test]
fn leases_are_longer_in_a_larger_fleet() {
    // A lease has a whole number of blocks, so it is a little shorter than it should be.
    for (nodes, expected) in [(1_000, 2_000..2_050), (20_000, 10_000..10_250)] {
        let reports = reports_per_second(nodes);
        assert!(expected.contains(&reports), "{reports} reports per second of {nodes} nodes");
    }
}

/// The reports that a fleet sends in a second, once the nodes' speeds are known. All nodes compute
/// all the time, at 20 to 99 blocks per second.
fn reports_per_second(nodes: u32) -> usize {
    let mut world = World::new(Config { spot_check_share: 0.0, ..Config::default() });
    world.verify_every = u32::MAX;
    for number in 1..=nodes {
        world.join(number.into());
    }
    world.submit(SIMULATIONS_MAX);
    let lease_of = |world: &World, node, began: Duration, speed: u32| {
        let (lease, _) = world.first_lease(node).unwrap();
        let took = Duration::from_secs(lease.range.len()) / speed;
        (began + took, took, node, speed)
    };
    let speed = |number: u32| 20 + number % 80;
    let mut due: BTreeSet<_> = (1..=nodes)
        .map(|number| lease_of(&world, node(number.into()), Duration::ZERO, speed(number)))
        .collect();
    // The first leases have a block per thread. The second ones have their full length.
    let (from, until) = (Duration::from_secs(4), Duration::from_secs(6));
    let mut reports = 0;
    let mut ticked = Duration::ZERO;
    while let Some((at, took, node, speed)) = due.pop_first()
        && at < until
    {
        world.wait(at.saturating_sub(world.now.elapsed));
        if at >= ticked {
            world.tick();
            ticked = at + Duration::from_millis(100);
        }
        assert_eq!(world.report_first(node, took), Some(true));
        due.insert(lease_of(&world, node, at, speed));
        reports += usize::from(at >= from);
    }
    reports / 2
}
