use super::*;
use crate::Config;

const SECOND: Duration = Duration::from_secs(1);

fn place(owner: OwnerKey, priority: u8, job: u64) -> Place {
    Place { owner, priority, job: JobKey(job) }
}

/// A queue with a running job that always has something to lease for each of these priorities, each of an owner of its own.
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

#[test]
fn owners_of_one_priority_are_served_by_least_usage() {
    let (mut queue, places) = busy(&[50, 50]);
    // The first owner's leases are three times as much work: it gets one of four.
    let mut leases = [0, 0];
    for step in 1..=400 {
        let job = queue.next(SECOND * step / 1_000).unwrap().0;
        let path_months = if job == 0 { 3_000 } else { 1_000 };
        leases[usize::try_from(job).unwrap()] += 1;
        serve(&mut queue, &places, path_months, SECOND * step / 1_000);
    }
    assert!((98..=102).contains(&leases[0]), "{leases:?}");
}

#[test]
fn a_waiting_class_rises_one_point_each_ageing_until_it_is_served_once() {
    let (mut queue, places) = busy(&[50, 47]);
    let order: Vec<u64> = (1..=40).map(|step| serve(&mut queue, &places, 1, SECOND * step / 4).0).collect();
    // After three seconds both are of level 50 and the other owner has had nothing.
    let served: Vec<usize> = (0..40).filter(|step| order[*step] == 1).map(|step| step + 1).collect();
    assert_eq!(served, [12, 24, 36]);
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
    assert!(queue.owners.is_empty() && queue.names.is_empty() && queue.levels.is_empty());
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
