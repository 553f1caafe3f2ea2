//! Lists of jobs for which every job has to be looked at: those with certain words, and those in
//! another order than that of their age. The core looks at a part of a list at a time, so that no
//! other call waits long. The caller of [`Core::search`] collects the parts in a [`SearchPage`].

use std::cmp::Ordering;

use carlo_schedule::{Cursor, Filter, JobSummary, Page};
use carlo_types::{JobId, Timestamp};

use super::Core;
use crate::job_metadata::JobMetadata;

/// Words that are looked for in jobs.
#[derive(Debug, Clone, Default)]
pub(crate) struct SearchWords {
    /// In the name, in small letters.
    pub(crate) name: String,
    /// In the name, the ids or the owner, in small letters.
    pub(crate) text: String,
}

impl SearchWords {
    /// Whether every job matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_empty() && self.text.is_empty()
    }

    fn match_job(&self, job: &JobSummary<'_>, metadata: Option<&JobMetadata>) -> bool {
        let name = metadata.and_then(|metadata| metadata.name.as_ref()).map(|name| name.to_lowercase());
        if !self.name.is_empty() && !name.as_ref().is_some_and(|name| name.contains(&self.name)) {
            return false;
        }
        if self.text.is_empty() || name.is_some_and(|name| name.contains(&self.text)) {
            return true;
        }
        let contains = |text: &str| text.to_lowercase().contains(&self.text);
        contains(&job.id.to_string())
            || contains(job.owner.as_str())
            || job.batch.is_some_and(|batch| contains(&batch.to_string()))
            || metadata.and_then(|metadata| metadata.custom_id.as_deref()).is_some_and(contains)
    }
}

/// By what a list of jobs is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    Created,
    Ended,
    Duration,
    Name,
    Status,
    User,
    Priority,
    Simulations,
}

/// The order of a list of jobs. Equal jobs are listed newest first, and those without the value,
/// for example without a name, last in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SortOrder {
    pub(crate) by: SortBy,
    pub(crate) descending: bool,
}

impl SortOrder {
    /// The order in which lists are indexed.
    pub(crate) const NEWEST_FIRST: Self = Self { by: SortBy::Created, descending: true };

    fn compare(self, one: &Match, other: &Match) -> Ordering {
        let by_value = match (&one.value, &other.value) {
            (Some(one), Some(other)) if self.descending => other.cmp(one),
            (Some(one), Some(other)) => one.cmp(other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        by_value.then(one.place.cmp(&other.place))
    }
}

impl SortBy {
    /// The value by which a job is sorted; `None` if it has none.
    fn value(
        self,
        job: &JobSummary<'_>,
        metadata: Option<&JobMetadata>,
        now: Timestamp,
    ) -> Option<SortValue> {
        let number = match self {
            Self::Name => {
                return metadata?.name.as_ref().map(|name| SortValue::Text(name.to_lowercase()));
            }
            Self::User => return Some(SortValue::Text(job.owner.as_str().to_owned())),
            Self::Created => job.created_at.0,
            Self::Ended => job.ended_at?.0,
            Self::Duration => job.ended_at.unwrap_or(now).0.saturating_sub(job.started_at?.0),
            Self::Status => job.state as u64,
            Self::Priority => job.priority.into(),
            Self::Simulations => job.simulations,
        };
        Some(SortValue::Number(number))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum SortValue {
    Number(u64),
    Text(String),
}

/// A job that a search has found.
#[derive(Debug, Clone)]
pub(crate) struct Match {
    job: JobId,
    value: Option<SortValue>,
    /// Its place among the matches, newest first. Set by the [`SearchPage`].
    place: usize,
}

/// Collects the matches of a search that belong on one page. Beyond them it keeps at most as many
/// as come before the page, twice.
#[derive(Debug)]
pub(crate) struct SearchPage {
    order: SortOrder,
    page: Page,
    total: usize,
    best: Vec<Match>,
}

impl SearchPage {
    pub(crate) fn new(order: SortOrder, page: Page) -> Self {
        Self { order, page, total: 0, best: Vec::new() }
    }

    /// Adds the matches of a part of the list, newest first.
    pub(crate) fn add(&mut self, matches: Vec<Match>) {
        let Page { skip, take } = self.page;
        let last = skip.saturating_add(take);
        for found in matches {
            let place = self.total;
            self.total += 1;
            // In the order of the search itself it is known at once what is on the page.
            if self.order != SortOrder::NEWEST_FIRST || (skip..last).contains(&place) {
                self.best.push(Match { place, ..found });
            }
        }
        if self.best.len() > last.saturating_mul(2) {
            self.best.select_nth_unstable_by(last, |one, other| self.order.compare(one, other));
            self.best.truncate(last);
        }
    }

    /// How many jobs match, and those on the page.
    pub(crate) fn finish(mut self) -> (usize, Vec<JobId>) {
        let skip = if self.order == SortOrder::NEWEST_FIRST { 0 } else { self.page.skip };
        self.best.sort_unstable_by(|one, other| self.order.compare(one, other));
        let jobs = self.best.iter().skip(skip).take(self.page.take).map(|found| found.job);
        (self.total, jobs.collect())
    }
}

impl Core {
    /// Looks for words in at most `most` jobs of a list, from a place in it on. Returns those that
    /// have them, newest first, and the place to go on from.
    pub(crate) fn search(
        &self,
        filter: &Filter,
        words: &SearchWords,
        by: SortBy,
        from: Option<Cursor>,
        most: usize,
    ) -> (Vec<Match>, Option<Cursor>) {
        let now = self.clock.now().wall;
        let mut found = Vec::new();
        let next = self.scheduler.scan(filter, from, most, |job| {
            let metadata = self.job_metadata.get(&job.id);
            if words.match_job(job, metadata) {
                found.push(Match { job: job.id, value: by.value(job, metadata, now), place: 0 });
            }
        });
        (found, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(number: u128, value: Option<u64>) -> Match {
        Match { job: JobId::from_random(number), value: value.map(SortValue::Number), place: 0 }
    }

    #[test]
    fn a_page_of_a_sorted_list_is_that_of_the_whole_list_sorted() {
        // Values repeat, and every seventh job has none.
        let values = |place: usize| (place % 7 != 3).then(|| (place as u64 * 7_919) % 50);
        for (descending, part, page) in [
            (false, 1, Page { skip: 0, take: 5 }),
            (true, 10, Page { skip: 20, take: 10 }),
            (true, 1_000, Page { skip: 190, take: 100 }),
            (false, 3, Page { skip: 500, take: 5 }),
        ] {
            let order = SortOrder { by: SortBy::Priority, descending };
            let all: Vec<_> = (0..200).map(|place| found(place as u128, values(place))).collect();
            let mut collected = SearchPage::new(order, page);
            all.chunks(part).for_each(|part| collected.add(part.to_vec()));
            assert!(collected.best.len() <= 2 * (page.skip + page.take) + part);
            // A stable sort keeps equal jobs newest first.
            let mut expected: Vec<_> = (0..200).map(|place| (values(place), all[place].job)).collect();
            expected.sort_by_key(|(value, _)| {
                let value = value.map(|value| if descending { 100 - value } else { value });
                (value.is_none(), value)
            });
            let on_page = expected.iter().skip(page.skip).take(page.take).map(|(_, job)| *job);
            assert_eq!(collected.finish(), (200, on_page.collect()), "{page:?}");
        }
    }
}
