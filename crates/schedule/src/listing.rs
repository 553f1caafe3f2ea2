//! Jobs and batches by owner, state and age, for lists. Who may see which of them is decided
//! elsewhere.

use std::collections::BTreeMap;
use std::fmt;

use carlo_types::{OwnerId, Timestamp};

use crate::ranked::Ranked;
use crate::record::JobState;

/// Which jobs, or batches, a list is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter<S = JobState> {
    /// Of this owner only.
    pub owner: Option<OwnerId>,
    /// In this state only.
    pub state: Option<S>,
}

impl<S> Default for Filter<S> {
    fn default() -> Self {
        Self { owner: None, state: None }
    }
}

/// A part of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Entries to leave out.
    pub skip: usize,
    /// Entries to show at most.
    pub take: usize,
}

/// An owner and a state, or all of either.
type Which<S> = (Option<OwnerId>, Option<S>);

/// Every job, or every batch, by owner and by state, each of the two also without the other.
#[derive(Debug, Clone)]
pub(crate) struct Listing<S, K> {
    sets: BTreeMap<Which<S>, Ranked<(Timestamp, K)>>,
}

impl<S, K> Default for Listing<S, K> {
    fn default() -> Self {
        Self { sets: BTreeMap::new() }
    }
}

impl<S: Copy + Ord + fmt::Debug, K: Copy + Ord + fmt::Debug> Listing<S, K> {
    pub(crate) fn insert(&mut self, owner: &OwnerId, state: S, entry: (Timestamp, K)) {
        for key in keys(owner, state) {
            self.sets.entry(key).or_default().insert(entry);
        }
    }

    pub(crate) fn remove(&mut self, owner: &OwnerId, state: S, entry: (Timestamp, K)) {
        for key in keys(owner, state) {
            if let Some(set) = self.sets.get_mut(&key) {
                set.remove(entry);
                if set.is_empty() {
                    self.sets.remove(&key);
                }
            }
        }
    }

    pub(crate) fn count(&self, filter: &Filter<S>) -> usize {
        self.matching(filter).map_or(0, Ranked::len)
    }

    /// Those of a page, newest first. A page far out takes hardly longer than the first one.
    pub(crate) fn page(&self, filter: &Filter<S>, page: Page) -> Vec<K> {
        let newest = self.matching(filter).into_iter().flat_map(|set| set.descending(page.skip));
        newest.take(page.take).map(|(_, key)| key).collect()
    }

    fn matching(&self, filter: &Filter<S>) -> Option<&Ranked<(Timestamp, K)>> {
        self.sets.get(&(filter.owner.clone(), filter.state))
    }

    pub(crate) fn verify<'a>(&self, all: impl Iterator<Item = (&'a OwnerId, S, (Timestamp, K))>) {
        let mut expected = Self::default();
        all.for_each(|(owner, state, entry)| expected.insert(owner, state, entry));
        assert!(self.sets.keys().eq(expected.sets.keys()), "the lists");
        for (key, set) in &self.sets {
            assert!(set.iter().eq(expected.sets[key].iter()), "the list of {key:?}");
        }
    }
}

/// The sets that something of this owner in this state is in.
fn keys<S: Copy>(owner: &OwnerId, state: S) -> [Which<S>; 4] {
    [(None, None), (None, Some(state)), (Some(owner.clone()), None), (Some(owner.clone()), Some(state))]
}
