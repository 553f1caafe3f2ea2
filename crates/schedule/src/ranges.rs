//! The blocks of a running job. Each block is either pending, open (leased), unsettled (reported,
//! but first another node has to compute it again) or done.
//!
//! Blocks keep their history (how often they were leased, failed or were lost with a node) when
//! ranges are split, and ranges with different histories are never joined, so that a poisonous
//! block can't hide in a fresh range. Of a lease only the id is known here.

use std::collections::BTreeMap;

use carlo_types::{BlockRange, LeaseId, NodeId};

/// The most leases of one range at the same time: the last ranges of a job are leased twice.
pub(crate) const HOLDERS_MAX: usize = 2;

/// The number of nodes that a range remembers for their faults.
const FAULTY_MAX: usize = 4;

/// What has happened to blocks so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct History {
    pub(crate) attempts: u32,
    pub(crate) faults: u32,
    pub(crate) losses: u32,
    /// The first few nodes that reported a fault.
    faulty: [Option<NodeId>; FAULTY_MAX],
}

impl History {
    /// Whether a node was lost with the range, and the range may be the reason. Such a range is
    /// only leased to nodes without other leases, to distinguish a range that kills workers from
    /// one that was computed beside it.
    fn is_suspect(self) -> bool {
        self.losses > 0
    }

    fn joins(self, other: Self) -> bool {
        (self.faults, self.losses, self.faulty) == (other.faults, other.losses, other.faulty)
    }

    /// The history of a range that consists of ranges with this history and the other.
    fn and(self, other: Self) -> Self {
        let worse = if (other.losses, other.faults) > (self.losses, self.faults) { other } else { self };
        Self { attempts: self.attempts.max(other.attempts), ..worse }
    }

    /// The different nodes that reported a fault; only a few are remembered.
    pub(crate) fn faulty_nodes(self) -> Vec<NodeId> {
        self.faulty.into_iter().flatten().collect()
    }

    fn add_fault(&mut self, node: NodeId) {
        self.faults += 1;
        if !self.faulty.contains(&Some(node))
            && let Some(slot) = self.faulty.iter_mut().find(|slot| slot.is_none())
        {
            *slot = Some(node);
        }
    }
}

/// Why a lease ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// The node reported a fault or a wrong result.
    Fault(NodeId),
    /// The node was lost while it had this range.
    Loss,
    /// The node was quarantined, which says nothing about this range.
    Quarantine,
}

/// A leased range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) range: BlockRange,
    pub(crate) history: History,
    /// One or two leases.
    pub(crate) holders: Vec<LeaseId>,
    /// Whether another node has reported it before, so that it was unsettled. Such a range has one
    /// lease.
    pub(crate) is_check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    range: BlockRange,
    history: History,
}

/// The blocks of a job, by the first block of each range.
#[derive(Debug, Clone)]
pub(crate) struct Ranges {
    pending: BTreeMap<u64, Pending>,
    pending_blocks: u64,
    open: BTreeMap<u64, Open>,
    unsettled: BTreeMap<u64, Pending>,
    done: BTreeMap<u64, BlockRange>,
}

impl Ranges {
    /// All blocks of `whole` are pending except those in `done`, which must be ascending and within
    /// `whole`; `None` if they aren't.
    pub(crate) fn new(whole: BlockRange, done: &[BlockRange]) -> Option<Self> {
        let mut ranges = Self {
            pending: BTreeMap::new(),
            pending_blocks: 0,
            open: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            done: BTreeMap::new(),
        };
        let mut next = whole.start();
        for range in done {
            if range.start() < next || range.end() > whole.end() {
                return None;
            }
            ranges.add_pending(BlockRange::new(next, range.start()), History::default());
            ranges.add_done(*range);
            next = range.end();
        }
        ranges.add_pending(BlockRange::new(next, whole.end()), History::default());
        Some(ranges)
    }

    /// The first pending range with a single history.
    pub(crate) fn first_pending(&self) -> Option<BlockRange> {
        self.pending.first_key_value().map(|(_, pending)| pending.range)
    }

    /// Whether the first pending range must be leased alone.
    pub(crate) fn next_is_suspect(&self) -> bool {
        self.pending.first_key_value().is_some_and(|(_, pending)| pending.history.is_suspect())
    }

    /// Whether the open or unsettled range at `start` must be leased alone.
    pub(crate) fn is_suspect(&self, start: u64) -> bool {
        let open = self.open.get(&start).map(|open| open.history);
        let history = open.or_else(|| self.unsettled.get(&start).map(|unsettled| unsettled.history));
        history.is_some_and(History::is_suspect)
    }

    /// Whether the open range at `start` was reported before.
    pub(crate) fn is_check(&self, start: u64) -> bool {
        self.open.get(&start).is_some_and(|open| open.is_check)
    }

    /// The unsettled ranges.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = BlockRange> {
        self.unsettled.values().map(|unsettled| unsettled.range)
    }

    pub(crate) fn pending_blocks(&self) -> u64 {
        self.pending_blocks
    }

    pub(crate) fn done(&self) -> Vec<BlockRange> {
        self.done.values().copied().collect()
    }

    pub(crate) fn open_ranges(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// Leases at most `blocks` blocks from the start of the first pending range. Returns the range
    /// and the attempt.
    pub(crate) fn lease(&mut self, blocks: u64, lease: LeaseId) -> Option<(BlockRange, u32)> {
        let (_, Pending { range, mut history }) = self.pending.pop_first()?;
        self.pending_blocks -= range.len();
        let (taken, rest) = range.split(blocks);
        self.add_pending(rest, history);
        history.attempts += 1;
        self.open
            .insert(taken.start(), Open { range: taken, history, holders: vec![lease], is_check: false });
        Some((taken, history.attempts))
    }

    /// Leases the open range at `start` a second time. Returns the range and the attempt.
    pub(crate) fn lease_again(&mut self, start: u64, lease: LeaseId) -> Option<(BlockRange, u32)> {
        let open =
            self.open.get_mut(&start).filter(|open| open.holders.len() < HOLDERS_MAX && !open.is_check)?;
        open.history.attempts += 1;
        open.holders.push(lease);
        Some((open.range, open.history.attempts))
    }

    /// Marks the open range at `start` as done. Returns it with its leases.
    pub(crate) fn finish(&mut self, start: u64) -> Option<Open> {
        let open = self.open.remove(&start)?;
        self.add_done(open.range);
        Some(open)
    }

    /// Marks the open range at `start` as unsettled. Returns it with its leases.
    pub(crate) fn withhold(&mut self, start: u64) -> Option<Open> {
        let open = self.open.remove(&start)?;
        self.unsettled.insert(start, Pending { range: open.range, history: open.history });
        Some(open)
    }

    /// Leases the unsettled range at `start` as a whole. Returns the range and the attempt.
    pub(crate) fn lease_check(&mut self, start: u64, lease: LeaseId) -> Option<(BlockRange, u32)> {
        let Pending { range, mut history } = self.unsettled.remove(&start)?;
        history.attempts += 1;
        self.open.insert(start, Open { range, history, holders: vec![lease], is_check: true });
        Some((range, history.attempts))
    }

    /// Marks the unsettled range at `start` as done.
    pub(crate) fn settle(&mut self, start: u64) -> Option<BlockRange> {
        let unsettled = self.unsettled.remove(&start)?;
        self.add_done(unsettled.range);
        Some(unsettled.range)
    }

    /// The unsettled range at `start` is pending again; or if it is leased already, the lease isn't
    /// a check any more. Returns the lease.
    pub(crate) fn give_up_check(&mut self, start: u64) -> Option<LeaseId> {
        if let Some(unsettled) = self.unsettled.remove(&start) {
            self.add_pending(Some(unsettled.range), unsettled.history);
            return None;
        }
        let open = self.open.get_mut(&start)?;
        open.is_check = false;
        open.holders.first().copied()
    }

    /// Ends a lease of the open range at `start`. Returns the range's history and its remaining
    /// leases. Without a lease it is unsettled again if it was reported before, else pending.
    pub(crate) fn release(
        &mut self,
        start: u64,
        lease: LeaseId,
        why: Release,
    ) -> Option<(History, Vec<LeaseId>)> {
        let open = self.open.get_mut(&start)?;
        match why {
            Release::Fault(node) => open.history.add_fault(node),
            Release::Loss => open.history.losses += 1,
            Release::Quarantine => {}
        }
        open.holders.retain(|holder| *holder != lease);
        let (history, holders, range) = (open.history, open.holders.clone(), open.range);
        let is_check = open.is_check;
        if holders.is_empty() {
            self.open.remove(&start);
            if is_check {
                self.unsettled.insert(start, Pending { range, history });
            } else {
                self.add_pending(Some(range), history);
            }
        }
        Some((history, holders))
    }

    /// Marks `range` as done if each of its blocks is pending, or open in a range that lies
    /// entirely within it and was not reported before. Returns the leases of those ranges, which
    /// have nothing left to do, or `None` if it changed nothing.
    pub(crate) fn accept_stale(&mut self, range: BlockRange) -> Option<Vec<LeaseId>> {
        let (_, closed) = self.take(range)?;
        self.add_done(range);
        Some(closed)
    }

    /// Like [`accept_stale`](Self::accept_stale), but marks the range as unsettled.
    pub(crate) fn withhold_stale(&mut self, range: BlockRange) -> Option<Vec<LeaseId>> {
        let (history, closed) = self.take(range)?;
        self.unsettled.insert(range.start(), Pending { range, history });
        Some(closed)
    }

    /// Removes `range` from the pending and open ranges. Returns a history that includes those of
    /// its parts, and the leases.
    fn take(&mut self, range: BlockRange) -> Option<(History, Vec<LeaseId>)> {
        let (mut pieces, mut opened) = (Vec::new(), Vec::new());
        let mut next = range.start();
        while next < range.end() {
            let is_within = |open: &&Open| open.range.end() <= range.end() && !open.is_check;
            if let Some(open) = self.open.get(&next).filter(is_within) {
                opened.push(next);
                next = open.range.end();
                continue;
            }
            let (_, pending) = self.pending.range(..=next).next_back()?;
            if pending.range.end() <= next {
                return None;
            }
            next = pending.range.end();
            pieces.push(*pending);
        }
        let mut whole = History::default();
        for Pending { range: piece, history } in pieces {
            whole = whole.and(history);
            self.pending.remove(&piece.start());
            self.pending_blocks -= piece.len();
            self.add_pending(BlockRange::new(piece.start(), range.start()), history);
            self.add_pending(BlockRange::new(range.end(), piece.end()), history);
        }
        let mut closed = Vec::new();
        for open in opened.iter().filter_map(|start| self.open.remove(start)) {
            whole = whole.and(open.history);
            closed.extend(open.holders);
        }
        Some((whole, closed))
    }

    fn add_pending(&mut self, range: Option<BlockRange>, history: History) {
        let Some(mut range) = range else { return };
        let mut history = history;
        self.pending_blocks += range.len();
        if let Some((&start, &before)) = self.pending.range(..range.start()).next_back()
            && before.range.end() == range.start()
            && before.history.joins(history)
        {
            self.pending.remove(&start);
            range = BlockRange::new(start, range.end()).expect("a joined range holds both");
            history.attempts = history.attempts.max(before.history.attempts);
        }
        if let Some(&after) = self.pending.get(&range.end())
            && after.history.joins(history)
        {
            self.pending.remove(&range.end());
            range = BlockRange::new(range.start(), after.range.end()).expect("a joined range holds both");
            history.attempts = history.attempts.max(after.history.attempts);
        }
        self.pending.insert(range.start(), Pending { range, history });
    }

    fn add_done(&mut self, range: BlockRange) {
        let (mut start, mut end) = (range.start(), range.end());
        if let Some((&before, done)) = self.done.range(..start).next_back()
            && done.end() == start
        {
            self.done.remove(&before);
            start = before;
        }
        if let Some(after) = self.done.remove(&end) {
            end = after.end();
        }
        self.done.insert(start, BlockRange::new(start, end).expect("a joined range holds both"));
    }

    /// Panics unless every block of `whole` is in exactly one set and the sums are right.
    pub(crate) fn verify(&self, whole: BlockRange) {
        let mut all: Vec<BlockRange> = self.pending.values().map(|pending| pending.range).collect();
        assert_eq!(self.pending_blocks, all.iter().map(|range| range.len()).sum::<u64>(), "pending blocks");
        all.extend(self.open.values().map(|open| open.range));
        all.extend(self.unsettled());
        all.extend(self.done.values());
        all.sort_unstable();
        let end = all.iter().fold(whole.start(), |next, range| {
            assert_eq!(next, range.start(), "blocks are in no set or in two");
            range.end()
        });
        assert_eq!(end, whole.end(), "blocks are missing");
        for (start, open) in &self.open {
            assert_eq!(*start, open.range.start());
            let most = if open.is_check { 1 } else { HOLDERS_MAX };
            assert!((1..=most).contains(&open.holders.len()), "an open range has one or two holders");
        }
    }
}

#[cfg(test)]
mod tests;
