//! The steps of a spot check: withholding a report, granting the range to another node, and
//! comparing the votes; and the quarantine of nodes that compute wrongly. The terms are explained
//! in [`crate::checks`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use carlo_types::{BlockRange, Fault, FaultCode, Lease, Merge, NodeId, Now};

use super::Scheduler;
use crate::checks::{Checks, Mark, Verdict, Vote, Votes, Waiting};
use crate::command::{Effect, Outcome};
use crate::job::{JobKey, Running, State};
use crate::leases::{ActiveLease, Leases};
use crate::ranges::Release;
use crate::record::{Checkpoint, Record};

/// The most waiting ranges that are considered at a time.
pub(crate) const CONSIDERED_MAX: usize = 64;

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    /// Whether the report of this lease is checked.
    pub(super) fn is_drawn(&self, claim: &Lease) -> bool {
        self.config.spot_check_share > 0.0
            && self.seal_key.draw(claim.epoch, claim.id) < self.config.spot_check_share
            && self.checks.open < self.config.spot_checks_max
            && self.fleet.has_open_names(self.config.spot_check_nodes_min)
    }

    /// Withholds the report of a range, which is unsettled now, until another node has computed it,
    /// too.
    pub(super) fn withhold(
        &mut self,
        node: NodeId,
        key: JobKey,
        range: BlockRange,
        partial: P,
        now: Now,
        out: &mut Outcome<P>,
    ) {
        let Some(vote) = self.vote(node, partial) else { return };
        self.checks.counts.begun += 1;
        self.checks.open += 1;
        let job = self.jobs.get_mut(&key).expect("a job with a report exists");
        let (id, running) = (job.id, job.running_mut().expect("a job with a report runs"));
        running.votes.insert(range.start(), Votes { since: now.elapsed, votes: vec![vote] });
        self.wait_for_check(key, range);
        self.requeue(key, now);
        out.effects.push(Effect::Changed { job: id });
    }

    /// A vote of a member, now.
    fn vote(&mut self, node: NodeId, partial: P) -> Option<Vote<P>> {
        let name = self.fleet.get(node)?.facts.name.clone();
        Some(Vote { node, name, mark: self.checks.advance(), partial })
    }

    /// If the range is unsettled, it waits for a node that computes it.
    pub(super) fn wait_for_check(&mut self, key: JobKey, range: BlockRange) {
        let running = self.jobs.get(&key).and_then(|job| job.running());
        if let Some(running) = running.filter(|running| !running.ranges.is_check(range.start()))
            && let Some(votes) = running.votes.get(&range.start())
        {
            self.checks.waiting.insert((votes.since, key, range.start()));
        }
    }

    /// Grants leases of unsettled ranges to nodes that have not reported them.
    pub(super) fn grant_checks(&mut self, now: Now, out: &mut Outcome<P>) {
        if self.checks.waiting.is_empty() || self.fleet.free_node().is_none() {
            return;
        }
        let waiting: Vec<_> = self.checks.waiting.iter().take(CONSIDERED_MAX).copied().collect();
        for (since, key, start) in waiting {
            if let Some(node) = self.checker(key, start) {
                self.checks.waiting.remove(&(since, key, start));
                self.grant_check(node, key, start, now, out);
            }
        }
    }

    /// A free node that may compute the unsettled range.
    pub(crate) fn checker(&self, key: JobKey, start: u64) -> Option<NodeId> {
        let running = self.jobs.get(&key)?.running()?;
        let votes = running.votes.get(&start)?;
        let is_suspect = running.ranges.is_suspect(start);
        let fits =
            |(count, _, name): &(usize, NodeId, &str)| (!is_suspect || *count == 0) && !votes.has(name);
        self.fleet.free().find(fits).map(|(_, node, _)| node)
    }

    fn grant_check(&mut self, node: NodeId, key: JobKey, start: u64, now: Now, out: &mut Outcome<P>) {
        let id = self.leases.next_id();
        let running = self.jobs.get_mut(&key).and_then(|job| job.running_mut());
        let (range, attempt) = running
            .and_then(|running| {
                running.measure(node, 0, now.elapsed);
                running.ranges.lease_check(start, id)
            })
            .expect("a range that waits for a check is unsettled");
        self.leases
            .insert(id, ActiveLease { node, job: key, range, attempt, granted: now.elapsed, progress: 0 });
        self.leases.set_check(id, true);
        self.send(id, out);
    }

    /// Compares the report of a range with the votes on it. The lease is taken back already.
    pub(super) fn check(
        &mut self,
        node: NodeId,
        key: JobKey,
        range: BlockRange,
        partial: P,
        now: Now,
        out: &mut Outcome<P>,
    ) {
        let Some(vote) = self.vote(node, partial) else { return };
        let start = range.start();
        let job = self.jobs.get_mut(&key).expect("a job with a report exists");
        let (id, running) = (job.id, job.running_mut().expect("a job with a report runs"));
        let votes = running.votes.get_mut(&start).expect("a range that is checked has votes");
        if !votes.votes.iter().any(|other| other.partial == vote.partial) {
            if votes.votes.len() == 1 {
                self.checks.counts.differed += 1;
            }
            votes.add(vote);
            let names = votes.votes.iter().map(|vote| vote.name.clone()).collect();
            running.ranges.withhold(start);
            self.wait_for_check(key, range);
            self.requeue(key, now);
            out.effects.push(Effect::Contested { job: id, range, names });
            out.effects.push(Effect::Changed { job: id });
            return;
        }
        let Votes { votes, .. } = running.votes.remove(&start).expect("it was just there");
        running.ranges.finish(start);
        self.checks.open -= 1;
        let (agreeing, odd): (Vec<_>, Vec<_>) =
            votes.into_iter().partition(|other| other.partial == vote.partial);
        for other in agreeing.iter().chain([&vote]) {
            self.agree(other.node, other.mark, out);
        }
        if odd.is_empty() {
            self.checks.counts.agreed += 1;
        }
        let names = agreeing.first().map_or("another node", |other| other.name.as_str());
        let mut is_back = false;
        for Vote { name, .. } in odd {
            let reason = format!(
                "it computed blocks {range} of {id} differently from {names} and {}, who agree",
                vote.name
            );
            is_back |= self.convict(&name, reason, now, out).contains(&key);
        }
        // The job may have gone back to before this range.
        if !is_back {
            self.add(vote.node, vote.mark, key, range, vote.partial, now, out);
        }
    }

    /// Counts reports without a check that no other node can check. Of reports that differ none is
    /// counted before another node has decided.
    pub(super) fn skip_checks(&mut self, now: Now, out: &mut Outcome<P>) {
        let waiting: Vec<_> = self.checks.waiting.iter().copied().collect();
        for (since, key, start) in waiting {
            // An earlier one may have ended the job.
            let Some(running) = self.jobs.get_mut(&key).and_then(|job| job.running_mut()) else { continue };
            let Some(votes) = running.votes.get(&start) else { continue };
            let patience = self.config.spot_check_patience;
            let waits = now.elapsed.saturating_sub(since) < patience
                && (patience == Duration::MAX || self.fleet.has_open(|name| !votes.has(name)));
            if waits || votes.votes.len() > 1 {
                continue;
            }
            let votes = running.votes.remove(&start).map(|votes| votes.votes).unwrap_or_default();
            let range = running.ranges.settle(start).expect("a range that waits for a check is unsettled");
            self.checks.waiting.remove(&(since, key, start));
            self.checks.open -= 1;
            self.checks.counts.skipped += 1;
            for Vote { node, mark, partial, .. } in votes {
                self.add(node, mark, key, range, partial, now, out);
            }
        }
    }

    /// Takes note of a node that joins. The nodes that have been away the longest make room.
    pub(super) fn know(&mut self, node: NodeId, name: &str, out: &mut Outcome<P>) {
        if !self.checks.know(node, name, None) {
            return;
        }
        out.records.push(Record::Trust { node, trust: self.checks.trust(node).cloned() });
        let most = self.known_max();
        let may_go = |other| other != node && self.fleet.get(other).is_none();
        if let Some(surplus) = self.checks.surplus(most, may_go) {
            self.forget_node(surplus, out);
        }
    }

    /// The most nodes of which the scheduler knows whether they are trusted.
    pub(crate) fn known_max(&self) -> usize {
        self.config.nodes_max.saturating_mul(2).saturating_add(1)
    }

    fn forget_node(&mut self, node: NodeId, out: &mut Outcome<P>) {
        self.checks.forget(node);
        out.records.push(Record::Trust { node, trust: None });
    }

    /// The node agreed with another one at `mark`: what it contributed before is trusted, and so is
    /// what earlier workers of the same name did.
    fn agree(&mut self, node: NodeId, mark: Mark, out: &mut Outcome<P>) {
        self.checks.agree(node, mark);
        let Some(trust) = self.checks.trust(node).cloned() else { return };
        let earlier = self.checks.nodes(&trust.name).into_iter().map(|(other, _)| other);
        let earlier: Vec<_> =
            earlier.filter(|other| *other != node && self.fleet.get(*other).is_none()).collect();
        if self.fleet.get(node).is_some() {
            for other in earlier {
                self.forget_node(other, out);
            }
        }
        out.records.push(Record::Trust { node, trust: Some(trust) });
    }

    /// Quarantines all nodes with this name. Running jobs go back to before those of their
    /// contributions that aren't trusted. Returns these jobs.
    fn convict(&mut self, name: &str, reason: String, now: Now, out: &mut Outcome<P>) -> BTreeSet<JobKey> {
        if self.fleet.is_quarantined(name) {
            return BTreeSet::new();
        }
        let nodes = self.checks.nodes(name);
        for node in self.fleet.quarantine(name, true) {
            let leases = self.fleet.get(node).map(|node| node.leases.clone()).unwrap_or_default();
            for lease in leases {
                self.release(lease, Release::Quarantine, "", now, out);
                out.effects.push(Effect::Revoke { node, lease });
            }
        }
        self.drop_votes_of(name, now);
        let concerned = self.jobs.iter().filter_map(|(key, job)| Some((*key, job.running()?)));
        let concerned: BTreeSet<JobKey> = concerned
            .filter(|(_, running)| running.has_contributions_of(&nodes))
            .map(|(key, _)| key)
            .collect();
        for key in &concerned {
            self.go_back(*key, &nodes, now, out);
        }
        let (number, until) = (self.checks.verdict_next(), self.checks.advance());
        let (at, lifted_at) = (now.wall, None);
        let verdict =
            Verdict { number, name: name.to_owned(), at, reason: reason.clone(), nodes, until, lifted_at };
        self.checks.put(verdict.clone());
        out.records.push(Record::Verdict(verdict));
        if let Some(surplus) = self.checks.pop_surplus_verdict(self.config.verdicts_max) {
            if surplus.is_in_force() {
                self.fleet.quarantine(&surplus.name, false);
            }
            out.records.push(Record::ForgetVerdict { number: surplus.number });
        }
        out.effects.push(Effect::Quarantined { name: name.to_owned(), reason });
        concerned
    }

    /// A running job continues from its latest state without contributions of these nodes after the
    /// marks. All of its leases are revoked, as if this were a new epoch with that checkpoint.
    fn go_back(&mut self, key: JobKey, nodes: &[(NodeId, Option<Mark>)], now: Now, out: &mut Outcome<P>) {
        self.revoke_all(key, out);
        let job = self.jobs.get_mut(&key).expect("a running job exists");
        let id = job.id;
        let Some(running) = job.running_mut() else { return };
        let (checkpoint, snapshots) = running.snapshots.clone().before(nodes);
        let spec = Arc::clone(&running.spec);
        let restored = Running::restore(spec, running.started_at, checkpoint, now.elapsed);
        let restored = restored.expect("an earlier state of the job is consistent");
        let (served, meter) = (running.served, running.meter.clone());
        job.state = State::Running(Box::new(Running { served, meter, snapshots, ..restored }));
        self.unsaved.remove(&key);
        self.requeue(key, now);
        // The stored checkpoint has what must be left out. It is replaced by nothing, which is
        // small: many jobs may go back at once. The next checkpoint has the earlier state.
        let checkpoint = Checkpoint { done: Vec::new(), parts: Vec::new(), shares: Vec::new() };
        out.records.push(Record::Checkpoint { job: id, checkpoint });
        out.effects.push(Effect::Changed { job: id });
    }

    /// Drops the withheld reports of a running job whose leases are all revoked next.
    pub(super) fn drop_votes(&mut self, key: JobKey) {
        let Some(running) = self.jobs.get_mut(&key).and_then(|job| job.running_mut()) else { return };
        for (start, votes) in std::mem::take(&mut running.votes) {
            give_up(&mut self.checks, &mut self.leases, running, (votes.since, key, start));
        }
    }

    /// Drops the votes of nodes with this name. Ranges without further votes are pending again.
    fn drop_votes_of(&mut self, name: &str, now: Now) {
        let mut changed = Vec::new();
        for (key, job) in &mut self.jobs {
            let Some(running) = job.running_mut() else { continue };
            for votes in running.votes.values_mut() {
                votes.votes.retain(|vote| vote.name != name);
            }
            let empty = running.votes.extract_if(.., |_, votes| votes.votes.is_empty());
            for (start, votes) in empty.collect::<Vec<_>>() {
                give_up(&mut self.checks, &mut self.leases, running, (votes.since, *key, start));
                changed.push(*key);
            }
        }
        for key in changed {
            self.requeue(key, now);
        }
    }

    /// Ends the quarantine of a name.
    pub(super) fn lift_quarantine(
        &mut self,
        name: &str,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        let Some(verdict) = self.checks.in_force(name).cloned() else {
            return Err(Fault::new(FaultCode::NotFound, format!("no node {name} is quarantined")));
        };
        let verdict = Verdict { lifted_at: Some(now.wall), ..verdict };
        self.checks.put(verdict.clone());
        self.fleet.quarantine(name, false);
        out.records.push(Record::Verdict(verdict));
        Ok(())
    }
}

/// Gives up the check of a range: its lease, if there is one, becomes an ordinary one.
fn give_up<P>(checks: &mut Checks, leases: &mut Leases, running: &mut Running<P>, waiting: Waiting) {
    let (_, _, start) = waiting;
    checks.open -= 1;
    checks.waiting.remove(&waiting);
    if let Some(lease) = running.ranges.give_up_check(start) {
        leases.set_check(lease, false);
    }
}
