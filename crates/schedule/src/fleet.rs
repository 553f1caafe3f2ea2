//! The nodes: members, their leases and their speed. This module knows no jobs or ranges.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use carlo_types::{LeaseId, Load, NodeFacts, NodeId, Now, Timestamp};

use crate::rate::Meter;

/// The weight of a new measurement of speed.
const SPEED_WEIGHT: f64 = 0.3;

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is for another reason why it gets no lease")]
pub(crate) struct Node {
    pub(crate) facts: NodeFacts,
    pub(crate) load: Load,
    pub(crate) seen: Duration,
    pub(crate) seen_at: Timestamp,
    /// It is about to leave by itself.
    pub(crate) leaving: bool,
    /// An operator drains it.
    pub(crate) draining: bool,
    /// It was found to compute wrongly.
    pub(crate) quarantined: bool,
    /// Its leases, oldest first.
    pub(crate) leases: Vec<LeaseId>,
    /// Its only lease is for a suspect range, so it gets no other.
    pub(crate) is_alone: bool,
    /// Path-months per second, once measured.
    pub(crate) speed: Option<f64>,
    pub(crate) meter: Meter,
    /// Simulations that were counted.
    pub(crate) simulations: u64,
    /// When it last made progress with its leases.
    pub(crate) progressed: Duration,
    /// Faults since its last accepted report.
    pub(crate) faults: u32,
    /// Until when it gets no leases because of faults.
    pub(crate) paused_until: Option<Duration>,
}

impl Node {
    /// Whether it may get leases.
    pub(crate) fn is_open(&self) -> bool {
        !self.leaving && !self.draining && !self.quarantined
    }

    /// Whether it may get another lease.
    fn is_free(&self, leases_max: usize) -> bool {
        self.takes_leases() && self.leases.len() < leases_max
    }

    /// Whether it has all the leases that it may have, and may get a brief one beside them.
    fn is_full(&self, leases_max: usize) -> bool {
        self.takes_leases() && self.leases.len() == leases_max
    }

    fn takes_leases(&self) -> bool {
        self.is_open() && self.paused_until.is_none() && !self.is_alone
    }

    /// Updates the node's speed with a measurement of path-months and the time they took.
    pub(crate) fn measure(&mut self, path_months: f64, took: Duration) {
        let measured = path_months / took.as_secs_f64().max(1e-6);
        let speed = self.speed.map_or(measured, |speed| speed + SPEED_WEIGHT * (measured - speed));
        self.speed = Some(speed.max(1.0));
    }

    fn threads(&self) -> f64 {
        f64::from(self.facts.threads.max(1))
    }

    /// The node's speed, or what its threads are assumed to do.
    fn speed_or(&self, speed_per_thread: f64) -> f64 {
        self.speed.unwrap_or(speed_per_thread * self.threads())
    }

    /// Its part of the total speed.
    fn contribution(&self, speed_per_thread: f64) -> f64 {
        if self.is_open() { self.speed_or(speed_per_thread) } else { 0.0 }
    }
}

/// A former member, for display.
#[derive(Debug, Clone)]
pub(crate) struct Gone {
    pub(crate) node: NodeId,
    pub(crate) facts: NodeFacts,
    pub(crate) since: Duration,
    pub(crate) seen_at: Timestamp,
    pub(crate) simulations: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    nodes: BTreeMap<NodeId, Node>,
    /// Nodes that may get another lease, by the number of leases they have.
    free: BTreeSet<(usize, NodeId)>,
    /// Nodes that may get a brief lease beside the others.
    full: BTreeSet<NodeId>,
    /// Names whose nodes are all draining.
    drains: BTreeSet<String>,
    /// Names whose nodes are all quarantined.
    quarantines: BTreeSet<String>,
    gone: VecDeque<Gone>,
    leases_max: usize,
    /// Path-months per second of all open nodes, measured or assumed.
    speed: f64,
    /// The assumed speed per thread of nodes that haven't been measured.
    speed_per_thread: f64,
    /// Whether the two speeds are based on a measurement.
    is_measured: bool,
}

impl Fleet {
    pub(crate) fn new(leases_max: usize) -> Self {
        Self { leases_max: leases_max.max(1), speed_per_thread: 1.0, ..Self::default() }
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(&node)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    pub(crate) fn gone(&self) -> impl Iterator<Item = &Gone> {
        self.gone.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn drains(&self) -> &BTreeSet<String> {
        &self.drains
    }

    pub(crate) fn is_quarantined(&self, name: &str) -> bool {
        self.quarantines.contains(name)
    }

    /// Whether at least so many different names are those of nodes that get leases.
    pub(crate) fn has_open_names(&self, least: usize) -> bool {
        let mut names = BTreeSet::new();
        let mut open = self.nodes.values().filter(|node| node.is_open());
        // It ends as soon as there are enough.
        least == 0
            || open.any(|node| {
                names.insert(node.facts.name.as_str());
                names.len() >= least
            })
    }

    /// Path-months per second of all nodes that get leases.
    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    /// Admits a node. A node that was lost keeps the speed of `before`.
    pub(crate) fn join(&mut self, id: NodeId, facts: NodeFacts, before: Option<Node>, now: Now) {
        let draining = self.drains.contains(&facts.name);
        let quarantined = self.quarantines.contains(&facts.name);
        // A restarted worker replaces the lost node with the same name.
        self.gone.retain(|gone| gone.node != id && gone.facts.name != facts.name);
        let node = Node {
            facts,
            load: Load::default(),
            seen: now.elapsed,
            seen_at: now.wall,
            leaving: false,
            draining,
            quarantined,
            leases: Vec::new(),
            is_alone: false,
            speed: before.as_ref().and_then(|before| before.speed),
            meter: Meter::new(now.elapsed),
            progressed: now.elapsed,
            faults: before.as_ref().map_or(0, |before| before.faults),
            paused_until: before.as_ref().and_then(|before| before.paused_until),
            simulations: before.map_or(0, |before| before.simulations),
        };
        self.speed += node.contribution(self.speed_per_thread);
        self.nodes.insert(id, node);
        self.relist(id, None);
    }

    /// Removes a node without leases. Remembers it as gone if `remembered` is above 0.
    pub(crate) fn leave(&mut self, id: NodeId, remembered: usize, now: Duration) -> Option<Node> {
        let node = self.nodes.remove(&id)?;
        self.free.remove(&(node.leases.len(), id));
        self.full.remove(&id);
        self.speed = (self.speed - node.contribution(self.speed_per_thread)).max(0.0);
        if remembered > 0 {
            self.gone.push_back(Gone {
                node: id,
                facts: node.facts.clone(),
                since: now,
                seen_at: node.seen_at,
                simulations: node.simulations,
            });
            while self.gone.len() > remembered {
                self.gone.pop_front();
            }
        }
        Some(node)
    }

    /// Changes a node, and updates the total speed and the index of free nodes.
    pub(crate) fn change<R>(&mut self, id: NodeId, change: impl FnOnce(&mut Node) -> R) -> Option<R> {
        let node = self.nodes.get_mut(&id)?;
        let (count, speed) = (node.leases.len(), node.contribution(self.speed_per_thread));
        let result = change(node);
        self.speed = (self.speed + node.contribution(self.speed_per_thread) - speed).max(0.0);
        self.relist(id, Some(count));
        Some(result)
    }

    /// Marks a name as draining or not. Returns the nodes with that name.
    pub(crate) fn drain(&mut self, name: &str, draining: bool) -> Vec<NodeId> {
        if draining {
            self.drains.insert(name.to_owned());
        } else {
            self.drains.remove(name);
        }
        self.change_named(name, |node| node.draining = draining)
    }

    /// Marks a name as quarantined or not. Returns the nodes with that name.
    pub(crate) fn quarantine(&mut self, name: &str, quarantined: bool) -> Vec<NodeId> {
        if quarantined {
            self.quarantines.insert(name.to_owned());
        } else {
            self.quarantines.remove(name);
        }
        self.change_named(name, |node| node.quarantined = quarantined)
    }

    fn change_named(&mut self, name: &str, change: impl Fn(&mut Node)) -> Vec<NodeId> {
        let named = self.nodes.iter().filter(|(_, node)| node.facts.name == name);
        let ids: Vec<NodeId> = named.map(|(id, _)| *id).collect();
        for id in &ids {
            self.change(*id, &change);
        }
        ids
    }

    /// The node that should get the next lease: one with the fewest leases.
    pub(crate) fn free_node(&self) -> Option<NodeId> {
        self.free.first().map(|(_, id)| *id)
    }

    /// The nodes that may get another lease, those with the fewest leases first: the number of
    /// their leases, their ids and their names.
    pub(crate) fn free(&self) -> impl Iterator<Item = (usize, NodeId, &str)> {
        self.free.iter().map(|(count, id)| (*count, *id, self.nodes[id].facts.name.as_str()))
    }

    /// Whether a node with a name for which `fits` holds gets leases.
    pub(crate) fn has_open(&self, fits: impl Fn(&str) -> bool) -> bool {
        self.nodes.values().any(|node| node.is_open() && fits(&node.facts.name))
    }

    /// A node that may get leases and has none.
    pub(crate) fn idle_node(&self) -> Option<NodeId> {
        self.free.first().filter(|(count, _)| *count == 0).map(|(_, id)| *id)
    }

    /// A node that may get a brief lease, although it has all the others that it may have.
    pub(crate) fn full_node(&self) -> Option<NodeId> {
        self.full.first().copied()
    }

    /// Lets nodes get leases again whose pause is over.
    pub(crate) fn end_pauses(&mut self, now: Duration) {
        let over =
            |(id, node): (&NodeId, &Node)| node.paused_until.filter(|until| *until <= now).map(|_| *id);
        let over: Vec<NodeId> = self.nodes.iter().filter_map(over).collect();
        for id in over {
            self.change(id, |node| node.paused_until = None);
        }
    }

    /// Whether all nodes that may get leases are among these.
    pub(crate) fn open_nodes_are_among(&self, nodes: &[NodeId]) -> bool {
        self.nodes.iter().filter(|(_, node)| node.is_open()).all(|(id, _)| nodes.contains(id))
    }

    /// Nodes with leases that have made no progress for `stall`.
    pub(crate) fn stalled(&self, stall: Duration, now: Duration) -> Vec<NodeId> {
        let stalled = |node: &Node| !node.leases.is_empty() && now.saturating_sub(node.progressed) >= stall;
        self.nodes.iter().filter(|(_, node)| stalled(node)).map(|(id, _)| *id).collect()
    }

    /// Nodes that have been silent for `timeout`.
    pub(crate) fn silent(&self, timeout: Duration, now: Duration) -> Vec<NodeId> {
        let silent = |node: &&Node| now.saturating_sub(node.seen) >= timeout;
        self.nodes.iter().filter(|(_, node)| silent(node)).map(|(id, _)| *id).collect()
    }

    /// Forgets nodes that have been gone for `kept`.
    pub(crate) fn forget_gone(&mut self, kept: Duration, now: Duration) {
        self.gone.retain(|gone| now.saturating_sub(gone.since) < kept);
    }

    /// A node's share of the total speed. A node that hasn't been measured is assumed to be as
    /// fast, per thread, as the others.
    pub(crate) fn share(&self, node: &Node) -> f64 {
        if self.nodes.len() <= 1 || self.speed <= 0.0 {
            return 1.0;
        }
        (node.speed_or(self.speed_per_thread) / self.speed).clamp(0.0, 1.0)
    }

    /// Adds up the speed of the open nodes again, at each tick: what a node that hasn't been
    /// measured is assumed to do depends on the others, and sums of changes add their roundings.
    pub(crate) fn sum_speed(&mut self) {
        let measured = self.nodes.values().filter_map(|node| Some((node.speed?, node.threads())));
        let (speed, threads) = measured.fold((0.0, 0.0), |(speed, threads), (s, t)| (speed + s, threads + t));
        self.is_measured = threads > 0.0;
        self.speed_per_thread = if self.is_measured { speed / threads } else { 1.0 };
        self.speed = self.nodes.values().map(|node| node.contribution(self.speed_per_thread)).sum();
    }

    /// Whether the total speed is measured. It is a guess until the first sum after a node's first
    /// report.
    pub(crate) fn is_measured(&self) -> bool {
        self.is_measured
    }

    fn relist(&mut self, id: NodeId, count_before: Option<usize>) {
        if let Some(count) = count_before {
            self.free.remove(&(count, id));
        }
        self.full.remove(&id);
        let Some(node) = self.nodes.get(&id) else { return };
        if node.is_free(self.leases_max) {
            self.free.insert((node.leases.len(), id));
        } else if node.is_full(self.leases_max) {
            self.full.insert(id);
        }
    }

    pub(crate) fn verify(&self) {
        let free = self
            .nodes
            .iter()
            .filter(|(_, node)| node.is_free(self.leases_max))
            .map(|(id, node)| (node.leases.len(), *id))
            .collect();
        assert_eq!(self.free, free, "free nodes");
        let full = self.nodes.iter().filter(|(_, node)| node.is_full(self.leases_max)).map(|(id, _)| *id);
        assert_eq!(self.full, full.collect(), "nodes that may get a brief lease");
        for (id, node) in &self.nodes {
            assert!(node.leases.len() <= self.leases_max + 1, "{id} holds too many leases");
            assert!(!node.is_alone || node.leases.len() == 1, "{id} holds a suspect range beside others");
            assert_eq!(node.draining, self.drains.contains(&node.facts.name), "{id} drains by its name");
            let quarantined = self.quarantines.contains(&node.facts.name);
            assert_eq!(node.quarantined, quarantined, "{id} is quarantined by its name");
            assert!(!quarantined || node.leases.is_empty(), "{id} is quarantined and has leases");
        }
    }
}
