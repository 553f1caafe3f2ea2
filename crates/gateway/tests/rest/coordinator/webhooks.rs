//! The fake coordinator's webhooks. Each call is recorded and answered from the state.

use carlo_wire::v1;
use carlo_wire::v1::webhooks_server::Webhooks;
use tonic::{Request, Response, Status};

use super::State;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the coordinator says of a new webhook.
pub(crate) fn set() -> v1::SetWebhook {
    v1::SetWebhook { endpoint_id: "hook_1".to_owned(), secret: SECRET.to_owned() }
}

fn endpoint() -> v1::Endpoint {
    v1::Endpoint {
        id: "hook_1".to_owned(),
        user: "ann".to_owned(),
        url: "https://example.org/carlo".to_owned(),
        created_at_ms: 1_700_000_000_123,
        pending: 2,
        failures: 3,
        failing_since_ms: Some(1_700_000_001_000),
        last_success_at_ms: None,
        disabled_at_ms: Some(1_700_000_002_000),
        disabled_reason: "it is gone".to_owned(),
    }
}

fn delivery() -> v1::Delivery {
    v1::Delivery {
        id: "msg_1".to_owned(),
        user: "ann".to_owned(),
        endpoint_id: "hook_1".to_owned(),
        url: "https://example.org/carlo".to_owned(),
        event: "job.complete".to_owned(),
        object: "job_1".to_owned(),
        state: v1::DeliveryState::Pending.into(),
        created_at_ms: 1_700_000_000_123,
        attempts: 1,
        next_attempt_at_ms: Some(1_700_000_005_000),
        ended_at_ms: None,
        outcome: "refused with 500".to_owned(),
        status: Some(500),
    }
}

#[tonic::async_trait]
impl Webhooks for State {
    async fn list_endpoints(
        &self,
        request: Request<v1::ListEndpointsRequest>,
    ) -> Result<Response<v1::ListEndpointsResponse>, Status> {
        let list = |_| Ok(v1::ListEndpointsResponse { endpoints: vec![endpoint()] });
        self.answer("webhooks", request, list).await
    }

    async fn enable_endpoint(
        &self,
        request: Request<v1::EndpointRequest>,
    ) -> Result<Response<v1::Endpoint>, Status> {
        let enabled = v1::Endpoint { disabled_at_ms: None, disabled_reason: String::new(), ..endpoint() };
        self.answer("enable webhook", request, |_| Ok(enabled)).await
    }

    async fn delete_endpoint(
        &self,
        request: Request<v1::EndpointRequest>,
    ) -> Result<Response<v1::DeleteEndpointResponse>, Status> {
        self.answer("delete webhook", request, |_| Ok(v1::DeleteEndpointResponse {})).await
    }

    async fn set_default(
        &self,
        request: Request<v1::SetDefaultRequest>,
    ) -> Result<Response<v1::DefaultWebhook>, Status> {
        let set = |message: v1::SetDefaultRequest| {
            let webhook = message.webhook.unwrap_or_default();
            let secret = if webhook.secret.is_some() { String::new() } else { SECRET.to_owned() };
            Ok(v1::DefaultWebhook { url: webhook.url, secret, ..default(&message.key_id) })
        };
        self.answer("set default webhook", request, set).await
    }

    async fn get_default(
        &self,
        request: Request<v1::DefaultRequest>,
    ) -> Result<Response<v1::DefaultWebhook>, Status> {
        self.answer("default webhook", request, |message| Ok(default(&message.key_id))).await
    }

    async fn clear_default(
        &self,
        request: Request<v1::DefaultRequest>,
    ) -> Result<Response<v1::ClearDefaultResponse>, Status> {
        self.answer("clear default webhook", request, |_| Ok(v1::ClearDefaultResponse {})).await
    }

    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let list = |message| {
            self.deliveries_listed.lock().unwrap().push(message);
            Ok(v1::ListDeliveriesResponse { deliveries: vec![delivery()], cursor: "7".to_owned() })
        };
        self.answer("deliveries", request, list).await
    }

    async fn redeliver(
        &self,
        request: Request<v1::RedeliverRequest>,
    ) -> Result<Response<v1::Delivery>, Status> {
        self.answer("redeliver", request, |message| Ok(v1::Delivery { id: message.id, ..delivery() })).await
    }
}

fn default(key: &str) -> v1::DefaultWebhook {
    v1::DefaultWebhook {
        key_id: if key.is_empty() { "key_1" } else { key }.to_owned(),
        endpoint_id: "hook_1".to_owned(),
        url: "https://example.org/carlo".to_owned(),
        events: vec!["job.failed".to_owned()],
        secret: String::new(),
    }
}
