//! Numbers of single simulations as `NumPy` arrays, which take over the memory that they were computed in.

use std::num::NonZeroUsize;

use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::watch::{Watch, watched};
use crate::{machine, requests};

/// The balances after every month: a row for each simulation.
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
    let machine = machine(threads)?;
    let mut too_large = None;
    let paths = watched(py, None, |watch: &mut Watch| {
        carlo_local::paths(&spec, machine, first, count, |progress| watch.look(progress)).unwrap_or_else(
            |error| {
                too_large = Some(error);
                Err(carlo_local::Interrupted)
            },
        )
    });
    if let Some(error) = too_large {
        return Err(PyValueError::new_err(error.to_string()));
    }
    let carlo_local::Paths { balances, months } = paths?;
    let rows = balances.len() / months.max(1);
    PyArray1::from_vec(py, balances).reshape([rows, months])
}
