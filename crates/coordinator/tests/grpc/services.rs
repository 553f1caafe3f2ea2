//! What every gRPC server reveals without a key: its services and their health.

use carlo_wire::v1::accounts_server::SERVICE_NAME as ACCOUNTS;
use carlo_wire::v1::batches_server::SERVICE_NAME as BATCHES;
use carlo_wire::v1::cluster_server::SERVICE_NAME as CLUSTER;
use carlo_wire::v1::jobs_server::SERVICE_NAME as JOBS;
use carlo_wire::v1::webhooks_server::SERVICE_NAME as WEBHOOKS;
use carlo_wire::v1::workers_server::SERVICE_NAME as WORKERS;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::world::World;

const SERVICES: [&str; 6] = [ACCOUNTS, BATCHES, CLUSTER, JOBS, WEBHOOKS, WORKERS];

#[tokio::test]
async fn every_service_is_told_of_and_serves() {
    let world = World::new().await;
    let mut health = HealthClient::new(world.channel.clone());
    for service in SERVICES {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(answer.into_inner().status, ServingStatus::Serving as i32, "{service}");
    }
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut client = ServerReflectionClient::new(world.channel.clone());
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("a list, not {answer:?}") };
    for service in SERVICES {
        assert!(list.service.iter().any(|listed| listed.name == service), "{service}");
    }
}
