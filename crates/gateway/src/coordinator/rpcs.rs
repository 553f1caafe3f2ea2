//! All RPCs that the gateway makes. Most of them are one line of a table: the name of the method
//! here, whether the RPC may be repeated, the service's client, the RPC, the request and the
//! response.

use carlo_types::limits::ANSWER_BYTES_MAX;
use carlo_wire::status::STREAM_IS_OVER;
use carlo_wire::v1;
use carlo_wire::v1::accounts_client::AccountsClient;
use carlo_wire::v1::batches_client::BatchesClient;
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::v1::webhooks_client::WebhooksClient;
use tonic::Streaming;

use super::Rpcs;
use crate::problem::Failure;

macro_rules! rpcs {
    ($($name:ident: $repeat:ident $client:ident::$rpc:ident($request:ty) -> $response:ty;)*) => {
        impl Rpcs<'_> {
            $(pub(crate) async fn $name(&self, message: $request) -> Result<$response, Failure> {
                self.$repeat(message, async |channel, request| {
                    $client::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX).$rpc(request).await
                })
                .await
            })*
        }
    };
}

/// RPCs that are answered by a stream of events: `None` if the client has seen the last one.
macro_rules! watches {
    ($($name:ident: $client:ident::watch($request:ty) -> $event:ty;)*) => {
        impl Rpcs<'_> {
            $(pub(crate) async fn $name(
                &self,
                message: $request,
            ) -> Result<Option<Streaming<$event>>, Failure> {
                self.idempotent(message, async |channel, request| {
                    let mut client = $client::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
                    Ok(unless_over(client.watch(request).await?))
                })
                .await
            })*
        }
    };
}

fn unless_over<T>(response: tonic::Response<Streaming<T>>) -> tonic::Response<Option<Streaming<T>>> {
    let is_over = response.metadata().contains_key(STREAM_IS_OVER);
    response.map(|events| (!is_over).then_some(events))
}

watches! {
    watch_job: JobsClient::watch(v1::WatchJobRequest) -> v1::JobEvent;
    watch_batch: BatchesClient::watch(v1::WatchBatchRequest) -> v1::BatchEvent;
}

rpcs! {
    submit_job: once JobsClient::submit(v1::SubmitRequest) -> v1::Job;
    simulate: once JobsClient::simulate(v1::SimulateRequest) -> v1::Job;
    get_job: idempotent JobsClient::get(v1::GetJobRequest) -> v1::Job;
    list_jobs: idempotent JobsClient::list(v1::ListJobsRequest) -> v1::ListJobsResponse;
    update_job: idempotent JobsClient::update(v1::UpdateJobRequest) -> v1::Job;
    delete_job: once JobsClient::delete(v1::DeleteJobRequest) -> v1::DeleteJobResponse;
    cancel_job: once JobsClient::cancel(v1::CancelJobRequest) -> v1::Job;
    replay: idempotent JobsClient::replay(v1::ReplayRequest) -> v1::ReplayedSimulation;
    samples: once JobsClient::samples(v1::SamplesRequest) -> Streaming<v1::SampleBlock>;
    revalidate: idempotent JobsClient::revalidate(v1::RevalidateRequest) -> v1::RevalidateResponse;

    create_batch: once BatchesClient::create(v1::CreateBatchRequest) -> v1::Batch;
    get_batch: idempotent BatchesClient::get(v1::GetBatchRequest) -> v1::Batch;
    list_batches: idempotent BatchesClient::list(v1::ListBatchesRequest) -> v1::ListBatchesResponse;
    batch_jobs: idempotent BatchesClient::jobs(v1::GetBatchRequest) -> v1::BatchJobs;
    batch_results: idempotent BatchesClient::results(v1::GetBatchRequest) -> Streaming<v1::Job>;
    cancel_batch: once BatchesClient::cancel(v1::CancelBatchRequest) -> v1::Batch;
    delete_batch: once BatchesClient::delete(v1::DeleteBatchRequest) -> v1::DeleteBatchResponse;
    batch_stats: idempotent BatchesClient::stats(v1::BatchStatsRequest) -> v1::BatchStats;

    create_key: once AccountsClient::create_key(v1::CreateKeyRequest) -> v1::CreatedKey;
    list_keys: idempotent AccountsClient::list_keys(v1::ListKeysRequest) -> v1::ListKeysResponse;
    revoke_key: idempotent AccountsClient::revoke_key(v1::RevokeKeyRequest) -> v1::Key;
    rotate_key: once AccountsClient::rotate_key(v1::RotateKeyRequest) -> v1::CreatedKey;
    list_usage: idempotent AccountsClient::list_usage(v1::ListUsageRequest) -> v1::ListUsageResponse;
    list_audit: idempotent AccountsClient::list_audit(v1::ListAuditRequest) -> v1::ListAuditResponse;
    export_audit: once AccountsClient::export_audit(v1::ExportAuditRequest) -> Streaming<v1::AuditRecord>;
    create_join_token: once AccountsClient::create_join_token(v1::CreateJoinTokenRequest) -> v1::CreatedJoinToken;
    list_join_tokens:
        idempotent AccountsClient::list_join_tokens(v1::ListJoinTokensRequest) -> v1::ListJoinTokensResponse;
    revoke_join_token: idempotent AccountsClient::revoke_join_token(v1::RevokeJoinTokenRequest) -> v1::JoinToken;
    get_tiers: idempotent AccountsClient::get_tiers(v1::GetTiersRequest) -> v1::Tiers;
    set_tiers: idempotent AccountsClient::set_tiers(v1::Tiers) -> v1::Tiers;
    get_usage: idempotent AccountsClient::get_usage(v1::UsageRequest) -> v1::Usage;
    get_usage_history:
        idempotent AccountsClient::get_usage_history(v1::UsageHistoryRequest) -> v1::UsageHistory;
    check_key: idempotent AccountsClient::check_key(v1::CheckKeyRequest) -> v1::CheckKeyResponse;
    count_call: once AccountsClient::count_call(v1::CountCallRequest) -> v1::CountCallResponse;

    list_endpoints: idempotent WebhooksClient::list_endpoints(v1::ListEndpointsRequest) -> v1::ListEndpointsResponse;
    enable_endpoint: idempotent WebhooksClient::enable_endpoint(v1::EndpointRequest) -> v1::Endpoint;
    delete_endpoint: once WebhooksClient::delete_endpoint(v1::EndpointRequest) -> v1::DeleteEndpointResponse;
    set_default_webhook: once WebhooksClient::set_default(v1::SetDefaultRequest) -> v1::DefaultWebhook;
    default_webhook: idempotent WebhooksClient::get_default(v1::DefaultRequest) -> v1::DefaultWebhook;
    clear_default_webhook: idempotent WebhooksClient::clear_default(v1::DefaultRequest) -> v1::ClearDefaultResponse;
    list_deliveries:
        idempotent WebhooksClient::list_deliveries(v1::ListDeliveriesRequest) -> v1::ListDeliveriesResponse;
    redeliver: once WebhooksClient::redeliver(v1::RedeliverRequest) -> v1::Delivery;

    cluster_status: idempotent ClusterClient::status(v1::ClusterStatusRequest) -> v1::ClusterStatus;
    ready: idempotent ClusterClient::ready(v1::ReadyRequest) -> v1::ReadyResponse;
    drain_node: idempotent ClusterClient::drain(v1::DrainRequest) -> v1::Node;
    cluster_history: idempotent ClusterClient::history(v1::ClusterHistoryRequest) -> v1::ClusterHistory;
    cluster_events: idempotent ClusterClient::events(v1::ClusterEventsRequest) -> v1::ClusterEvents;
    undrain_node: idempotent ClusterClient::undrain(v1::DrainRequest) -> v1::Node;
    lift_quarantine: once ClusterClient::lift_quarantine(v1::LiftQuarantineRequest) -> v1::Node;
}
