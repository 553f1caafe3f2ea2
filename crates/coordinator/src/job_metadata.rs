//! Names of a job that the scheduler doesn't need. The core has them for each job that the
//! scheduler knows, and stores them in the job's entry in the ledger.

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JobMetadata {
    /// The name that the caller gave the job.
    pub(crate) name: Option<String>,
    /// The id that the caller gave the job within its batch.
    pub(crate) custom_id: Option<String>,
}
