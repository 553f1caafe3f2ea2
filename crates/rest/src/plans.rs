//! Comparisons of plans with the same random numbers, and solving for a number of a plan.

use carlo_types::analysis::Variable;
use carlo_types::{Results, results};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The response of `POST /api/compare`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The plans in the order of the request.
    pub plans: Vec<ComparedPlan>,
    /// The number of simulations of each plan.
    pub simulations_run: u64,
    /// The seed of all plans, as a decimal string.
    pub seed: String,
    /// The model version.
    pub model_version: u32,
    /// SHA-256 over model version, requests, seed and merged partial results, in hexadecimal.
    pub digest: String,
}

impl Comparison {
    /// The response for a job that compares plans.
    pub fn new(results: &Results, seed: u64) -> Self {
        Self {
            plans: std::iter::once(ComparedPlan::first(results))
                .chain(results.variants.iter().map(ComparedPlan::from))
                .collect(),
            simulations_run: results.simulations_run,
            seed: seed.to_string(),
            model_version: results.model_version,
            digest: results.digest.to_string(),
        }
    }
}

/// One plan of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparedPlan {
    /// The fraction of the simulations that reached the goal.
    pub success_probability: f64,
    /// The standard error of `successProbability`.
    pub standard_error: f64,
    /// The 95 % Wilson interval of the success probability.
    #[serde(rename = "confidenceInterval95")]
    pub confidence_interval_95: [f64; 2],
    /// The success probability minus that of the first plan.
    pub delta: f64,
    /// Standard error of `delta`, from the paired differences.
    pub delta_standard_error: f64,
    /// The mean final balance in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mean: Option<f64>,
    /// The median final balance in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub median: Option<f64>,
}

impl ComparedPlan {
    /// The first plan, with which the others are compared.
    pub fn first(results: &Results) -> Self {
        Self {
            success_probability: results.success_probability,
            standard_error: results.standard_error,
            confidence_interval_95: results.confidence_interval_95,
            delta: 0.0,
            delta_standard_error: 0.0,
            mean: Some(results.mean),
            median: Some(results.median()),
        }
    }
}

impl From<&results::Variant> for ComparedPlan {
    fn from(variant: &results::Variant) -> Self {
        Self {
            success_probability: variant.success_probability,
            standard_error: variant.standard_error,
            confidence_interval_95: variant.confidence_interval_95,
            delta: variant.delta,
            delta_standard_error: variant.delta_standard_error,
            mean: variant.mean,
            median: variant.median,
        }
    }
}

/// The response of `POST /api/solve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Solved {
    /// The variable, the wanted probability and the solution.
    #[serde(flatten)]
    pub solution: Solution,
    /// The success probability of the plan as it was sent.
    pub base_probability: f64,
    /// The number of simulations of each candidate.
    pub simulations_run: u64,
    /// The seed of all plans, as a decimal string.
    pub seed: String,
    /// The model version.
    pub model_version: u32,
    /// SHA-256 over model version, request, seed and merged partial results, in hexadecimal.
    pub digest: String,
}

impl Solved {
    /// The response for a job that solves for a number; `None` for other jobs.
    pub fn of(results: &Results, seed: u64) -> Option<Self> {
        Some(Self {
            solution: Solution::of(results)?,
            base_probability: results.success_probability,
            simulations_run: results.simulations_run,
            seed: seed.to_string(),
            model_version: results.model_version,
            digest: results.digest.to_string(),
        })
    }
}

/// A solution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Solution {
    /// The variable.
    #[serde(rename = "for")]
    pub variable: Variable,
    /// The wanted success probability.
    pub probability: f64,
    /// The value with that probability, in dollars or months; null if no value within the model's
    /// range has it.
    pub value: Option<f64>,
    /// The 95 % interval of the value.
    #[serde(rename = "interval95")]
    pub interval_95: Option<[f64; 2]>,
    /// For `earliestMonth`: the first later month in which the probability is below the wanted one
    /// again; absent if there is none among the tried months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub below_again_after: Option<f64>,
    /// The candidates in the order of their values. Of very many, only those around the solution.
    pub tried: Vec<TriedPlan>,
}

impl Solution {
    /// The solution with its candidates; `None` for jobs that don't solve for a number.
    pub fn of(results: &Results) -> Option<Self> {
        let tried = |variant: &results::Variant| {
            let (success_probability, standard_error) = (variant.success_probability, variant.standard_error);
            variant.value.map(|value| TriedPlan { value, success_probability, standard_error })
        };
        results.solution.map(|solution| Self {
            variable: solution.asked.variable,
            probability: solution.asked.probability,
            value: solution.value,
            interval_95: solution.interval_95,
            below_again_after: solution.below_again_after,
            tried: results.variants.iter().filter_map(tried).collect(),
        })
    }
}

/// A candidate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriedPlan {
    /// The value of the variable, in dollars or months.
    pub value: f64,
    /// The fraction of the simulations that reached the goal.
    pub success_probability: f64,
    /// The standard error of `successProbability`.
    pub standard_error: f64,
}
