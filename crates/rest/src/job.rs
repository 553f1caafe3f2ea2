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
    /// What its submitter calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 0 to 100, more is sooner among the jobs of one user.
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
    pub results: Option<JobResults>,
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
    /// What it is doing, as far as this job goes.
    pub state: NodeState,
}

/// What a node is doing for one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// It computes simulations of it.
    Working,
    /// It has, and computes none now.
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

/// The answer of a job: what the simulations say, and what it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobResults {
    /// What the simulations say.
    #[serde(flatten)]
    pub results: Results,
    /// Median final balance, dollars.
    pub median_outcome: f64,
    /// Whether the target standard error was reached before all of them had run.
    pub stopped_early: bool,
    /// Nodes that contributed.
    pub workers_used: u32,
    /// The request with nothing left to a default. Sent again, it gives the same answer: with the
    /// plans of `variants` to `POST /api/compare`, with what `solution` says was asked to
    /// `POST /api/solve`, or with the axes of `sweep` to `POST /api/sweep`, where these are there.
    pub assumptions: Request,
    /// The other plans of a comparison, in the order of its request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// What was solved for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub solution: Option<Solution>,
    /// The points of a sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sweep: Option<SweepResults>,
    /// The seed, as a decimal string: JSON numbers lose its last digits.
    #[schema(pattern = "^[0-9]+$", example = "42")]
    pub seed: String,
}

impl JobResults {
    /// The answer to what was asked.
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
            assumptions: asked.request,
            variants: others.into_iter().zip(&results.variants).map(variant).collect(),
            solution: Solution::of(&results),
            sweep,
            seed: seed.to_string(),
            results,
        }
    }

    /// The job that these say they are of.
    ///
    /// # Errors
    ///
    /// Where what they say breaks a rule of requests.
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
        // An answer may come from anywhere: it says what it likes.
        spec.to_draft().check(spec.seed())
    }

    /// The names of what differs between two answers. A digest alone would not do: whoever changes
    /// a number leaves the digest as it was. How many nodes took part is no part of the answer.
    pub fn differing(&self, other: &Self) -> serde_json::Result<Vec<String>> {
        let this = Self { workers_used: other.workers_used, ..self.clone() };
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
    /// Its request, with nothing left to a default.
    pub assumptions: Request,
    /// How it does.
    #[serde(flatten)]
    pub outcome: ComparedPlan,
}

/// The effects of changes of the plan on the success probability, each with the same random numbers
/// as the plan itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SensitivityResults {
    /// The success probability of the plan itself, in the simulations that the changes were tried
    /// on.
    pub base_probability: f64,
    /// What each change does, by its name.
    pub sensitivities: BTreeMap<String, Sensitivity>,
    /// The name of the change with the largest impact; null where no impact exceeds twice its
    /// standard error.
    pub most_impactful: Option<String>,
    /// What would help, most first: sentences for a person.
    pub recommendations: Vec<String>,
}

impl SensitivityResults {
    /// The same with sentences for a person.
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
