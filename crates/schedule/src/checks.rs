//! Spot checks: what the scheduler knows about reports that wait for a check, about the nodes'
//! agreement with each other, and about nodes that computed wrongly. The steps of a check are in
//! `scheduler::checks`.
//!
//! A report whose lease is drawn for a check is withheld as a **vote**. Another node computes the
//! range again. If both agree, the report is counted; otherwise further nodes vote until two agree.
//! Those who voted otherwise are **quarantined** by name, because what computes wrongly is the
//! machine, and a restarted worker has a new id.
//!
//! What a node reported is trusted up to its last agreeing check. Order is told by a clock that
//! counts the withheld reports: every contribution to a job has the **mark** of that clock, and an
//! agreeing check trusts the node's contributions up to the mark of the checked report. A
//! **verdict** says which contributions are not trusted. It is stored, and so are the marks of the
//! contributions to each result, so that a result is known to be doubtful whenever it is read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use carlo_types::{Epoch, NodeId, Timestamp};

use crate::job::JobKey;

/// The votes on a range that are kept.
pub(crate) const VOTES_MAX: usize = 8;

/// A time on the clock of the checks. It goes on across epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[expect(missing_docs, reason = "the documentation of the module says what it is")]
pub struct Mark {
    pub epoch: Epoch,
    pub number: u64,
}

/// What is known about a node that may have contributed to jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The node's name.
    pub name: String,
    /// Up to here its contributions are trusted, because a later check agreed; `None` before the
    /// first agreeing check.
    pub until: Option<Mark>,
}

/// A node that was found to compute wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Verdict {
    /// From 1, ascending.
    pub number: u64,
    /// The node's name. All workers with this name are quarantined until `lifted_at`.
    pub name: String,
    pub at: Timestamp,
    /// The reason, for people.
    pub reason: String,
    /// The worker processes with this name, and up to where their contributions are trusted.
    pub nodes: Vec<(NodeId, Option<Mark>)>,
    /// Later contributions were made after the quarantine.
    pub until: Mark,
    pub lifted_at: Option<Timestamp>,
}

impl Verdict {
    /// Whether it is about the contributions of this node that ended at `mark`.
    pub fn concerns(&self, node: NodeId, mark: Mark) -> bool {
        let is_doubtful = |trusted: Option<Mark>| trusted.is_none_or(|trusted| mark > trusted);
        mark <= self.until && self.nodes.iter().any(|(id, trusted)| *id == node && is_doubtful(*trusted))
    }

    /// Whether the node is still quarantined because of it.
    pub fn is_in_force(&self) -> bool {
        self.lifted_at.is_none()
    }
}

/// What became of spot checks since this scheduler began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckCounts {
    /// Reports that were withheld for a check.
    pub begun: u64,
    /// Checks that ended with the agreement of all votes.
    pub agreed: u64,
    /// Checks in which votes differed.
    pub differed: u64,
    /// Reports that were counted without a check, because no other node could check them.
    pub skipped: u64,
}

/// A withheld report.
#[derive(Debug, Clone)]
pub(crate) struct Vote<P> {
    pub(crate) node: NodeId,
    pub(crate) name: String,
    pub(crate) mark: Mark,
    pub(crate) partial: P,
}

/// The votes on a range, of nodes with different names. No two of them agree.
#[derive(Debug, Clone)]
pub(crate) struct Votes<P> {
    /// When the range was first reported.
    pub(crate) since: Duration,
    pub(crate) votes: Vec<Vote<P>>,
}

impl<P> Votes<P> {
    /// Whether a node with this name has voted.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.votes.iter().any(|vote| vote.name == name)
    }

    /// Adds a vote. If there are too many, the oldest is forgotten.
    pub(crate) fn add(&mut self, vote: Vote<P>) {
        if self.votes.len() == VOTES_MAX {
            self.votes.remove(0);
        }
        self.votes.push(vote);
    }
}

/// A range that waits for a check: since when, its job, and its first block.
pub(crate) type Waiting = (Duration, JobKey, u64);

/// The state of the checks, apart from the votes, which are with their jobs.
#[derive(Debug, Clone)]
pub(crate) struct Checks {
    now: Mark,
    /// Unsettled ranges without a lease, the oldest first.
    pub(crate) waiting: BTreeSet<Waiting>,
    /// Ranges with votes.
    pub(crate) open: usize,
    trust: BTreeMap<NodeId, Trust>,
    names: BTreeMap<String, BTreeSet<NodeId>>,
    /// The nodes in `trust`, by their first join.
    joined: VecDeque<NodeId>,
    verdicts: BTreeMap<u64, Verdict>,
    verdict_next: u64,
    pub(crate) counts: CheckCounts,
}

impl Checks {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            now: Mark { epoch, number: 0 },
            waiting: BTreeSet::new(),
            open: 0,
            trust: BTreeMap::new(),
            names: BTreeMap::new(),
            joined: VecDeque::new(),
            verdicts: BTreeMap::new(),
            verdict_next: 1,
            counts: CheckCounts::default(),
        }
    }

    /// The mark of what is reported now.
    pub(crate) fn now(&self) -> Mark {
        self.now
    }

    /// Returns the current mark. What is reported from now on has a later one.
    pub(crate) fn advance(&mut self) -> Mark {
        let mark = self.now;
        self.now.number += 1;
        mark
    }

    pub(crate) fn trust(&self, node: NodeId) -> Option<&Trust> {
        self.trust.get(&node)
    }

    /// The known nodes with this name, and up to where their contributions are trusted.
    pub(crate) fn nodes(&self, name: &str) -> Vec<(NodeId, Option<Mark>)> {
        let named = self.names.get(name).into_iter().flatten();
        named.map(|node| (*node, self.trust[node].until)).collect()
    }

    /// Takes note of a node. Returns whether it or its name is new.
    pub(crate) fn know(&mut self, node: NodeId, name: &str, until: Option<Mark>) -> bool {
        if let Some(trust) = self.trust.get_mut(&node) {
            if trust.name == name {
                return false;
            }
            let before = std::mem::replace(&mut trust.name, name.to_owned());
            self.unname(node, &before);
            self.names.entry(name.to_owned()).or_default().insert(node);
            return true;
        }
        self.names.entry(name.to_owned()).or_default().insert(node);
        self.trust.insert(node, Trust { name: name.to_owned(), until });
        self.joined.push_back(node);
        true
    }

    /// Trusts the node's contributions up to `mark`.
    pub(crate) fn agree(&mut self, node: NodeId, mark: Mark) {
        if let Some(trust) = self.trust.get_mut(&node) {
            trust.until = trust.until.max(Some(mark));
        }
    }

    /// Forgets a node.
    pub(crate) fn forget(&mut self, node: NodeId) {
        if let Some(trust) = self.trust.remove(&node) {
            self.unname(node, &trust.name);
        }
        self.joined.retain(|joined| *joined != node);
    }

    fn unname(&mut self, node: NodeId, name: &str) {
        if let Some(nodes) = self.names.get_mut(name) {
            nodes.remove(&node);
            if nodes.is_empty() {
                self.names.remove(name);
            }
        }
    }

    /// The node that was first known, of those beyond `most` and for which `may_go` holds.
    pub(crate) fn surplus(&self, most: usize, may_go: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        if self.joined.len() <= most {
            return None;
        }
        self.joined.iter().copied().find(|node| may_go(*node))
    }

    /// Adds or replaces a verdict.
    pub(crate) fn put(&mut self, verdict: Verdict) {
        for (node, _) in &verdict.nodes {
            // All that it contributed before has been dealt with.
            self.agree(*node, verdict.until);
        }
        self.verdict_next = self.verdict_next.max(verdict.number + 1);
        self.verdicts.insert(verdict.number, verdict);
    }

    pub(crate) fn verdict_next(&self) -> u64 {
        self.verdict_next
    }

    /// Removes and returns a verdict beyond `most`: the oldest that is not in force, if there is
    /// one.
    pub(crate) fn pop_surplus_verdict(&mut self, most: usize) -> Option<Verdict> {
        if self.verdicts.len() <= most {
            return None;
        }
        let past = self.verdicts.values().find(|verdict| !verdict.is_in_force());
        let number = past.or_else(|| self.verdicts.values().next())?.number;
        self.verdicts.remove(&number)
    }

    /// All verdicts, the oldest first.
    pub(crate) fn verdicts(&self) -> impl DoubleEndedIterator<Item = &Verdict> {
        self.verdicts.values()
    }

    /// The verdict because of which nodes with this name are quarantined.
    pub(crate) fn in_force(&self, name: &str) -> Option<&Verdict> {
        self.verdicts.values().rev().find(|verdict| verdict.name == name && verdict.is_in_force())
    }

    pub(crate) fn verify(
        &self,
        waiting: &BTreeSet<Waiting>,
        open: usize,
        nodes_max: usize,
        verdicts_max: usize,
    ) {
        assert_eq!(&self.waiting, waiting, "unsettled ranges without a lease");
        assert_eq!(self.open, open, "ranges with votes");
        let joined: BTreeSet<NodeId> = self.joined.iter().copied().collect();
        assert_eq!(joined.len(), self.joined.len(), "each node is known once");
        assert!(self.trust.keys().eq(joined.iter()), "nodes by their first join");
        assert!(self.trust.len() <= nodes_max, "known nodes are bounded");
        let mut names: BTreeMap<String, BTreeSet<NodeId>> = BTreeMap::new();
        for (node, trust) in &self.trust {
            names.entry(trust.name.clone()).or_default().insert(*node);
        }
        assert_eq!(self.names, names, "known nodes by name");
        assert!(self.verdicts.len() <= verdicts_max, "verdicts are bounded");
        assert!(self.trust.values().all(|trust| trust.until <= Some(self.now)), "nobody is trusted ahead");
    }
}
