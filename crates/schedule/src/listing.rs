//! Indexes of jobs and batches by owner, state and age. The caller decides who may see which.

use std::collections::BTreeMap;
use std::fmt;

use carlo_types::{BatchId, JobId, Merge, OwnerId, Timestamp};

use crate::job::{Job, JobKey, State};
use crate::ranked::Ranked;
use crate::record::JobState;

/// Selects the jobs or batches of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter<S = JobState> {
    /// `None` for all owners.
    pub owner: Option<OwnerId>,
    /// `None` for all states.
    pub state: Option<S>,
    /// Submitted at this time or later.
    pub since: Option<Timestamp>,
    /// Submitted earlier than this.
    pub until: Option<Timestamp>,
}

impl<S> Default for Filter<S> {
    fn default() -> Self {
        Self { owner: None, state: None, since: None, until: None }
    }
}

/// A place in a list of jobs: after this job, which need not be there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(crate) Timestamp, pub(crate) JobKey);

/// A part of a list that is sorted by age, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The number of entries before the page.
    pub skip: usize,
    /// The most entries of the page.
    pub take: usize,
}

/// What a scan of a list shows of a job.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct JobSummary<'a> {
    pub id: JobId,
    pub owner: &'a OwnerId,
    pub batch: Option<BatchId>,
    pub state: JobState,
    pub priority: u8,
    /// The number of simulations in the request.
    pub simulations: u64,
    pub created_at: Timestamp,
    /// When the first lease was granted.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl<'a> JobSummary<'a> {
    pub(crate) fn of<P: Merge + Clone>(job: &'a Job<P>) -> Self {
        let (started_at, ended_at) = match &job.state {
            State::Queued(_) => (None, None),
            State::Running(running) => (Some(running.started_at), None),
            State::Ended(ended) => (ended.started_at, Some(ended.ended_at)),
        };
        Self {
            id: job.id,
            owner: &job.owner,
            batch: job.batch,
            state: job.status(),
            priority: job.priority,
            simulations: job.simulations,
            created_at: job.created_at,
            started_at,
            ended_at,
        }
    }
}

/// The owner and the state of a set's entries; `None` for a set of all owners or all states.
type SetKey<S> = (Option<OwnerId>, Option<S>);

/// All jobs, or all batches, in one sorted set for each possible [`Filter`].
#[derive(Debug, Clone)]
pub(crate) struct Listing<S, K> {
    sets: BTreeMap<SetKey<S>, Ranked<(Timestamp, K)>>,
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
        self.matching(filter).map_or(0, |(set, newer)| Self::within(set, newer, filter))
    }

    /// The entries of a page, newest first. The time hardly depends on `page.skip`.
    pub(crate) fn page(&self, filter: &Filter<S>, page: Page) -> Vec<K> {
        let Some((set, newer)) = self.matching(filter) else { return Vec::new() };
        let take = Self::within(set, newer, filter).saturating_sub(page.skip).min(page.take);
        let newest = set.descending(newer.saturating_add(page.skip));
        newest.take(take).map(|(_, key)| key).collect()
    }

    /// The set that a filter is about, and how many of its entries are too new.
    fn matching(&self, filter: &Filter<S>) -> Option<(&Ranked<(Timestamp, K)>, usize)> {
        let set = self.sets.get(&(filter.owner.clone(), filter.state))?;
        Some((set, filter.until.map_or(0, |until| set.len() - Self::older(set, until))))
    }

    /// How many entries of a set match, of which `newer` ones are too new.
    fn within(set: &Ranked<(Timestamp, K)>, newer: usize, filter: &Filter<S>) -> usize {
        let older = filter.since.map_or(0, |since| Self::older(set, since));
        set.len().saturating_sub(newer).saturating_sub(older)
    }

    /// How many entries of a set are older than this.
    fn older(set: &Ranked<(Timestamp, K)>, at: Timestamp) -> usize {
        set.count_while(|(created_at, _)| created_at < at)
    }

    /// At most so many entries of a list after a place, newest first.
    pub(crate) fn after(
        &self,
        filter: &Filter<S>,
        place: Option<(Timestamp, K)>,
        most: usize,
    ) -> Vec<(Timestamp, K)> {
        let Some((set, newer)) = self.matching(filter) else { return Vec::new() };
        let skip = place.map_or(newer, |place| newer.max(set.len() - set.count_while(|entry| entry < place)));
        let since = filter.since.unwrap_or_default();
        set.descending(skip).take(most).take_while(|(created_at, _)| *created_at >= since).collect()
    }

    /// The owners of entries in a state, the number of these entries, and the oldest of them.
    pub(crate) fn owners(&self, state: S) -> impl Iterator<Item = (&OwnerId, usize, Timestamp)> {
        self.sets.iter().filter(move |((_, of), _)| *of == Some(state)).filter_map(|((owner, _), set)| {
            let (oldest, _) = set.iter().next()?;
            Some((owner.as_ref()?, set.len(), oldest))
        })
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

/// The sets that contain an entry with this owner and state.
fn keys<S: Copy>(owner: &OwnerId, state: S) -> [SetKey<S>; 4] {
    [(None, None), (None, Some(state)), (Some(owner.clone()), None), (Some(owner.clone()), Some(state))]
}
