//! Jobs by owner, state and age, for lists. Which of them are shown to whom is the caller's business.

use std::collections::{BTreeMap, BTreeSet};

use carlo_types::{OwnerId, Timestamp};

use crate::job::JobKey;
use crate::record::JobState;

/// Which jobs a list is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this owner only.
    pub owner: Option<OwnerId>,
    /// In this state only.
    pub state: Option<JobState>,
}

/// A part of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Jobs to leave out.
    pub skip: usize,
    /// Jobs to show at most.
    pub take: usize,
}

type Entry = (Timestamp, JobKey);

/// Every job, open or ended, under its owner and under no owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    sets: BTreeMap<(Option<OwnerId>, JobState), BTreeSet<Entry>>,
}

impl Listing {
    pub(crate) fn insert(&mut self, owner: &OwnerId, state: JobState, entry: Entry) {
        for owner in [None, Some(owner.clone())] {
            self.sets.entry((owner, state)).or_default().insert(entry);
        }
    }

    pub(crate) fn remove(&mut self, owner: &OwnerId, state: JobState, entry: Entry) {
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

    pub(crate) fn count(&self, filter: &Filter) -> usize {
        self.matching(filter).map(BTreeSet::len).sum()
    }

    /// The jobs of a page, newest first.
    pub(crate) fn page(&self, filter: &Filter, page: Page) -> Vec<JobKey> {
        let mut lists: Vec<_> = self.matching(filter).map(|set| set.iter().rev()).collect();
        let newest = std::iter::from_fn(|| {
            let list = lists.iter_mut().max_by_key(|list| (**list).clone().next())?;
            list.next().map(|(_, key)| *key)
        });
        newest.skip(page.skip).take(page.take).collect()
    }

    fn matching(&self, filter: &Filter) -> impl Iterator<Item = &BTreeSet<Entry>> {
        let states = JobState::ALL.into_iter().filter(|state| filter.state.is_none_or(|only| only == *state));
        states.filter_map(|state| self.sets.get(&(filter.owner.clone(), state)))
    }

    pub(crate) fn verify<'a>(&self, jobs: impl Iterator<Item = (&'a OwnerId, JobState, Entry)>) {
        let mut expected = Self::default();
        jobs.for_each(|(owner, state, entry)| expected.insert(owner, state, entry));
        assert_eq!(self.sets, expected.sets, "the lists of jobs");
    }
}
