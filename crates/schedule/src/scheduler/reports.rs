//! Reports of workers. This is the only place where stale reports are told from current ones.

use std::time::Duration;

use carlo_types::limits::TEXT_BYTES_MAX;
use carlo_types::{BLOCK_SIMULATIONS, BlockRange, Fault, FaultCode, Lease, LeaseId, Merge, NodeId, Now};

use super::Scheduler;
use crate::checks::Mark;
use crate::command::{Effect, Outcome};
use crate::fold::Segments;
use crate::job::JobKey;
use crate::leases::ActiveLease;
use crate::ranges::Release;
use crate::record::JobState;

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    pub(super) fn report(
        &mut self,
        node: NodeId,
        claim: Lease,
        partial: P,
        computed_in: Duration,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        self.check_claim(node, &claim)?;
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
        self.check_claim(node, &claim)?;
        self.seen(node, now)?;
        let current = self.current(node, &claim).is_some();
        if current {
            self.blame(node, now);
            self.release(claim.id, Release::Fault(node), message, now, out);
        }
        acknowledge(node, &claim, current, out);
        Ok(())
    }

    /// Refuses nodes that are not members, and leases of a later epoch than this scheduler's.
    fn check_claim(&self, node: NodeId, claim: &Lease) -> Result<(), Fault> {
        self.member(node)?;
        if claim.epoch > self.epoch {
            let message =
                format!("the lease is of epoch {}, this coordinator is still at {}", claim.epoch, self.epoch);
            return Err(Fault::new(FaultCode::Unavailable, message));
        }
        Ok(())
    }

    /// The claimed lease, if it is active with exactly this node, job, attempt and range.
    fn current(&self, node: NodeId, claim: &Lease) -> Option<ActiveLease> {
        let lease = *self.leases.get(claim.id).filter(|_| claim.epoch == self.epoch)?;
        let same = (lease.node, lease.attempt, lease.range) == (node, claim.attempt, claim.range);
        (same && self.jobs[&lease.job].id == claim.job).then_some(lease)
    }

    /// Counts the report of a lease of this epoch, unless it is stale or wrong. Returns whether it
    /// was counted.
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
            Some(format!("the report has {} simulations instead of {simulations}", partial.simulations()))
        } else if !job.running().is_some_and(|running| running.fold.fits(&partial)) {
            Some("the report belongs to another job".to_owned())
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
        self.credit(node, claim, simulations, now);
        let start = lease.range.start();
        let running = self.jobs[&lease.job].running();
        if running.is_some_and(|running| running.ranges.is_check(start)) {
            self.take_back(claim.id, out);
            self.check(node, lease.job, lease.range, partial, now, out);
            return true;
        }
        let is_drawn = self.is_drawn(claim);
        let running = self.jobs.get_mut(&lease.job).and_then(|job| job.running_mut());
        let open = running.and_then(|running| {
            if is_drawn { running.ranges.withhold(start) } else { running.ranges.finish(start) }
        });
        for holder in open.expect("an active lease has an open range").holders {
            if holder == claim.id {
                self.take_back(holder, out);
            } else {
                self.revoke(holder, out);
            }
        }
        if is_drawn {
            self.withhold(node, lease.job, lease.range, partial, now, out);
        } else {
            self.add(node, self.checks.now(), lease.job, lease.range, partial, now, out);
        }
        true
    }

    /// Counts the report of a lease of an earlier epoch if all of its blocks are pending, or are
    /// leased in ranges that lie entirely within it. Simulations are pure functions, so it doesn't
    /// matter which leader granted the lease; the seal proves that one of them granted it to this
    /// node. The overlapping leases are revoked. Mostly the node itself got them when it joined.
    /// Returns whether the report was counted.
    fn accept_stale(
        &mut self,
        node: NodeId,
        claim: &Lease,
        partial: P,
        now: Now,
        out: &mut Outcome<P>,
    ) -> bool {
        if !self.seal_key.fits(node, claim) || self.fleet.get(node).is_none_or(|node| node.quarantined) {
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
        let is_drawn = self.is_drawn(claim);
        let running = self.jobs.get_mut(&key).and_then(|job| job.running_mut());
        let overtaken = running
            .filter(|running| running.fold.fits(&partial))
            // A range beyond the horizon was leased before a crash lost some progress. It is leased
            // again when its turn comes.
            .filter(|running| claim.range.end() <= running.fold.horizon())
            .and_then(|running| {
                let ranges = &mut running.ranges;
                if is_drawn { ranges.withhold_stale(claim.range) } else { ranges.accept_stale(claim.range) }
            });
        let Some(overtaken) = overtaken else { return false };
        for lease in overtaken {
            self.revoke(lease, out);
        }
        self.credit(node, claim, partial.simulations(), now);
        if is_drawn {
            self.withhold(node, key, claim.range, partial, now, out);
        } else {
            self.add(node, self.checks.now(), key, claim.range, partial, now, out);
        }
        true
    }

    /// Counts a fault of the node. After the second consecutive fault the node gets no leases for a
    /// while, so that one bad node doesn't take the work that others could do.
    fn blame(&mut self, node: NodeId, now: Now) {
        let (first, most) = (self.config.fault_pause, self.config.fault_pause_max);
        self.fleet.change(node, |node| {
            node.faults = node.faults.saturating_add(1);
            if let Some(doublings) = node.faults.checked_sub(2) {
                let time = first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(most);
                node.paused_until = Some(now.elapsed.saturating_add(time));
            }
        });
    }

    /// Whether a node without progress may simply be computing blocks that take long. Progress is
    /// reported in whole blocks, and one block of a sweep can be as much work as a whole job.
    fn computes_long_blocks(&self, node: NodeId, now: Now) -> bool {
        /// The assumed speed of a node that hasn't been measured, in path-months per second and
        /// thread. Even slow processors are faster.
        const SLOW: f64 = 2e7;
        /// How many times longer a block may take than the node's speed suggests.
        const PATIENCE: f64 = 4.0;
        let Some(node) = self.fleet.get(node) else { return false };
        let leases = node.leases.iter().filter_map(|id| self.leases.get(*id));
        let months = leases.map(|lease| self.jobs[&lease.job].months).max().unwrap_or(0);
        let threads = f64::from(node.facts.threads.max(1));
        let speed = node.speed.map_or(SLOW, |speed| speed / threads);
        let path_months = BLOCK_SIMULATIONS as f64 * f64::from(months);
        now.elapsed.saturating_sub(node.progressed).as_secs_f64() < PATIENCE * path_months / speed.max(1.0)
    }

    /// Ends leases of nodes that are alive but make no progress, and leases that have been active
    /// for too long. Both count as faults of the nodes.
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
            // The end of a job may have revoked this lease in an earlier round.
            let Some(node) = self.leases.get(id).map(|lease| lease.node) else { continue };
            self.blame(node, now);
            self.release(id, Release::Fault(node), "its node made no progress with it", now, out);
            out.effects.push(Effect::Revoke { node, lease: id });
        }
    }

    /// Counts an accepted report of the node.
    fn credit(&mut self, node: NodeId, claim: &Lease, simulations: u64, now: Now) {
        self.fleet.change(node, |node| {
            node.simulations += simulations;
            (node.faults, node.progressed) = (0, now.elapsed);
        });
        self.leases.accept(*claim, self.config.accepted_reports_max);
    }

    /// Adds a partial result that the node reported at `mark` to the fold. Its range is done.
    #[expect(clippy::too_many_arguments, reason = "a report has that many parts")]
    pub(super) fn add(
        &mut self,
        node: NodeId,
        mark: Mark,
        key: JobKey,
        range: BlockRange,
        partial: P,
        now: Now,
        out: &mut Outcome<P>,
    ) {
        let job = self.jobs.get_mut(&key).expect("a job with a report exists");
        let id = job.id;
        let running = job.running_mut().expect("a job whose range was not done runs");
        running.add(node, mark, range, partial, now.elapsed);
        if running.fold.is_complete() {
            self.end(key, JobState::Complete, None, now, out);
        } else {
            self.unsaved.insert(key);
            self.requeue(key, now);
            out.effects.push(Effect::Changed { job: id });
        }
    }

    /// Ends a lease without a result. Its range is pending again unless another node has it, too.
    /// Too many faults or losses of one range end the job.
    pub(super) fn release(
        &mut self,
        id: LeaseId,
        why: Release,
        message: &str,
        now: Now,
        out: &mut Outcome<P>,
    ) {
        let Some(lease) = self.take_back(id, out) else { return };
        // A lost node may leave only faulty ones, but that alone doesn't prove that the range can't
        // be computed. So only a further fault ends the job.
        let is_fault = matches!(why, Release::Fault(_));
        let running = self.jobs.get_mut(&lease.job).and_then(|job| job.running_mut());
        let (history, holders) = running
            .and_then(|running| running.ranges.release(lease.range.start(), id, why))
            .expect("an active lease has an open range");
        if holders.is_empty() {
            self.wait_for_check(lease.job, lease.range);
        } else {
            self.leases.set_holders(&holders);
        }
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

/// A worker's message, cut to the longest text that is stored.
fn shorten(message: &str) -> &str {
    &message[..message.floor_char_boundary(TEXT_BYTES_MAX)]
}
