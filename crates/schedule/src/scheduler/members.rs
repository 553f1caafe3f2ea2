//! Nodes that join, send heartbeats, drain and leave.

use carlo_types::{Fault, FaultCode, LeaseId, Load, Merge, NodeFacts, NodeId, Now};

use super::Scheduler;
use crate::command::{Effect, Outcome};
use crate::fleet::Node;
use crate::ranges::Release;
use crate::record::Record;

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    pub(super) fn join(
        &mut self,
        id: NodeId,
        facts: NodeFacts,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        let versions = [
            ("model", facts.model_version, self.config.model_version),
            ("protocol", facts.protocol_version, self.config.protocol_version),
        ];
        if let Some((what, theirs, ours)) = versions.into_iter().find(|(_, theirs, ours)| theirs != ours) {
            let message = format!(
                "the worker {} is of {what} version {theirs}, the coordinator is of {ours}: install the same release on both",
                facts.name
            );
            return Err(Fault::new(FaultCode::Incompatible, message));
        }
        if self.fleet.len() >= self.config.nodes_max && self.fleet.get(id).is_none() {
            let message = format!("the cluster has {} workers, which is its limit", self.fleet.len());
            return Err(Fault::new(FaultCode::Exhausted, message));
        }
        let before = self.fleet.leave(id, 0, now.elapsed);
        if let Some(before) = &before {
            self.release_all(before, "its worker joined again", now, out);
        }
        self.know(id, &facts.name, out);
        self.fleet.join(id, facts, before, now);
        Ok(())
    }

    pub(super) fn heartbeat(
        &mut self,
        id: NodeId,
        load: Load,
        progress: &[(LeaseId, u64)],
        now: Now,
    ) -> Result<(), Fault> {
        self.seen(id, now)?;
        self.fleet.change(id, |node| node.load = load);
        for (lease, blocks) in progress.iter().take(self.config.leases_per_node + 1) {
            let Some(active) = self.leases.get(*lease) else { continue };
            let (done, _) = active.range.split(*blocks);
            let simulations =
                if *blocks == 0 { 0 } else { done.simulations(self.jobs[&active.job].simulations) };
            self.measure(*lease, id, simulations, now);
        }
        Ok(())
    }

    /// Updates every speed meter with the progress of a lease.
    pub(super) fn measure(&mut self, lease: LeaseId, node: NodeId, simulations: u64, now: Now) {
        if let Some((job, more)) = self.leases.advance(lease, node, simulations)
            && more > 0
        {
            self.meter.add(more as f64, now.elapsed);
            self.fleet.change(node, |node| {
                node.meter.add(more as f64, now.elapsed);
                node.progressed = now.elapsed;
            });
            if let Some(running) = self.jobs.get_mut(&job).and_then(|job| job.running_mut()) {
                running.measure(node, more, now.elapsed);
            }
        }
    }

    pub(super) fn lose(
        &mut self,
        id: NodeId,
        why: &str,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        self.member(id)?;
        if let Some(node) = self.fleet.leave(id, self.config.offline_nodes_max, now.elapsed) {
            self.release_all(&node, why, now, out);
        }
        Ok(())
    }

    pub(super) fn lose_silent(&mut self, now: Now, out: &mut Outcome<P>) {
        for node in self.fleet.silent(self.config.heartbeat_timeout, now.elapsed) {
            let why = format!("no heartbeat for {:?}", self.config.heartbeat_timeout);
            if self.lose(node, &why, now, out).is_ok() {
                out.effects.push(Effect::Disconnect { node, why });
            }
        }
    }

    /// Releases the leases of a lost node. It is unknown which of them the node was computing,
    /// because a worker may compute a shorter lease first, and idle threads already begin with the
    /// next lease. So all of their ranges are suspect until each of them has been computed alone.
    fn release_all(&mut self, node: &Node, why: &str, now: Now, out: &mut Outcome<P>) {
        for lease in &node.leases {
            self.release(*lease, Release::Loss, why, now, out);
        }
    }

    pub(super) fn leave(&mut self, id: NodeId, out: &mut Outcome<P>) -> Result<(), Fault> {
        self.member(id)?;
        self.fleet.change(id, |node| node.leaving = true);
        self.notify_drained(id, out);
        Ok(())
    }

    pub(super) fn drain(&mut self, id: NodeId, draining: bool, out: &mut Outcome<P>) -> Result<(), Fault> {
        let gone = self.fleet.gone().find(|gone| gone.node == id).map(|gone| &gone.facts);
        let facts = self.fleet.get(id).map(|node| &node.facts).or(gone).ok_or_else(|| unknown(id))?;
        let name = facts.name.clone();
        if self.fleet.drains().contains(&name) == draining {
            return Ok(());
        }
        self.set_draining(name, draining, out)
    }

    pub(super) fn undrain_name(&mut self, name: String, out: &mut Outcome<P>) -> Result<(), Fault> {
        if !self.fleet.drains().contains(&name) {
            return Err(Fault::new(FaultCode::NotFound, format!("no node {name} is listed or draining")));
        }
        self.set_draining(name, false, out)
    }

    fn set_draining(&mut self, name: String, draining: bool, out: &mut Outcome<P>) -> Result<(), Fault> {
        if draining && self.fleet.drains().len() >= self.config.nodes_max {
            let message = format!("{} names are draining, which is the limit", self.config.nodes_max);
            return Err(Fault::new(FaultCode::Exhausted, message));
        }
        for node in self.fleet.drain(&name, draining) {
            self.notify_drained(node, out);
        }
        out.records.push(Record::Drain { name, draining });
        Ok(())
    }

    fn notify_drained(&self, id: NodeId, out: &mut Outcome<P>) {
        if self.fleet.get(id).is_some_and(|node| !node.is_open() && node.leases.is_empty()) {
            out.effects.push(Effect::Drained { node: id });
        }
    }

    /// Records that the node is alive. Refuses a node that isn't a member.
    pub(super) fn seen(&mut self, id: NodeId, now: Now) -> Result<(), Fault> {
        let seen = self.fleet.change(id, |node| {
            node.seen = now.elapsed;
            node.seen_at = now.wall;
        });
        seen.ok_or_else(|| unknown(id))
    }

    pub(super) fn member(&self, id: NodeId) -> Result<&Node, Fault> {
        self.fleet.get(id).ok_or_else(|| unknown(id))
    }
}

fn unknown(id: NodeId) -> Fault {
    Fault::new(FaultCode::NotFound, format!("{id} is not a member of the cluster"))
}
