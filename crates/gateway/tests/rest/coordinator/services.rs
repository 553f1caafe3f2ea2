//! The fake coordinator's services. Each call is recorded and answered from the state.

use std::sync::atomic::Ordering;

use carlo_types::{Fault, FaultCode};
use carlo_wire::v1::accounts_server::Accounts;
use carlo_wire::v1::batches_server::Batches;
use carlo_wire::v1::cluster_server::Cluster;
use carlo_wire::v1::jobs_server::Jobs;
use carlo_wire::{status, v1};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::messages::{audited, batch, complete, key, node, node_id, queued, usage};
use super::{Left, State};

type Streamed<T> = std::pin::Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Jobs for State {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::Job>, Status> {
        let submit = |message| {
            self.submitted.lock().unwrap().push(message);
            let kept = self.jobs.lock().unwrap().values().next().cloned();
            Ok(kept.unwrap_or_else(queued))
        };
        self.answer("submit", request, submit).await
    }

    async fn simulate(&self, request: Request<v1::SimulateRequest>) -> Result<Response<v1::Job>, Status> {
        let left = Left(self);
        let simulate = |message| {
            self.simulated.lock().unwrap().push(message);
            let kept = self.jobs.lock().unwrap().values().next().cloned();
            Ok(kept.unwrap_or_else(complete))
        };
        self.hold(request.get_ref().wait_ms.unwrap_or_default()).await;
        let answer = self.answer("simulate", request, simulate).await;
        std::mem::forget(left);
        answer
    }

    async fn replay(
        &self,
        request: Request<v1::ReplayRequest>,
    ) -> Result<Response<v1::ReplayedSimulation>, Status> {
        let replay = |message: v1::ReplayRequest| {
            self.job(&message.id)?;
            Ok(v1::ReplayedSimulation { index: message.index, final_balance: 5.0, ..Default::default() })
        };
        self.answer("replay", request, replay).await
    }

    type SamplesStream = Streamed<v1::SampleBlock>;

    async fn samples(
        &self,
        request: Request<v1::SamplesRequest>,
    ) -> Result<Response<Self::SamplesStream>, Status> {
        let samples = |message: v1::SamplesRequest| {
            self.job(&message.id)?;
            let block = |first: u64| v1::SampleBlock {
                first,
                final_balances: vec![1.5, -2.0],
                succeeded: vec![true, false],
                ..v1::SampleBlock::default()
            };
            Ok([block(message.first), block(message.first + message.count.unwrap_or(100_000) / 2)])
        };
        let blocks = self.answer("samples", request, samples).await?;
        Ok(blocks.map(|blocks| Box::pin(tokio_stream::iter(blocks.map(Ok))) as Self::SamplesStream))
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        let get = |message: v1::GetJobRequest| {
            let job = self.job(&message.id);
            self.got.lock().unwrap().push(message);
            job
        };
        self.hold(request.get_ref().wait_ms).await;
        self.answer("get", request, get).await
    }

    async fn revalidate(
        &self,
        request: Request<v1::RevalidateRequest>,
    ) -> Result<Response<v1::RevalidateResponse>, Status> {
        self.asked.notify_one();
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        let mut revalidations = Vec::new();
        for kept in request.into_inner().jobs {
            let key = self.key.lock().unwrap().clone();
            let ended = self.job(&kept.id).ok().and_then(|job| job.completed_at_ms);
            let is_refused = self.refusal.lock().unwrap().is_some();
            let is_allowed = key.is_none_or(|key| key == kept.key) && !is_refused;
            let mut revalidation = v1::Revalidation {
                is_valid: is_allowed
                    && ended == Some(kept.completed_at_ms)
                    && self.job(&kept.id).is_ok_and(|job| job.verdict == kept.verdict),
                ..Default::default()
            };
            for (name, value) in self.limits.lock().unwrap().iter().filter(|_| is_allowed) {
                match *name {
                    "ratelimit" => (*value).clone_into(&mut revalidation.ratelimit),
                    "ratelimit-policy" => (*value).clone_into(&mut revalidation.ratelimit_policy),
                    _ => {}
                }
            }
            self.calls.lock().unwrap().push("revalidate");
            self.revalidated.lock().unwrap().push(revalidation.is_valid);
            revalidations.push(revalidation);
        }
        Ok(Response::new(v1::RevalidateResponse { revalidations }))
    }

    type WatchStream = Streamed<v1::JobEvent>;

    async fn watch(
        &self,
        request: Request<v1::WatchJobRequest>,
    ) -> Result<Response<<Self as Jobs>::WatchStream>, Status> {
        let watch = |message| {
            self.watched.lock().unwrap().push(message);
            let first = self.events.lock().unwrap().clone();
            let first = tokio_stream::iter(first.into_iter().map(Ok));
            let stream: <Self as Jobs>::WatchStream = match &*self.news.lock().unwrap() {
                Some(news) => {
                    let news = BroadcastStream::new(news.subscribe()).filter_map(Result::ok).map(Ok);
                    Box::pin(first.chain(news))
                }
                None => Box::pin(first),
            };
            Ok(stream)
        };
        let last_seen = request.get_ref().last_event_id;
        let mut response = self.answer("watch", request, watch).await?;
        let has_ended = |job: &v1::Job| job.completed_at_ms.is_some();
        let is_over = self
            .events
            .lock()
            .unwrap()
            .iter()
            .any(|event| Some(event.id) == last_seen && event.job.as_ref().is_some_and(has_ended));
        if is_over {
            response = Response::new(Box::pin(tokio_stream::empty()));
            response.metadata_mut().insert(status::STREAM_IS_OVER, "true".parse().unwrap());
        }
        Ok(response)
    }

    async fn list(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let list = |message| {
            self.listed.lock().unwrap().push(message);
            let jobs: Vec<_> = self.jobs.lock().unwrap().values().cloned().collect();
            Ok(v1::ListJobsResponse { total: jobs.len() as u64, jobs })
        };
        self.answer("list", request, list).await
    }

    async fn cancel(&self, request: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        let cancel = |message: v1::CancelJobRequest| {
            let job = self.job(&message.id)?;
            self.reasons.lock().unwrap().push(message.reason);
            if job.completed_at_ms.is_some() {
                return Err(status::from_fault(&Fault::new(FaultCode::Conflict, "the job has ended")));
            }
            Ok(v1::Job { status: v1::JobStatus::Cancelled.into(), ..job })
        };
        self.answer("cancel", request, cancel).await
    }

    async fn update(&self, request: Request<v1::UpdateJobRequest>) -> Result<Response<v1::Job>, Status> {
        let update = |message: v1::UpdateJobRequest| {
            let job = self.job(&message.id)?;
            let priority = message.priority.unwrap_or(job.priority);
            Ok(v1::Job { priority, name: message.name.or(job.name.clone()), ..job })
        };
        self.answer("update", request, update).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteJobRequest>,
    ) -> Result<Response<v1::DeleteJobResponse>, Status> {
        let delete = |message: v1::DeleteJobRequest| {
            if self.job(&message.id)?.completed_at_ms.is_none() {
                return Err(status::from_fault(&Fault::new(FaultCode::Conflict, "the job is running")));
            }
            Ok(v1::DeleteJobResponse {})
        };
        self.answer("delete", request, delete).await
    }
}

#[tonic::async_trait]
impl Batches for State {
    async fn create(&self, request: Request<v1::CreateBatchRequest>) -> Result<Response<v1::Batch>, Status> {
        let create = |message: v1::CreateBatchRequest| {
            let metadata_json = message.metadata_json.clone();
            self.created.lock().unwrap().push(message);
            Ok(v1::Batch { metadata_json, ..batch() })
        };
        self.answer("create", request, create).await
    }

    async fn get(&self, request: Request<v1::GetBatchRequest>) -> Result<Response<v1::Batch>, Status> {
        self.hold(request.get_ref().wait_ms).await;
        self.answer("batch", request, |message| known(&message.id)).await
    }

    async fn list(
        &self,
        request: Request<v1::ListBatchesRequest>,
    ) -> Result<Response<v1::ListBatchesResponse>, Status> {
        let list = |message: v1::ListBatchesRequest| {
            let batches = if message.page == 1 { vec![batch()] } else { vec![] };
            Ok(v1::ListBatchesResponse { batches, total: 1 })
        };
        self.answer("batches", request, list).await
    }

    async fn jobs(&self, request: Request<v1::GetBatchRequest>) -> Result<Response<v1::BatchJobs>, Status> {
        let jobs = |message: v1::GetBatchRequest| {
            let jobs = self.jobs.lock().unwrap().values().cloned().collect();
            Ok(v1::BatchJobs { batch: Some(known(&message.id)?), jobs })
        };
        self.answer("jobs", request, jobs).await
    }

    type ResultsStream = Streamed<v1::Job>;

    async fn results(
        &self,
        request: Request<v1::GetBatchRequest>,
    ) -> Result<Response<Self::ResultsStream>, Status> {
        let results = |message: v1::GetBatchRequest| {
            known(&message.id)?;
            let jobs: Vec<_> = self.jobs.lock().unwrap().values().cloned().map(Ok).collect();
            let stream: Self::ResultsStream = Box::pin(tokio_stream::iter(jobs));
            Ok(stream)
        };
        self.answer("results", request, results).await
    }

    type WatchStream = Streamed<v1::BatchEvent>;

    async fn watch(
        &self,
        request: Request<v1::WatchBatchRequest>,
    ) -> Result<Response<<Self as Batches>::WatchStream>, Status> {
        let events = self.batch_events.lock().unwrap().clone();
        let last_seen = request.get_ref().last_event_id;
        let is_over = events.last().is_some_and(|last| Some(last.id) == last_seen);
        let watch = |message: v1::WatchBatchRequest| {
            known(&message.id)?;
            let events = events.into_iter().filter(move |event| Some(event.id) > last_seen).map(Ok);
            let stream: <Self as Batches>::WatchStream = Box::pin(tokio_stream::iter(events));
            Ok(stream)
        };
        let mut response = self.answer("watch batch", request, watch).await?;
        if is_over {
            response.metadata_mut().insert(status::STREAM_IS_OVER, "true".parse().unwrap());
        }
        Ok(response)
    }

    async fn cancel(&self, request: Request<v1::CancelBatchRequest>) -> Result<Response<v1::Batch>, Status> {
        let cancel = |message: v1::CancelBatchRequest| {
            let batch = known(&message.id)?;
            self.cancelled.lock().unwrap().push(message);
            Ok(v1::Batch { status: v1::BatchStatus::Cancelled.into(), ..batch })
        };
        self.answer("cancel batch", request, cancel).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteBatchRequest>,
    ) -> Result<Response<v1::DeleteBatchResponse>, Status> {
        let delete = |message: v1::DeleteBatchRequest| known(&message.id).map(|_| v1::DeleteBatchResponse {});
        self.answer("delete batch", request, delete).await
    }

    async fn stats(
        &self,
        request: Request<v1::BatchStatsRequest>,
    ) -> Result<Response<v1::BatchStats>, Status> {
        let stats = |_| {
            Ok(v1::BatchStats {
                total_batches: 3,
                total_cost_nanodollars: 1_500_000_000,
                ..Default::default()
            })
        };
        self.answer("stats", request, stats).await
    }
}

fn known(id: &str) -> Result<v1::Batch, Status> {
    let none = || status::from_fault(&Fault::new(FaultCode::NotFound, format!("there is no batch {id}")));
    (id == batch().id).then(batch).ok_or_else(none)
}

fn join_token() -> v1::JoinToken {
    v1::JoinToken { id: "token_1".to_owned(), created_at_ms: 1_700_000_001_000, ..Default::default() }
}

#[tonic::async_trait]
impl Accounts for State {
    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreatedKey>, Status> {
        let create = |message| {
            self.keys_made.lock().unwrap().push(message);
            Ok(v1::CreatedKey { key: Some(key()), secret: "carlo_secret".to_owned() })
        };
        self.answer("create key", request, create).await
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        self.answer("keys", request, |_| Ok(v1::ListKeysResponse { keys: vec![key()] })).await
    }

    async fn revoke_key(&self, request: Request<v1::RevokeKeyRequest>) -> Result<Response<v1::Key>, Status> {
        self.answer("revoke", request, |_| Ok(v1::Key { revoked_at_ms: Some(1_700_000_002_000), ..key() }))
            .await
    }

    async fn rotate_key(
        &self,
        request: Request<v1::RotateKeyRequest>,
    ) -> Result<Response<v1::CreatedKey>, Status> {
        let rotate = |message: v1::RotateKeyRequest| {
            let expires_at_ms = message.expires_in_days.map(|days| u64::from(days) * 86_400_000);
            let key = v1::Key { id: "key_2".to_owned(), expires_at_ms, ..key() };
            Ok(v1::CreatedKey { key: Some(key), secret: "carlo_other".to_owned() })
        };
        self.answer("rotate", request, rotate).await
    }

    async fn list_usage(
        &self,
        request: Request<v1::ListUsageRequest>,
    ) -> Result<Response<v1::ListUsageResponse>, Status> {
        let list = |_| Ok(v1::ListUsageResponse { users: vec![usage()], total: 3 });
        self.answer("usage by user", request, list).await
    }

    async fn list_audit(
        &self,
        request: Request<v1::ListAuditRequest>,
    ) -> Result<Response<v1::ListAuditResponse>, Status> {
        let list = |_| Ok(v1::ListAuditResponse { records: vec![audited(7)], total: 2 });
        self.answer("audit", request, list).await
    }

    type ExportAuditStream = Streamed<v1::AuditRecord>;

    async fn export_audit(
        &self,
        request: Request<v1::ExportAuditRequest>,
    ) -> Result<Response<Self::ExportAuditStream>, Status> {
        let records = self.answer("export", request, |_| Ok([audited(7), audited(6)])).await?;
        Ok(records.map(|records| Box::pin(tokio_stream::iter(records.map(Ok))) as Self::ExportAuditStream))
    }

    async fn create_join_token(
        &self,
        request: Request<v1::CreateJoinTokenRequest>,
    ) -> Result<Response<v1::CreatedJoinToken>, Status> {
        let create = |message: v1::CreateJoinTokenRequest| {
            let token = v1::JoinToken {
                note: message.note,
                expires_at_ms: message.expires_in_days.map(|days| u64::from(days) * 86_400_000),
                ..join_token()
            };
            Ok(v1::CreatedJoinToken { token: Some(token), text: "join_secret".to_owned() })
        };
        self.answer("create token", request, create).await
    }

    async fn list_join_tokens(
        &self,
        request: Request<v1::ListJoinTokensRequest>,
    ) -> Result<Response<v1::ListJoinTokensResponse>, Status> {
        let list = |_| Ok(v1::ListJoinTokensResponse { tokens: vec![join_token()] });
        self.answer("tokens", request, list).await
    }

    async fn revoke_join_token(
        &self,
        request: Request<v1::RevokeJoinTokenRequest>,
    ) -> Result<Response<v1::JoinToken>, Status> {
        let revoke = |_| Ok(v1::JoinToken { revoked_at_ms: Some(1_700_000_002_000), ..join_token() });
        self.answer("revoke token", request, revoke).await
    }

    async fn get_tiers(&self, request: Request<v1::GetTiersRequest>) -> Result<Response<v1::Tiers>, Status> {
        let json = r#"{"price_per_token_usd":0.5,"tiers":{"free":{"open_jobs":-1}}}"#.to_owned();
        self.answer("tiers", request, |_| Ok(v1::Tiers { json })).await
    }

    async fn set_tiers(&self, request: Request<v1::Tiers>) -> Result<Response<v1::Tiers>, Status> {
        self.answer("set tiers", request, Ok).await
    }

    async fn get_usage(&self, request: Request<v1::UsageRequest>) -> Result<Response<v1::Usage>, Status> {
        self.answer("usage", request, |_| Ok(usage())).await
    }

    async fn get_usage_history(
        &self,
        request: Request<v1::UsageHistoryRequest>,
    ) -> Result<Response<v1::UsageHistory>, Status> {
        let history = |message: v1::UsageHistoryRequest| {
            let period =
                |_| v1::PeriodUsage { period: "2026-10".to_owned(), used: Some(v1::Counters::default()) };
            Ok(v1::UsageHistory {
                current: Some(usage()),
                history: (0..message.periods).map(period).collect(),
            })
        };
        self.answer("history", request, history).await
    }

    /// This isn't counted as a caller's call, so it isn't recorded, and it is refused only because
    /// of the key.
    async fn check_key(
        &self,
        request: Request<v1::CheckKeyRequest>,
    ) -> Result<Response<v1::CheckKeyResponse>, Status> {
        let key = request.metadata().get("x-api-key").map(|key| key.to_str().unwrap().to_owned());
        self.authenticate(key.as_deref())?;
        Ok(Response::new(v1::CheckKeyResponse {
            user: key.unwrap_or_else(|| "local".to_owned()),
            ..Default::default()
        }))
    }

    async fn count_call(
        &self,
        request: Request<v1::CountCallRequest>,
    ) -> Result<Response<v1::CountCallResponse>, Status> {
        self.answer("count", request, |_| Ok(v1::CountCallResponse {})).await
    }
}

#[tonic::async_trait]
impl Cluster for State {
    async fn status(
        &self,
        request: Request<v1::ClusterStatusRequest>,
    ) -> Result<Response<v1::ClusterStatus>, Status> {
        let statuses = [v1::NodeStatus::Busy, v1::NodeStatus::Available, v1::NodeStatus::Busy];
        let standby = v1::Standby {
            url: "http://127.0.0.1:7080".to_owned(),
            version: "0.1.0".to_owned(),
            started_at_ms: 1_000,
            detail: "its certificate has expired".to_owned(),
            ..v1::Standby::default()
        };
        let cluster = |_| {
            Ok(v1::ClusterStatus {
                nodes: statuses.map(node).to_vec(),
                queued_jobs: 4,
                running_jobs: 5,
                average_queue_seconds: 1.5,
                simulations_per_second: 1e7,
                leader: "127.0.0.1:7070".to_owned(),
                model_version: 1,
                standbys: vec![standby],
                epoch: 3,
                version: "0.1.0".to_owned(),
                leading_since_ms: 2_000,
                ledger: Some(v1::LedgerStatus {
                    kind: "redb".to_owned(),
                    bytes: Some(1 << 20),
                    commit_seconds: Some(0.002),
                }),
                queue: vec![v1::QueuedUser {
                    user: "ada".to_owned(),
                    queued_jobs: 4,
                    running_jobs: 1,
                    oldest_submitted_ms: 1_000,
                }],
                quarantines: vec![v1::Quarantine {
                    name: "attic".to_owned(),
                    since_ms: 1_000,
                    reason: "it differs".to_owned(),
                }],
            })
        };
        self.answer("status", request, cluster).await
    }

    async fn ready(&self, request: Request<v1::ReadyRequest>) -> Result<Response<v1::ReadyResponse>, Status> {
        // Needs no key and isn't counted.
        let authentication_is_off = self.authentication_is_off.load(Ordering::Relaxed);
        let answer = self
            .answer("ready", request, |_| {
                Ok(v1::ReadyResponse { authentication_is_off, ..Default::default() })
            })
            .await;
        self.calls.lock().unwrap().retain(|call| *call != "ready");
        answer
    }

    async fn history(
        &self,
        request: Request<v1::ClusterHistoryRequest>,
    ) -> Result<Response<v1::ClusterHistory>, Status> {
        let sample = v1::ClusterSample { at_ms: 1_000, failed_jobs: 2, ..Default::default() };
        let history = |_| Ok(v1::ClusterHistory { hour: vec![sample; 2], day: vec![sample] });
        self.answer("history", request, history).await
    }

    async fn events(
        &self,
        request: Request<v1::ClusterEventsRequest>,
    ) -> Result<Response<v1::ClusterEvents>, Status> {
        let lost = v1::ClusterEvent {
            at_ms: 1_000,
            kind: v1::ClusterEventKind::Lost.into(),
            subject: "attic".to_owned(),
            ..Default::default()
        };
        self.answer("events", request, |_| Ok(v1::ClusterEvents { events: vec![lost] })).await
    }

    type ExportLedgerStream = Streamed<v1::ExportedLedger>;

    /// The gateway never asks for it.
    async fn export_ledger(
        &self,
        _: Request<v1::ExportLedgerRequest>,
    ) -> Result<Response<Self::ExportLedgerStream>, Status> {
        Err(Status::unimplemented("the gateway has no such route"))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.answer("drain", request, |message| told(&message, v1::NodeStatus::Draining)).await
    }

    async fn undrain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.answer("undrain", request, |message| told(&message, v1::NodeStatus::Available)).await
    }

    async fn lift_quarantine(
        &self,
        request: Request<v1::LiftQuarantineRequest>,
    ) -> Result<Response<v1::Node>, Status> {
        let lift = |message: v1::LiftQuarantineRequest| {
            told(&v1::DrainRequest { node_id: message.node_id }, v1::NodeStatus::Available)
        };
        self.answer("lift quarantine", request, lift).await
    }
}

/// The only node, after this change.
fn told(request: &v1::DrainRequest, status: v1::NodeStatus) -> Result<v1::Node, Status> {
    if request.node_id != node_id() {
        return Err(status::from_fault(&Fault::new(
            FaultCode::NotFound,
            "it is not a member of the cluster",
        )));
    }
    Ok(node(status))
}
