//! Jobs that callers wait for in one call. The same request from the same user joins the job
//! instead of starting another one. If a caller disconnects before the job has ended and before the
//! wait is over, the job is cancelled, unless other callers wait for it.

use std::time::Duration;

use carlo_store::Ledger;
use carlo_tenancy::Caller;
use carlo_types::limits::PREVIEW_SIMULATIONS_MAX;
use carlo_types::{Fault, FieldFault, JobId};
use carlo_wire::{convert, v1};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::auth::RequestContext;
use crate::core::{Core, CoreHandle, IdempotentOutcome, NewJob, StreamPermit, WaitedRequest, no_such_job};
use crate::entries::idempotency::{Hash, IdempotencyId};
use crate::idempotency::IdempotencyKey;
use crate::ledger_reads::first_answer;
use crate::request_checks::notified;
use crate::snapshot::JobSnapshot;

/// The reason for the cancellation of a job whose caller has disconnected.
const GONE: &str = "the caller that waited for it has gone";

/// One caller's wait for a job. If it is dropped before the end, the job may be cancelled.
pub(crate) struct JobWait {
    core: CoreHandle,
    job: JobId,
    /// Resolves at the next change of the job's status; `None` if the job has ended.
    change: Option<oneshot::Receiver<()>>,
    /// The waiting caller; `None` once the wait is over.
    caller: Option<Caller>,
    /// The idempotency key, which is marked as in use during the wait.
    idempotency: Option<IdempotencyId>,
    /// The request, so that equal ones can join the job during the wait; `None` if it has an
    /// idempotency key.
    request: Option<WaitedRequest>,
    /// A waiting call counts as one of the caller's streams.
    permit: StreamPermit,
}

impl JobWait {
    /// Submits a job, or joins the job of the same request. Requests are the same if they have the
    /// same idempotency key, or the same content and no key.
    pub(crate) async fn begin(
        context: &mut RequestContext,
        ledger: &dyn Ledger,
        idempotency_key: Result<Option<IdempotencyKey>, Fault>,
        fingerprint: Hash,
        new: Result<NewJob, Fault>,
    ) -> Result<Self, Fault> {
        let handle = context.core().clone();
        let submit = move |core: &mut Core, caller: &Caller| {
            let (idempotency_key, new) = (idempotency_key?, new?);
            check_size(&new, core.waited_simulations_max())?;
            let permit = core.open_stream(caller)?;
            let request = WaitedRequest { user: caller.user.clone(), fingerprint };
            let request = idempotency_key.is_none().then_some(request);
            let mut simulation = Self {
                core: handle,
                job: new.id,
                change: None,
                caller: None,
                idempotency: None,
                request,
                permit,
            };
            if let Some(job) = simulation.request.as_ref().and_then(|request| core.join_waited(request)) {
                simulation.job = job;
                simulation.change = core.wait_for(job);
                simulation.caller = Some(caller.clone());
                return Ok((simulation, None, caller.clone()));
            }
            let serve = |core: &mut Core| core.submit(caller, new).map(|(snapshot, _)| snapshot);
            // A repeated request gets the same job.
            let stored =
                |snapshot: &JobSnapshot| v1::Job { id: snapshot.view.id.to_string(), ..v1::Job::default() };
            let outcome = core.run_idempotent(caller, idempotency_key.as_ref(), serve, stored)?;
            simulation.idempotency = idempotency_key.map(|idempotency_key| idempotency_key.id(&caller.user));
            if let Some(idempotency) = &simulation.idempotency {
                core.begin_idempotent(idempotency.clone());
            }
            if let Some(request) = &simulation.request {
                core.wait_jointly(request.clone(), simulation.job);
            }
            simulation.change = core.wait_for(simulation.job);
            let repeated = match outcome {
                IdempotentOutcome::Repeated(id) => Some(id),
                IdempotentOutcome::Served(_) => {
                    // Set already here, so that the job is cancelled if the caller disconnects
                    // before it gets this value.
                    simulation.caller = Some(caller.clone());
                    None
                }
            };
            Ok((simulation, repeated, caller.clone()))
        };
        let (mut simulation, repeated, caller) = context.admit(submit).await?;
        if let Some(id) = repeated {
            let first: v1::Job = first_answer(ledger, &id).await?;
            let job = convert::id("id", &first.id)?;
            simulation.job = job;
            simulation.change = context.core().ask(move |core| core.wait_for(job)).await?;
            simulation.caller = Some(caller);
        }
        Ok(simulation)
    }

    /// Waits until the job has ended or `wait` is over. After `wait` the job continues.
    pub(crate) async fn end(mut self, wait: Duration) -> Result<JobSnapshot, Fault> {
        let deadline = tokio::time::Instant::now() + wait;
        let job = self.job;
        while let Some(change) = self.change.take() {
            let wait = deadline.saturating_duration_since(tokio::time::Instant::now());
            if !notified(change, wait, &self.permit).await? {
                break;
            }
            // The change may have been the job's start.
            self.change = self.core.ask(move |core| core.wait_for(job)).await?;
        }
        let (idempotency, request) = (self.idempotency.clone(), self.request.clone());
        let snapshot = self
            .core
            .ask(move |core| {
                if let Some(idempotency) = &idempotency {
                    core.end_idempotent(idempotency, false);
                }
                if let Some(request) = &request {
                    core.leave(request, job, true);
                }
                core.snapshot_with_fold(job)
            })
            .await?;
        (self.caller, self.idempotency, self.request) = (None, None, None);
        snapshot.ok_or_else(|| no_such_job(job))
    }
}

impl Drop for JobWait {
    fn drop(&mut self) {
        let (caller, idempotency, request) =
            (self.caller.take(), self.idempotency.take(), self.request.take());
        if caller.is_none() && idempotency.is_none() {
            return;
        }
        let (core, job) = (self.core.clone(), self.job);
        let give_up = async move {
            let give_up = move |core: &mut Core| {
                let is_wanted = request.is_some_and(|request| core.leave(&request, job, false));
                // If the job has ended meanwhile, its response stays valid.
                let is_cancelled = !is_wanted
                    && caller.is_some_and(|caller| core.cancel(&caller, job, Some(GONE.to_owned())).is_ok());
                if let Some(idempotency) = idempotency {
                    core.end_idempotent(&idempotency, is_cancelled);
                }
            };
            // If the core has ended, its jobs are restored by the next term.
            let _ = core.ask(give_up).await;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(give_up);
        }
    }
}

fn check_size(new: &NewJob, most: u64) -> Result<(), Fault> {
    let (most, what) = if new.is_preview && most > PREVIEW_SIMULATIONS_MAX {
        (PREVIEW_SIMULATIONS_MAX, "in a preview")
    } else {
        (most, "where the answer is waited for")
    };
    if new.spec.simulations() <= most {
        return Ok(());
    }
    let message = format!("must be at most {most} {what}");
    Err(Fault::invalid(vec![FieldFault::new("/simulationParams/nSimulations", message)]))
}
