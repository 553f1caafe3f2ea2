//! Asks a coordinator whether a cached response ([`response_cache`](crate::response_cache)) may be
//! sent. Requests that arrive at the same instant share one RPC, because the RPC is most of the
//! cost of a read.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carlo_types::JobId;
use carlo_types::limits::REVALIDATIONS_MAX;
use carlo_wire::v1;
use tokio::sync::oneshot;

use crate::coordinator::Coordinator;
use crate::problem::Failure;
use crate::request_context::RequestContext;
use crate::response_cache::CachedResponse;

/// Collects simultaneous revalidations into one RPC.
pub(crate) struct Revalidator {
    coordinator: Arc<Coordinator>,
    /// Revalidations whose RPC has not begun yet.
    pending: Mutex<Vec<Pending>>,
}

struct Pending {
    job: v1::CachedJob,
    reply: oneshot::Sender<Result<v1::Revalidation, Failure>>,
}

impl Revalidator {
    pub(crate) fn new(coordinator: Arc<Coordinator>) -> Self {
        Self { coordinator, pending: Mutex::default() }
    }

    /// Whether the caller may get the cached response about this job. If so, a call of theirs was
    /// counted. If not, nothing was counted, and the job itself must be requested.
    pub(crate) async fn is_valid(
        self: &Arc<Self>,
        context: &RequestContext,
        job: JobId,
        cached: &CachedResponse,
    ) -> Result<bool, Failure> {
        let (reply, replied) = oneshot::channel();
        let job = v1::CachedJob {
            key: context.key().to_owned(),
            id: job.to_string(),
            completed_at_ms: cached.completed_at_ms,
            verdict: cached.verdict,
        };
        let is_first = {
            let mut pending = self.lock();
            pending.push(Pending { job, reply });
            pending.len() == 1
        };
        if is_first {
            // The task outlives the first request, whose client may disconnect before the others.
            tokio::spawn(Arc::clone(self).send());
        }
        // Without a reply the process is ending.
        let Ok(revalidation) = replied.await else { return Ok(false) };
        context.record_revalidation(revalidation.as_ref().ok());
        revalidation.map(|revalidation| revalidation.is_valid)
    }

    /// Makes the RPC, after all other requests that are ready have added their revalidations.
    async fn send(self: Arc<Self>) {
        tokio::task::yield_now().await;
        let mut pending = mem::take(&mut *self.lock());
        while !pending.is_empty() {
            let rest = pending.split_off(pending.len().min(REVALIDATIONS_MAX));
            let (jobs, replies): (_, Vec<_>) =
                pending.into_iter().map(|pending| (pending.job, pending.reply)).unzip();
            pending = rest;
            // The callers' keys are in the message.
            let anonymous = RequestContext::default();
            let call = self.coordinator.call(&anonymous);
            let response = call.revalidate(v1::RevalidateRequest { jobs }).await;
            for (index, reply) in replies.into_iter().enumerate() {
                let revalidation = match &response {
                    Ok(response) => Ok(response.revalidations.get(index).cloned().unwrap_or_default()),
                    Err(failure) => Err(failure.clone()),
                };
                // The client may have disconnected.
                let _ = reply.send(revalidation);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Pending>> {
        // A panic can't leave the list half changed.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
