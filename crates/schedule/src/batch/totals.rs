//! Sums over the jobs of a batch, and over the batches of an owner. They change with each job, so
//! nobody who shows a batch or an owner's batches has to visit all of their jobs.

use std::time::Duration;

use carlo_types::{Bill, Money};

use super::{Batch, BatchCounts};
use crate::record::{BatchJob, BatchState, JobState};

/// Sums over the jobs of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) counts: BatchCounts,
    /// Jobs that are queued or running and not blocked, and their estimates.
    pub(super) active: u32,
    pub(super) reserved: Money,
    /// The simulations of the jobs that don't run, and how many of them have been counted.
    pub(super) simulations: u128,
    pub(super) done: u128,
    /// Jobs whose records are stored.
    pub(super) kept: u32,
}

impl Totals {
    pub(super) fn add(&mut self, job: &BatchJob) {
        *self.counts.of(job.state) += 1;
        if job.is_active() {
            self.active += 1;
            self.reserved = self.reserved.plus(job.estimate);
        }
        if job.state != JobState::Running {
            self.simulations += u128::from(job.simulations);
            self.done += u128::from(job.done());
        }
        self.kept += u32::from(!job.is_forgotten);
    }

    pub(super) fn subtract(&mut self, job: &BatchJob) {
        *self.counts.of(job.state) -= 1;
        if job.is_active() {
            self.active -= 1;
            self.reserved = self.reserved.less(job.estimate);
        }
        if job.state != JobState::Running {
            self.simulations -= u128::from(job.simulations);
            self.done -= u128::from(job.done());
        }
        self.kept -= u32::from(!job.is_forgotten);
    }
}

/// Sums over all batches of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BatchStats {
    /// The number of batches in each state, in the order of [`BatchState::ALL`].
    pub by_state: [u64; BatchState::ALL.len()],
    /// The number of jobs in all batches.
    pub jobs: u64,
    /// What the ended jobs have cost.
    pub spent: Bill,
    /// The number of batches that have ended.
    pub ended: u64,
    /// The sum of the times from creation to end of the ended batches.
    pub duration: Duration,
}

impl BatchStats {
    fn of(batch: &Batch) -> Self {
        let (record, state) = (&batch.record, batch.state());
        let duration = |ended_at| Duration::from_millis(ended_at - record.created_at.0);
        Self {
            by_state: BatchState::ALL.map(|other| u64::from(other == state)),
            jobs: record.jobs.len() as u64,
            spent: batch.spent(),
            ended: u64::from(record.ended_at.is_some()),
            // The clock may have been set back meanwhile.
            duration: record.ended_at.map_or(Duration::ZERO, |at| duration(at.0.max(record.created_at.0))),
        }
    }

    pub(crate) fn add(&mut self, batch: &Batch) {
        let one = Self::of(batch);
        self.by_state.iter_mut().zip(one.by_state).for_each(|(sum, count)| *sum += count);
        self.jobs += one.jobs;
        self.spent = self.spent.plus(one.spent);
        self.ended += one.ended;
        self.duration += one.duration;
    }

    /// Takes back what was added of this batch.
    pub(crate) fn subtract(&mut self, batch: &Batch) {
        let one = Self::of(batch);
        self.by_state.iter_mut().zip(one.by_state).for_each(|(sum, count)| *sum -= count);
        self.jobs -= one.jobs;
        let Bill { tokens, cost } = one.spent;
        self.spent = Bill { tokens: self.spent.tokens - tokens, cost: self.spent.cost.less(cost) };
        self.ended -= one.ended;
        self.duration -= one.duration;
    }
}
