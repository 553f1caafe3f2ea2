//! The gRPC service `Jobs`. It checks requests, asks the core, and reads the results of complete
//! jobs from the ledger.

use std::sync::Arc;
use std::time::Duration;

use carlo_schedule::{Filter, Page};
use carlo_store::Ledger;
use carlo_tenancy::{Caller, Unauthenticated};
use carlo_types::limits::{NAME_CHARS_MAX, REVALIDATIONS_MAX};
use carlo_types::request::envelope::{CancelJob, JobOptionsDraft, UpdateJob};
use carlo_types::{Fault, FaultCode, FieldFault, JobId, Timestamp};
use carlo_wire::v1::jobs_server::Jobs;
use carlo_wire::{convert, status, v1};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::auth::{RequestContext, ServiceState, refused, service};
use crate::core::{
    Core, CoreHandle, EventTarget, JobChanges, NewJob, OwnerFilter, SearchPage, SearchWords, SortBy,
    SortOrder, StreamPermit, Watch, no_such_job,
};
use crate::idempotency::{IdempotencyKey, fingerprint};
use crate::ledger_reads::{replay, resolve, spec, with_results};
use crate::request_checks::{
    WAIT_MAX, check_owner_filter, check_page, checked, new_job, notified, rank, shutting_down,
};
use crate::samples::{self, Blocks, SAMPLERS, Wanted};
use crate::simulate::JobWait;
use crate::snapshot::{JobEvent, JobSnapshot};
use crate::to_proto;

/// Searches at a time; further ones wait.
const SEARCHERS: usize = 2;
/// Jobs that a search looks at before others get their turn.
const SEARCHED_AT_ONCE: usize = 1_000;
/// How far back a list can be asked for in another order than that of its index.
const SORTED_MAX: usize = 10_000;
/// Events that are buffered for a slow reader.
const EVENTS_AHEAD: usize = 4;

pub(crate) struct JobsService {
    state: ServiceState,
    /// Limits how many calls compute samples at the same time.
    samplers: Arc<Semaphore>,
    /// Bounds how many calls search the jobs at a time.
    searchers: Semaphore,
}

impl JobsService {
    pub(crate) fn new(state: ServiceState) -> Self {
        Self { state, samplers: Arc::new(Semaphore::new(SAMPLERS)), searchers: Semaphore::new(SEARCHERS) }
    }

    async fn submit(
        &self,
        context: &mut RequestContext,
        mut request: v1::SubmitRequest,
    ) -> Result<v1::Job, Fault> {
        let key = std::mem::take(&mut request.idempotency_key);
        let idempotency_key = IdempotencyKey::new(&key, "Jobs.Submit", &request);
        let options = JobOptionsDraft {
            name: request.name,
            priority: request.priority.map(u64::from),
            webhook: request.webhook.map(Into::into),
        };
        let new = new_job(self.state.environment.as_ref(), request.simulation, options);
        let submit = move |core: &mut Core, caller: &Caller| {
            let (idempotency_key, new) = (idempotency_key?, new?);
            let serve = |core: &mut Core| core.submit(caller, new).map(to_proto::submitted);
            core.run_idempotent(caller, idempotency_key.as_ref(), serve, without_secret)
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
        let options =
            JobOptionsDraft { priority: request.priority.map(u64::from), ..JobOptionsDraft::default() };
        let new = new_job(self.state.environment.as_ref(), request.simulation, options);
        let new = new.map(|new| NewJob { is_preview: request.preview, notify: EventTarget::Nobody, ..new });
        let simulation =
            JobWait::begin(context, self.state.ledger.as_ref(), idempotency_key, fingerprint, new).await?;
        let snapshot = simulation.end(wait.unwrap_or(WAIT_MAX).min(WAIT_MAX)).await?;
        with_results(context.core(), self.state.ledger.as_ref(), to_proto::job(snapshot)).await
    }

    async fn get(&self, context: &mut RequestContext, request: v1::GetJobRequest) -> Result<v1::Job, Fault> {
        let id = job_id(&request.id);
        let wait = Duration::from_millis(request.wait_ms.into()).min(WAIT_MAX);
        let get = move |core: &mut Core, caller: &Caller| {
            let id = id?;
            let snapshot = core.get(caller, id)?;
            let change = if wait.is_zero() { None } else { core.wait_for(id) };
            let change = match change {
                Some(change) => Some((change, core.open_stream(caller)?)),
                None => None,
            };
            Ok((id, snapshot, change))
        };
        let (id, mut snapshot, change) = context.admit(get).await?;
        if let Some((change, permit)) = change {
            if !notified(change, wait, &permit).await? {
                tracing::trace!(job = %id, "it did not change in time");
            }
            let again = context.core().ask(move |core| core.snapshot_with_fold(id)).await?;
            // The job may have expired during the wait.
            snapshot = again.ok_or_else(|| no_such_job(id))?;
        }
        let sweep = if request.with_points {
            (snapshot.view.spec.clone(), snapshot.fold.clone())
        } else {
            (None, None)
        };
        let mut job = to_proto::job(snapshot);
        to_proto::add_points(&mut job, sweep.0.as_deref(), sweep.1.as_ref());
        with_results(context.core(), self.state.ledger.as_ref(), job).await
    }

    /// Each entry of the request counts as a call with the key that it contains. The request itself
    /// is not counted.
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
            let revalidate = |v1::CachedJob { key, id, completed_at_ms, verdict }| {
                let key = Some(key).filter(|key| !key.is_empty());
                core.revalidate(key.as_deref(), job_id(&id).ok()?, Timestamp(completed_at_ms), verdict)
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
        let checked = Listed::of(&request);
        let list = move |core: &mut Core, caller: &Caller| {
            let Listed { owners, filter, words, order, page } = checked?;
            let filter = Filter { owner: owners.owner(caller)?, ..filter };
            if words.is_empty() && order.by == SortBy::Created {
                return Ok(ListOutcome::Page(core.list(&filter, page, !order.descending)));
            }
            // A search takes a while, so that a user has only so many of them.
            let permit = core.open_stream(caller)?;
            Ok(ListOutcome::Search { filter, words, order, page, permit })
        };
        let (total, jobs) = match context.admit(list).await? {
            ListOutcome::Page(listed) => listed,
            ListOutcome::Search { filter, words, order, page, permit } => {
                let found = self.search(context, filter, words, order, page).await?;
                drop(permit);
                found
            }
        };
        Ok(v1::ListJobsResponse { jobs: jobs.into_iter().map(to_proto::job).collect(), total: total as u64 })
    }

    /// How many jobs of a list have these words, and a page of them in an order. It looks at the
    /// whole list, a part at a time, so that no other call waits for it.
    async fn search(
        &self,
        context: &RequestContext,
        filter: Filter,
        words: SearchWords,
        order: SortOrder,
        page: Page,
    ) -> Result<(usize, Vec<JobSnapshot>), Fault> {
        let _turn = self.searchers.acquire().await.map_err(|_| shutting_down())?;
        let (filter, words) = (Arc::new(filter), Arc::new(words));
        let (mut wanted, mut from) = (SearchPage::new(order, page), None);
        loop {
            let (filter, words) = (Arc::clone(&filter), Arc::clone(&words));
            let look = move |core: &mut Core| core.search(&filter, &words, order.by, from, SEARCHED_AT_ONCE);
            let (found, next) = context.core().ask(look).await?;
            wanted.add(found);
            from = next;
            if from.is_none() {
                break;
            }
        }
        let (total, wanted) = wanted.finish();
        Ok((total, context.core().ask(move |core| core.listed(wanted.into_iter())).await?))
    }

    async fn update(
        &self,
        context: &mut RequestContext,
        request: v1::UpdateJobRequest,
    ) -> Result<v1::Job, Fault> {
        let update = move |core: &mut Core, caller: &Caller| {
            let id = job_id(&request.id)?;
            let UpdateJob { name, priority } = checked(request.into())?;
            core.update(caller, id, JobChanges { priority: priority.map(rank), name })
        };
        context.admit(update).await.map(to_proto::job)
    }

    async fn delete(
        &self,
        context: &mut RequestContext,
        request: v1::DeleteJobRequest,
    ) -> Result<v1::DeleteJobResponse, Fault> {
        let delete = move |core: &mut Core, caller: &Caller| core.delete(caller, job_id(&request.id)?);
        context.admit(delete).await.map(|()| v1::DeleteJobResponse {})
    }

    async fn cancel(
        &self,
        context: &mut RequestContext,
        request: v1::CancelJobRequest,
    ) -> Result<v1::Job, Fault> {
        let cancel = move |core: &mut Core, caller: &Caller| {
            let id = job_id(&request.id)?;
            let CancelJob { reason } = checked(request.into())?;
            core.cancel(caller, id, reason)
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

    async fn samples(
        &self,
        context: &mut RequestContext,
        request: v1::SamplesRequest,
    ) -> Result<Blocks, Fault> {
        let id = job_id(&request.id);
        let wanted = Wanted::of(&request);
        let look = move |core: &mut Core, caller: &Caller| {
            let (id, wanted) = (id?, wanted?);
            core.get(caller, id)?;
            Ok((id, wanted, caller.clone(), core.open_stream(caller)?))
        };
        let (id, wanted, caller, permit) = context.admit(look).await?;
        let spec = spec(self.state.ledger.as_ref(), id).await?;
        let wanted = wanted.within(&spec)?;
        let work = wanted.work(&spec);
        context.core().ask(move |core| core.charge_work(&caller, work)).await??;
        Ok(samples::send(spec, wanted, Arc::clone(&self.samplers), permit))
    }

    async fn watch(
        &self,
        context: &mut RequestContext,
        request: v1::WatchJobRequest,
    ) -> Result<Events, Fault> {
        let watch = move |core: &mut Core, caller: &Caller| {
            let permit = core.open_stream(caller)?;
            Ok((core.watch(caller, job_id(&request.id)?, request.last_event_id)?, permit))
        };
        let (watch, permit) = context.admit(watch).await?;
        let (reader, events) = mpsc::channel(EVENTS_AHEAD);
        if let Some(watch) = watch {
            let (core, ledger) = (context.core().clone(), Arc::clone(&self.state.ledger));
            tokio::spawn(send_events(watch, permit, core, ledger, reader));
        } else {
            context.set_stream_is_over();
        }
        Ok(ReceiverStream::new(events))
    }
}

type Events = ReceiverStream<Result<v1::JobEvent, Status>>;

service! {
    impl Jobs for JobsService [WatchStream = Events, SamplesStream = Blocks] {
        submit(v1::SubmitRequest) -> v1::Job;
        simulate(v1::SimulateRequest) -> v1::Job;
        get(v1::GetJobRequest) -> v1::Job;
        revalidate(v1::RevalidateRequest) -> v1::RevalidateResponse;
        list(v1::ListJobsRequest) -> v1::ListJobsResponse;
        cancel(v1::CancelJobRequest) -> v1::Job;
        update(v1::UpdateJobRequest) -> v1::Job;
        delete(v1::DeleteJobRequest) -> v1::DeleteJobResponse;
        replay(v1::ReplayRequest) -> v1::ReplayedSimulation;
        watch(v1::WatchJobRequest) -> Events;
        samples(v1::SamplesRequest) -> Blocks;
    }
}

/// Sends a job's events up to the last one, as fast as the reader takes them.
async fn send_events(
    mut watch: Watch,
    permit: StreamPermit,
    core: CoreHandle,
    ledger: Arc<dyn Ledger>,
    reader: mpsc::Sender<Result<v1::JobEvent, Status>>,
) {
    loop {
        let next = tokio::select! {
            next = watch.next() => next,
            () = permit.revoked.cancelled() => Err(refused(Unauthenticated::Revoked)),
            () = reader.closed() => return,
        };
        let event = match next {
            Ok(None) => return,
            Ok(Some(event)) => {
                let job = to_proto::job_event(JobEvent::clone(&event.job));
                let job =
                    if event.is_last { with_results(&core, ledger.as_ref(), job).await } else { Ok(job) };
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

/// Secrets are never stored in a response, so a repeated request gets the job without it.
fn without_secret(job: &v1::Job) -> v1::Job {
    let mut job = job.clone();
    if let Some(webhook) = &mut job.webhook {
        webhook.secret.clear();
    }
    job
}

fn job_id(text: &str) -> Result<JobId, Fault> {
    // No job has a malformed id.
    convert::id("id", text).map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))
}

/// What a list is of, and which part of it is wanted.
struct Listed {
    owners: OwnerFilter,
    filter: Filter,
    words: SearchWords,
    order: SortOrder,
    page: Page,
}

impl Listed {
    fn of(request: &v1::ListJobsRequest) -> Result<Self, Fault> {
        let mut faults = Vec::new();
        let page = check_page(request.page, request.page_size, &mut faults);
        let state = request.status.map(|_| to_proto::job_state(request.status()));
        if state == Some(None) {
            faults.push(FieldFault::new("/status", "is not the status of a job"));
        }
        let owners = check_owner_filter(request.all, &request.user, &mut faults);
        for (pointer, words) in [("/name", &request.name), ("/text", &request.text)] {
            if words.chars().count() > NAME_CHARS_MAX {
                let message = format!("must have at most {NAME_CHARS_MAX} characters");
                faults.push(FieldFault::new(pointer, message));
            }
        }
        let order = sort_order(request, &mut faults);
        if order.by != SortBy::Created && page.skip.saturating_add(page.take) > SORTED_MAX {
            let message =
                format!("is too far back: in this order, only the first {SORTED_MAX} jobs are listed");
            faults.push(FieldFault::new("/page", message));
        }
        let words = SearchWords { name: request.name.to_lowercase(), text: request.text.to_lowercase() };
        let [since, until] = [request.since_ms, request.until_ms].map(|at| at.map(Timestamp));
        let filter = Filter { owner: None, state: state.flatten(), since, until };
        if faults.is_empty() {
            Ok(Self { owners, filter, words, order, page })
        } else {
            Err(Fault::invalid(faults))
        }
    }
}

/// The order in which a list is wanted.
fn sort_order(request: &v1::ListJobsRequest, faults: &mut Vec<FieldFault>) -> SortOrder {
    let by = match v1::JobSort::try_from(request.sort) {
        Ok(v1::JobSort::Unspecified) => return SortOrder::NEWEST_FIRST,
        Ok(v1::JobSort::Created) => SortBy::Created,
        Ok(v1::JobSort::Ended) => SortBy::Ended,
        Ok(v1::JobSort::Duration) => SortBy::Duration,
        Ok(v1::JobSort::Name) => SortBy::Name,
        Ok(v1::JobSort::Status) => SortBy::Status,
        Ok(v1::JobSort::User) => SortBy::User,
        Ok(v1::JobSort::Priority) => SortBy::Priority,
        Ok(v1::JobSort::Simulations) => SortBy::Simulations,
        Err(_) => {
            faults.push(FieldFault::new("/sort", "is nothing that jobs can be sorted by"));
            return SortOrder::NEWEST_FIRST;
        }
    };
    SortOrder { by, descending: request.descending }
}

/// What became of a list.
enum ListOutcome {
    Page((usize, Vec<JobSnapshot>)),
    Search { filter: Filter, words: SearchWords, order: SortOrder, page: Page, permit: StreamPermit },
}
