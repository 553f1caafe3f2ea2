//! How the cluster is shared, in simulated time: workers of known speed that report when their
//! computing time has passed.

use std::collections::BTreeMap;
use std::time::Duration;

use carlo_types::{BLOCK_SIMULATIONS, JobId, NodeId};

use super::marks::Marks;
use super::world::{World, report, spec};
use crate::{Config, JobState};

const BLOCK: u64 = BLOCK_SIMULATIONS;
/// The simulations of a job that doesn't end during any of these tests.
const HUGE: u64 = 100_000_000_000;
const STEP: Duration = Duration::from_millis(5);

/// Workers with these speeds, in blocks per second.
struct Cluster {
    world: World,
    speeds: Vec<(NodeId, f64)>,
    /// How long each node has computed its first lease.
    spent: BTreeMap<NodeId, Duration>,
    /// Reported blocks, by job.
    served: BTreeMap<JobId, u64>,
    steps: u32,
}

impl Cluster {
    fn new(config: Config, speeds: &[f64]) -> Self {
        let mut world = World::new(config);
        world.verify_every = 50;
        let speeds = (1..).zip(speeds).map(|(number, speed)| (world.join(number), *speed)).collect();
        Self { world, speeds, spent: BTreeMap::new(), served: BTreeMap::new(), steps: 0 }
    }

    fn step(&mut self) {
        self.world.wait(STEP);
        self.steps += 1;
        for (node, speed) in self.speeds.clone() {
            let spent = self.spent.entry(node).or_default();
            let Some((lease, spec)) = self.world.first_lease(node) else {
                *spent = Duration::ZERO;
                continue;
            };
            *spent += STEP;
            let needed = Duration::from_secs_f64(lease.range.len() as f64 / speed);
            if *spent >= needed {
                *spent -= needed;
                *self.served.entry(lease.job).or_default() += lease.range.len();
                self.world.apply(report(node, lease, &spec, needed)).unwrap();
            } else if self.steps.is_multiple_of(100) {
                self.world.beat(node);
            }
        }
        if self.steps.is_multiple_of(20) {
            self.world.tick();
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..u128::from(seconds) * 1_000 / STEP.as_millis() {
            self.step();
        }
    }

    /// Runs until the job is complete. Returns how long that took.
    fn finish(&mut self, job: JobId) -> Duration {
        let mut steps = 0;
        while self.world.state(job) != JobState::Complete {
            self.step();
            steps += 1;
            assert!(STEP * steps < Duration::from_mins(5), "{job} doesn't end");
        }
        STEP * steps
    }
}

#[test]
fn two_owners_of_equal_priority_get_half_of_the_cluster_each() {
    let mut cluster = Cluster::new(Config::default(), &[100.0, 60.0, 30.0]);
    let one = cluster.world.submit_as("one", 50, &spec(HUGE, None));
    // The other owner has many jobs, which doesn't increase its share.
    let many: Vec<_> = (0..5).map(|_| cluster.world.submit_as("many", 50, &spec(HUGE, None))).collect();
    cluster.run(60);
    let one = cluster.served[&one];
    let many: u64 = many.iter().map(|job| cluster.served[job]).sum();
    let share = one as f64 / (one + many) as f64;
    assert!((0.45..=0.55).contains(&share), "{share}");
}

#[test]
fn an_owner_with_a_crowd_of_small_jobs_gets_no_more_than_one_with_a_huge_one() {
    let mut cluster = Cluster::new(Config::default(), &[100.0, 60.0]);
    let huge = cluster.world.submit_as("huge", 50, &spec(HUGE, None));
    for _ in 0..600 {
        cluster.world.submit_as("crowd", 50, &spec(20 * BLOCK, None));
    }
    cluster.run(60);
    let huge = cluster.served.remove(&huge).unwrap();
    let crowd: u64 = cluster.served.values().sum();
    let share = huge as f64 / (huge + crowd) as f64;
    assert!((0.45..=0.55).contains(&share), "{share}");
}

#[test]
fn a_small_job_among_huge_ones_starts_within_a_lease() {
    let mut cluster = Cluster::new(Config::default(), &[100.0, 100.0]);
    for owner in ["a", "a", "a", "b", "c"] {
        cluster.world.submit_as(owner, 50, &spec(HUGE, None));
    }
    cluster.run(10);
    for owner in ["a", "b", "new"] {
        let small = cluster.world.submit_as(owner, 50, &spec(10_000, None));
        // Half a second until a slot is free, and up to two leases before it on its node. An owner
        // that has had its share waits for one lease of another owner.
        let took = cluster.finish(small);
        assert!(took < Duration::from_millis(1_600), "{owner}: {took:?}");
        cluster.run(2);
    }
}

#[test]
fn a_low_priority_does_not_wait_forever_under_a_steady_stream_of_higher_ones_of_its_owner() {
    let ageing = Duration::from_millis(100);
    let mut cluster = Cluster::new(Config { ageing, ..Config::default() }, &[100.0]);
    let low = cluster.world.submit_as("owner", 0, &spec(100 * BLOCK, None));
    let mut high = Vec::new();
    for _ in 0..120 {
        // More work than the cluster can do.
        high.push(cluster.world.submit_as("owner", 90, &spec(120 * BLOCK, None)));
        cluster.run(1);
    }
    assert_eq!(cluster.world.state(low), JobState::Complete);
    let done = high.iter().filter(|id| cluster.world.state(**id) == JobState::Complete).count();
    assert!(done > 50, "the high priority still gets nearly everything: {done}");
}

#[test]
fn a_small_job_of_an_idle_owner_starts_within_a_second_whatever_priorities_others_have() {
    let mut cluster = Cluster::new(Config::default(), &[100.0, 30.0]);
    for owner in ["a", "a", "b", "c"] {
        cluster.world.submit_as(owner, 100, &spec(HUGE, None));
    }
    cluster.run(5);
    let mut starts = Vec::new();
    for number in 0..100 {
        // Other owners come and go with high priorities, too.
        cluster.world.submit_as(&format!("rival {}", number % 7), 100, &spec(50 * BLOCK, None));
        let small = cluster.world.submit_as(&format!("idle {number}"), 0, &spec(1_000, None));
        let mut steps = 0;
        while cluster.world.state(small) == JobState::Queued {
            cluster.step();
            steps += 1;
        }
        starts.push(STEP * steps);
        cluster.run(1);
    }
    starts.sort_unstable();
    assert!(starts[98] < Duration::from_secs(1), "{starts:?}");
}

#[test]
fn an_old_job_goes_on_under_a_steady_stream_of_new_ones_of_its_owner() {
    // Without ageing the stream gets everything, which shows that this test can fail.
    for (ageing, goes_on) in [(Duration::from_secs(1), true), (Duration::from_hours(1), false)] {
        let mut cluster = Cluster::new(Config { ageing, ..Config::default() }, &[100.0]);
        let old = cluster.world.submit(10_000 * BLOCK);
        cluster.run(1);
        let mut before = 0;
        for second in 0..60 {
            cluster.world.submit(120 * BLOCK);
            cluster.run(1);
            if second == 29 {
                before = cluster.served[&old];
            }
        }
        assert_eq!(cluster.served[&old] > before, goes_on, "{} since {before}", cluster.served[&old]);
    }
}

#[test]
fn the_end_of_a_job_does_not_wait_for_a_slow_node() {
    let mut cluster = Cluster::new(Config::default(), &[100.0, 100.0, 100.0, 10.0]);
    let job = cluster.world.submit(3_000 * BLOCK);
    let took = cluster.finish(job);
    // 3,000 blocks at 310 a second are 9.7 s.
    assert!(took < Duration::from_millis(10_700), "{took:?}");
    assert_eq!(cluster.world.ledger.results[&job].fold, Marks::first(3_000, 3_000 * BLOCK));
    let shares = &cluster.world.ledger.results[&job].shares;
    let slow = cluster.speeds[3].0;
    let by_slow = shares.iter().find(|share| share.node == slow).map_or(0, |share| share.simulations);
    assert!(by_slow < 3_000 * BLOCK / 20, "it gets less by its speed: {by_slow}");
}

#[test]
fn a_lease_lasts_about_half_a_second_on_every_node() {
    let mut cluster = Cluster::new(Config::default(), &[400.0, 40.0]);
    cluster.world.submit(HUGE);
    cluster.run(20);
    for (node, speed) in cluster.speeds.clone() {
        let lease = cluster.world.first_lease(node).unwrap().0;
        let seconds = lease.range.len() as f64 / speed;
        assert!((0.4..=0.6).contains(&seconds), "{seconds} at {speed}");
    }
}
