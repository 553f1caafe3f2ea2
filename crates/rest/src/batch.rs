//! Batches: jobs that were submitted together.

use carlo_types::definition::kind::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::label::Label;
use crate::simulation::Simulation;

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum BatchStatus {
    /// No job has started.
    Pending,
    /// Some job has started and some job has not ended.
    Running,
    /// Every job completed.
    Completed,
    /// Some jobs completed and others did not.
    Partial,
    /// It has ended, and no job completed.
    Failed,
    /// Cancelled by a call.
    Cancelled,
}

impl BatchStatus {
    /// Whether nothing will change any more. Running jobs of a cancelled batch may still end.
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
    /// Where it stands.
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
    /// 0 to 100, more is sooner.
    pub priority: u32,
    /// Whether the first job that fails cancels all others.
    pub fail_fast: bool,
    /// Jobs of it that run at once.
    pub parallel_jobs: u32,
    /// What has become of its jobs.
    pub progress: BatchProgress,
    /// What it costs.
    pub cost: BatchCost,
    /// Its jobs, in the order of the request.
    pub job_ids: Vec<String>,
    /// Why jobs of it did not run or failed.
    pub error_message: Option<String>,
    /// Whose it is.
    pub owner_id: String,
    /// As it was given: names in their order, numbers with all their digits.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Json>,
    /// Why it was cancelled.
    pub cancel_reason: Option<String>,
}

/// What has become of a batch's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct BatchProgress {
    pub total_jobs: u32,
    pub pending_jobs: u32,
    pub running_jobs: u32,
    pub completed_jobs: u32,
    pub failed_jobs: u32,
    pub cancelled_jobs: u32,
    /// 0 to 100, over all simulations.
    pub progress_percent: f64,
}

/// What a batch costs, dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchCost {
    /// If every job runs to its last simulation.
    pub estimated_cost_usd: f64,
    /// So far.
    pub actual_cost_usd: f64,
    /// The most that may be billed.
    pub budget_cap_usd: Option<f64>,
    /// What is neither billed nor reserved of it.
    pub budget_remaining_usd: Option<f64>,
    /// Millions of simulated months that were paid for.
    pub tokens_used: u64,
}

/// The answer of `GET /simulations/batch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchList {
    /// Newest first.
    pub batches: Vec<Batch>,
    /// How many there are on all pages.
    pub total: u64,
    /// This page, from 1.
    pub page: u32,
    /// Entries on a full page.
    pub page_size: u32,
}

/// The answer of `GET /simulations/batch/{batch_id}/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchJobs {
    /// The batch.
    pub batch: Batch,
    /// Its jobs without results, in the order of the request.
    pub jobs: Vec<Simulation>,
}

/// The answer of `GET /simulations/batch/stats`: over all batches of the caller.
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
    /// From creation to end, of those that have ended.
    pub avg_duration_seconds: f64,
}
