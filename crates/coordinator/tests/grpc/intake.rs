//! Calls that send too much, too slowly, or without a key.

use std::time::{Duration, Instant};

use carlo_types::FaultCode;
use carlo_wire::status::to_fault;
use carlo_wire::v1::batches_client::BatchesClient;
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::{GATEWAY_PROTOCOLS, PROTOCOL, v1};
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request as HttpRequest};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tower::ServiceExt as _;

use crate::world::{PATIENCE, World};

/// A call whose message never arrives.
async fn unfinished(channel: &Channel, path: &str, key: Option<&str>) -> Option<Status> {
    let mut request = HttpRequest::post(format!("http://coordinator{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, Status>>(1);
    let body = Body::new(Unfinished(receiver));
    let response = channel.clone().oneshot(request.body(body).unwrap());
    let response = timeout(Duration::from_secs(2), response).await;
    drop(sender);
    let headers: HeaderMap = response.ok()?.unwrap().headers().clone();
    Status::from_header_map(&headers)
}

/// A body without data that ends when its sender is dropped.
struct Unfinished(tokio::sync::mpsc::Receiver<Result<bytes::Bytes, Status>>);

impl http_body::Body for Unfinished {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Status>>> {
        self.0.poll_recv(context).map(|item| item.map(|item| item.map(http_body::Frame::data)))
    }
}

#[tokio::test]
async fn a_gateway_of_another_protocol_is_served_or_refused_in_words() {
    let world = World::new().await;
    let status = async |version: Option<&'static str>| {
        let mut request = Request::new(v1::ClusterStatusRequest {});
        request.metadata_mut().insert("x-api-key", world.admin().key.parse().unwrap());
        if let Some(version) = version {
            request.metadata_mut().insert(PROTOCOL, version.parse().unwrap());
        }
        ClusterClient::new(world.channel.clone()).status(request).await
    };
    // Gateways of releases before the version was sent, and those of all known versions.
    status(None).await.unwrap();
    for version in GATEWAY_PROTOCOLS {
        status(Some(version.to_string().leak())).await.unwrap();
    }
    for version in ["0", "999999", "-1", "two"] {
        let refused = status(Some(version)).await.unwrap_err();
        assert_eq!(to_fault(&refused).code, FaultCode::Incompatible, "{version}");
        for words in [version, "install the same release, on the coordinators first"] {
            assert!(refused.message().contains(words), "{refused}");
        }
    }
}

#[tokio::test]
async fn without_a_key_nothing_of_a_message_is_read() {
    let world = World::new().await;
    let began = Instant::now();
    for path in ["/carlo.v1.Batches/Create", "/carlo.v1.Jobs/Submit", "/carlo.v1.Jobs/Watch"] {
        for key in [None, Some("carlo_nobody")] {
            let status = unfinished(&world.channel, path, key).await.expect("it is answered at once");
            assert_eq!(status.code(), Code::Unauthenticated, "{path}");
        }
    }
    assert!(began.elapsed() < PATIENCE);
    assert!(unfinished(&world.channel, "/carlo.v1.Jobs/Get", Some(&world.admin().key)).await.is_none());
}

#[tokio::test]
async fn a_message_has_a_size_by_its_method_and_a_number_of_parts() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let get = v1::GetJobRequest { id: "x".repeat(100_000), wait_ms: 0, with_points: false };
    let refused = JobsClient::new(world.channel.clone()).get(ada.request(get)).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::ResourceExhausted, "the message has more than 65536 bytes")
    );
    let create = v1::CreateBatchRequest {
        simulations: vec![v1::BatchSimulation::default(); 1_000_000],
        ..Default::default()
    };
    let mut batches = BatchesClient::new(world.channel.clone());
    let refused = batches.create(Request::new(create.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = batches.create(ada.request(create)).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::InvalidArgument, "the message has more than 60000 parts")
    );
}
