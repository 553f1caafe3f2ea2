//! A job that its caller waits for. A caller that goes away before it has ended, or before the wait is over, cancels it.

use std::time::Duration;

use carlo_store::Ledger;
use carlo_tenancy::Caller;
use carlo_types::{Fault, FieldFault, JobId};
use carlo_wire::{convert, v1};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::answers::repeated;
use crate::core::{Core, CoreHandle, JobSeen, NewJob, Once, no_such_job};
use crate::door::Call;
use crate::entries::idempotency::RepeatId;
use crate::idempotency::Repeatable;
use crate::jobs::turned;

/// The most simulations of a job that is waited for.
const SIMULATIONS_MAX: u64 = 10_000_000;
/// Why a job is cancelled whose caller has gone.
const GONE: &str = "the caller that waited for it has gone";

/// A job that is waited for.
pub(crate) struct Simulation {
    core: CoreHandle,
    job: JobId,
    /// Resolves at the next change of its status; `None` if it has ended.
    turn: Option<oneshot::Receiver<()>>,
    /// Who waits, until the wait is over.
    caller: Option<Caller>,
    /// The key that is in use until then.
    repeat: Option<RepeatId>,
}

impl Simulation {
    /// Submits a job, or takes up the one that the same request began.
    pub(crate) async fn begin(
        call: &mut Call,
        ledger: &dyn Ledger,
        repeatable: Result<Option<Repeatable>, Fault>,
        new: Result<NewJob, Fault>,
    ) -> Result<Self, Fault> {
        let handle = call.core().clone();
        let submit = move |core: &mut Core, caller: &Caller| {
            let (repeatable, new) = (repeatable?, new?);
            check_size(&new)?;
            let job = new.id;
            let serve = |core: &mut Core| core.submit(caller, new);
            // The answer of a request that comes again is that of the same job.
            let told = |seen: &JobSeen| v1::Job { id: seen.view.id.to_string(), ..v1::Job::default() };
            let once = core.once(caller, repeatable.as_ref(), serve, told)?;
            let repeat = repeatable.map(|repeatable| repeatable.id(&caller.user));
            if let Some(repeat) = &repeat {
                core.begin_repeat(repeat.clone());
            }
            // Made here, so that it is dropped where its answer finds nobody.
            let waits = matches!(once, Once::Served(_)).then(|| caller.clone());
            let turn = core.wait_for(job);
            Ok((Self { core: handle, job, turn, caller: waits, repeat }, once, caller.clone()))
        };
        let (mut simulation, once, caller) = call.admit(submit).await?;
        if let Once::Repeated(id) = once {
            let first: v1::Job = repeated(ledger, &id).await?;
            let job = convert::id("id", &first.id)?;
            simulation.job = job;
            simulation.turn = call.core().ask(move |core| core.wait_for(job)).await?;
            simulation.caller = Some(caller);
        }
        Ok(simulation)
    }

    /// The job, when it has ended or `wait` is over. It goes on then.
    pub(crate) async fn end(mut self, wait: Duration) -> Result<JobSeen, Fault> {
        let deadline = tokio::time::Instant::now() + wait;
        let job = self.job;
        while let Some(turn) = self.turn.take() {
            if !turned(turn, deadline.saturating_duration_since(tokio::time::Instant::now())).await? {
                break;
            }
            // It may just have started.
            self.turn = self.core.ask(move |core| core.wait_for(job)).await?;
        }
        let repeat = self.repeat.clone();
        let seen = self
            .core
            .ask(move |core| {
                if let Some(repeat) = &repeat {
                    core.end_repeat(repeat, false);
                }
                core.look(job)
            })
            .await?;
        (self.caller, self.repeat) = (None, None);
        seen.ok_or_else(|| no_such_job(job))
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        let (caller, repeat) = (self.caller.take(), self.repeat.take());
        if caller.is_none() && repeat.is_none() {
            return;
        }
        let (core, job) = (self.core.clone(), self.job);
        let give_up = async move {
            let give_up = move |core: &mut Core| {
                // It may have ended just now; then its answer stays what it is.
                let is_cancelled = caller.is_some_and(|caller| core.cancel(&caller, job, GONE).is_ok());
                if let Some(repeat) = repeat {
                    core.end_repeat(&repeat, is_cancelled);
                }
            };
            // Where the core has ended there is nobody to tell.
            let _ = core.ask(give_up).await;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(give_up);
        }
    }
}

fn check_size(new: &NewJob) -> Result<(), Fault> {
    if new.spec.simulations <= SIMULATIONS_MAX {
        return Ok(());
    }
    let message = format!("must be at most {SIMULATIONS_MAX} where the answer is waited for");
    Err(Fault::invalid(vec![FieldFault::new("/simulationParams/nSimulations", message)]))
}
