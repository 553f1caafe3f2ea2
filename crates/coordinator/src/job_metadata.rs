//! Names and the webhook of a job, which the scheduler doesn't need. The core has them for each job
//! that has any, and stores them in the job's entry in the ledger.

use crate::hook_state::HookState;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JobMetadata {
    /// The name that the caller gave the job.
    pub(crate) name: Option<String>,
    /// The id that the caller gave the job within its batch.
    pub(crate) custom_id: Option<String>,
    /// Where its events are sent, if they are.
    pub(crate) hook: Option<HookState>,
}
