//! The queue as users see it: positions, reasons to wait, limits.

use std::time::Duration;

use carlo_types::BLOCK_SIMULATIONS;

use super::world::{World, job, spec};
use crate::{Command, Config, JobState, OwnerLimits, RetentionLimits};

const BLOCK: u64 = BLOCK_SIMULATIONS;
const SHORT: Duration = Duration::from_millis(1);

#[test]
fn jobs_start_in_the_order_of_their_positions() {
    let mut world = World::new(Config { leases_per_node: 1, ..Config::default() });
    let mut waiting = Vec::new();
    for (owner, priority) in
        [("a", 50), ("a", 50), ("b", 50), ("a", 60), ("c", 40), ("a", 50), ("b", 50), ("a", 40), ("b", 50)]
    {
        waiting.push(world.submit_as(owner, priority, &spec(BLOCK, None)));
    }
    let mut by_position = waiting.clone();
    by_position.sort_by_key(|id| world.view(*id).queue_position);
    let positions: Vec<_> = by_position.iter().filter_map(|id| world.view(*id).queue_position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let worker = world.join(1);
    // The order is computed anew for each lease, so only the first positions are exact.
    assert_eq!(world.first_lease(worker).unwrap().0.job, by_position[0]);
    for _ in 0..8 {
        let first = waiting.iter().copied().filter(|id| world.state(*id) == JobState::Queued);
        let next = first.min_by_key(|id| world.view(*id).queue_position).unwrap();
        assert_eq!(world.view(next).queue_position, Some(1));
        // A block takes long enough that no job is started beside another one.
        world.report_first(worker, Duration::from_secs(1)).unwrap();
        assert_eq!(world.first_lease(worker).unwrap().0.job, next);
    }
}

#[test]
fn a_queued_job_says_what_it_waits_for() {
    let mut world = World::new(Config { jobs_per_owner: Some(1), ..Config::default() });
    let first = world.submit_as("a", 50, &spec(1_000 * BLOCK, None));
    let reason = |world: &World, id| world.view(id).waiting_for.unwrap();
    assert_eq!(reason(&world, first), "no worker has joined the cluster yet");
    let worker = world.join(1);
    assert_eq!(world.view(first).waiting_for, None);
    let second = world.submit_as("a", 50, &spec(BLOCK, None));
    assert_eq!(reason(&world, second), "the owner's limit of 1 job at once is reached");
    assert!(world.view(second).seconds_to_start > 0.0);
    let other = world.submit_as("b", 50, &spec(BLOCK, None));
    assert_eq!(world.view(first).seconds_to_start, 0.0);
    assert!(
        reason(&world, other)
            .starts_with("every worker is busy with 1 job of other owners; the job gets one")
    );
    world.apply(Command::Drain { node: worker }).unwrap();
    assert_eq!(reason(&world, other), "every worker is draining");
    world.apply(Command::Lose { node: worker, why: "the stream broke".to_owned() }).unwrap();
    // A running job without a node gives a reason, too.
    for id in [first, other] {
        assert_eq!(reason(&world, id), "every worker is offline");
    }
}

#[test]
fn a_blocked_job_waits_until_its_batch_releases_it() {
    let mut world = World::new(Config { usage_half_life: Duration::from_millis(1), ..Config::default() });
    world.submit_batch(&[BLOCK, BLOCK, BLOCK], |batch| batch.parallel_jobs = 1);
    let [first, second, third] = [1, 2, 3].map(job);
    // The owner must not be forgotten meanwhile.
    for _ in 0..3 {
        world.wait(Duration::from_secs(20));
        world.tick();
    }
    let view = world.view(second);
    assert_eq!((view.state, view.queue_position), (JobState::Queued, None));
    assert!(view.waiting_for.unwrap().contains("at most 1 job at once (parallel_jobs)"));
    let worker = world.join(1);
    assert_eq!([first, second].map(|id| world.state(id)), [JobState::Running, JobState::Queued]);
    world.apply(Command::Cancel { job: second, reason: Some("enough".to_owned()) }).unwrap();
    assert_eq!(world.view(second).error.as_deref(), Some("enough"));
    world.restart();
    world.join(1);
    world.report_first(worker, SHORT).unwrap();
    assert_eq!([first, third].map(|id| world.state(id)), [JobState::Complete, JobState::Running]);
}

#[test]
fn an_owner_s_limit_bounds_what_runs_at_once() {
    let mut world = World::new(Config { jobs_per_owner: Some(2), ..Config::default() });
    let ids: Vec<_> = (0..6).map(|_| world.submit(2 * BLOCK)).collect();
    let workers: Vec<_> = (1..=4).map(|number| world.join(number)).collect();
    while !ids.iter().all(|id| world.state(*id) == JobState::Complete) {
        let running = ids.iter().filter(|id| world.state(**id) == JobState::Running).count();
        assert!((1..=2).contains(&running), "{running}");
        for worker in &workers {
            world.report_first(*worker, SHORT);
        }
    }
}

#[test]
fn one_owner_may_have_another_limit_than_the_rest() {
    let mut world = World::new(Config { jobs_per_owner: Some(1), ..Config::default() });
    let ids: Vec<_> = (0..3).map(|_| world.submit(BLOCK)).collect();
    world.join(1);
    let running = |world: &World| ids.iter().filter(|id| world.state(**id) == JobState::Running).count();
    assert_eq!(running(&world), 1);
    let limit = |jobs_at_once| Command::Limit {
        owner: carlo_types::OwnerId::new("owner"),
        limits: Some(OwnerLimits {
            jobs_at_once,
            weight: 1.0,
            retention: RetentionLimits { kept_for: None, jobs: None },
        }),
    };
    world.apply(limit(Some(2))).unwrap();
    assert_eq!(running(&world), 2);
    world.join(2);
    assert_eq!(running(&world), 2);
    world.apply(limit(None)).unwrap();
    assert_eq!(running(&world), 3);
}

#[test]
fn the_wait_of_started_jobs_is_averaged() {
    let mut world = World::new(Config::default());
    world.submit(BLOCK);
    world.wait(Duration::from_secs(3));
    world.submit(BLOCK);
    world.wait(Duration::from_secs(1));
    world.join(1);
    assert_eq!(world.scheduler.cluster(world.now).average_queue_time, Duration::from_millis(2_500));
}

#[test]
fn nothing_is_estimated_from_a_speed_that_is_not_measured_yet() {
    let mut world = World::new(Config::default());
    world.submit(BLOCK);
    let worker = world.join(1);
    let took = Duration::from_millis(10);
    world.wait(took);
    world.report_first(worker, took).unwrap();
    // The total speed is updated at the next tick.
    let queued = world.submit(BLOCK);
    let left = world.view(queued).seconds_remaining;
    assert!(left.is_none_or(|left| left < 1.0), "{left:?}");
}

#[test]
fn what_is_left_is_estimated_from_the_measured_speed() {
    let mut world = World::new(Config::default());
    let id = world.submit(100_000 * BLOCK);
    let worker = world.join(1);
    assert_eq!(world.view(id).seconds_remaining, None);
    for _ in 0..40 {
        // 100 blocks per second.
        let blocks = world.first_lease(worker).unwrap().0.range.len();
        let took = Duration::from_millis(10 * blocks);
        world.wait(took);
        world.report_first(worker, took).unwrap();
    }
    let left = world.view(id).seconds_remaining.unwrap();
    assert!((900.0..1_100.0).contains(&left), "{left}");
    world.tick();
    let queued = world.submit(100 * BLOCK);
    let left = world.view(queued).seconds_remaining.unwrap();
    assert!((1.5..2.5).contains(&left), "one second alone, two where two jobs share: {left}");
}
