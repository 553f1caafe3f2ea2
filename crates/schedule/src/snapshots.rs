//! Earlier states of a running job, to which it goes back if a node that took part is found to
//! compute wrongly. Partial results can't be subtracted, so what a node contributed can only be
//! left out by going back to before it did.
//!
//! A few states are kept, at distances that grow with their age. So going back to a certain time
//! loses a multiple of the time since then, in bounded memory: each minute a state is kept in one
//! of a few slots. Three of four go to the first slot, of the rest three of four to the second, and
//! so on; each replaces the earlier state of its slot.

use std::time::Duration;

use carlo_types::NodeId;

use crate::checks::Mark;
use crate::record::Checkpoint;

/// The slots for states of a job. The last one is used every four hours.
const SLOTS: u32 = 5;
/// The time between two states.
const SNAPSHOT_EVERY: Duration = Duration::from_mins(1);

/// The earlier states of a running job, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots<P> {
    /// The number of states so far.
    count: u64,
    /// The time of the last state, or of the beginning.
    last: Duration,
    states: Vec<Snapshot<P>>,
}

#[derive(Debug, Clone)]
struct Snapshot<P> {
    slot: u32,
    state: Checkpoint<P>,
}

impl<P: Clone> Snapshots<P> {
    /// No states, of a job that begins at `now`.
    pub(crate) fn new(now: Duration) -> Self {
        Self { count: 0, last: now, states: Vec::new() }
    }

    /// Keeps this state if it is time for another.
    pub(crate) fn offer(&mut self, now: Duration, state: &Checkpoint<P>) {
        if now.saturating_sub(self.last) < SNAPSHOT_EVERY {
            return;
        }
        self.last = now;
        self.count += 1;
        // Every fourth state belongs to a higher slot.
        let slot = (self.count.trailing_zeros() / 2).min(SLOTS - 1);
        self.states.retain(|snapshot| snapshot.slot != slot);
        self.states.push(Snapshot { slot, state: state.clone() });
    }

    /// The latest state with no contributions of these nodes after the marks, and the states before
    /// it; the beginning if there is none.
    pub(crate) fn before(mut self, nodes: &[(NodeId, Option<Mark>)]) -> (Option<Checkpoint<P>>, Self) {
        let is_clean = |state: &Checkpoint<P>| {
            let concerns = |(node, trusted): &(NodeId, Option<Mark>)| {
                state.shares.iter().any(|share| share.node == *node && Some(share.mark) > *trusted)
            };
            !nodes.iter().any(concerns)
        };
        let clean = self.states.iter().rposition(|snapshot| is_clean(&snapshot.state));
        self.states.truncate(clean.map_or(0, |index| index + 1));
        (self.states.last().map(|snapshot| snapshot.state.clone()), self)
    }
}

#[cfg(test)]
mod tests {
    use carlo_types::Epoch;

    use super::*;
    use crate::record::Share;

    fn node(number: u128) -> NodeId {
        NodeId::from_random(number)
    }

    fn mark(number: u64) -> Mark {
        Mark { epoch: Epoch(1), number }
    }

    /// The state after so many minutes. Node 1 contributes from the start, node 2 later.
    fn state(minutes: u64) -> Checkpoint<()> {
        let share = |node, number| Share { node, simulations: 1, ahead: 0, mark: mark(number) };
        let late = (minutes > 64).then(|| share(node(2), minutes));
        let shares = [share(node(1), minutes)].into_iter().chain(late).collect();
        Checkpoint { done: Vec::new(), parts: Vec::new(), shares }
    }

    fn after(minutes: u64) -> Snapshots<()> {
        let mut snapshots = Snapshots::new(Duration::ZERO);
        (1..=minutes).for_each(|minute| snapshots.offer(Duration::from_mins(minute), &state(minute)));
        snapshots
    }

    #[test]
    fn going_back_loses_a_multiple_of_the_time_at_most() {
        let mut snapshots = Snapshots::new(Duration::ZERO);
        for minute in 1..=1_000 {
            snapshots.offer(Duration::from_mins(minute), &state(minute));
            assert!(snapshots.states.len() <= SLOTS as usize);
            let ages: Vec<u64> =
                snapshots.states.iter().map(|kept| minute - kept.state.shares[0].mark.number).collect();
            assert!(ages.windows(2).all(|pair| pair[0] > pair[1]), "{ages:?}");
            for wanted in (1..=64).filter(|wanted| wanted * 13 < minute) {
                let found = ages.iter().rev().find(|age| **age >= wanted);
                assert!(found.is_some_and(|age| *age <= 13 * wanted), "{wanted} of {ages:?} at {minute}");
            }
        }
    }

    #[test]
    fn a_job_goes_back_to_before_what_is_not_trusted() {
        let found = |trusted: Option<u64>, number| {
            let (state, left) = after(100).before(&[(node(number), trusted.map(mark))]);
            assert_eq!(state.is_some(), !left.states.is_empty());
            state.map(|state| state.shares[0].mark.number)
        };
        // The states are those of the minutes 64, 96, 99 and 100. At 100 all is trusted.
        assert_eq!(found(Some(100), 1), Some(100));
        assert_eq!(found(Some(97), 1), Some(96));
        assert_eq!(found(Some(70), 1), Some(64));
        // It has contributed from the start.
        assert_eq!(found(None, 1), None);
        // It has contributed since minute 65, or not at all.
        assert_eq!(found(None, 2), Some(64));
        assert_eq!(found(None, 3), Some(100));
    }
}
