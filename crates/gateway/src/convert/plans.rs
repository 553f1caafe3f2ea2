//! Several plans on the same luck: their requests become one job, and its results the answer.

use carlo_rest::plans::{ComparedPlan, Comparison, Solution, Solved, TriedPlan};
use carlo_types::json::Document;
use carlo_types::question::{CompareRequest, SolveRequest};
use carlo_types::results::Variant;
use carlo_types::{JobSpec, Results};
use carlo_wire::{FieldError as MessageError, v1};

use crate::body;
use crate::problem::Failure;

/// The job of the body of a comparison.
pub(crate) fn read_comparison(body: &Document) -> Result<JobSpec, Failure> {
    let comparison: CompareRequest = body::section(body)?;
    comparison.into_spec().ok_or_else(|| Failure::internal("a comparison without plans was read"))
}

/// The job of the body of what is to be solved.
pub(crate) fn read_solve(body: &Document) -> Result<JobSpec, Failure> {
    body::section(body).map(SolveRequest::into_spec)
}

/// Where the body of a comparison has what a pointer into its job leads to.
pub(crate) fn compared_pointer(pointer: &str) -> String {
    let Some(variant) = pointer.strip_prefix("/variants") else { return format!("/requests/0{pointer}") };
    let mut steps = variant.splitn(3, '/').skip(1);
    let Some(index) = steps.next().and_then(|index| index.parse::<usize>().ok()) else {
        return "/requests".to_owned();
    };
    steps
        .next()
        .map_or_else(|| format!("/requests/{}", index + 1), |rest| format!("/requests/{}/{rest}", index + 1))
}

/// The same, of what is to be solved.
pub(crate) fn solved_pointer(pointer: &str) -> String {
    pointer.strip_prefix("/solve").map_or_else(|| format!("/request{pointer}"), str::to_owned)
}

/// The answer of a comparison.
pub(crate) fn comparison(job: v1::Job) -> Result<Comparison, MessageError> {
    let seed = job.seed;
    let results = results(job)?;
    let own = ComparedPlan::first(
        results.success_probability,
        results.standard_error,
        results.confidence_interval_95,
    );
    Ok(Comparison {
        plans: std::iter::once(own).chain(results.variants.iter().map(compared)).collect(),
        simulations_run: results.simulations_run,
        seed: seed.to_string(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    })
}

/// How a plan does beside the job's own.
pub(super) fn compared(variant: &Variant) -> ComparedPlan {
    ComparedPlan {
        success_probability: variant.success_probability,
        standard_error: variant.standard_error,
        confidence_interval_95: variant.confidence_interval_95,
        delta: variant.delta,
        delta_standard_error: variant.delta_standard_error,
    }
}

/// The answer of what was to be solved.
pub(crate) fn solved(job: v1::Job) -> Result<Solved, MessageError> {
    let seed = job.seed;
    let results = results(job)?;
    Ok(Solved {
        solution: solution(&results).ok_or_else(|| MessageError::new("results.solution", "is missing"))?,
        base_probability: results.success_probability,
        simulations_run: results.simulations_run,
        seed: seed.to_string(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    })
}

/// What was solved for, with the plans that were tried; nothing where nothing was.
pub(super) fn solution(results: &Results) -> Option<Solution> {
    let tried = |variant: &Variant| {
        let (success_probability, standard_error) = (variant.success_probability, variant.standard_error);
        variant.value.map(|value| TriedPlan { value, success_probability, standard_error })
    };
    results.solution.map(|solution| Solution {
        variable: solution.asked.variable.to_string(),
        probability: solution.asked.probability,
        value: solution.value,
        interval_95: solution.interval_95,
        tried: results.variants.iter().filter_map(tried).collect(),
    })
}

fn results(job: v1::Job) -> Result<Results, MessageError> {
    let results = job.results.and_then(|completed| completed.results);
    results.ok_or_else(|| MessageError::new("results", "is missing"))?.try_into()
}
