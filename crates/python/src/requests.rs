//! Converts requests from JSON to jobs. All faults of a request become one exception of the
//! package.

use carlo_rest::job::JobResults;
use carlo_types::analysis::{CompareRequest, SolveRequest};
use carlo_types::definition::{self, Faults, Section};
use carlo_types::sweep::SweepRequest;
use carlo_types::{Fault, JobSpec, Request, json};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The job of a request, with `seed` if the request has none.
pub(crate) fn request(py: Python<'_>, text: &str, seed: u64) -> PyResult<JobSpec> {
    read::<Request>(py, text).map(|request| JobSpec::of(request).seeded(seed))
}

/// The job of the body of a comparison.
pub(crate) fn comparison(py: Python<'_>, text: &str, seed: u64) -> PyResult<JobSpec> {
    let spec = read::<CompareRequest>(py, text)?.into_spec();
    Ok(spec.ok_or_else(|| PyValueError::new_err("a comparison needs a plan"))?.seeded(seed))
}

/// The job of the body of a request to solve for a number.
pub(crate) fn to_solve(py: Python<'_>, text: &str, seed: u64) -> PyResult<JobSpec> {
    read::<SolveRequest>(py, text).map(|asked| asked.into_spec().seeded(seed))
}

/// The job of the body of a sweep.
pub(crate) fn to_sweep(py: Python<'_>, text: &str, seed: u64) -> PyResult<JobSpec> {
    read::<SweepRequest>(py, text).map(|asked| asked.into_spec().seeded(seed))
}

/// Stored results, and the job of the request in them.
pub(crate) fn stored(py: Python<'_>, text: &str) -> PyResult<(JobResults, JobSpec)> {
    let stored: JobResults = serde_json::from_str(text)
        .map_err(|error| PyValueError::new_err(format!("these are no results of a job: {error}")))?;
    let (theirs, ours) = (stored.model_version, carlo_kernel::MODEL_VERSION);
    if theirs != ours {
        let message =
            format!("these results are of model version {theirs}, and this package computes version {ours}");
        return Err(PyValueError::new_err(message));
    }
    let spec = stored.to_spec().map_err(|fault| raise(py, fault))?;
    Ok((stored, spec))
}

fn read<S: Section>(py: Python<'_>, text: &str) -> PyResult<S> {
    let document = json::parse(text.into())
        .map_err(|error| PyValueError::new_err(format!("the request is not JSON: {error}")))?;
    let mut faults = Faults::of(document.duplicates);
    let section = definition::read(&document.value, &mut faults);
    faults.none_or(section).map_err(|fault| raise(py, fault))
}

/// The exception that lists all faults.
fn raise(py: Python<'_>, fault: Fault) -> PyErr {
    let faults: Vec<_> = fault.fields.into_iter().map(|fault| (fault.pointer, fault.message)).collect();
    let exception = py
        .import("carlo.errors")
        .and_then(|errors| errors.getattr("InvalidRequest"))
        .and_then(|kind| kind.call_method1("_of_pairs", (faults,)));
    exception.map_or_else(|error| error, PyErr::from_value)
}
