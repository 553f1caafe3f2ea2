//! The native part of the Python package `carlo`. It takes requests as JSON and returns results as
//! JSON or `NumPy` arrays.
//!
//! The public interface is in `python/carlo`, and this module is private to it. The global
//! interpreter lock is released while simulations run, and taken about every 50 ms to check for
//! signals and to report the progress.

mod arrays;
mod requests;
mod watch;

use std::num::NonZeroUsize;

use carlo_local::Parallelism;
use carlo_rest::plans::{Comparison, Solved};
use carlo_types::JobSpec;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use serde::Serialize;

use watch::{Watch, watched};

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::arrays::{paths, samples};
    #[pymodule_export]
    use super::{compare, replay, run, solve, sweep, verify};

    /// The version of the model: results of the same version have the same bits.
    #[pymodule_export]
    const MODEL_VERSION: u32 = carlo_kernel::MODEL_VERSION;
    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}

/// The results of a request with their sensitivity.
#[pyfunction]
fn run(
    py: Python<'_>,
    request: &str,
    seed: u64,
    threads: Option<NonZeroUsize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let spec = requests::request(py, request, seed)?;
    to_json(&simulate(py, &spec, threads, progress)?)
}

/// A comparison of plans with the same random numbers.
#[pyfunction]
fn compare(
    py: Python<'_>,
    request: &str,
    seed: u64,
    threads: Option<NonZeroUsize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let spec = requests::comparison(py, request, seed)?;
    let answer = simulate(py, &spec, threads, progress)?;
    to_json(&Comparison::new(&answer.results, spec.seed()))
}

/// The results of a sweep, with its points.
#[pyfunction]
fn sweep(
    py: Python<'_>,
    request: &str,
    seed: u64,
    threads: Option<NonZeroUsize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let spec = requests::to_sweep(py, request, seed)?;
    to_json(&simulate(py, &spec, threads, progress)?)
}

/// The value of a number of the plan that gives a wanted probability.
#[pyfunction]
fn solve(
    py: Python<'_>,
    request: &str,
    seed: u64,
    threads: Option<NonZeroUsize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let spec = requests::to_solve(py, request, seed)?;
    let answer = simulate(py, &spec, threads, progress)?;
    let solved = Solved::of(&answer.results, spec.seed());
    to_json(&solved.ok_or_else(|| PyRuntimeError::new_err("nothing was solved for"))?)
}

/// One simulation, month by month.
#[pyfunction]
fn replay(py: Python<'_>, request: &str, seed: u64, index: u64) -> PyResult<String> {
    let spec = requests::request(py, request, seed)?;
    if index >= carlo_types::limits::SIMULATIONS_MAX {
        return Err(PyValueError::new_err("index must be below 1e12"));
    }
    to_json(&py.detach(|| carlo_kernel::replay(&spec, index)))
}

/// Recomputes stored results. Returns the recomputed results and the names of the members that
/// differ.
#[pyfunction]
fn verify(
    py: Python<'_>,
    results: &str,
    threads: Option<NonZeroUsize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(String, Vec<String>)> {
    let (stored, spec) = requests::stored(py, results)?;
    let computed = simulate(py, &spec, threads, progress)?.results;
    let differing = stored.differing(&computed).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok((computed.digest.to_string(), differing))
}

/// The results of a job.
fn simulate(
    py: Python<'_>,
    spec: &JobSpec,
    threads: Option<NonZeroUsize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<carlo_local::JobOutcome> {
    let parallelism = parallelism(threads)?;
    watched(py, progress, |watch: &mut Watch| {
        carlo_local::run(spec, parallelism, |progress, _| watch.look(progress))
    })
}

fn parallelism(threads: Option<NonZeroUsize>) -> PyResult<Parallelism> {
    Parallelism::new(threads).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn to_json<T: Serialize>(answer: &T) -> PyResult<String> {
    serde_json::to_string(answer).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
