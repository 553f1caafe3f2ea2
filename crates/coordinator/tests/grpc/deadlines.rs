//! A caller's deadline ends every call: waiting calls and streams.

use std::time::Duration;

use carlo_wire::v1;
use carlo_wire::v1::batches_client::BatchesClient;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::v1::workers_client::WorkersClient;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::puppet::Puppet;
use crate::world::{PATIENCE, TOKEN, World, channel, simulation};

/// The deadline: long enough for the first headers on a busy machine.
const SOON: Duration = Duration::from_secs(1);

fn soon<M>(mut request: Request<M>) -> Request<M> {
    request.set_timeout(SOON);
    request
}

/// Reads a stream to its end and checks that the server ended it at the deadline. The client itself
/// applies the deadline only to the first headers.
async fn is_cut<T>(answer: Result<Response<Streaming<T>>, Status>) {
    let mut stream = answer.unwrap().into_inner();
    let over = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended as if it were whole"),
                Err(status) => return status,
            }
        }
    };
    let status = timeout(PATIENCE, over).await.expect("it ends");
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, "the call's deadline is over"));
}

#[tokio::test]
async fn a_waiting_call_ends_and_cancels_its_job() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let message = v1::SimulateRequest { simulation: Some(simulation(1)), ..Default::default() };
    JobsClient::new(world.channel.clone()).simulate(soon(ada.request(message))).await.unwrap_err();
    let list =
        ada.jobs(async |mut call, m| call.list(m).await, v1::ListJobsRequest::default()).await.unwrap();
    let job = ada.end_of(&list.jobs[0].id).await;
    assert_eq!(job.status(), v1::JobStatus::Cancelled);

    let id = ada.submit(1, "").await.unwrap().id;
    let waiting = v1::GetJobRequest { id, wait_ms: 30_000, with_points: false };
    let mut jobs = JobsClient::new(world.channel.clone());
    let answer = jobs.get(soon(ada.request(waiting)));
    timeout(PATIENCE / 3, answer).await.expect("before the wait is over").unwrap_err();
}

#[tokio::test]
async fn events_of_a_job_and_of_the_servers_health_end() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let id = ada.submit(1, "").await.unwrap().id;
    let watch = v1::WatchJobRequest { id, last_event_id: None };
    is_cut(JobsClient::new(world.channel.clone()).watch(soon(ada.request(watch))).await).await;
    let watch = HealthCheckRequest { service: String::new() };
    is_cut(HealthClient::new(world.channel.clone()).watch(soon(Request::new(watch))).await).await;
}

#[tokio::test]
async fn a_workers_session_ends() {
    let world = World::new().await;
    let (outbox, messages) = mpsc::channel(1);
    outbox.send(Puppet::hello()).await.unwrap();
    let mut request = soon(Request::new(ReceiverStream::new(messages)));
    request.metadata_mut().insert("x-join-token", TOKEN.parse().unwrap());
    is_cut(WorkersClient::new(world.channel.clone()).work(request).await).await;
    drop(outbox);
}

#[tokio::test]
async fn a_batchs_results_end_also_while_they_wait_for_their_reader() {
    let world = World::new().await;
    let ada = world.user("ada", "enterprise").await;
    let simulations =
        vec![v1::BatchSimulation { simulation: Some(simulation(1)), custom_id: String::new() }; 5];
    let batch = v1::CreateBatchRequest { simulations, ..Default::default() };
    let batch = ada.batches(async |mut call, m| call.create(m).await, batch).await.unwrap();
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    for _ in 0..5 {
        puppet.compute().await;
    }
    for id in &batch.job_ids {
        ada.end_of(id).await;
    }
    let read = |channel: &Channel, deadline| {
        let mut request = ada.request(v1::GetBatchRequest { id: batch.id.clone(), wait_ms: 0 });
        request.set_timeout(deadline);
        let mut client = BatchesClient::new(channel.clone());
        async move { client.results(request).await }
    };
    let mut whole = read(&world.channel, PATIENCE).await.unwrap().into_inner();
    let mut jobs = 0;
    while whole.message().await.unwrap().is_some() {
        jobs += 1;
    }
    assert_eq!(jobs, 5);
    // The window is smaller than one result.
    let narrow =
        channel(&world.url, |endpoint| endpoint.clone().initial_stream_window_size(64).connect_lazy());
    let unread = read(&narrow, SOON).await;
    tokio::time::sleep(2 * SOON).await;
    is_cut(unread).await;
}
