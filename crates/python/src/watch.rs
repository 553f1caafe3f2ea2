//! Looking for signals, and telling the progress, while simulations run without the interpreter's
//! lock.

use std::ops::ControlFlow;

use carlo_local::{Interrupted, Progress};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// What is done about every 50 ms.
pub(crate) struct Watch {
    /// Called with the simulations that are done, and how many there are.
    progress: Option<Py<PyAny>>,
    /// What a signal's handler or `progress` raised.
    raised: Option<PyErr>,
}

impl Watch {
    /// Ends the work where a signal's handler or `progress` raises something.
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

/// Works without the interpreter's lock. What was raised meanwhile is raised here.
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
