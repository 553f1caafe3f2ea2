//! Lists of jobs and batches: their order and selection, and that no entry costs more because the
//! list or the batch is long.

#![expect(clippy::disallowed_types, reason = "the cost of a list is measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use carlo_types::{BLOCK_SIMULATIONS, BatchId, Epoch, Money, Now, OwnerId, Timestamp};

use super::marks::Marks;
use super::world::{PRICE, World, job, seal_key, spec};
use crate::{Command, Config, Filter, JobState, NewBatch, Page, Scheduler};

#[test]
fn a_list_is_also_by_time_and_can_be_gone_through_in_steps() {
    let mut world = World::new(Config::default());
    let mut submitted = Vec::new();
    for _ in 0..9 {
        world.wait(Duration::from_secs(1));
        submitted.push((world.now.wall, world.submit(BLOCK)));
    }
    let between = |from: Option<usize>, to: Option<usize>| {
        let at = |index: Option<usize>| index.map(|index| submitted[index].0);
        Filter { since: at(from), until: at(to), ..Filter::default() }
    };
    for (from, to, expected) in
        [(None, None, 0..9), (Some(3), None, 3..9), (None, Some(3), 0..3), (Some(2), Some(7), 2..7)]
    {
        let filter = between(from, to);
        let wanted: Vec<_> = submitted[expected].iter().rev().map(|(_, id)| *id).collect();
        let (total, views) = world.scheduler.jobs(&filter, Page { skip: 1, take: 3 }, world.now);
        assert_eq!(total, wanted.len());
        let page: Vec<_> = views.iter().map(|view| view.id).collect();
        assert_eq!(page, wanted.iter().skip(1).take(3).copied().collect::<Vec<_>>());
        let (mut visited, mut place) = (Vec::new(), None);
        loop {
            place = world.scheduler.scan(&filter, place, 2, |job| visited.push(job.id));
            if place.is_none() {
                break;
            }
        }
        assert_eq!(visited, wanted);
    }
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
    let even = Filter { owner: Some(OwnerId::new("even")), ..all.clone() };
    assert_eq!(list(&even, 0, 9), (3, vec![ids[4], ids[2], ids[0]]));
    let waiting = Filter { state: Some(JobState::Queued), ..even };
    assert_eq!(list(&waiting, 1, 9), (2, vec![ids[0]]));
}

/// The shortest of the times that each of two functions takes, with the rounds of both in turn, so
/// that a busy machine slows both.
fn shortest<A, B>(one: impl Fn() -> A, other: impl Fn() -> B) -> (Duration, Duration) {
    let time = |run: &dyn Fn()| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    let rounds = (0..50).map(|_| (time(&|| drop(black_box(one()))), time(&|| drop(black_box(other())))));
    rounds.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))).unwrap()
}

const BLOCK: u64 = BLOCK_SIMULATIONS;
const SHORT: Duration = Duration::from_millis(1);

/// When the batches are looked at.
const NOW: Now = Now { elapsed: Duration::from_secs(1), wall: Timestamp(1_000_000) };

/// A scheduler without workers, with batches of so many jobs each.
fn batches(count: u128, jobs: u128) -> Scheduler<Marks> {
    let mut scheduler = Scheduler::new(Config::default(), Epoch(1), seal_key());
    let spec = spec(1_000, None);
    for number in 0..count {
        let members = (number * jobs..(number + 1) * jobs).map(|number| (job(number + 1), spec.clone()));
        let batch = NewBatch {
            id: BatchId::from_random(number + 1),
            owner: OwnerId::new("owner"),
            priority: 50,
            fail_fast: false,
            parallel_jobs: 3,
            budget_cap: Some(Money::from_whole_dollars(1)),
            metadata_json: String::new(),
            price: PRICE,
            jobs: members.collect(),
        };
        let wall = Timestamp(u64::try_from(number).unwrap());
        let _records = scheduler.apply(Command::SubmitBatch(batch), Now { wall, ..NOW }).unwrap();
    }
    scheduler
}

#[test]
fn a_page_far_out_costs_what_the_first_one_costs() {
    let scheduler = batches(20_000, 1);
    let page = |skip| Page { skip, take: 20 };
    let jobs = |skip| scheduler.jobs(&Filter::default(), page(skip), NOW);
    let of_owner = |skip| {
        let owner = Some(OwnerId::new("owner"));
        scheduler.jobs(&Filter { owner, state: Some(JobState::Queued), ..Filter::default() }, page(skip), NOW)
    };
    let batches = |skip| scheduler.batches(&Filter::default(), page(skip), 100);
    for far in [10_000, 19_980] {
        let times = [
            shortest(|| jobs(0), || jobs(far)),
            shortest(|| of_owner(0), || of_owner(far)),
            shortest(|| batches(0), || batches(far)),
        ];
        assert!(times.iter().all(|(first, far)| *far < 2 * *first), "{times:?}");
    }
    assert_eq!((jobs(19_980).1.len(), batches(19_990).1.len()), (20, 10));
}

#[test]
fn a_batch_in_a_list_costs_the_same_with_a_thousand_jobs() {
    let (small, large) = (batches(20, 100), batches(20, 1_000));
    let list =
        |scheduler: &Scheduler<Marks>| scheduler.batches(&Filter::default(), Page { skip: 0, take: 20 }, 100);
    let (one, other) = shortest(|| list(&small), || list(&large));
    assert!(other < 2 * one, "{one:?}, {other:?}");
    // Nor do the sums over all of an owner's batches depend on it.
    let owner = OwnerId::new("owner");
    let (one, other) = shortest(|| small.batch_stats(&owner), || large.batch_stats(&owner));
    assert!(other < 3 * one.max(Duration::from_micros(2)), "{one:?}, {other:?}");
    assert_eq!((small.batch_stats(&owner).jobs, large.batch_stats(&owner).jobs), (2_000, 20_000));
}

#[test]
fn a_job_of_a_batch_costs_the_same_among_a_thousand() {
    let (small, large) = (batches(1, 100), batches(1, 1_000));
    let jobs = |scheduler: &Scheduler<Marks>| scheduler.listed((1..=100).map(job), NOW);
    let (one, other) = shortest(|| jobs(&small), || jobs(&large));
    assert!(other < 2 * one, "{one:?}, {other:?}");
    assert_eq!(jobs(&large).len(), 100);
}
