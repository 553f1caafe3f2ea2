//! Jobs as the family `/simulations` shows them: names in `snake_case`, states in upper case. What
//! a job found is the same object in both families.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::job::{JobResults, SensitivityResults};
use crate::label::Label;

/// Where a job stands.
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
    /// Where it stands.
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
    /// The batch that it is of.
    pub batch_id: Option<String>,
    /// Its name in the batch.
    pub custom_id: Option<String>,
    /// What its submitter calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 0 to 100, more is sooner among the jobs of one user.
    pub priority: u32,
    /// What it costs if it runs to its last simulation, dollars.
    pub estimated_cost_usd: f64,
    /// What it has cost, once it has ended, dollars.
    pub cost_usd: Option<f64>,
    /// Millions of simulated months that were paid for, once it has ended.
    pub tokens_used: Option<u64>,
    /// Why it failed or was cancelled.
    pub error_message: Option<String>,
    /// Whose it is.
    pub owner_id: String,
    /// The answer, when completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<JobResults>,
    /// What would change it, when completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_results: Option<SensitivityResults>,
}

/// The answer of `GET /simulations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimulationList {
    /// Newest first, without results.
    pub jobs: Vec<Simulation>,
    /// How many there are on all pages.
    pub total: u64,
    /// This page, from 1.
    pub page: u32,
    /// Entries on a full page.
    pub page_size: u32,
}

/// The answer of `GET /simulations/{job_id}/result`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimulationResult {
    /// `job_…`
    pub job_id: String,
    /// `COMPLETED`
    pub status: SimulationStatus,
    /// The answer.
    pub results: JobResults,
    /// What would change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_results: Option<SensitivityResults>,
}
