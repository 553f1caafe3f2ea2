//! The jobs' service: checks what callers send, asks the core, and reads the results of complete jobs from the ledger.

use std::sync::Arc;
use std::time::Duration;

use carlo_schedule::{JobState, Page};
use carlo_store::Ledger;
use carlo_tenancy::Caller;
use carlo_types::definition::Faults;
use carlo_types::limits::{
    PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, PRIORITY_DEFAULT, PRIORITY_MAX, REVALIDATIONS_MAX, TEXT_BYTES_MAX,
};
use carlo_types::{Draft, Fault, FaultCode, FieldFault, JobId, JobSpec, Timestamp};
use carlo_wire::v1::jobs_server::Jobs;
use carlo_wire::{convert, status, v1};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::auth::{RequestContext, ServiceState, service};
use crate::core::{Core, NewJob, Watch, no_such_job};
use crate::environment::Environment;
use crate::idempotency::{IdempotencyKey, fingerprint};
use crate::ledger_reads::{replay, resolve, with_results};
use crate::simulate::Simulation;
use crate::to_proto;

/// The longest that a caller may wait for a change.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);
/// Events that wait for a reader.
const EVENTS_AHEAD: usize = 4;

/// The service.
pub(crate) struct JobsService {
    state: ServiceState,
}

impl JobsService {
    pub(crate) fn new(state: ServiceState) -> Self {
        Self { state }
    }

    async fn submit(
        &self,
        context: &mut RequestContext,
        mut request: v1::SubmitRequest,
    ) -> Result<v1::Job, Fault> {
        let key = std::mem::take(&mut request.idempotency_key);
        let idempotency_key = IdempotencyKey::new(&key, "Jobs.Submit", &request);
        let new = new_job(self.state.environment.as_ref(), request.simulation, request.priority);
        let submit = move |core: &mut Core, caller: &Caller| {
            let (idempotency_key, new) = (idempotency_key?, new?);
            let serve = |core: &mut Core| core.submit(caller, new).map(to_proto::job);
            core.run_idempotent(caller, idempotency_key.as_ref(), serve, v1::Job::clone)
        };
        resolve(self.state.ledger.as_ref(), context.admit(submit).await?).await
    }

    async fn simulate(
        &self,
        context: &mut RequestContext,
        mut request: v1::SimulateRequest,
    ) -> Result<v1::Job, Fault> {
        let key = std::mem::take(&mut request.idempotency_key);
        let wait = request.wait_ms.take().map(|ms| Duration::from_millis(ms.into()));
        let idempotency_key = IdempotencyKey::new(&key, "Jobs.Simulate", &request);
        let fingerprint = fingerprint("Jobs.Simulate", &request);
        let new = new_job(self.state.environment.as_ref(), request.simulation, request.priority);
        let simulation =
            Simulation::begin(context, self.state.ledger.as_ref(), idempotency_key, fingerprint, new).await?;
        let snapshot = simulation.end(wait.unwrap_or(WAIT_MAX).min(WAIT_MAX)).await?;
        with_results(self.state.ledger.as_ref(), to_proto::job(snapshot)).await
    }

    async fn get(&self, context: &mut RequestContext, request: v1::GetJobRequest) -> Result<v1::Job, Fault> {
        let id = job_id(&request.id);
        let wait = Duration::from_millis(request.wait_ms.into()).min(WAIT_MAX);
        let get = move |core: &mut Core, caller: &Caller| {
            let id = id?;
            let snapshot = core.get(caller, id)?;
            let change = if wait.is_zero() { None } else { core.wait_for(id) };
            Ok((id, snapshot, change))
        };
        let (id, mut snapshot, change) = context.admit(get).await?;
        if let Some(change) = change {
            if !notified(change, wait).await? {
                tracing::trace!(job = %id, "it did not change in time");
            }
            let again = context.core().ask(move |core| core.snapshot_with_fold(id)).await?;
            // A job that expired between the two looks is gone.
            snapshot = again.ok_or_else(|| no_such_job(id))?;
        }
        with_results(self.state.ledger.as_ref(), to_proto::job(snapshot)).await
    }

    /// Each entry is a call of its own, with the key that it names; this one is not counted.
    async fn revalidate(
        &self,
        context: &mut RequestContext,
        request: v1::RevalidateRequest,
    ) -> Result<v1::RevalidateResponse, Fault> {
        if request.jobs.len() > REVALIDATIONS_MAX {
            let fault = FieldFault::new("/jobs", format!("must have at most {REVALIDATIONS_MAX} entries"));
            return Err(Fault::invalid(vec![fault]));
        }
        let revalidate = move |core: &mut Core| -> Vec<_> {
            let revalidate = |v1::CachedJob { key, id, completed_at_ms }| {
                let key = Some(key).filter(|key| !key.is_empty());
                core.revalidate(key.as_deref(), job_id(&id).ok()?, Timestamp(completed_at_ms))
            };
            request.jobs.into_iter().map(revalidate).collect()
        };
        let rates = context.core().ask(revalidate).await?;
        Ok(v1::RevalidateResponse { revalidations: rates.into_iter().map(to_proto::revalidation).collect() })
    }

    async fn list(
        &self,
        context: &mut RequestContext,
        request: v1::ListJobsRequest,
    ) -> Result<v1::ListJobsResponse, Fault> {
        let checked = list_page(&request);
        let list = move |core: &mut Core, caller: &Caller| {
            let (state, page) = checked?;
            Ok(core.list(caller, state, page))
        };
        let (total, jobs) = context.admit(list).await?;
        Ok(v1::ListJobsResponse { jobs: jobs.into_iter().map(to_proto::job).collect(), total: total as u64 })
    }

    async fn cancel(
        &self,
        context: &mut RequestContext,
        request: v1::CancelJobRequest,
    ) -> Result<v1::Job, Fault> {
        let cancel = move |core: &mut Core, caller: &Caller| {
            let id = job_id(&request.id)?;
            check_reason(&request.reason)?;
            core.cancel(caller, id, &request.reason)
        };
        context.admit(cancel).await.map(to_proto::job)
    }

    async fn replay(
        &self,
        context: &mut RequestContext,
        request: v1::ReplayRequest,
    ) -> Result<v1::ReplayedSimulation, Fault> {
        let id = job_id(&request.id);
        let look = move |core: &mut Core, caller: &Caller| {
            let id = id?;
            core.get(caller, id).map(|_| id)
        };
        let id = context.admit(look).await?;
        replay(self.state.ledger.as_ref(), id, request.index).await
    }

    async fn watch(
        &self,
        context: &mut RequestContext,
        request: v1::WatchJobRequest,
    ) -> Result<Events, Fault> {
        let watch = move |core: &mut Core, caller: &Caller| {
            core.watch(caller, job_id(&request.id)?, request.last_event_id)
        };
        let watch = context.admit(watch).await?;
        let (reader, events) = mpsc::channel(EVENTS_AHEAD);
        match watch {
            Some(watch) => drop(tokio::spawn(send_events(watch, Arc::clone(&self.state.ledger), reader))),
            None => context.set_stream_is_over(),
        }
        Ok(ReceiverStream::new(events))
    }
}

type Events = ReceiverStream<Result<v1::JobEvent, Status>>;

service! {
    impl Jobs for JobsService [WatchStream = Events] {
        submit(v1::SubmitRequest) -> v1::Job;
        simulate(v1::SimulateRequest) -> v1::Job;
        get(v1::GetJobRequest) -> v1::Job;
        revalidate(v1::RevalidateRequest) -> v1::RevalidateResponse;
        list(v1::ListJobsRequest) -> v1::ListJobsResponse;
        cancel(v1::CancelJobRequest) -> v1::Job;
        replay(v1::ReplayRequest) -> v1::ReplayedSimulation;
        watch(v1::WatchJobRequest) -> Events;
    }
}

/// Sends a job's events to their reader, as fast as it reads, until the last one.
async fn send_events(
    mut watch: Watch,
    ledger: Arc<dyn Ledger>,
    reader: mpsc::Sender<Result<v1::JobEvent, Status>>,
) {
    loop {
        let next = tokio::select! {
            next = watch.next() => next,
            () = reader.closed() => return,
        };
        let event = match next {
            Ok(None) => return,
            Ok(Some(event)) => {
                let job = v1::Job::clone(&event.job);
                let job = if event.is_last { with_results(ledger.as_ref(), job).await } else { Ok(job) };
                job.map(|job| v1::JobEvent { id: event.id, job: Some(job) })
            }
            Err(fault) => Err(fault),
        };
        let is_over = event.is_err();
        let sent = reader.send(event.map_err(|fault| status::from_fault(&fault))).await;
        if is_over || sent.is_err() {
            return;
        }
    }
}

/// Whether what is waited for happened in time. Fails when the core ends.
pub(crate) async fn notified(change: oneshot::Receiver<()>, wait: Duration) -> Result<bool, Fault> {
    match timeout(wait, change).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(_)) => Err(Fault::new(FaultCode::Unavailable, "this coordinator is shutting down")),
        Err(_) => Ok(false),
    }
}

/// The job that a request asks for, under a fresh id and with a fresh seed where it gives none.
fn new_job(
    environment: &dyn Environment,
    simulation: Option<v1::SimulationRequest>,
    priority: Option<u32>,
) -> Result<NewJob, Fault> {
    let mut faults = Vec::new();
    let spec = check_simulation(environment, simulation, "", &mut faults);
    let priority = check_priority(priority, &mut faults);
    match (spec, priority) {
        (Some(spec), Some(priority)) if faults.is_empty() => {
            Ok(NewJob { id: JobId::from_random(environment.random()), spec: Arc::new(spec), priority })
        }
        _ => Err(Fault::invalid(faults)),
    }
}

/// The specification that a request asks for, or its faults, with `pointer` before theirs.
pub(crate) fn check_simulation(
    environment: &dyn Environment,
    simulation: Option<v1::SimulationRequest>,
    pointer: &str,
    faults: &mut Vec<FieldFault>,
) -> Option<JobSpec> {
    #[expect(clippy::cast_possible_truncation, reason = "64 of random bits are as random")]
    let seed = environment.random() as u64;
    let mut found = Faults::default();
    let spec = Draft::from(simulation.unwrap_or_default()).check_at(pointer, seed, &mut found);
    match found.none_or(spec) {
        Ok(spec) => Some(spec),
        Err(fault) => {
            faults.extend(fault.fields);
            None
        }
    }
}

/// The priority that a request asks for.
pub(crate) fn check_priority(priority: Option<u32>, faults: &mut Vec<FieldFault>) -> Option<u8> {
    let priority = priority.unwrap_or(PRIORITY_DEFAULT.into());
    let checked = u8::try_from(priority).ok().filter(|priority| *priority <= PRIORITY_MAX);
    if checked.is_none() {
        let message = format!("must be between 0 and {PRIORITY_MAX}, not {priority}");
        faults.push(FieldFault::new("/priority", message));
    }
    checked
}

/// Refuses a reason that is too long.
pub(crate) fn check_reason(reason: &str) -> Result<(), Fault> {
    if reason.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let message = format!("must have at most {TEXT_BYTES_MAX} bytes");
    Err(Fault::invalid(vec![FieldFault::new("/reason", message)]))
}

fn job_id(text: &str) -> Result<JobId, Fault> {
    // What is no id is the id of no job.
    convert::id("id", text).map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))
}

fn list_page(request: &v1::ListJobsRequest) -> Result<(Option<JobState>, Page), Fault> {
    let mut faults = Vec::new();
    let page = check_page(request.page, request.page_size, &mut faults);
    let state = request.status.map(|_| to_proto::job_state(request.status()));
    if state == Some(None) {
        faults.push(FieldFault::new("/status", "is not the status of a job"));
    }
    if faults.is_empty() { Ok((state.flatten(), page)) } else { Err(Fault::invalid(faults)) }
}

/// The part of a list that a request asks for. 0 is what protobuf says where a caller says nothing.
pub(crate) fn check_page(page: u32, page_size: u32, faults: &mut Vec<FieldFault>) -> Page {
    let page_size = if page_size == 0 { PAGE_SIZE_DEFAULT } else { page_size };
    if page_size > PAGE_SIZE_MAX {
        let message = format!("must be between 1 and {PAGE_SIZE_MAX}, not {page_size}");
        faults.push(FieldFault::new("/page_size", message));
    }
    let skip = usize::try_from(u64::from(page.max(1) - 1) * u64::from(page_size)).unwrap_or(usize::MAX);
    Page { skip, take: page_size as usize }
}
