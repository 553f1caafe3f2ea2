//! Checks for signals and reports the progress while simulations run without the interpreter's
//! lock.

use std::ops::ControlFlow;

use carlo_local::{Interrupted, Progress};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// The work of about every 50 ms.
pub(crate) struct Watch {
    /// Called with the number of finished simulations and the number of all.
    progress: Option<Py<PyAny>>,
    /// The exception of a signal handler or of `progress`.
    raised: Option<PyErr>,
}

impl Watch {
    /// Ends the simulation if a signal handler or `progress` raises an exception.
    pub(crate) fn look(&mut self, progress: Progress) -> ControlFlow<()> {
        let looked = Python::attach(|py| {
            py.check_signals()?;
            match &self.progress {
                Some(told) => told.call1(py, (progress.simulations, progress.total)).map(drop),
                None => Ok(()),
            }
        });
        match looked {
            Ok(()) => ControlFlow::Continue(()),
            Err(raised) => {
                self.raised = Some(raised);
                ControlFlow::Break(())
            }
        }
    }
}

/// Runs `work` without the interpreter's lock. Raises an exception that was raised meanwhile.
pub(crate) fn watched<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&mut Watch) -> Result<T, Interrupted> + Send,
) -> PyResult<T> {
    let mut watch = Watch { progress, raised: None };
    let done = py.detach(|| work(&mut watch));
    done.map_err(|interrupted| {
        watch.raised.unwrap_or_else(|| PyKeyboardInterrupt::new_err(interrupted.to_string()))
    })
}
