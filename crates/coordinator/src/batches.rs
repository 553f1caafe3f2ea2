//! The gRPC service `Batches`.

use std::sync::Arc;
use std::time::Duration;

use carlo_store::Ledger;
use carlo_tenancy::{Caller, Unauthenticated};
use carlo_types::definition::kind::Seed;
use carlo_types::definition::{self, Faults};
use carlo_types::limits::MESSAGE_BYTES_MAX;
use carlo_types::request::envelope::{BatchSimulation, CancelBatch, CreateBatch};
use carlo_types::{BatchId, Fault, FaultCode, FieldFault, JobId, JobSpec, Money};
use carlo_wire::v1::batches_server::Batches;
use carlo_wire::{convert, status, v1};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::auth::{RequestContext, ServiceState, refused, service};
use crate::core::{BatchRequest, BatchWatch, Core, CoreHandle, StreamPermit, no_such_batch};
use crate::environment::Environment;
use crate::idempotency::IdempotencyKey;
use crate::ledger_reads::{resolve, with_results};
use crate::request_checks::{
    WAIT_MAX, check_owner_filter, check_page, checked, fresh_seed, notified, rank, shutting_down,
};
use crate::to_proto;

/// The limit on the size of all jobs in one response, in bytes. It leaves some room in a message
/// for the rest. Jobs beyond it come without results.
const JOBS_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 8 * 7;
/// Job ids that a list shows of each batch. A page of the largest batches would have 100,000.
const LISTED_JOBS_MAX: usize = 100;
/// Results that are read ahead of a slow reader.
const RESULTS_AHEAD: usize = 2;
/// Events that wait for a reader.
const EVENTS_AHEAD: usize = 4;
/// The time between two events of a batch.
const EVENT_EVERY: Duration = Duration::from_millis(200);

pub(crate) struct BatchesService {
    state: ServiceState,
}

impl BatchesService {
    pub(crate) fn new(state: ServiceState) -> Self {
        Self { state }
    }

    async fn create(
        &self,
        context: &mut RequestContext,
        mut request: v1::CreateBatchRequest,
    ) -> Result<v1::Batch, Fault> {
        let key = std::mem::take(&mut request.idempotency_key);
        let idempotency_key = IdempotencyKey::new(&key, "Batches.Create", &request);
        let checked = check(self.state.environment.as_ref(), request);
        let create = move |core: &mut Core, caller: &Caller| {
            let (idempotency_key, request) = (idempotency_key?, checked?);
            let serve = |core: &mut Core| {
                let (batch, made) = core.create_batch(caller, request)?;
                let hook = core.batch_hook(batch.record.id);
                Ok(to_proto::batch_with_hook(batch, hook, made.as_ref()))
            };
            core.run_idempotent(caller, idempotency_key.as_ref(), serve, without_secret)
        };
        resolve(self.state.ledger.as_ref(), context.admit(create).await?).await
    }

    async fn get(
        &self,
        context: &mut RequestContext,
        request: v1::GetBatchRequest,
    ) -> Result<v1::Batch, Fault> {
        let id = batch_id(&request.id);
        let wait = Duration::from_millis(request.wait_ms.into()).min(WAIT_MAX);
        let get = move |core: &mut Core, caller: &Caller| {
            let id = id?;
            let batch = core.batch(caller, id)?;
            let change = if wait.is_zero() { None } else { core.wait_for_batch(id) };
            let change = match change {
                Some(change) => Some((change, core.open_stream(caller)?)),
                None => None,
            };
            let batch = to_proto::batch_with_hook(batch, core.batch_hook(id), None);
            Ok((id, batch, change))
        };
        let (id, batch, change) = context.admit(get).await?;
        let Some((change, permit)) = change else { return Ok(batch) };
        notified(change, wait, &permit).await?;
        let again = move |core: &mut Core| {
            core.batch_view(id).map(|batch| to_proto::batch_with_hook(batch, core.batch_hook(id), None))
        };
        context.core().ask(again).await?.ok_or_else(|| no_such_batch(id))
    }

    async fn list(
        &self,
        context: &mut RequestContext,
        request: v1::ListBatchesRequest,
    ) -> Result<v1::ListBatchesResponse, Fault> {
        let mut faults = Vec::new();
        let page = check_page(request.page, request.page_size, &mut faults);
        let state = request.status.map(|_| to_proto::batch_state(request.status()));
        if state == Some(None) {
            faults.push(FieldFault::new("/status", "is not the status of a batch"));
        }
        let owners = check_owner_filter(request.all, &request.user, &mut faults);
        let list = move |core: &mut Core, caller: &Caller| {
            if faults.is_empty() {
                core.list_batches(caller, &owners, state.flatten(), page, LISTED_JOBS_MAX)
            } else {
                Err(Fault::invalid(faults))
            }
        };
        let (total, batches) = context.admit(list).await?;
        let batches = batches.into_iter().map(to_proto::batch).collect();
        Ok(v1::ListBatchesResponse { batches, total: total as u64 })
    }

    async fn jobs(
        &self,
        context: &mut RequestContext,
        request: v1::GetBatchRequest,
    ) -> Result<v1::BatchJobs, Fault> {
        let jobs = move |core: &mut Core, caller: &Caller| core.batch_jobs(caller, batch_id(&request.id)?);
        let (batch, jobs) = context.admit(jobs).await?;
        let mut answer = v1::BatchJobs { batch: Some(to_proto::batch(batch)), jobs: Vec::new() };
        let mut bytes = 0;
        for job in jobs {
            let mut job = to_proto::job(job);
            // If the job has expired meanwhile, it is shown without results.
            if let Ok(whole) = with_results(context.core(), self.state.ledger.as_ref(), job.clone()).await
                && bytes + whole.encoded_len() <= JOBS_BYTES_MAX
            {
                job = whole;
            }
            bytes += job.encoded_len();
            answer.jobs.push(job);
        }
        Ok(answer)
    }

    async fn results(
        &self,
        context: &mut RequestContext,
        request: v1::GetBatchRequest,
    ) -> Result<Results, Fault> {
        let ended = move |core: &mut Core, caller: &Caller| {
            Ok((core.ended_jobs(caller, batch_id(&request.id)?)?, core.open_stream(caller)?))
        };
        let (ended, permit) = context.admit(ended).await?;
        let (reader, results) = mpsc::channel(RESULTS_AHEAD);
        let (core, ledger) = (context.core().clone(), Arc::clone(&self.state.ledger));
        tokio::spawn(async move {
            tokio::select! {
                () = send_results(ended, core, ledger, &reader) => {}
                () = permit.revoked.cancelled() => {
                    let refusal = status::from_fault(&refused(Unauthenticated::Revoked));
                    // If the channel is full, the end of the stream must suffice.
                    let _ = reader.try_send(Err(refusal));
                }
            }
        });
        Ok(ReceiverStream::new(results))
    }

    async fn watch(
        &self,
        context: &mut RequestContext,
        request: v1::WatchBatchRequest,
    ) -> Result<Events, Fault> {
        let watch = move |core: &mut Core, caller: &Caller| {
            let permit = core.open_stream(caller)?;
            Ok((core.watch_batch(caller, batch_id(&request.id)?, request.last_event_id)?, permit))
        };
        let (watch, permit) = context.admit(watch).await?;
        let (reader, events) = mpsc::channel(EVENTS_AHEAD);
        if let Some(watch) = watch {
            tokio::spawn(send_events(watch, context.core().clone(), permit, reader));
        } else {
            context.set_stream_is_over();
        }
        Ok(ReceiverStream::new(events))
    }

    async fn cancel(
        &self,
        context: &mut RequestContext,
        request: v1::CancelBatchRequest,
    ) -> Result<v1::Batch, Fault> {
        let cancel = move |core: &mut Core, caller: &Caller| {
            let id = batch_id(&request.id)?;
            let CancelBatch { reason, cancel_running } = checked(request.into())?;
            core.cancel_batch(caller, id, reason, cancel_running)
        };
        context.admit(cancel).await.map(to_proto::batch)
    }

    async fn delete(
        &self,
        context: &mut RequestContext,
        request: v1::DeleteBatchRequest,
    ) -> Result<v1::DeleteBatchResponse, Fault> {
        let delete =
            move |core: &mut Core, caller: &Caller| core.delete_batch(caller, batch_id(&request.id)?);
        context.admit(delete).await.map(|()| v1::DeleteBatchResponse {})
    }

    async fn stats(
        &self,
        context: &mut RequestContext,
        _: v1::BatchStatsRequest,
    ) -> Result<v1::BatchStats, Fault> {
        let stats = context.admit(|core, caller| Ok(core.batch_stats(caller))).await?;
        Ok(to_proto::batch_stats(&stats))
    }
}

type Results = ReceiverStream<Result<v1::Job, Status>>;
type Events = ReceiverStream<Result<v1::BatchEvent, Status>>;

service! {
    impl Batches for BatchesService [ResultsStream = Results, WatchStream = Events] {
        create(v1::CreateBatchRequest) -> v1::Batch;
        get(v1::GetBatchRequest) -> v1::Batch;
        list(v1::ListBatchesRequest) -> v1::ListBatchesResponse;
        jobs(v1::GetBatchRequest) -> v1::BatchJobs;
        results(v1::GetBatchRequest) -> Results;
        watch(v1::WatchBatchRequest) -> Events;
        cancel(v1::CancelBatchRequest) -> v1::Batch;
        delete(v1::DeleteBatchRequest) -> v1::DeleteBatchResponse;
        stats(v1::BatchStatsRequest) -> v1::BatchStats;
    }
}

/// Sends ended jobs with their results, as fast as the reader takes them.
async fn send_results(
    ended: Vec<JobId>,
    core: CoreHandle,
    ledger: Arc<dyn Ledger>,
    reader: &mpsc::Sender<Result<v1::Job, Status>>,
) {
    for id in ended {
        let job = match core.ask(move |core| core.snapshot_with_fold(id)).await {
            Ok(Some(snapshot)) => with_results(&core, ledger.as_ref(), to_proto::job(snapshot)).await,
            // The job has expired since it was listed.
            Ok(None) => continue,
            Err(fault) => Err(fault),
        };
        let is_over = job.is_err();
        if reader.send(job.map_err(|fault| status::from_fault(&fault))).await.is_err() || is_over {
            return;
        }
    }
}

/// Sends a batch's events to their reader until the last one. What happens while the reader is
/// behind is one event.
async fn send_events(
    watch: BatchWatch,
    core: CoreHandle,
    permit: StreamPermit,
    reader: mpsc::Sender<Result<v1::BatchEvent, Status>>,
) {
    let ended = tokio::select! {
        ended = tell(watch, &core, &reader) => ended,
        () = permit.revoked.cancelled() => Err(refused(Unauthenticated::Revoked)),
        () = reader.closed() => return,
    };
    if let Err(fault) = ended {
        // If the reader is behind, it only gets the end of the stream.
        let _ = reader.try_send(Err(status::from_fault(&fault)));
    }
}

async fn tell(
    BatchWatch { batch, mut last_seen }: BatchWatch,
    core: &CoreHandle,
    reader: &mpsc::Sender<Result<v1::BatchEvent, Status>>,
) -> Result<(), Fault> {
    loop {
        let event = core.ask(move |core| core.batch_event(batch)).await?;
        let (event, change) = event.ok_or_else(|| no_such_batch(batch))?;
        if event.id > last_seen {
            last_seen = event.id;
            let message = v1::BatchEvent { id: event.id, batch: Some(to_proto::batch(event.batch)) };
            if reader.send(Ok(message)).await.is_err() {
                return Ok(());
            }
        }
        if event.is_last {
            return Ok(());
        }
        tokio::time::sleep(EVENT_EVERY).await;
        change.await.map_err(|_| shutting_down())?;
    }
}

/// The requested batch with fresh ids, or all faults of the request.
fn check(environment: &dyn Environment, request: v1::CreateBatchRequest) -> Result<BatchRequest, Fault> {
    let mut faults = Faults::default();
    for (index, simulation) in request.simulations.iter().enumerate() {
        let asked = simulation.simulation.as_ref();
        if asked.is_some_and(|asked| !asked.variants.is_empty() || asked.solve.is_some()) {
            let message = "can't compare plans or solve for a number: submit it as a job";
            faults.push(FieldFault::new(format!("/simulations/{index}"), message));
        }
    }
    // Money and metadata are passed on without a conversion that could change them.
    let cap = request.budget_cap_nanodollars.map(|cap| Money::from_nanos(cap.into()));
    let metadata_json = request.metadata_json.clone();
    let CreateBatch {
        simulations,
        parallel_jobs,
        fail_fast,
        budget_cap_usd: _,
        priority,
        metadata: _,
        webhook,
    } = definition::check(request.into(), "", &mut faults);
    let job = |BatchSimulation { mut request, custom_id }| {
        request.params.seed.get_or_insert_with(|| Seed(fresh_seed(environment)));
        (JobId::from_random(environment.random()), Arc::new(JobSpec::of(request)), custom_id)
    };
    faults.none_or(BatchRequest {
        id: BatchId::from_random(environment.random()),
        jobs: simulations.into_iter().map(job).collect(),
        parallel_jobs,
        fail_fast,
        cap,
        priority: rank(priority),
        metadata_json,
        notify: webhook.into(),
    })
}

/// Secrets are never stored in a response, so a repeated request gets the batch without it.
fn without_secret(batch: &v1::Batch) -> v1::Batch {
    let mut batch = batch.clone();
    if let Some(webhook) = &mut batch.webhook {
        webhook.secret.clear();
    }
    batch
}

fn batch_id(text: &str) -> Result<BatchId, Fault> {
    // No batch has a malformed id.
    convert::id("id", text).map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))
}
