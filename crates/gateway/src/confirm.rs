//! Asking a coordinator whether a kept answer ([`kept`](crate::kept)) may be sent. All who ask at the same instant share one call: on a busy
//! gateway most of what a read costs is the call.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carlo_types::JobId;
use carlo_types::limits::CONFIRMATIONS_MAX;
use carlo_wire::v1;
use tokio::sync::oneshot;

use crate::caller::Caller;
use crate::calls::Calls;
use crate::problem::Failure;

/// Asks for whoever wants to know.
pub(crate) struct Confirmations {
    calls: Arc<Calls>,
    /// Those whose call has not begun yet.
    asking: Mutex<Vec<Asking>>,
}

struct Asking {
    job: v1::KeptJob,
    answer: oneshot::Sender<Result<v1::Confirmation, Failure>>,
}

impl Confirmations {
    /// Asks by these calls.
    pub(crate) fn new(calls: Arc<Calls>) -> Self {
        Self { calls, asking: Mutex::default() }
    }

    /// Whether the caller may be shown the answer that is kept of a job, which is counted as a call of theirs then. If not, nothing has been
    /// counted, and the coordinator is to be asked for the job itself.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        caller: &Caller,
        job: JobId,
        completed_at_ms: u64,
    ) -> Result<bool, Failure> {
        let (answer, answered) = oneshot::channel();
        let job = v1::KeptJob { key: caller.key().to_owned(), id: job.to_string(), completed_at_ms };
        let is_first = {
            let mut asking = self.lock();
            asking.push(Asking { job, answer });
            asking.len() == 1
        };
        if is_first {
            // A task of its own, because whoever asks first may leave first.
            tokio::spawn(Arc::clone(self).call());
        }
        // Without an answer the process is ending.
        let Ok(answer) = answered.await else { return Ok(false) };
        caller.hear_of(answer.as_ref().ok());
        answer.map(|confirmation| confirmation.is_confirmed)
    }

    /// Asks for all who are there once everybody who is ready to ask has had their turn on a thread.
    async fn call(self: Arc<Self>) {
        tokio::task::yield_now().await;
        let mut asking = mem::take(&mut *self.lock());
        while !asking.is_empty() {
            let rest = asking.split_off(asking.len().min(CONFIRMATIONS_MAX));
            let (jobs, answers): (_, Vec<_>) =
                asking.into_iter().map(|asking| (asking.job, asking.answer)).unzip();
            asking = rest;
            let confirmed = self.calls.confirm(jobs).await;
            for (index, answer) in answers.into_iter().enumerate() {
                let confirmation = match &confirmed {
                    Ok(confirmations) => Ok(confirmations.get(index).cloned().unwrap_or_default()),
                    Err(failure) => Err(failure.clone()),
                };
                // Whoever asked may have gone.
                let _ = answer.send(confirmation);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asking>> {
        // Nothing in here panics halfway.
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
