//! Jobs in the form of `/simulations`: names in `snake_case`, states in upper case. Results are the
//! same objects in both families of calls.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::job::{JobResults, SensitivityResults};
use crate::label::Label;
use crate::webhook::SetWebhook;

/// The status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum SimulationStatus {
    Pending,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Label for SimulationStatus {
    const ALL: &'static [Self] =
        &[Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    fn label(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Simulation {
    /// `job_…`
    pub job_id: String,
    /// The status.
    pub status: SimulationStatus,
    /// When it was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its first simulation was leased.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// 0 to 100.
    pub progress_percent: f64,
    /// The batch of the job.
    pub batch_id: Option<String>,
    /// The id of the job in its batch.
    pub custom_id: Option<String>,
    /// The name that the caller gave the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 0 to 100; higher goes first among the jobs of one user.
    pub priority: u32,
    /// The cost if the job runs to its last simulation, in dollars.
    pub estimated_cost_usd: f64,
    /// The cost of an ended job, in dollars.
    pub cost_usd: Option<f64>,
    /// The number of billed simulated months of an ended job, in millions.
    pub tokens_used: Option<u64>,
    /// The reason why the job failed or was cancelled.
    pub error_message: Option<String>,
    /// The user.
    pub owner_id: String,
    /// Where the job's events are sent, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub webhook: Option<SetWebhook>,
    /// The results of a completed job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<JobResults>,
    /// The sensitivity results of a completed job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_results: Option<SensitivityResults>,
}

/// The response of `GET /simulations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimulationList {
    /// Newest first, without results.
    pub jobs: Vec<Simulation>,
    /// The number of jobs on all pages.
    pub total: u64,
    /// The number of this page, from 1.
    pub page: u32,
    /// The number of entries on a full page.
    pub page_size: u32,
}

/// The response of `GET /simulations/{job_id}/result`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimulationResult {
    /// `job_…`
    pub job_id: String,
    /// `COMPLETED`
    pub status: SimulationStatus,
    /// The results.
    pub results: JobResults,
    /// The sensitivity results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_results: Option<SensitivityResults>,
}
