//! Batches: jobs that are submitted together.

use carlo_types::definition::kind::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::label::Label;
use crate::simulation::Simulation;
use crate::webhook::SetWebhook;

/// The status of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum BatchStatus {
    /// No job has started.
    Pending,
    /// At least one job has started, and at least one has not ended.
    Running,
    /// All jobs are complete.
    Completed,
    /// All jobs have ended, and only some of them are complete.
    Partial,
    /// All jobs have ended, and none is complete.
    Failed,
    /// A caller cancelled the batch.
    Cancelled,
}

impl BatchStatus {
    /// Whether the status is final. Running jobs of a cancelled batch may still end.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

impl Label for BatchStatus {
    const ALL: &'static [Self] =
        &[Self::Pending, Self::Running, Self::Completed, Self::Partial, Self::Failed, Self::Cancelled];

    fn label(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// One batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Batch {
    /// `batch_…`
    pub batch_id: String,
    /// The status.
    pub status: BatchStatus,
    /// When it was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its first job started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// 0 to 100; higher goes first.
    pub priority: u32,
    /// Whether all other jobs are cancelled as soon as one fails.
    pub fail_fast: bool,
    /// The most jobs that run at the same time.
    pub parallel_jobs: u32,
    /// The numbers of jobs by status.
    pub progress: BatchProgress,
    /// The costs.
    pub cost: BatchCost,
    /// The ids of the jobs, in the order of the request; in lists of batches, the first hundred.
    pub job_ids: Vec<String>,
    /// The first reason why jobs failed or were cancelled.
    pub error_message: Option<String>,
    /// The user.
    pub owner_id: String,
    /// The metadata from the request, unchanged.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Json>,
    /// The reason for the cancellation.
    pub cancel_reason: Option<String>,
    /// Where the batch's events are sent, if they are. Not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub webhook: Option<SetWebhook>,
}

/// The numbers of a batch's jobs by status.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct BatchProgress {
    pub total_jobs: u32,
    pub pending_jobs: u32,
    pub running_jobs: u32,
    pub completed_jobs: u32,
    pub failed_jobs: u32,
    pub cancelled_jobs: u32,
    /// 0 to 100, over the simulations of all jobs.
    pub progress_percent: f64,
}

/// The costs of a batch, in dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchCost {
    /// The cost if all jobs run to their last simulation.
    pub estimated_cost_usd: f64,
    /// The cost so far.
    pub actual_cost_usd: f64,
    /// The most that may be billed.
    pub budget_cap_usd: Option<f64>,
    /// The part of the budget that is neither billed nor reserved.
    pub budget_remaining_usd: Option<f64>,
    /// The number of billed simulated months, in millions.
    pub tokens_used: u64,
}

/// The response of `GET /simulations/batch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchList {
    /// Newest first.
    pub batches: Vec<Batch>,
    /// The number of batches on all pages.
    pub total: u64,
    /// The number of this page, from 1.
    pub page: u32,
    /// The number of entries on a full page.
    pub page_size: u32,
}

/// The response of `GET /simulations/batch/{batch_id}/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchJobs {
    /// The batch.
    pub batch: Batch,
    /// The jobs without results, in the order of the request.
    pub jobs: Vec<Simulation>,
}

/// The response of `GET /simulations/batch/stats`: sums over all batches of the caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct BatchStats {
    pub total_batches: u64,
    pub pending_batches: u64,
    pub running_batches: u64,
    pub partial_batches: u64,
    pub completed_batches: u64,
    pub failed_batches: u64,
    pub cancelled_batches: u64,
    pub total_jobs: u64,
    pub total_cost_usd: f64,
    pub total_tokens_used: u64,
    pub avg_jobs_per_batch: f64,
    /// The mean time from creation to end of the ended batches.
    pub avg_duration_seconds: f64,
}
