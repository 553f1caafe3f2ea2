//! The batches' service.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use carlo_store::Ledger;
use carlo_tenancy::Caller;
use carlo_tenancy::terms::BATCH_SIZE_MAX;
use carlo_types::limits::{MESSAGE_BYTES_MAX, NAME_BYTES_MAX};
use carlo_types::{BatchId, Fault, FaultCode, FieldFault, JobId, Money};
use carlo_wire::v1::batches_server::Batches;
use carlo_wire::{convert, status, v1};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::auth::{RequestContext, ServiceState, service};
use crate::core::{BatchRequest, Core, CoreHandle, no_such_batch};
use crate::environment::Environment;
use crate::idempotency::IdempotencyKey;
use crate::ledger_reads::{resolve, with_results};
use crate::request_checks::{WAIT_MAX, check_page, check_priority, check_reason, check_simulation, notified};
use crate::to_proto;

/// Jobs of a batch that run at once: at most, and where a request doesn't say.
const PARALLEL_JOBS_MAX: u32 = 100;
const PARALLEL_JOBS_DEFAULT: u32 = 3;
/// The longest text of metadata.
const METADATA_BYTES_MAX: usize = 16 * 1_024;
/// Bytes of the jobs of one answer: what leaves room in a message. Jobs beyond that come without
/// results.
const JOBS_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 8 * 7;
/// Results that wait for a reader.
const RESULTS_AHEAD: usize = 2;

/// The service.
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
            let serve = |core: &mut Core| core.create_batch(caller, request).map(to_proto::batch);
            core.run_idempotent(caller, idempotency_key.as_ref(), serve, v1::Batch::clone)
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
            Ok((id, batch, change))
        };
        let (id, batch, change) = context.admit(get).await?;
        let Some((change, _permit)) = change else { return Ok(to_proto::batch(batch)) };
        notified(change, wait).await?;
        let again = context.core().ask(move |core| core.batch_view(id)).await?;
        again.map(to_proto::batch).ok_or_else(|| no_such_batch(id))
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
        let list = move |core: &mut Core, caller: &Caller| {
            if faults.is_empty() {
                Ok(core.list_batches(caller, state.flatten(), page))
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
            // A job that expired meanwhile is shown as it was.
            if let Ok(whole) = with_results(self.state.ledger.as_ref(), job.clone()).await
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
        let ended = move |core: &mut Core, caller: &Caller| core.ended_jobs(caller, batch_id(&request.id)?);
        let ended = context.admit(ended).await?;
        let (reader, results) = mpsc::channel(RESULTS_AHEAD);
        tokio::spawn(send_results(ended, context.core().clone(), Arc::clone(&self.state.ledger), reader));
        Ok(ReceiverStream::new(results))
    }

    async fn cancel(
        &self,
        context: &mut RequestContext,
        request: v1::CancelBatchRequest,
    ) -> Result<v1::Batch, Fault> {
        let cancel = move |core: &mut Core, caller: &Caller| {
            let id = batch_id(&request.id)?;
            check_reason(&request.reason)?;
            core.cancel_batch(caller, id, &request.reason, request.cancel_running.unwrap_or(true))
        };
        context.admit(cancel).await.map(to_proto::batch)
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

service! {
    impl Batches for BatchesService [ResultsStream = Results] {
        create(v1::CreateBatchRequest) -> v1::Batch;
        get(v1::GetBatchRequest) -> v1::Batch;
        list(v1::ListBatchesRequest) -> v1::ListBatchesResponse;
        jobs(v1::GetBatchRequest) -> v1::BatchJobs;
        results(v1::GetBatchRequest) -> Results;
        cancel(v1::CancelBatchRequest) -> v1::Batch;
        stats(v1::BatchStatsRequest) -> v1::BatchStats;
    }
}

/// Sends ended jobs with their results to their reader, as fast as it reads.
async fn send_results(
    ended: Vec<JobId>,
    core: CoreHandle,
    ledger: Arc<dyn Ledger>,
    reader: mpsc::Sender<Result<v1::Job, Status>>,
) {
    for id in ended {
        let job = match core.ask(move |core| core.snapshot_with_fold(id)).await {
            Ok(Some(snapshot)) => with_results(ledger.as_ref(), to_proto::job(snapshot)).await,
            // It has expired since it was listed.
            Ok(None) => continue,
            Err(fault) => Err(fault),
        };
        let is_over = job.is_err();
        if reader.send(job.map_err(|fault| status::from_fault(&fault))).await.is_err() || is_over {
            return;
        }
    }
}

/// The batch that a request asks for, under fresh ids; or every fault of it.
fn check(environment: &dyn Environment, request: v1::CreateBatchRequest) -> Result<BatchRequest, Fault> {
    let mut faults = Vec::new();
    if !(1..=BATCH_SIZE_MAX as usize).contains(&request.simulations.len()) {
        let message = format!("must have 1 to {BATCH_SIZE_MAX} entries");
        return Err(Fault::invalid(vec![FieldFault::new("/simulations", message)]));
    }
    let mut jobs = Vec::with_capacity(request.simulations.len());
    let mut names = BTreeSet::new();
    for (index, simulation) in request.simulations.into_iter().enumerate() {
        let pointer = format!("/simulations/{index}");
        let custom_id = simulation.custom_id;
        let message = if custom_id.len() > NAME_BYTES_MAX || custom_id.chars().any(char::is_control) {
            Some(format!("must have at most {NAME_BYTES_MAX} bytes and no control characters"))
        } else if !custom_id.is_empty() && !names.insert(custom_id.clone()) {
            Some("must be unique in the batch".to_owned())
        } else {
            None
        };
        faults.extend(message.map(|message| FieldFault::new(format!("{pointer}/custom_id"), message)));
        if let Some(spec) = check_simulation(environment, simulation.simulation, &pointer, &mut faults) {
            let custom_id = (!custom_id.is_empty()).then_some(custom_id);
            jobs.push((JobId::from_random(environment.random()), Arc::new(spec), custom_id));
        }
    }
    let parallel_jobs = request.parallel_jobs.unwrap_or(PARALLEL_JOBS_DEFAULT);
    if !(1..=PARALLEL_JOBS_MAX).contains(&parallel_jobs) {
        let message = format!("must be between 1 and {PARALLEL_JOBS_MAX}, not {parallel_jobs}");
        faults.push(FieldFault::new("/parallel_jobs", message));
    }
    let priority = check_priority(request.priority, &mut faults);
    check_metadata(&request.metadata_json, &mut faults);
    match priority {
        Some(priority) if faults.is_empty() => Ok(BatchRequest {
            id: BatchId::from_random(environment.random()),
            jobs,
            parallel_jobs,
            fail_fast: request.fail_fast,
            cap: request.budget_cap_nanodollars.map(|cap| Money::from_nanos(cap.into())),
            priority,
            metadata_json: request.metadata_json,
        }),
        _ => Err(Fault::invalid(faults)),
    }
}

fn check_metadata(json: &str, faults: &mut Vec<FieldFault>) {
    if json.is_empty() {
        return;
    }
    if json.len() > METADATA_BYTES_MAX {
        faults.push(FieldFault::new("/metadata", format!("must have at most {METADATA_BYTES_MAX} bytes")));
    } else if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json).is_err() {
        faults.push(FieldFault::new("/metadata", "must be a JSON object"));
    }
}

fn batch_id(text: &str) -> Result<BatchId, Fault> {
    // What is no id is the id of no batch.
    convert::id("id", text).map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))
}
