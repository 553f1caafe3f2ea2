//! Numbers of single simulations as `NumPy` arrays, without copying them.

use std::num::NonZeroUsize;

use carlo_kernel::Samples;
use carlo_local::{Interrupted, Paths, TooLarge};
use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::watch::{Watch, watched};
use crate::{parallelism, requests};

/// The balances after every month, with a row for each simulation.
#[pyfunction]
pub(crate) fn paths<'py>(
    py: Python<'py>,
    request: &str,
    seed: u64,
    first: u64,
    count: u64,
    threads: Option<NonZeroUsize>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let spec = requests::request(py, request, seed)?;
    let parallelism = parallelism(threads)?;
    let Paths { balances, months } = within_bounds(py, |watch| {
        carlo_local::paths(&spec, parallelism, first, count, |progress| watch.look(progress))
    })?;
    let rows = balances.len() / months.max(1);
    PyArray1::from_vec(py, balances).reshape([rows, months])
}

/// Final balances and success. Some plans also have first short months, months lived, or lowest
/// multipliers of spending.
#[pyfunction]
pub(crate) fn samples<'py>(
    py: Python<'py>,
    request: &str,
    seed: u64,
    first: u64,
    count: u64,
    threads: Option<NonZeroUsize>,
) -> PyResult<Sampled<'py>> {
    let spec = requests::request(py, request, seed)?;
    let parallelism = parallelism(threads)?;
    let Samples { final_balances, succeeded, first_short_months, months_lived, lowest_multipliers } =
        within_bounds(py, |watch| {
            carlo_local::samples(&spec, parallelism, first, count, |progress| watch.look(progress))
        })?;
    Ok((
        PyArray1::from_vec(py, final_balances),
        PyArray1::from_vec(py, succeeded),
        first_short_months.map(|months| PyArray1::from_vec(py, months)),
        months_lived.map(|months| PyArray1::from_vec(py, months)),
        lowest_multipliers.map(|multiples| PyArray1::from_vec(py, multiples)),
    ))
}

/// The arrays of outcomes.
type Sampled<'py> = (
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<bool>>,
    Option<Bound<'py, PyArray1<u16>>>,
    Option<Bound<'py, PyArray1<u16>>>,
    Option<Bound<'py, PyArray1<f32>>>,
);

/// Computes without the interpreter's lock. Too many simulations for one call are a `ValueError`.
fn within_bounds<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&mut Watch) -> Result<Result<T, Interrupted>, TooLarge> + Send,
) -> PyResult<T> {
    let mut too_large = None;
    let done = watched(py, None, |watch: &mut Watch| {
        work(watch).unwrap_or_else(|error| {
            too_large = Some(error);
            Err(Interrupted)
        })
    });
    too_large.map_or(done, |error| Err(PyValueError::new_err(error.to_string())))
}
