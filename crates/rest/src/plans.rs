//! Several plans on the same luck: comparing them, and solving for a number of one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::FieldError;
use crate::reader::Object;
use crate::request::{self, SimulationRequest};

/// The most plans of a comparison.
const PLANS_MAX: usize = 8;

/// The body of `POST /api/compare`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareRequest {
    /// 1 to 8 plans. The first says how many simulations and which seed; the others say the same, or nothing.
    #[schema(min_items = 1, max_items = 8)]
    pub requests: Vec<SimulationRequest>,
}

impl CompareRequest {
    /// Reads a body, and adds every fault of its names and types to `faults`; what the model's rules say is for whoever owns them.
    pub fn read(body: &Value, faults: &mut Vec<FieldError>) -> Self {
        let mut object = Object::new(body, String::new(), "a comparison", faults);
        let requests = object.list_of("requests", "a simulation request", request::sections);
        let count = requests.as_ref().map_or(0, Vec::len);
        if !(1..=PLANS_MAX).contains(&count) && !object.is_at_fault("requests") {
            object.fault("requests", format!("must have 1 to {PLANS_MAX} entries, not {count}"));
        }
        object.refuse_others();
        Self { requests: requests.unwrap_or_default() }
    }
}

/// The answer of `POST /api/compare`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// In the order of the request.
    pub plans: Vec<ComparedPlan>,
    /// Simulations of each.
    pub simulations_run: u64,
    /// The seed of all, as a decimal string.
    pub seed: String,
    /// The version of the model.
    pub model_version: u32,
    /// SHA-256 over model version, requests, seed and merged summary, in hexadecimal.
    pub digest: String,
}

/// One plan of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparedPlan {
    /// Share of its simulations that reached its goal.
    pub success_probability: f64,
    /// Standard error of it.
    pub standard_error: f64,
    /// 95 % Wilson interval of it.
    #[serde(rename = "confidenceInterval95")]
    pub confidence_interval_95: [f64; 2],
    /// The success probability less that of the first plan.
    pub delta: f64,
    /// Standard error of `delta`, from the paired differences.
    pub delta_standard_error: f64,
}

impl ComparedPlan {
    /// The first plan, which the others are compared with, by its own results.
    pub fn first(success_probability: f64, standard_error: f64, confidence_interval_95: [f64; 2]) -> Self {
        Self {
            success_probability,
            standard_error,
            confidence_interval_95,
            delta: 0.0,
            delta_standard_error: 0.0,
        }
    }
}

/// The body of `POST /api/solve`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SolveRequest {
    /// The plan.
    pub request: SimulationRequest,
    /// `maxSpending`, `minIncome`, `earliestMonth`, `maxTarget` or `minLiquidAssets`.
    #[serde(rename = "for")]
    pub variable: Option<String>,
    /// The wanted success probability: above 0, below 1.
    pub probability: Option<f64>,
}

impl SolveRequest {
    /// Reads a body, and adds every fault of its names and types to `faults`; what the model's rules say is for whoever owns them.
    pub fn read(body: &Value, faults: &mut Vec<FieldError>) -> Self {
        let mut object = Object::new(body, String::new(), "what is to be solved", faults);
        let read = Self {
            request: object.object("request", request::sections),
            variable: object.text("for"),
            probability: object.number("probability"),
        };
        object.refuse_others();
        read
    }
}

/// The answer of `POST /api/solve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Solved {
    /// What was asked, and what it is.
    #[serde(flatten)]
    pub solution: Solution,
    /// The success probability of the plan as it was sent.
    pub base_probability: f64,
    /// Simulations of each plan.
    pub simulations_run: u64,
    /// The seed of all, as a decimal string.
    pub seed: String,
    /// The version of the model.
    pub model_version: u32,
    /// SHA-256 over model version, request, seed and merged summary, in hexadecimal.
    pub digest: String,
}

/// What was solved for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Solution {
    /// What was asked for.
    #[serde(rename = "for")]
    pub variable: String,
    /// The wanted success probability.
    pub probability: f64,
    /// The value that gives it, dollars or months; null where no value within the model's range does.
    pub value: Option<f64>,
    /// 95 % interval of the value.
    #[serde(rename = "interval95")]
    pub interval_95: Option<[f64; 2]>,
    /// The plans that were tried, by the value.
    pub tried: Vec<TriedPlan>,
}

/// One plan that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriedPlan {
    /// What the variable was, dollars or months.
    pub value: f64,
    /// Share of its simulations that reached its goal.
    pub success_probability: f64,
    /// Standard error of it.
    pub standard_error: f64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(faults: Vec<FieldError>) -> Vec<String> {
        faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect()
    }

    #[test]
    fn a_comparison_has_one_to_eight_plans() {
        let faults = |body: Value| {
            let mut faults = Vec::new();
            CompareRequest::read(&body, &mut faults);
            words(faults)
        };
        assert_eq!(faults(json!({"requests": [{"goal": {}}, {}]})), [""; 0]);
        assert_eq!(faults(json!({"requests": []})), ["/requests must have 1 to 8 entries, not 0"]);
        assert_eq!(
            faults(json!({"requests": vec![json!({}); 9]})),
            ["/requests must have 1 to 8 entries, not 9"]
        );
        assert_eq!(faults(json!({"requests": 3})), ["/requests must be a list, not 3"]);
        assert_eq!(
            faults(json!({"requests": [{"gaol": {}}], "base": 1})),
            [
                "/requests/0/gaol is not a field of a simulation request",
                "/base is not a field of a comparison"
            ]
        );
    }

    #[test]
    fn what_is_to_be_solved_is_read_with_every_fault() {
        let mut faults = Vec::new();
        let body =
            json!({"request": {"goal": {"targetAmount": 5}}, "for": "maxSpending", "probability": 0.9});
        let solve = SolveRequest::read(&body, &mut faults);
        assert_eq!(faults, []);
        assert_eq!(solve.request.goal.target_amount, Some(5.0));
        assert_eq!((solve.variable.as_deref(), solve.probability), (Some("maxSpending"), Some(0.9)));

        SolveRequest::read(&json!({"request": [], "for": 3, "p": 0.5}), &mut faults);
        assert_eq!(
            words(faults),
            [
                "/request must be an object, not a list",
                "/for must be a text, not 3",
                "/p is not a field of what is to be solved"
            ]
        );
    }
}
