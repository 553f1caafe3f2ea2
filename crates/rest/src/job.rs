//! Jobs, their lists and their results.

use std::collections::{BTreeMap, BTreeSet};

use carlo_types::definition::{self, Faults};
use carlo_types::sweep::SweepRequest;
use carlo_types::{Analysis, Fault, JobSpec, Request, Results, results};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{json, to_value};
use utoipa::ToSchema;

use crate::difference;
use crate::label::Label;
use crate::plans::{ComparedPlan, Solution};
use crate::sweep::SweepResults;
use crate::webhook::SetWebhook;

/// The response of `POST /api/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Submitted {
    /// `job_…`
    pub job_id: String,
    /// `queued`, even if the job starts at once.
    pub status: JobStatus,
    /// The position in the queue, from 1.
    pub queue_position: u64,
    /// The estimated time until the start as text, like `"12 s"`; absent while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_time_remaining: Option<String>,
    /// The same as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_seconds_remaining: Option<f64>,
    /// Where the job's events are sent, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub webhook: Option<SetWebhook>,
}

/// The response of `DELETE /api/jobs/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancelled {
    /// True.
    pub success: bool,
    /// A message for people.
    pub message: String,
}

/// The response of `GET /api/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// Newest first, without results.
    pub jobs: Vec<Job>,
    /// The number of jobs on all pages.
    pub total: u64,
    /// The number of this page, from 1.
    pub page: u32,
    /// The number of entries on a full page.
    pub page_size: u32,
}

/// The status of a job.
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
    /// Whether the status is final.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What a job asks about its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// How it ends.
    #[default]
    Simulation,
    /// How others end on the same luck.
    Comparison,
    /// Which value of an input it needs.
    Solution,
    /// How it ends over one or two axes.
    Sweep,
}

impl Label for JobKind {
    const ALL: &'static [Self] = &[Self::Simulation, Self::Comparison, Self::Solution, Self::Sweep];

    fn label(self) -> &'static str {
        match self {
            Self::Simulation => "simulation",
            Self::Comparison => "comparison",
            Self::Solution => "solution",
            Self::Sweep => "sweep",
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// `job_…`
    pub id: String,
    /// Whose it is.
    #[serde(default)]
    pub owner: String,
    /// What it asks about its plan.
    #[serde(default)]
    pub kind: JobKind,
    /// Whether it is in no list, and soon deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
    /// The status.
    pub status: JobStatus,
    /// The progress in percent, 0 to 100.
    pub progress: f64,
    /// The number of nodes that compute the job now.
    pub allocated_nodes: u32,
    /// The number of simulations in the request.
    pub simulations_total: u64,
    /// The number of simulations that have been counted.
    pub simulations_complete: u64,
    /// The position in the queue from 1, while the job is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<u64>,
    /// The estimated remaining time as text, like `"12 s"`.
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
    /// The name that the caller gave the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 0 to 100; higher goes first among the jobs of one user.
    pub priority: u32,
    /// The seed as a decimal string, because JSON numbers can't hold all of its digits.
    pub seed: String,
    /// A sentence that says why no node computes an open job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// The contribution of each node, by node id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_progress: BTreeMap<String, NodeProgress>,
    /// A summary of the simulations so far, while the job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_results: Option<PartialResults>,
    /// The results of a complete job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<JobResults>,
    /// The sensitivity results of a complete job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_results: Option<SensitivityResults>,
    /// The reason why the job failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The id of the webhook to which its events are sent, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<String>,
}

/// One node's contribution to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeProgress {
    /// The percentage of the job's simulations that this node has computed.
    pub progress: f64,
    /// The number of simulations that this node has computed.
    pub simulations: u64,
    /// The node's current speed for this job.
    pub simulations_per_second: f64,
    /// The status with respect to this job.
    pub state: NodeState,
}

/// The status of a node with respect to one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// The node has a lease of the job.
    Working,
    /// The node had leases of the job, and has none now.
    Idle,
}

impl Label for NodeState {
    const ALL: &'static [Self] = &[Self::Working, Self::Idle];

    fn label(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Idle => "idle",
        }
    }
}

/// A summary of the simulations so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartialResults {
    /// The fraction of the simulations that reached the goal.
    pub success_probability: f64,
    /// The 95 % Wilson interval of the success probability.
    #[serde(rename = "confidenceInterval95")]
    pub confidence_interval_95: [f64; 2],
    /// Median final balance, dollars.
    pub median_outcome: f64,
    /// The number of simulations so far.
    pub simulations: u64,
}

/// The results of a job, and everything from which they were computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobResults {
    /// The results of the job's own plan.
    #[serde(flatten)]
    pub results: Results,
    /// Median final balance, dollars.
    pub median_outcome: f64,
    /// Whether the target standard error was reached before the last simulation.
    pub stopped_early: bool,
    /// The number of nodes that contributed.
    pub workers_used: u32,
    /// Nodes that contributed and were found later to compute wrongly. The results may be wrong
    /// then: request them again. This is left out if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// The request with all defaults filled in. The same request again gives the same results. For
    /// an analysis, send it with the plans of `variants` to `POST /api/compare`, with the variable
    /// and the probability of `solution` to `POST /api/solve`, or with the axes of `sweep` to `POST
    /// /api/sweep`.
    pub assumptions: Request,
    /// The other plans of a comparison, in the order of its request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// The solution of a job that solves for a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub solution: Option<Solution>,
    /// The points of a sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sweep: Option<SweepResults>,
    /// The seed as a decimal string, because JSON numbers can't hold all of its digits.
    #[schema(pattern = "^[0-9]+$", example = "42")]
    pub seed: String,
}

/// A node that contributed to results and was found later to compute wrongly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Doubt {
    /// The name of the node.
    pub node: String,
    /// The time at which it was found.
    #[schema(value_type = String, format = DateTime)]
    pub found_at: Timestamp,
    /// For people.
    pub reason: String,
}

impl JobResults {
    /// The results of a specification.
    pub fn new(asked: JobSpec, seed: u64, results: Results, stopped_early: bool, workers_used: u32) -> Self {
        let sweep = SweepResults::of(&asked, &results);
        let others = match asked.analysis {
            Analysis::Compare(others) => others,
            Analysis::None | Analysis::Solve(_) | Analysis::Sweep(_) => Vec::new(),
        };
        let variant = |(plan, variant): (JobSpec, _)| Variant {
            assumptions: plan.request,
            outcome: ComparedPlan::from(variant),
        };
        Self {
            median_outcome: results.median(),
            stopped_early,
            workers_used,
            doubts: Vec::new(),
            assumptions: asked.request,
            variants: others.into_iter().zip(&results.variants).map(variant).collect(),
            solution: Solution::of(&results),
            sweep,
            seed: seed.to_string(),
            results,
        }
    }

    /// The specification that these results claim to have.
    ///
    /// # Errors
    ///
    /// If the specification breaks a rule of requests.
    pub fn to_spec(&self) -> Result<JobSpec, Fault> {
        let mut spec = JobSpec::of(self.assumptions.clone());
        if let Some(solution) = &self.solution {
            let mut faults = Faults::default();
            let asked = json!({"for": solution.variable, "probability": solution.probability});
            let asked = definition::read(&asked, &mut faults);
            spec.analysis = Analysis::Solve(faults.none_or(asked)?);
        } else if let Some(sweep) = &self.sweep {
            let mut faults = Faults::default();
            let body = json!({"request": self.assumptions, "axes": sweep.axes});
            let swept: SweepRequest = definition::read(&body, &mut faults);
            return faults.none_or(swept).map(SweepRequest::into_spec);
        } else if !self.variants.is_empty() {
            let others = self.variants.iter().map(|variant| JobSpec::of(variant.assumptions.clone()));
            spec.analysis = Analysis::Compare(others.collect());
        }
        // Results may come from anywhere, so they may contain anything.
        spec.to_draft().check(spec.seed())
    }

    /// The names of members that differ between two results. Comparing digests would not be enough,
    /// because a changed number may come with an unchanged digest. What is about nodes is ignored.
    pub fn differing(&self, other: &Self) -> serde_json::Result<Vec<String>> {
        let (workers_used, doubts) = (other.workers_used, other.doubts.clone());
        let this = Self { workers_used, doubts, ..self.clone() };
        let differences = difference::between(&to_value(this)?, &to_value(other)?);
        let names: BTreeSet<_> = differences
            .iter()
            .filter_map(|found| found.pointer.split('/').nth(1))
            .map(str::to_owned)
            .collect();
        Ok(names.into_iter().collect())
    }
}

impl std::ops::Deref for JobResults {
    type Target = Results;

    fn deref(&self) -> &Results {
        &self.results
    }
}

/// Another plan of a comparison, with the same random numbers as the job's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// The request of the plan with all defaults filled in.
    pub assumptions: Request,
    /// The results of the plan.
    #[serde(flatten)]
    pub outcome: ComparedPlan,
}

/// The effects of changes of the plan on the success probability, each with the same random numbers
/// as the plan itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SensitivityResults {
    /// The success probability of the plan itself, over the simulations for which the changes were
    /// simulated.
    pub base_probability: f64,
    /// The effect of each change, by its name.
    pub sensitivities: BTreeMap<String, Sensitivity>,
    /// The name of the change with the largest impact; null if no impact exceeds twice its standard
    /// error.
    pub most_impactful: Option<String>,
    /// Sentences about changes that would raise the probability, the most effective one first.
    pub recommendations: Vec<String>,
}

impl SensitivityResults {
    /// The effects with recommendations.
    pub fn new(sensitivity: &results::Sensitivity, recommendations: Vec<String>) -> Self {
        let change = |scenario: &results::Scenario| {
            let change = Sensitivity {
                delta: scenario.delta,
                new_probability: scenario.new_probability,
                impact: scenario.impact(),
                standard_error: scenario.standard_error,
            };
            (scenario.name.to_owned(), change)
        };
        Self {
            base_probability: sensitivity.base_probability,
            sensitivities: sensitivity.scenarios.iter().map(change).collect(),
            most_impactful: sensitivity.most_impactful().map(str::to_owned),
            recommendations,
        }
    }
}

/// The effect of one change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sensitivity {
    /// The new success probability minus the plan's own.
    pub delta: f64,
    /// The success probability with the change.
    pub new_probability: f64,
    /// The absolute value of `delta`.
    pub impact: f64,
    /// Standard error of `delta`, from the paired differences.
    pub standard_error: f64,
}
