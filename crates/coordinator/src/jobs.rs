//! The jobs' service: checks what callers send, asks the core, and reads the results of complete jobs from the ledger.

use std::sync::Arc;
use std::time::Duration;

use carlo_schedule::{JobState, Page};
use carlo_store::Ledger;
use carlo_tenancy::Caller;
use carlo_types::limits::{
    CONFIRMATIONS_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, PRIORITY_DEFAULT, PRIORITY_MAX, TEXT_BYTES_MAX,
};
use carlo_types::{Draft, Fault, FaultCode, FieldFault, JobId, JobSpec, Timestamp};
use carlo_wire::v1::jobs_server::Jobs;
use carlo_wire::{convert, status, v1};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::answers::{complete, repeated, replay};
use crate::core::{Core, NewJob, Once, Watch, no_such_job};
use crate::door::Call;
use crate::environment::Environment;
use crate::idempotency::Repeatable;
use crate::lead::Leadership;
use crate::simulate::Simulation;
use crate::views;

/// The longest that a caller may wait for a change.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);
/// Events that wait for a reader.
const EVENTS_AHEAD: usize = 4;

/// The service.
pub(crate) struct JobsService {
    leadership: Leadership,
    ledger: Arc<dyn Ledger>,
    environment: Arc<dyn Environment>,
}

impl JobsService {
    pub(crate) fn new(
        leadership: Leadership,
        ledger: Arc<dyn Ledger>,
        environment: Arc<dyn Environment>,
    ) -> Self {
        Self { leadership, ledger, environment }
    }

    async fn submit(&self, call: &mut Call, mut request: v1::SubmitRequest) -> Result<v1::Job, Fault> {
        let key = std::mem::take(&mut request.idempotency_key);
        let repeatable = Repeatable::new(&key, "Jobs.Submit", &request);
        let new = new_job(self.environment.as_ref(), request.simulation, request.priority);
        let submit = move |core: &mut Core, caller: &Caller| {
            let (repeatable, new) = (repeatable?, new?);
            let serve = |core: &mut Core| core.submit(caller, new).map(views::seen);
            core.once(caller, repeatable.as_ref(), serve, v1::Job::clone)
        };
        match call.admit(submit).await? {
            Once::Served(job) => Ok(job),
            Once::Repeated(id) => repeated(self.ledger.as_ref(), &id).await,
        }
    }

    async fn simulate(&self, call: &mut Call, mut request: v1::SimulateRequest) -> Result<v1::Job, Fault> {
        let key = std::mem::take(&mut request.idempotency_key);
        let wait = request.wait_ms.take().map(|ms| Duration::from_millis(ms.into()));
        let repeatable = Repeatable::new(&key, "Jobs.Simulate", &request);
        let new = new_job(self.environment.as_ref(), request.simulation, request.priority);
        let simulation = Simulation::begin(call, self.ledger.as_ref(), repeatable, new).await?;
        let seen = simulation.end(wait.unwrap_or(WAIT_MAX).min(WAIT_MAX)).await?;
        complete(self.ledger.as_ref(), views::seen(seen)).await
    }

    async fn get(&self, call: &mut Call, request: v1::GetJobRequest) -> Result<v1::Job, Fault> {
        let id = job_id(&request.id);
        let wait = Duration::from_millis(request.wait_ms.into()).min(WAIT_MAX);
        let get = move |core: &mut Core, caller: &Caller| {
            let id = id?;
            let seen = core.get(caller, id)?;
            let turn = if wait.is_zero() { None } else { core.wait_for(id) };
            Ok((id, seen, turn))
        };
        let (id, mut seen, turn) = call.admit(get).await?;
        if let Some(turn) = turn {
            if !turned(turn, wait).await? {
                tracing::trace!(job = %id, "it did not change in time");
            }
            let again = call.core().ask(move |core| core.look(id)).await?;
            // A job that expired between the two looks is gone.
            seen = again.ok_or_else(|| no_such_job(id))?;
        }
        complete(self.ledger.as_ref(), views::seen(seen)).await
    }

    async fn confirm(&self, request: v1::ConfirmRequest) -> Result<v1::ConfirmResponse, Status> {
        if request.jobs.len() > CONFIRMATIONS_MAX {
            let fault = FieldFault::new("/jobs", format!("must have at most {CONFIRMATIONS_MAX} entries"));
            return Err(status::from_fault(&Fault::invalid(vec![fault])));
        }
        let confirm = move |core: &mut Core| -> Vec<_> {
            let confirm = |v1::KeptJob { key, id, completed_at_ms }| {
                let key = Some(key).filter(|key| !key.is_empty());
                core.confirm(key.as_deref(), job_id(&id).ok()?, Timestamp(completed_at_ms))
            };
            request.jobs.into_iter().map(confirm).collect()
        };
        let rates = self.leadership.term()?.core.ask(confirm).await;
        let rates = rates.map_err(|fault| status::from_fault(&fault))?;
        Ok(v1::ConfirmResponse { confirmations: rates.into_iter().map(views::confirmation).collect() })
    }

    async fn list(
        &self,
        call: &mut Call,
        request: v1::ListJobsRequest,
    ) -> Result<v1::ListJobsResponse, Fault> {
        let checked = list_page(&request);
        let list = move |core: &mut Core, caller: &Caller| {
            let (state, page) = checked?;
            Ok(core.list(caller, state, page))
        };
        let (total, jobs) = call.admit(list).await?;
        Ok(v1::ListJobsResponse { jobs: jobs.into_iter().map(views::seen).collect(), total: total as u64 })
    }

    async fn cancel(&self, call: &mut Call, request: v1::CancelJobRequest) -> Result<v1::Job, Fault> {
        let cancel = move |core: &mut Core, caller: &Caller| {
            let id = job_id(&request.id)?;
            check_reason(&request.reason)?;
            core.cancel(caller, id, &request.reason)
        };
        call.admit(cancel).await.map(views::seen)
    }

    async fn replay(&self, call: &mut Call, request: v1::ReplayRequest) -> Result<v1::Replay, Fault> {
        let id = job_id(&request.id);
        let look = move |core: &mut Core, caller: &Caller| {
            let id = id?;
            core.get(caller, id).map(|_| id)
        };
        let id = call.admit(look).await?;
        replay(self.ledger.as_ref(), id, request.index).await
    }

    async fn watch(&self, call: &mut Call, request: v1::WatchJobRequest) -> Result<Events, Fault> {
        let watch = move |core: &mut Core, caller: &Caller| {
            core.watch(caller, job_id(&request.id)?, request.last_event_id)
        };
        let watch = call.admit(watch).await?;
        let (reader, events) = mpsc::channel(EVENTS_AHEAD);
        tokio::spawn(send_events(watch, Arc::clone(&self.ledger), reader));
        Ok(ReceiverStream::new(events))
    }
}

type Events = ReceiverStream<Result<v1::JobEvent, Status>>;

#[tonic::async_trait]
impl Jobs for JobsService {
    type WatchStream = Events;

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::Job>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let answer = self.submit(&mut call, request).await;
        call.answer(answer)
    }

    async fn simulate(&self, request: Request<v1::SimulateRequest>) -> Result<Response<v1::Job>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let answer = self.simulate(&mut call, request).await;
        call.answer(answer)
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let answer = self.get(&mut call, request).await;
        call.answer(answer)
    }

    async fn confirm(
        &self,
        request: Request<v1::ConfirmRequest>,
    ) -> Result<Response<v1::ConfirmResponse>, Status> {
        self.confirm(request.into_inner()).await.map(Response::new)
    }

    async fn list(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let answer = self.list(&mut call, request).await;
        call.answer(answer)
    }

    async fn cancel(&self, request: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let answer = self.cancel(&mut call, request).await;
        call.answer(answer)
    }

    async fn replay(&self, request: Request<v1::ReplayRequest>) -> Result<Response<v1::Replay>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let answer = self.replay(&mut call, request).await;
        call.answer(answer)
    }

    async fn watch(&self, request: Request<v1::WatchJobRequest>) -> Result<Response<Events>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let answer = self.watch(&mut call, request).await;
        call.answer(answer)
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
                let job = if event.is_last { complete(ledger.as_ref(), job).await } else { Ok(job) };
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
pub(crate) async fn turned(turn: oneshot::Receiver<()>, wait: Duration) -> Result<bool, Fault> {
    match timeout(wait, turn).await {
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
    let found = match Draft::from(simulation.unwrap_or_default()).check(seed) {
        Ok(spec) => return Some(spec),
        Err(found) => found,
    };
    faults.extend(
        found.into_iter().map(|fault| FieldFault::new(format!("{pointer}{}", fault.pointer), fault.message)),
    );
    None
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
    let state = request.status.map(|_| views::state(request.status()));
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
