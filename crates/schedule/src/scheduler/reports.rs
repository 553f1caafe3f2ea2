//! Answers of workers: the one place where stale ones are told from those that count.

use std::time::Duration;

use carlo_types::limits::TEXT_BYTES_MAX;
use carlo_types::{BLOCK_SIMULATIONS, Fault, FaultCode, Lease, LeaseId, Merge, NodeId, Now};

use super::Scheduler;
use crate::command::{Effect, Outcome};
use crate::fold::Segments;
use crate::job::JobKey;
use crate::leases::ActiveLease;
use crate::ranges::Release;
use crate::record::JobState;

impl<P: Merge + Clone> Scheduler<P> {
    pub(super) fn report(
        &mut self,
        node: NodeId,
        claim: Lease,
        partial: P,
        computed_in: Duration,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        self.answerable(node, &claim)?;
        self.seen(node, now)?;
        let accepted = self.leases.was_accepted(&claim)
            || if claim.epoch == self.epoch {
                self.accept_current(node, &claim, partial, computed_in, now, out)
            } else {
                self.accept_stale(node, &claim, partial, now, out)
            };
        acknowledge(node, &claim, accepted, out);
        Ok(())
    }

    pub(super) fn fail(
        &mut self,
        node: NodeId,
        claim: Lease,
        message: &str,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        self.answerable(node, &claim)?;
        self.seen(node, now)?;
        let current = self.current(node, &claim).is_some();
        if current {
            self.blame(node, now);
            self.release(claim.id, Release::Fault(node), message, now, out);
        }
        acknowledge(node, &claim, current, out);
        Ok(())
    }

    /// Refuses what isn't said to this scheduler.
    fn answerable(&self, node: NodeId, claim: &Lease) -> Result<(), Fault> {
        self.member(node)?;
        if claim.epoch > self.epoch {
            let message =
                format!("the lease is of epoch {}, this coordinator is still at {}", claim.epoch, self.epoch);
            return Err(Fault::new(FaultCode::Unavailable, message));
        }
        Ok(())
    }

    /// The lease that is claimed, if it is out with just this node, attempt and range.
    fn current(&self, node: NodeId, claim: &Lease) -> Option<ActiveLease> {
        let lease = *self.leases.get(claim.id).filter(|_| claim.epoch == self.epoch)?;
        let same = (lease.node, lease.attempt, lease.range) == (node, claim.attempt, claim.range);
        (same && self.jobs[&lease.job].id == claim.job).then_some(lease)
    }

    /// Counts the answer to a lease of this epoch; says whether it did.
    fn accept_current(
        &mut self,
        node: NodeId,
        claim: &Lease,
        partial: P,
        computed_in: Duration,
        now: Now,
        out: &mut Outcome<P>,
    ) -> bool {
        let Some(lease) = self.current(node, claim) else { return false };
        let job = &self.jobs[&lease.job];
        let simulations = lease.range.simulations(job.simulations);
        let months = job.spec().map_or(job.months, |spec| partial.months(spec));
        let doubt = if partial.simulations() != simulations {
            Some(format!("the answer is of {} simulations instead of {simulations}", partial.simulations()))
        } else if !job.running().is_some_and(|running| running.fold.fits(&partial)) {
            Some("the answer is of another job".to_owned())
        } else {
            None
        };
        if let Some(message) = doubt {
            self.blame(node, now);
            self.release(claim.id, Release::Fault(node), &message, now, out);
            return false;
        }
        self.measure(claim.id, node, simulations, now);
        self.fleet.change(node, |node| {
            node.measure(simulations as f64 * f64::from(months), computed_in);
        });
        let running = self.jobs.get_mut(&lease.job).and_then(|job| job.running_mut());
        let open = running.and_then(|running| running.ranges.finish(lease.range.start()));
        for holder in open.expect("a lease that is out is of an open range").holders {
            if holder == claim.id {
                self.take_back(holder, out);
            } else {
                self.revoke(holder, out);
            }
        }
        self.add(node, lease.job, claim, partial, now, out);
        true
    }

    /// Counts the answer to a lease of an earlier epoch, if its blocks are pending, or leased since
    /// in ranges that lie within it: a simulation is a pure function, so it doesn't matter who
    /// asked for it. Such leases are mostly what the very node that brings the answer got when it
    /// joined. The seal shows that an earlier leader granted the lease to this very node. Says
    /// whether it counted.
    fn accept_stale(
        &mut self,
        node: NodeId,
        claim: &Lease,
        partial: P,
        now: Now,
        out: &mut Outcome<P>,
    ) -> bool {
        if !self.seal_key.fits(node, claim) {
            return false;
        }
        let Some(key) = self.names.get(&claim.job).copied() else { return false };
        let job = &self.jobs[&key];
        if job.status().is_ended()
            || job.is_blocked()
            || partial.simulations() != claim.range.simulations(job.simulations)
        {
            return false;
        }
        let segments =
            job.spec().and_then(|spec| Segments::new(spec.simulations(), spec.params.target_standard_error));
        let segment = segments.and_then(|segments| segments.around(claim.range.start()));
        if !segment.is_some_and(|segment| segment.contains(claim.range)) {
            return false;
        }
        self.start(key, now, out);
        let running = self.jobs.get_mut(&key).and_then(|job| job.running_mut());
        let overtaken = running
            .filter(|running| running.fold.fits(&partial))
            // What lies further ahead than leases reach now was leased before progress was lost; it
            // is leased again when its turn comes.
            .filter(|running| claim.range.end() <= running.fold.horizon())
            .and_then(|running| running.ranges.accept_stale(claim.range));
        let Some(overtaken) = overtaken else { return false };
        for lease in overtaken {
            self.revoke(lease, out);
        }
        self.add(node, key, claim, partial, now, out);
        true
    }

    /// A node's lease ended by its own fault. After the second one in a row the node gets no leases
    /// for a while, so that one bad node doesn't take the work that others could do.
    fn blame(&mut self, node: NodeId, now: Now) {
        let (first, most) = (self.config.quarantine, self.config.quarantine_max);
        self.fleet.change(node, |node| {
            node.faults = node.faults.saturating_add(1);
            if let Some(doublings) = node.faults.checked_sub(2) {
                let time = first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(most);
                node.quarantined_until = Some(now.elapsed.saturating_add(time));
            }
        });
    }

    /// Whether a node that told of no progress may well be within blocks that take longer than
    /// usual: of a sweep, say, a block is as much work as a whole job. Its progress is told block
    /// by block.
    fn computes_long_blocks(&self, node: NodeId, now: Now) -> bool {
        /// Path-months a second of one thread of a slow machine, where a node's speed isn't known
        /// yet.
        const SLOW: f64 = 2e7;
        /// How many times longer than at the node's speed a block may take.
        const PATIENCE: f64 = 4.0;
        let Some(node) = self.fleet.get(node) else { return false };
        let leases = node.leases.iter().filter_map(|id| self.leases.get(*id));
        let months = leases.map(|lease| self.jobs[&lease.job].months).max().unwrap_or(0);
        let threads = f64::from(node.facts.threads.max(1));
        let speed = node.speed.map_or(SLOW, |speed| speed / threads);
        let path_months = BLOCK_SIMULATIONS as f64 * f64::from(months);
        now.elapsed.saturating_sub(node.progressed).as_secs_f64() < PATIENCE * path_months / speed.max(1.0)
    }

    /// Leases of nodes that live but make no progress, and leases that have been out for too long,
    /// end as faults of their nodes.
    pub(super) fn expire_stalled(&mut self, now: Now, out: &mut Outcome<P>) {
        let mut expired: Vec<LeaseId> = Vec::new();
        for node in self.fleet.stalled(self.config.lease_stall, now.elapsed) {
            if self.computes_long_blocks(node, now) {
                continue;
            }
            expired.extend(self.fleet.get(node).into_iter().flat_map(|node| node.leases.iter().copied()));
        }
        let is_old =
            |lease: &ActiveLease| now.elapsed.saturating_sub(lease.granted) >= self.config.lease_age_max;
        expired.extend(self.leases.iter().filter(|(_, lease)| is_old(lease)).map(|(id, _)| id));
        for id in expired {
            // The end of a job may have revoked it meanwhile.
            let Some(node) = self.leases.get(id).map(|lease| lease.node) else { continue };
            self.blame(node, now);
            self.release(id, Release::Fault(node), "its node made no progress with it", now, out);
            out.effects.push(Effect::Revoke { node, lease: id });
        }
    }

    /// Adds an accepted answer to the fold.
    fn add(&mut self, node: NodeId, key: JobKey, claim: &Lease, partial: P, now: Now, out: &mut Outcome<P>) {
        let simulations = partial.simulations();
        self.fleet.change(node, |node| {
            node.simulations += simulations;
            (node.faults, node.progressed) = (0, now.elapsed);
        });
        self.leases.accept(*claim, self.config.answers_max);
        let running = self.jobs.get_mut(&key).and_then(|job| job.running_mut()).expect("its range was open");
        running.add(node, claim.range, partial, now.elapsed);
        if running.fold.is_complete() {
            self.end(key, JobState::Complete, None, now, out);
        } else {
            self.unsaved.insert(key);
            self.requeue(key, now);
            out.effects.push(Effect::Changed { job: claim.job });
        }
    }

    /// A lease ends without an answer. Its range is pending again unless another node holds it too,
    /// and too many failures of one range end the job.
    pub(super) fn release(
        &mut self,
        id: LeaseId,
        why: Release,
        message: &str,
        now: Now,
        out: &mut Outcome<P>,
    ) {
        let Some(lease) = self.take_back(id, out) else { return };
        // Only another fault can show that faults don't end, even where a loss leaves none but faulty
        // nodes.
        let is_fault = matches!(why, Release::Fault(_));
        let running = self.jobs.get_mut(&lease.job).and_then(|job| job.running_mut());
        let (history, holders) = running
            .and_then(|running| running.ranges.release(lease.range.start(), id, why))
            .expect("a lease that is out is of an open range");
        self.leases.set_holders(&holders);
        self.requeue(lease.job, now);
        let message = shorten(message);
        let faulty = history.faulty_nodes();
        let is_hopeless = u32::try_from(faulty.len())
            .is_ok_and(|nodes| nodes >= self.config.range_faults_max)
            || self.fleet.open_nodes_are_among(&faulty);
        let error = if is_fault && history.faults >= self.config.range_faults_max && is_hopeless {
            format!(
                "blocks {} failed on {} attempts, the last time because {message}",
                lease.range, history.faults
            )
        } else if history.losses >= self.config.range_losses_max {
            format!(
                "{} workers were lost while they computed blocks {}, the last one because {message}",
                history.losses, lease.range
            )
        } else {
            return;
        };
        self.end(lease.job, JobState::Failed, Some(error), now, out);
    }
}

fn acknowledge<P>(node: NodeId, claim: &Lease, accepted: bool, out: &mut Outcome<P>) {
    let Lease { epoch, id: lease, .. } = *claim;
    out.effects.push(Effect::Acknowledge { node, lease, epoch, accepted });
}

/// A worker's words, at a bearable length.
fn shorten(message: &str) -> &str {
    &message[..message.floor_char_boundary(TEXT_BYTES_MAX)]
}
