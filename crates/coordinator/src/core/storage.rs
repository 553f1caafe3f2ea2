//! How much each user has in the ledger: what their jobs and batches take until they are forgotten.
//!
//! Counted are the entries of jobs and batches as they are written, and an allowance for the
//! results of each job that has some or may still get some. So the sums follow from those entries
//! alone, and are the same after a restart, which doesn't read results.

use std::collections::BTreeMap;

use carlo_schedule::{BatchRecord, JobRecord, JobState};
use carlo_tenancy::Caller;
use carlo_types::{Analysis, BatchId, Fault, JobId, JobSpec, OwnerId};

use super::Core;

/// What the results of a job may take, and those of each other plan that it compares.
const RESULT_BYTES: u64 = 32 * 1_024;
const PLAN_RESULT_BYTES: u64 = 512;

/// What is in the ledger of everybody.
#[derive(Debug, Default)]
pub(super) struct Storage {
    users: BTreeMap<OwnerId, u64>,
    jobs: BTreeMap<JobId, u64>,
    batches: BTreeMap<BatchId, u64>,
}

impl Storage {
    /// A job's entry takes so many bytes now.
    pub(super) fn put_job(&mut self, job: &JobRecord, entry_bytes: usize) {
        let results = match job.state {
            JobState::Queued | JobState::Running | JobState::Complete => result_bytes(&job.spec),
            JobState::Failed | JobState::Cancelled => 0,
        };
        let bytes = entry_bytes as u64 + results;
        let before = self.jobs.insert(job.id, bytes);
        self.change(&job.owner, before, Some(bytes));
    }

    /// A batch's entry takes so many bytes now.
    pub(super) fn put_batch(&mut self, batch: &BatchRecord, entry_bytes: usize) {
        let bytes = entry_bytes as u64;
        let before = self.batches.insert(batch.id, bytes);
        self.change(&batch.owner, before, Some(bytes));
    }

    pub(super) fn forget_job(&mut self, owner: &OwnerId, job: JobId) {
        let before = self.jobs.remove(&job);
        self.change(owner, before, None);
    }

    pub(super) fn forget_batch(&mut self, owner: &OwnerId, batch: BatchId) {
        let before = self.batches.remove(&batch);
        self.change(owner, before, None);
    }

    /// Bytes in the ledger of a user.
    fn of(&self, user: &OwnerId) -> u64 {
        self.users.get(user).copied().unwrap_or_default()
    }

    fn change(&mut self, owner: &OwnerId, before: Option<u64>, after: Option<u64>) {
        let sum = self.of(owner).saturating_sub(before.unwrap_or_default()) + after.unwrap_or_default();
        if sum > 0 {
            self.users.insert(owner.clone(), sum);
        } else {
            self.users.remove(owner);
        }
    }
}

impl Core {
    /// Refuses jobs that would take more of the ledger than the caller's tier allows. They are
    /// known by the size of what is asked: the entries are a little larger.
    pub(super) fn check_storage<'a>(
        &self,
        caller: &Caller,
        specs: impl Iterator<Item = &'a JobSpec>,
    ) -> Result<(), Fault> {
        let wanted = specs.map(|spec| spec.canonical().len() as u64 + result_bytes(spec)).sum();
        Ok(self.tenancy.check_stored_bytes(caller, self.storage.of(&caller.user), wanted)?)
    }
}

fn result_bytes(spec: &JobSpec) -> u64 {
    let other_plans = match &spec.analysis {
        Analysis::Compare(variants) => variants.len() as u64,
        Analysis::Sweep(axes) => axes.iter().map(|axis| axis.values.len() as u64).product(),
        Analysis::None | Analysis::Solve(_) => 0,
    };
    RESULT_BYTES + other_plans * PLAN_RESULT_BYTES
}
