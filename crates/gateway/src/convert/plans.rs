//! Analyses of several plans (comparisons, solving, sweeps): the body becomes one job, and its
//! results become the response.

use carlo_rest::plans::{Comparison, Solved};
use carlo_types::analysis::{CompareRequest, SolveRequest};
use carlo_types::json::Document;
use carlo_types::sweep::SweepRequest;
use carlo_types::{JobSpec, Results};
use carlo_wire::{FieldError as MessageError, v1};

use super::webhook;
use crate::body;
use crate::problem::Failure;

/// The job of a comparison.
pub(crate) fn read_comparison(body: &Document) -> Result<JobSpec, Failure> {
    let comparison: CompareRequest = body::section(body)?;
    comparison.into_spec().ok_or_else(|| Failure::internal("a comparison without plans was read"))
}

/// The job that solves for a number.
pub(crate) fn read_solve(body: &Document) -> Result<JobSpec, Failure> {
    body::section(body).map(SolveRequest::into_spec)
}

/// The job of a sweep.
pub(crate) fn read_sweep(body: &Document) -> Result<v1::SubmitRequest, Failure> {
    let mut sweep: SweepRequest = body::section(body)?;
    let (name, priority) = (sweep.name.take(), Some(sweep.priority));
    let webhook = webhook::asked(sweep.webhook.take());
    let simulation = Some((&sweep.into_spec()).into());
    Ok(v1::SubmitRequest { simulation, name, priority, webhook, ..v1::SubmitRequest::default() })
}

/// Converts a pointer into the job of a sweep to one into the body.
pub(crate) fn swept_pointer(pointer: &str) -> String {
    if pointer.starts_with("/webhook") {
        return pointer.to_owned();
    }
    pointer.strip_prefix("/sweep").map_or_else(|| format!("/request{pointer}"), |axis| format!("/axes{axis}"))
}

/// Converts a pointer into the job of a comparison to one into the body.
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

/// Converts a pointer into a job that solves for a number to one into the body.
pub(crate) fn solved_pointer(pointer: &str) -> String {
    pointer.strip_prefix("/solve").map_or_else(|| format!("/request{pointer}"), str::to_owned)
}

/// The response of a comparison.
pub(crate) fn comparison(job: v1::Job) -> Result<Comparison, MessageError> {
    let seed = job.seed;
    Ok(Comparison::new(&results(job)?, seed))
}

/// The response of a job that solves for a number.
pub(crate) fn solved(job: v1::Job) -> Result<Solved, MessageError> {
    let seed = job.seed;
    Solved::of(&results(job)?, seed).ok_or_else(|| MessageError::new("results.solution", "is missing"))
}

fn results(job: v1::Job) -> Result<Results, MessageError> {
    let results = job.results.and_then(|completed| completed.results);
    results.ok_or_else(|| MessageError::new("results", "is missing"))?.try_into()
}
