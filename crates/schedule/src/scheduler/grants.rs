//! Grants leases: first of pending ranges to all free nodes, then of brief jobs to nodes that have
//! all their other leases, and last of ranges that are already leased to idle nodes.

use std::sync::Arc;
use std::time::Duration;

use carlo_types::{Lease, LeaseId, Merge, NodeId, Now, Seal};

use super::{QUEUE_TIMES_MAX, Scheduler};
use crate::command::{Effect, Outcome};
use crate::job::{JobKey, State};
use crate::leases::ActiveLease;
use crate::record::{JobState, Record};
use crate::size::{self, Sizing};

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    /// Grants leases, first those of checks, until no node is free or no job has work to lease.
    pub(super) fn fill(&mut self, now: Now, out: &mut Outcome<P>) {
        self.grant_checks(now, out);
        while let Some(node) = self.fleet.free_node()
            && let Some(job) = self.queue.next(now.elapsed)
        {
            self.start(job, now, out);
            // A suspect range waits until a node is idle, and the other jobs wait behind it. `node`
            // has the fewest leases of all nodes, so if it is not idle, none is.
            if self.is_suspect(job) && self.fleet.idle_node() != Some(node) {
                break;
            }
            self.grant(node, job, now, out);
        }
        // A brief job doesn't wait for the end of others' leases: workers compute short leases first.
        while let Some(node) = self.fleet.full_node()
            && let Some(job) = self.queue.next(now.elapsed)
            && self.is_brief(job, node)
        {
            self.start(job, now, out);
            self.grant(node, job, now, out);
        }
        // Nodes that are still idle get the ranges of leases that have taken longer than planned.
        while let Some(node) = self.fleet.idle_node()
            && let Some((first, lease)) = self.leases.oldest_single()
            && now.elapsed.saturating_sub(lease.granted) >= self.lease_target()
        {
            let lease = *lease;
            self.grant_again(node, first, lease, now, out);
        }
    }

    /// How long a lease should take. It grows with the fleet, so that the reports don't take more than
    /// the leader can handle.
    pub(crate) fn lease_target(&self) -> Duration {
        let rate = f64::from(self.config.reports_per_second_max.max(1));
        self.config.lease_target.max(Duration::from_secs_f64(self.fleet.len() as f64 / rate))
    }

    /// Whether the node computes the whole job in a moment.
    fn is_brief(&self, key: JobKey, node: NodeId) -> bool {
        let (Some(job), Some(node)) = (self.jobs.get(&key), self.fleet.get(node)) else { return false };
        let path_months = job.simulations.saturating_mul(job.months.into());
        let is_brief = |speed| size::is_brief(path_months, speed, self.lease_target());
        !self.is_suspect(key) && node.speed.is_some_and(is_brief)
    }

    /// Whether the job's next range must be the only lease of its node.
    fn is_suspect(&self, key: JobKey) -> bool {
        let running = self.jobs.get(&key).and_then(|job| job.running());
        running.is_some_and(|running| running.ranges.next_is_suspect())
    }

    /// Starts a queued job. Does nothing for a running one.
    pub(super) fn start(&mut self, key: JobKey, now: Now, out: &mut Outcome<P>) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let State::Queued(queued) = &job.state else { return };
        self.queue_times.push_back(queued.waited(now.elapsed));
        if self.queue_times.len() > QUEUE_TIMES_MAX {
            self.queue_times.pop_front();
        }
        let spec = Arc::clone(&queued.spec);
        job.state = State::Running(Box::new(queued.clone().start(now)));
        self.queue.start(job.place(), now.elapsed);
        self.queue.dequeue(job.place(), now.elapsed);
        let entry = (job.created_at, key);
        let listing = if job.is_preview { &mut self.previews } else { &mut self.listing };
        listing.remove(&job.owner, JobState::Queued, entry);
        listing.insert(&job.owner, JobState::Running, entry);
        out.records.push(Record::Job(job.record(spec)));
        out.effects.push(Effect::Changed { job: job.id });
        self.note_in_batch(key);
        self.requeue(key, now);
    }

    fn grant(&mut self, node: NodeId, key: JobKey, now: Now, out: &mut Outcome<P>) {
        let id = self.leases.next_id();
        let (competitors, target) = (self.queue.competitors(), self.lease_target());
        let member = self.fleet.get(node).expect("a free node is a member");
        let job = self.jobs.get_mut(&key).expect("a job in the queue exists");
        let (simulations, months, place) = (job.simulations, job.months, job.place());
        let running = job.running_mut().expect("the job was started before this call");
        let first = running.ranges.first_pending().expect("a job in the queue has something to lease");
        let segment = running.fold.segments().around(first.start()).expect("each block is in a segment");
        let sizing = Sizing {
            target,
            speed: member.speed,
            share: self.fleet.share(member),
            threads: member.facts.threads,
            months,
            pending: running.ranges.pending_blocks().min(running.fold.horizon() - first.start()),
            competitors,
        };
        let blocks = sizing.blocks().min(segment.end() - first.start());
        let (range, attempt) = running.ranges.lease(blocks, id).expect("a range is pending");
        let path_months = range.simulations(simulations).saturating_mul(months.into());
        self.queue.charge(place, path_months, now.elapsed);
        running.served = running.served.saturating_add(path_months);
        running.last_served = now.elapsed;
        running.measure(node, 0, now.elapsed);
        self.requeue(key, now);
        self.leases
            .insert(id, ActiveLease { node, job: key, range, attempt, granted: now.elapsed, progress: 0 });
        self.leases.set_holders(&[id]);
        self.send(id, out);
    }

    /// Leases the range of the lease `first` to `node`, too.
    fn grant_again(
        &mut self,
        node: NodeId,
        first: LeaseId,
        lease: ActiveLease,
        now: Now,
        out: &mut Outcome<P>,
    ) {
        let id = self.leases.next_id();
        let running = self.jobs.get_mut(&lease.job).and_then(|job| job.running_mut());
        let (range, attempt) = running
            .and_then(|running| {
                running.measure(node, 0, now.elapsed);
                running.ranges.lease_again(lease.range.start(), id)
            })
            .expect("an active lease has an open range");
        self.leases
            .insert(id, ActiveLease { node, range, attempt, granted: now.elapsed, progress: 0, ..lease });
        self.leases.set_holders(&[first, id]);
        self.send(id, out);
    }

    /// Adds a new lease to its node and sends it.
    pub(super) fn send(&mut self, id: LeaseId, out: &mut Outcome<P>) {
        let ActiveLease { node, job, range, attempt, .. } =
            *self.leases.get(id).expect("the caller added it");
        let now = self.latest;
        let job = &self.jobs[&job];
        let is_suspect = job.running().is_some_and(|running| running.ranges.is_suspect(range.start()));
        self.fleet.change(node, |node| {
            if node.leases.is_empty() {
                node.progressed = now;
            }
            node.leases.push(id);
            node.is_alone = is_suspect;
        });
        let mut lease = Lease { id, epoch: self.epoch, attempt, job: job.id, range, seal: Seal::default() };
        lease.seal = self.seal_key.seal(node, &lease);
        let spec = Arc::clone(job.spec().expect("an open job has its specification"));
        out.effects.push(Effect::Grant { node, lease, spec });
    }

    /// Removes a lease from its node. Returns it if it was active.
    pub(super) fn take_back(&mut self, id: LeaseId, out: &mut Outcome<P>) -> Option<ActiveLease> {
        let lease = self.leases.remove(id)?;
        let drained = self.fleet.change(lease.node, |node| {
            node.leases.retain(|lease| *lease != id);
            node.is_alone &= !node.leases.is_empty();
            node.leases.is_empty() && !node.is_open()
        });
        if drained == Some(true) {
            out.effects.push(Effect::Drained { node: lease.node });
        }
        Some(lease)
    }

    /// Removes a lease from its node and tells the node.
    pub(super) fn revoke(&mut self, id: LeaseId, out: &mut Outcome<P>) {
        if let Some(lease) = self.take_back(id, out)
            && self.fleet.get(lease.node).is_some()
        {
            out.effects.push(Effect::Revoke { node: lease.node, lease: id });
        }
    }
}
