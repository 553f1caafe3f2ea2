//! Jobs and batches by owner, state and age, for lists. Who may see which of them is decided
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use carlo_types::{OwnerId, Timestamp};

use crate::record::{BatchState, JobState};

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

/// The states that a thing in a list may be in.
pub(crate) trait States: Copy + Ord + 'static {
    const ALL: &'static [Self];
}

impl States for JobState {
    const ALL: &'static [Self] = &Self::ALL;
}

impl States for BatchState {
    const ALL: &'static [Self] = &Self::ALL;
}

type Entries<K> = BTreeSet<(Timestamp, K)>;

/// Every job, or every batch, under its owner and under no owner, by state and age.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listing<S, K> {
    sets: BTreeMap<(Option<OwnerId>, S), Entries<K>>,
}

impl<S, K> Default for Listing<S, K> {
    fn default() -> Self {
        Self { sets: BTreeMap::new() }
    }
}

impl<S: States + fmt::Debug, K: Copy + Ord + fmt::Debug> Listing<S, K> {
    pub(crate) fn insert(&mut self, owner: &OwnerId, state: S, entry: (Timestamp, K)) {
        for owner in [None, Some(owner.clone())] {
            self.sets.entry((owner, state)).or_default().insert(entry);
        }
    }

    pub(crate) fn remove(&mut self, owner: &OwnerId, state: S, entry: (Timestamp, K)) {
        for owner in [None, Some(owner.clone())] {
            let key = (owner, state);
            if let Some(set) = self.sets.get_mut(&key) {
                set.remove(&entry);
                if set.is_empty() {
                    self.sets.remove(&key);
                }
            }
        }
    }

    pub(crate) fn count(&self, filter: &Filter<S>) -> usize {
        self.matching(filter).map(BTreeSet::len).sum()
    }

    /// Those of a page, newest first.
    pub(crate) fn page(&self, filter: &Filter<S>, page: Page) -> Vec<K> {
        let mut lists: Vec<_> = self.matching(filter).map(|set| set.iter().rev()).collect();
        let newest = std::iter::from_fn(|| {
            let list = lists.iter_mut().max_by_key(|list| (**list).clone().next())?;
            list.next().map(|(_, key)| *key)
        });
        newest.skip(page.skip).take(page.take).collect()
    }

    fn matching(&self, filter: &Filter<S>) -> impl Iterator<Item = &Entries<K>> {
        let states = S::ALL.iter().filter(|state| filter.state.is_none_or(|only| only == **state));
        states.filter_map(|state| self.sets.get(&(filter.owner.clone(), *state)))
    }

    pub(crate) fn verify<'a>(&self, all: impl Iterator<Item = (&'a OwnerId, S, (Timestamp, K))>) {
        let mut expected = Self::default();
        all.for_each(|(owner, state, entry)| expected.insert(owner, state, entry));
        assert_eq!(self.sets, expected.sets, "the lists");
    }
}
