//! What belongs to a job but not to its schedule: what its submitter calls it. The core keeps it
//! beside every job that the scheduler knows, and in the same entry of the ledger.

/// What is known of a job beside its schedule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JobMetadata {
    /// What its submitter calls it.
    pub(crate) name: Option<String>,
    /// Its name within its batch.
    pub(crate) custom_id: Option<String>,
}
