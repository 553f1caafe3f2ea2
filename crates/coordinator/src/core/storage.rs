//! The size of each user's jobs and batches in the ledger, until they are forgotten.
//!
//! The sum includes the entries of jobs and batches, and an allowance for the results of each job
//! that has results or may still get them: about the size of the largest ones. So the sum follows
//! from those entries alone, and is the same after a restart, which doesn't read results.

use std::collections::BTreeMap;

use carlo_schedule::{BatchRecord, JobRecord, JobState};
use carlo_tenancy::Caller;
use carlo_types::{Analysis, BatchId, Fault, JobId, JobSpec, OwnerId};

use super::Core;

/// The allowances for the results of a job, of each further plan that it compares, and of each node
/// that computed it, in bytes.
const RESULT_BYTES: u64 = 4 * 1_024;
const PLAN_RESULT_BYTES: u64 = 256;
const SHARE_BYTES: u64 = 64;

#[derive(Debug, Default)]
pub(super) struct Storage {
    users: BTreeMap<OwnerId, u64>,
    jobs: BTreeMap<JobId, u64>,
    batches: BTreeMap<BatchId, u64>,
}

impl Storage {
    /// Sets the size of a job's entry.
    pub(super) fn put_job(&mut self, job: &JobRecord, entry_bytes: usize) {
        let results = match job.state {
            JobState::Queued | JobState::Running | JobState::Complete => result_bytes(&job.spec),
            JobState::Failed | JobState::Cancelled => 0,
        };
        let shares = u64::from(job.workers_used) * SHARE_BYTES;
        let bytes = entry_bytes as u64 + results + shares;
        let before = self.jobs.insert(job.id, bytes);
        self.change(&job.owner, before, Some(bytes));
    }

    /// Sets the size of a batch's entry.
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

    /// The size of a user's entries, in bytes.
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
    /// Refuses jobs that would exceed the caller's limit of bytes in the ledger. Their size is
    /// estimated from the specifications; the entries are a little larger.
    pub(super) fn check_storage<'a>(
        &self,
        caller: &Caller,
        specs: impl Iterator<Item = &'a JobSpec>,
    ) -> Result<(), Fault> {
        let wanted = specs.map(|spec| spec.canonical().len() as u64 + result_bytes(spec)).sum();
        Ok(self.tenancy.check_stored_bytes(caller, self.storage.of(&caller.user), wanted)?)
    }
}

pub(crate) fn result_bytes(spec: &JobSpec) -> u64 {
    let other_plans = match &spec.analysis {
        Analysis::Compare(variants) => variants.len() as u64,
        Analysis::Sweep(axes) => axes.iter().map(|axis| axis.values.len() as u64).product(),
        Analysis::None | Analysis::Solve(_) => 0,
    };
    RESULT_BYTES + other_plans * PLAN_RESULT_BYTES
}
