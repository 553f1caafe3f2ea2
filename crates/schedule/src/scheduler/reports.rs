//! Answers of workers: the one place where stale ones are told from those that count.

use std::time::Duration;

use carlo_types::limits::TEXT_BYTES_MAX;
use carlo_types::{Fault, FaultCode, Lease, LeaseId, Merge, NodeId, Now};

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
            self.release(claim.id, Release::Fault, message, now, out);
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
        let (simulations, months) = (lease.range.simulations(job.simulations), job.months);
        let doubt = if partial.simulations() != simulations {
            Some(format!("the answer is of {} simulations instead of {simulations}", partial.simulations()))
        } else if !job.running().is_some_and(|running| running.fold.fits(&partial)) {
            Some("the answer is of another job".to_owned())
        } else {
            None
        };
        if let Some(message) = doubt {
            self.release(claim.id, Release::Fault, &message, now, out);
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

    /// Counts the answer to a lease of an earlier epoch, if its blocks are pending, or leased since in ranges that lie within it: a
    /// simulation is a pure function, so it doesn't matter who asked for it. Such leases are mostly what the very node that brings the
    /// answer got when it joined. Says whether it counted.
    fn accept_stale(
        &mut self,
        node: NodeId,
        claim: &Lease,
        partial: P,
        now: Now,
        out: &mut Outcome<P>,
    ) -> bool {
        let Some(key) = self.names.get(&claim.job).copied() else { return false };
        let job = &self.jobs[&key];
        if job.status().is_ended() || partial.simulations() != claim.range.simulations(job.simulations) {
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
            // What lies further ahead than leases reach now was leased before progress was lost; it is leased again when its turn comes.
            .filter(|running| claim.range.end() <= running.fold.horizon())
            .and_then(|running| running.ranges.accept_stale(claim.range));
        let Some(overtaken) = overtaken else { return false };
        for lease in overtaken {
            self.revoke(lease, out);
        }
        self.add(node, key, claim, partial, now, out);
        true
    }

    /// Adds an accepted answer to the fold.
    fn add(&mut self, node: NodeId, key: JobKey, claim: &Lease, partial: P, now: Now, out: &mut Outcome<P>) {
        let simulations = partial.simulations();
        self.fleet.change(node, |node| node.simulations += simulations);
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

    /// A lease ends without an answer. Its range is pending again unless another node holds it too, and too many failures of
    /// one range end the job.
    pub(super) fn release(
        &mut self,
        id: LeaseId,
        why: Release,
        message: &str,
        now: Now,
        out: &mut Outcome<P>,
    ) {
        let Some(lease) = self.take_back(id, out) else { return };
        let running = self.jobs.get_mut(&lease.job).and_then(|job| job.running_mut());
        let (history, holders) = running
            .and_then(|running| running.ranges.release(lease.range.start(), id, why))
            .expect("a lease that is out is of an open range");
        self.leases.set_holders(&holders);
        self.requeue(lease.job, now);
        let message = shorten(message);
        let error = if history.faults >= self.config.range_faults_max {
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
