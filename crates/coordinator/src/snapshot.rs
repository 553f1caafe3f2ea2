//! Snapshots of a job, which the core passes to services and streams. `to_proto` converts them to
//! messages.

use carlo_kernel::Partial;
use carlo_schedule::JobView;

use crate::job_metadata::JobMetadata;

/// A job's view and metadata. The fold is set only for running jobs, and only on demand.
#[derive(Debug)]
pub(crate) struct JobSnapshot {
    pub(crate) view: JobView,
    pub(crate) metadata: JobMetadata,
    pub(crate) fold: Option<Partial>,
}

/// A job in a stream of events. It has a summary in place of the fold, which would take much
/// memory.
#[derive(Debug, Clone)]
pub(crate) struct JobEvent {
    pub(crate) view: JobView,
    pub(crate) metadata: JobMetadata,
    pub(crate) partial: Option<PartialSummary>,
}

/// A summary of the simulations so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartialSummary {
    pub(crate) success_probability: f64,
    pub(crate) confidence_interval_95: [f64; 2],
    /// The median final balance in dollars.
    pub(crate) median: f64,
    pub(crate) simulations: u64,
}

impl JobEvent {
    /// The approximate size in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let JobMetadata { custom_id, name, hook: _ } = &self.metadata;
        let texts = [&self.view.error, &self.view.waiting_for, custom_id, name];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        size_of::<Self>() + texts + size_of_val(self.view.nodes.as_slice())
    }
}

impl From<JobSnapshot> for JobEvent {
    fn from(job: JobSnapshot) -> Self {
        let JobSnapshot { view, metadata, fold } = job;
        let partial = view.spec.as_deref().zip(fold.as_ref()).map(|(spec, fold)| {
            let results = carlo_kernel::results(spec, fold);
            PartialSummary {
                success_probability: results.success_probability,
                confidence_interval_95: results.confidence_interval_95,
                median: results.median(),
                simulations: results.simulations_run,
            }
        });
        Self { view, metadata, partial }
    }
}
