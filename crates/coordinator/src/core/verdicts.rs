//! Nodes that compute wrongly, and the results that are doubtful because of them.

use std::sync::{Arc, PoisonError, RwLock};

use carlo_schedule::{Command, NodeView, Share, Verdict};
use carlo_tenancy::Caller;
use carlo_types::{BlockRange, Fault, JobId, NodeId};
use carlo_wire::v1;
use carlo_wire::v1::{AuditAction, ClusterEventKind};

use super::Core;

/// The committed verdicts, for tasks that read results.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(RwLock<Arc<Published>>);

#[derive(Debug, Default)]
struct Published {
    latest: u64,
    all: Vec<Verdict>,
}

impl Verdicts {
    /// The number of the latest verdict, and the doubts about a result with these contributions.
    pub(crate) fn doubts(&self, shares: &[Share]) -> (u64, Vec<v1::Doubt>) {
        let published = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let concerns =
            |verdict: &&Verdict| shares.iter().any(|share| verdict.concerns(share.node, share.mark));
        let doubt = |verdict: &Verdict| v1::Doubt {
            node: verdict.name.clone(),
            found_at_ms: verdict.at.0,
            reason: verdict.reason.clone(),
        };
        (published.latest, published.all.iter().filter(concerns).map(doubt).collect())
    }
}

impl Core {
    /// Lets other tasks know the verdicts, which are committed.
    pub(super) fn publish_verdicts(&self) {
        let all: Vec<Verdict> = self.scheduler.verdicts().cloned().collect();
        let published = Published { latest: self.scheduler.latest_verdict(), all };
        *self.verdicts.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(published);
    }

    /// Logs that nodes differ about a part of a job.
    pub(super) fn note_contest(&mut self, job: JobId, range: BlockRange, names: &[String]) {
        let nodes = names.join(", ");
        tracing::warn!(%job, %range, nodes, "nodes computed the same blocks differently; another one decides");
        let detail = format!("{nodes} differ about blocks {range}");
        self.note(ClusterEventKind::Contested, job.to_string(), detail, "");
    }

    /// Logs that a node is quarantined.
    pub(super) fn note_quarantine(&mut self, name: &str, reason: &str) {
        tracing::error!(name, reason, "a node computes wrongly and is quarantined");
        self.note(ClusterEventKind::Quarantined, name, reason, "");
        self.publish_verdicts();
    }

    /// Ends the quarantine of the nodes with this name. Returns one of them, if one is listed.
    pub(crate) fn lift_quarantine(&mut self, caller: &Caller, name: &str) -> Result<Option<NodeView>, Fault> {
        self.apply(Command::LiftQuarantine { name: name.to_owned() })?;
        self.audit(caller, AuditAction::QuarantineLifted, name, "");
        let nodes = self.cluster().nodes;
        Ok(nodes.into_iter().find(|node| node.facts.name == name))
    }

    /// The name of a listed node.
    pub(crate) fn node_name(&self, node: NodeId) -> Option<String> {
        self.scheduler.node(node, self.clock.now()).map(|view| view.facts.name)
    }
}
