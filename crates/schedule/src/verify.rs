//! Checks that redundant state agrees. Only for tests, because it visits all jobs.

use std::collections::{BTreeMap, BTreeSet};

use carlo_types::{BlockRange, LeaseId, Merge};

use crate::checks::{VOTES_MAX, Votes};
use crate::job::{Job, JobKey, State};
use crate::queue::verify::Expected;
use crate::ranges::Open;
use crate::scheduler::Scheduler;
use crate::scheduler::checks::CONSIDERED_MAX;

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    /// Checks every index and every invariant of the state.
    ///
    /// # Panics
    ///
    /// With a description of the first violation.
    pub fn verify(&self) {
        let mut expected = Expected::default();
        let mut open_jobs = 0;
        let mut leased: BTreeMap<LeaseId, (JobKey, Open)> = BTreeMap::new();
        let (mut singles, mut checks) = (BTreeSet::new(), BTreeSet::new());
        let (mut waiting, mut votes) = (BTreeSet::new(), 0);
        for (key, job) in &self.jobs {
            assert_eq!((Some(key), *key), (self.names.get(&job.id), job.key), "jobs by id");
            open_jobs += usize::from(!job.status().is_ended());
            match &job.state {
                State::Queued(queued) if queued.blocked => expected.blocked.push(job.owner_key),
                State::Queued(_) => expected.queued.push(job.place()),
                State::Ended(_) => {}
                State::Running(running) => {
                    Self::verify_running(job);
                    votes += running.votes.len();
                    waiting.extend(running.ranges.unsettled().map(|range| {
                        let votes = running.votes.get(&range.start()).expect("an unsettled range has votes");
                        (votes.since, *key, range.start())
                    }));
                    let ready = running.is_ready().then_some((running.served, running.last_served));
                    expected.running.push((job.place(), ready));
                    for open in running.ranges.open_ranges() {
                        if let [only] = open.holders.as_slice() {
                            if open.is_check { &mut checks } else { &mut singles }.insert(*only);
                        }
                        for lease in &open.holders {
                            let twice = leased.insert(*lease, (*key, open.clone()));
                            assert!(twice.is_none(), "lease {lease} has two ranges");
                        }
                    }
                }
            }
            let unsaved = self.unsaved.contains(key);
            assert!(!unsaved || job.running().is_some(), "only a running job has progress to save");
        }
        assert_eq!(self.names.len(), self.jobs.len(), "jobs by id");
        assert_eq!(self.open_jobs, open_jobs, "open jobs");
        assert!(open_jobs <= self.config.open_jobs_max, "open jobs are bounded");
        self.retention.verify(self.jobs.values().filter_map(|job| match &job.state {
            State::Ended(ended) => Some((job.key, &job.owner, job.is_preview, ended.retained)),
            State::Queued(_) | State::Running(_) => None,
        }));
        self.queue.verify(&expected);
        for (listing, is_preview) in [(&self.listing, false), (&self.previews, true)] {
            let jobs = self.jobs.values().filter(|job| job.is_preview == is_preview);
            listing.verify(jobs.map(|job| (&job.owner, job.status(), (job.created_at, job.key))));
        }
        self.fleet.verify();
        self.verify_batches();
        self.verify_leases(&leased);
        self.leases.verify(self.config.accepted_reports_max, &singles, &checks);
        self.checks.verify(&waiting, votes, self.known_max(), self.config.verdicts_max);
        self.verify_rest();
    }

    fn verify_running(job: &Job<P>) {
        let Some(running) = job.running() else { return };
        let segments = running.fold.segments();
        running.ranges.verify(segments.whole());
        assert_eq!(segments.whole().simulations(job.simulations), job.simulations, "blocks of {}", job.id);
        let done: u64 = running.ranges.done().iter().map(|range| range.simulations(job.simulations)).sum();
        assert_eq!(running.fold.simulations(), done, "{}: simulations counted and blocks done", job.id);
        assert!(!running.fold.is_complete(), "{} is complete and still runs", job.id);
        let checked = running.ranges.open_ranges().filter(|open| open.is_check).map(|open| open.range);
        let voted: BTreeSet<u64> = running.ranges.unsettled().chain(checked).map(BlockRange::start).collect();
        assert!(running.votes.keys().eq(voted.iter()), "ranges with votes");
        for Votes { votes, .. } in running.votes.values() {
            let names: BTreeSet<_> = votes.iter().map(|vote| &vote.name).collect();
            assert!((1..=VOTES_MAX).contains(&votes.len()) && names.len() == votes.len(), "one vote a name");
        }
        for open in running.ranges.open_ranges() {
            let segment = segments.around(open.range.start());
            assert!(
                segment.is_some_and(|segment| segment.contains(open.range)),
                "a lease crosses a checkpoint"
            );
        }
    }

    fn verify_leases(&self, leased: &BTreeMap<LeaseId, (JobKey, Open)>) {
        assert_eq!(self.leases.iter().count(), leased.len(), "active leases");
        for (id, active) in self.leases.iter() {
            let (job, open) = leased.get(&id).expect("an active lease has an open range");
            assert_eq!((active.job, active.range), (*job, open.range), "lease {id}");
            assert!(active.attempt <= open.history.attempts, "lease {id} has an attempt that was never made");
            let node = self.fleet.get(active.node).expect("an active lease has a member as its node");
            assert!(node.leases.contains(&id), "lease {id} is missing on its node");
        }
        let on_nodes: usize = self.fleet.iter().map(|(_, node)| node.leases.len()).sum();
        assert_eq!(on_nodes, leased.len(), "leases on nodes");
    }

    /// Panics if a node is idle or free although a job could get a lease. This holds between
    /// commands, because each command ends with granting leases.
    fn verify_rest(&self) {
        assert!(
            self.fleet.idle_node().is_none() || self.queue.competitors() == 0,
            "a node is idle while a job could get a lease"
        );
        for (_, key, start) in self.checks.waiting.iter().take(CONSIDERED_MAX) {
            assert_eq!(self.checker(*key, *start), None, "a node is free while a range waits for a check");
        }
        // Free nodes that are not idle may wait only behind a suspect range.
        let waits = |job: &Job<P>| job.running().is_some_and(|running| running.ranges.next_is_suspect());
        assert!(
            self.fleet.free_node().is_none()
                || self.queue.competitors() == 0
                || self.jobs.values().any(|job| waits(job)),
            "a node is free while a job could get a lease"
        );
    }
}
