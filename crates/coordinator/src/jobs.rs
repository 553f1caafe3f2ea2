//! The jobs' service: checks what callers send, asks the core, and reads the results of complete jobs from the ledger.

use std::sync::Arc;

use carlo_schedule::{Filter, JobState, Page};
use carlo_store::Ledger;
use carlo_types::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, PRIORITY_DEFAULT, PRIORITY_MAX};
use carlo_types::{Draft, Fault, FaultCode, FieldFault, JobId, JobSpec, OwnerId};
use carlo_wire::v1::jobs_server::Jobs;
use carlo_wire::{convert, status, v1};
use tonic::{Request, Response, Status};

use crate::core::CoreHandle;
use crate::environment::Environment;
use crate::lead::Leadership;
use crate::{entries, views};

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

    async fn submit(&self, core: CoreHandle, request: v1::SubmitRequest) -> Result<v1::Job, Fault> {
        let (spec, priority) = submission(request, self.seed())?;
        let job = JobId::from_random(self.environment.random());
        let view = core.submit(job, OwnerId::local(), Arc::new(spec), priority).await?;
        Ok(views::job(view))
    }

    /// The seed of a job that doesn't give one.
    #[expect(clippy::cast_possible_truncation, reason = "64 of random bits are as random")]
    fn seed(&self) -> u64 {
        self.environment.random() as u64
    }

    async fn get(&self, core: CoreHandle, id: &str) -> Result<v1::Job, Fault> {
        let id = job_id(id)?;
        let snapshot = core.get(id).await?.ok_or_else(|| no_such_job(id))?;
        let is_complete = snapshot.view.state == JobState::Complete;
        let partial_results = snapshot.view.spec.as_deref().zip(snapshot.fold.as_ref()).map(views::partial);
        let mut job = v1::Job { partial_results, ..views::job(snapshot.view) };
        if is_complete {
            // A job that expired between the two looks is gone.
            let result = entries::result(self.ledger.as_ref(), id).await.map_err(|error| {
                tracing::error!(job = %id, %error, "a result can't be read");
                Fault::new(FaultCode::Internal, error.to_string())
            })?;
            let result = result.ok_or_else(|| no_such_job(id))?;
            entries::add_shares(&mut job, &result);
            job.results = result.results;
        }
        Ok(job)
    }

    async fn list(core: CoreHandle, request: v1::ListJobsRequest) -> Result<v1::ListJobsResponse, Fault> {
        let (filter, page) = page(&request)?;
        let (total, views) = core.list(filter, page).await?;
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        Ok(v1::ListJobsResponse { jobs: views.into_iter().map(views::job).collect(), total })
    }

    async fn cancel(core: CoreHandle, id: &str) -> Result<v1::Job, Fault> {
        Ok(views::job(core.cancel(job_id(id)?).await?))
    }
}

#[tonic::async_trait]
impl Jobs for JobsService {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::Job>, Status> {
        answer(self.submit(self.leadership.term()?.core, request.into_inner()).await)
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        answer(self.get(self.leadership.term()?.core, &request.into_inner().id).await)
    }

    async fn list(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        answer(Self::list(self.leadership.term()?.core, request.into_inner()).await)
    }

    async fn cancel(&self, request: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        answer(Self::cancel(self.leadership.term()?.core, &request.into_inner().id).await)
    }
}

fn answer<T>(answer: Result<T, Fault>) -> Result<Response<T>, Status> {
    answer.map(Response::new).map_err(|fault| status::from_fault(&fault))
}

/// The job that a request asks for. `seed` is its seed where the request gives none.
fn submission(request: v1::SubmitRequest, seed: u64) -> Result<(JobSpec, u8), Fault> {
    let priority = request.priority.unwrap_or(PRIORITY_DEFAULT.into());
    let checked = Draft::from(request.simulation.unwrap_or_default()).check(seed);
    match (checked, u8::try_from(priority)) {
        (Ok(spec), Ok(priority)) if priority <= PRIORITY_MAX => Ok((spec, priority)),
        (checked, priority_of) => {
            let mut faults = checked.err().unwrap_or_default();
            if !priority_of.is_ok_and(|priority| priority <= PRIORITY_MAX) {
                let message = format!("must be between 0 and {PRIORITY_MAX}, not {priority}");
                faults.push(FieldFault::new("/priority", message));
            }
            Err(Fault::invalid(faults))
        }
    }
}

fn job_id(text: &str) -> Result<JobId, Fault> {
    // What is no id is the id of no job.
    convert::id("id", text).map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))
}

fn no_such_job(id: JobId) -> Fault {
    Fault::new(FaultCode::NotFound, format!("there is no job {id}"))
}

fn page(request: &v1::ListJobsRequest) -> Result<(Filter, Page), Fault> {
    let mut faults = Vec::new();
    // 0 is what protobuf says where a caller says nothing.
    let page = request.page.max(1);
    let page_size = if request.page_size == 0 { PAGE_SIZE_DEFAULT } else { request.page_size };
    if page_size > PAGE_SIZE_MAX {
        let message = format!("must be between 1 and {PAGE_SIZE_MAX}, not {page_size}");
        faults.push(FieldFault::new("/page_size", message));
    }
    let state = request.status.map(|_| views::state(request.status()));
    if state == Some(None) {
        faults.push(FieldFault::new("/status", "is not the status of a job"));
    }
    if !faults.is_empty() {
        return Err(Fault::invalid(faults));
    }
    let skip = usize::try_from(u64::from(page - 1) * u64::from(page_size)).unwrap_or(usize::MAX);
    Ok((Filter { owner: None, state: state.flatten() }, Page { skip, take: page_size as usize }))
}
