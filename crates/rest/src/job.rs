//! Jobs, their lists and their results.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::label::Label;
use crate::plans::{ComparedPlan, Solution};
use crate::request::SimulationRequest;

/// The answer of `POST /api/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Submitted {
    /// `job_…`
    pub job_id: String,
    /// `queued`, also where it starts at once.
    pub status: JobStatus,
    /// From 1.
    pub queue_position: u64,
    /// For a person, like `"12 s"`; absent while nobody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_time_remaining: Option<String>,
    /// The same as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_seconds_remaining: Option<f64>,
}

/// The answer of `DELETE /api/jobs/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancelled {
    /// True.
    pub success: bool,
    /// What was done, for a person.
    pub message: String,
}

/// The answer of `GET /api/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// Newest first, without results.
    pub jobs: Vec<Job>,
    /// How many there are on all pages.
    pub total: u64,
    /// This page, from 1.
    pub page: u32,
    /// Entries on a full page.
    pub page_size: u32,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum JobStatus {
    Queued,
    Running,
    Complete,
    Failed,
    Cancelled,
}

impl Label for JobStatus {
    const ALL: &'static [Self] =
        &[Self::Queued, Self::Running, Self::Complete, Self::Failed, Self::Cancelled];

    fn label(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl JobStatus {
    /// Whether nothing will change any more.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// `job_…`
    pub id: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Percent, 0 to 100.
    pub progress: f64,
    /// Nodes that work on it now.
    pub allocated_nodes: u32,
    /// Simulations that were asked for.
    pub simulations_total: u64,
    /// Simulations that have been counted.
    pub simulations_complete: u64,
    /// From 1, while queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<u64>,
    /// For a person, like `"12 s"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_time_remaining: Option<String>,
    /// The same as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_seconds_remaining: Option<f64>,
    /// When it was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its first simulation was leased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// 0 to 100, more is sooner.
    pub priority: u32,
    /// The seed, as a decimal string: JSON numbers lose its last digits.
    pub seed: String,
    /// Why nobody works on it, in a sentence: while it is queued, or runs on no node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// What each node has done for it, by node id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_progress: BTreeMap<String, NodeProgress>,
    /// What the simulations so far say, while running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_results: Option<PartialResults>,
    /// The answer, when complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// What would change it, when complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_results: Option<SensitivityResults>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What one node has done for one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeProgress {
    /// Percent of the job's simulations that this node has done.
    pub progress: f64,
    /// The same as a number of simulations.
    pub simulations: u64,
    /// Its speed at this job.
    pub simulations_per_second: f64,
    /// `working` or `idle`, as far as this job goes.
    pub state: String,
}

/// What the simulations so far say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartialResults {
    /// Share that reached the goal.
    pub success_probability: f64,
    /// 95 % Wilson interval of it.
    #[serde(rename = "confidenceInterval95")]
    pub confidence_interval_95: [f64; 2],
    /// Median final balance, dollars.
    pub median_outcome: f64,
    /// Simulations that this is of.
    pub simulations: u64,
}

/// The answer of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// Share of the simulations that reached the goal.
    pub success_probability: f64,
    /// Standard error of it.
    pub standard_error: f64,
    /// 95 % Wilson interval of it.
    #[serde(rename = "confidenceInterval95")]
    pub confidence_interval_95: [f64; 2],
    /// Median final balance, dollars.
    pub median_outcome: f64,
    /// Percentiles of the final balance, dollars.
    pub percentiles: Percentiles<f64>,
    /// 95 % order-statistic interval of each.
    #[serde(rename = "percentileIntervals95")]
    #[schema(value_type = Percentiles<Vec<f64>>)]
    pub percentile_intervals_95: Percentiles<[f64; 2]>,
    /// Mean final balance, dollars.
    pub mean: f64,
    /// Standard deviation of the final balance, dollars.
    pub std: f64,
    /// Smallest final balance, dollars.
    pub worst_case: f64,
    /// Largest final balance, dollars.
    pub best_case: f64,
    /// Simulations that were counted.
    pub simulations_run: u64,
    /// Whether the target standard error was reached before all of them had run.
    pub stopped_early: bool,
    /// Nodes that contributed.
    pub workers_used: u32,
    /// The final balances in bars.
    pub histogram: Histogram,
    /// The balance along the timeline: at most 60 months of it.
    pub trajectory: Vec<TrajectoryPoint>,
    /// Simulations that are worth a look, each to be replayed by its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notable: Option<Notable>,
    /// The request with nothing left to a default. Sent again, it gives the same answer: with the plans of `variants` to
    /// `POST /api/compare`, or with what `solution` says was asked to `POST /api/solve`, where these are there.
    pub assumptions: SimulationRequest,
    /// The other plans of a comparison, in the order of its request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// What was solved for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<Solution>,
    /// The seed, as a decimal string.
    pub seed: String,
    /// The version of the model.
    pub model_version: u32,
    /// SHA-256 over model version, request, seed and merged summary, in hexadecimal.
    pub digest: String,
}

/// Another plan of a comparison, on the same luck as the job's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// Its request, with nothing left to a default.
    pub assumptions: SimulationRequest,
    /// How it does.
    #[serde(flatten)]
    pub outcome: ComparedPlan,
}

/// Simulations that are worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Notable {
    /// The one with the smallest final balance.
    pub worst: NotableSimulation,
    /// The one with the largest final balance.
    pub best: NotableSimulation,
    /// The one nearest to the 5th percentile, as the job's first 4,096 simulations have it.
    pub p5: NotableSimulation,
    /// The one nearest to the median, as these have it.
    pub p50: NotableSimulation,
    /// The one nearest to the 95th percentile, as these have it.
    pub p95: NotableSimulation,
    /// The one nearest to the target amount.
    pub goal: NotableSimulation,
}

/// One simulation of a job.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotableSimulation {
    /// Which.
    pub index: u64,
    /// Its final balance, dollars.
    pub balance: f64,
}

/// The balances after so many months, dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TrajectoryPoint {
    pub month: u32,
    pub p10: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p90: f64,
}

/// What changes of the plan would do to the success probability, each on the same luck as the plan itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SensitivityResults {
    /// The success probability of the plan itself, in the simulations that the changes were tried on.
    pub base_probability: f64,
    /// What each change does, by its name.
    pub sensitivities: BTreeMap<String, Sensitivity>,
    /// The name of the change with the largest impact.
    pub most_impactful: String,
    /// What would help, most first: sentences for a person.
    pub recommendations: Vec<String>,
}

/// What one change does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sensitivity {
    /// The new success probability less the plan's own.
    pub delta: f64,
    /// The success probability with the change.
    pub new_probability: f64,
    /// The size of `delta`.
    pub impact: f64,
    /// Standard error of `delta`, from the paired differences.
    pub standard_error: f64,
}

/// One value for each percentile that is reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles<T> {
    pub p5: T,
    pub p10: T,
    pub p25: T,
    pub p50: T,
    pub p75: T,
    pub p90: T,
    pub p95: T,
}

impl<T> From<[T; 7]> for Percentiles<T> {
    fn from([p5, p10, p25, p50, p75, p90, p95]: [T; 7]) -> Self {
        Self { p5, p10, p25, p50, p75, p90, p95 }
    }
}

/// Bars: `counts[i]` simulations ended between `edges[i]` and `edges[i + 1]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Histogram {
    /// Dollars, ascending, one more than there are bars.
    pub edges: Vec<f64>,
    /// Simulations in each bar.
    pub counts: Vec<u64>,
}
