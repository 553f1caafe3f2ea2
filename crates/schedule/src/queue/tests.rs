use super::*;
use crate::Config;

const SECOND: Duration = Duration::from_secs(1);

fn place(owner: OwnerKey, priority: u8, job: u64) -> Place {
    Place { owner, priority, job: JobKey(job) }
}

/// A queue with one running job for each of these priorities. Each job has its own owner and always
/// has work to lease.
fn busy(priorities: &[u8]) -> (Queue, Vec<Place>) {
    let mut queue = Queue::new(&Config { ageing: SECOND, ..Config::default() });
    let places = priorities.iter().enumerate().map(|(number, priority)| {
        let owner = queue.owner(&OwnerId::new(number.to_string()));
        let place = place(owner, *priority, number as u64);
        queue.start(place, Duration::ZERO);
        queue.set_ready(place, Some((0, Duration::ZERO)), Duration::ZERO);
        place
    });
    let places = places.collect();
    (queue, places)
}

/// Serves the next job with `path_months`.
fn serve(queue: &mut Queue, places: &[Place], path_months: u64, now: Duration) -> JobKey {
    let job = queue.next(now).unwrap();
    let place = *places.iter().find(|place| place.job == job).unwrap();
    queue.charge(place, path_months, now);
    queue.set_ready(place, Some((now.as_micros().try_into().unwrap(), now)), now);
    job
}

/// The number of leases that each job gets, of `leases` leases with these path-months, at a
/// thousand a second.
fn shares(queue: &mut Queue, places: &[Place], path_months: &[u64], leases: u32) -> Vec<u32> {
    let mut counts = vec![0; places.len()];
    for step in 1..=leases {
        let now = SECOND * step / 1_000;
        let job = usize::try_from(queue.next(now).unwrap().0).unwrap();
        counts[job] += 1;
        serve(queue, places, path_months[job], now);
    }
    counts
}

#[test]
fn owners_are_served_by_least_usage_whatever_priorities_they_give() {
    let (mut queue, places) = busy(&[100, 50]);
    // The first owner's leases are three times as much work, so it gets one of four.
    let counts = shares(&mut queue, &places, &[3_000, 1_000], 400);
    assert!((98..=102).contains(&counts[0]), "{counts:?}");
}

#[test]
fn a_weight_gives_an_owner_so_many_times_the_share_of_another() {
    let (mut queue, places) = busy(&[50, 50]);
    let limits = OwnerLimits {
        jobs_at_once: None,
        weight: 3.0,
        retention: RetentionLimits { kept_for: None, jobs: None },
    };
    queue.limit(&OwnerId::new("0"), Some(limits), Duration::ZERO);
    let counts = shares(&mut queue, &places, &[1_000, 1_000], 400);
    assert!((296..=304).contains(&counts[0]), "{counts:?}");
}

#[test]
fn priority_orders_the_work_of_one_owner_and_ages() {
    let mut queue = Queue::new(&Config { ageing: SECOND, ..Config::default() });
    let owner = queue.owner(&OwnerId::local());
    let places = [place(owner, 50, 0), place(owner, 47, 1)];
    for place in places {
        queue.start(place, Duration::ZERO);
        queue.set_ready(place, Some((0, Duration::ZERO)), Duration::ZERO);
    }
    let order: Vec<u64> = (1..=40).map(|step| serve(&mut queue, &places, 1, SECOND * step / 4).0).collect();
    // After four seconds the lower class reaches a higher level, once.
    let served: Vec<usize> = (0..40).filter(|step| order[*step] == 1).map(|step| step + 1).collect();
    assert_eq!(served.len(), 2, "{served:?}");
}

#[test]
fn an_owner_that_has_had_much_gets_a_lease_in_four_at_most_while_newcomers_come() {
    let (mut queue, mut places) = busy(&[50]);
    queue.charge(places[0], 1_000_000, Duration::ZERO);
    let mut served = Vec::new();
    for step in 1..=40_u64 {
        let now = SECOND * u32::try_from(step).unwrap();
        let owner = queue.owner(&OwnerId::new(format!("new {step}")));
        let new = place(owner, 50, step);
        queue.start(new, now);
        queue.set_ready(new, Some((0, now)), now);
        places.push(new);
        if serve(&mut queue, &places, 10, now) == JobKey(0) {
            served.push(step);
        }
    }
    assert!(!served.is_empty() && served.len() <= 10, "{served:?}");
}

#[test]
fn what_is_ended_before_it_started_leaves_no_trace() {
    let (mut queue, _) = busy(&[]);
    let owner = queue.owner(&OwnerId::local());
    queue.enqueue(place(owner, 3, 1), SECOND);
    assert_eq!(queue.next(SECOND), Some(JobKey(1)));
    queue.dequeue(place(owner, 3, 1), SECOND);
    assert_eq!((queue.next(SECOND), queue.competitors()), (None, 0));
    queue.forget_idle_owners(SECOND);
    assert!(queue.owners.is_empty() && queue.names.is_empty() && queue.by_usage.is_empty());
}

#[test]
fn the_rank_of_a_queued_job_counts_those_before_it() {
    let mut queued = class::Queued::default();
    for job in (0..2_000).filter(|job| job % 3 != 0) {
        queued.insert(JobKey(job));
    }
    assert_eq!(queued.rank(JobKey(1)), Some(0));
    assert_eq!(queued.rank(JobKey(3)), None);
    assert_eq!(queued.rank(JobKey(1_999)), Some(queued.len() - 1));
    assert_eq!(queued.rank(JobKey(601)), Some(400));
}

#[test]
fn a_new_job_waits_for_one_lease_of_a_crowd_that_has_waited_long() {
    let mut queue = Queue::new(&Config { ageing: SECOND, ..Config::default() });
    let owner = queue.owner(&OwnerId::local());
    let places: Vec<_> = (0..20).map(|job| place(owner, 50, job)).collect();
    for place in &places {
        queue.start(*place, Duration::ZERO);
        queue.set_ready(*place, Some((5, Duration::ZERO)), Duration::ZERO);
    }
    queue.enqueue(place(owner, 50, 99), SECOND * 2);
    assert_eq!(serve(&mut queue, &places, 1, SECOND * 2), JobKey(0));
    assert_eq!(queue.next(SECOND * 2), Some(JobKey(99)));
}
