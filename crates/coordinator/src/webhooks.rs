//! The gRPC service `Webhooks`: endpoints, the default webhooks of keys, and deliveries.

use carlo_tenancy::{Caller, KeyId};
use carlo_types::definition::{self, Faults};
use carlo_types::webhook::{Webhook, WebhookSecret};
use carlo_types::{DeliveryId, EndpointId, Fault, FaultCode, FieldFault, Timestamp};
use carlo_webhooks::{DeliveryState, Filter};
use carlo_wire::v1;
use carlo_wire::v1::webhooks_server::Webhooks;

use crate::auth::{RequestContext, ServiceState, service};
use crate::core::{Core, DefaultView, DeliveryView, EndpointView, OwnerFilter};
use crate::request_checks::{check_owner_filter, check_page};

pub(crate) struct WebhooksService {
    state: ServiceState,
}

impl WebhooksService {
    pub(crate) fn new(state: ServiceState) -> Self {
        Self { state }
    }

    async fn list_endpoints(
        &self,
        context: &mut RequestContext,
        request: v1::ListEndpointsRequest,
    ) -> Result<v1::ListEndpointsResponse, Fault> {
        let mut faults = Vec::new();
        let owners = check_owner_filter(request.all, &request.user, &mut faults);
        let list = move |core: &mut Core, caller: &Caller| {
            if faults.is_empty() { core.endpoints(caller, &owners) } else { Err(Fault::invalid(faults)) }
        };
        let endpoints = context.admit(list).await?;
        Ok(v1::ListEndpointsResponse { endpoints: endpoints.into_iter().map(endpoint).collect() })
    }

    async fn enable_endpoint(
        &self,
        context: &mut RequestContext,
        request: v1::EndpointRequest,
    ) -> Result<v1::Endpoint, Fault> {
        let enable = move |core: &mut Core, caller: &Caller| {
            core.enable_endpoint(caller, id::<EndpointId>(&request.id)?)
        };
        context.admit(enable).await.map(endpoint)
    }

    async fn delete_endpoint(
        &self,
        context: &mut RequestContext,
        request: v1::EndpointRequest,
    ) -> Result<v1::DeleteEndpointResponse, Fault> {
        let delete = move |core: &mut Core, caller: &Caller| {
            core.delete_endpoint(caller, id::<EndpointId>(&request.id)?)
        };
        context.admit(delete).await.map(|()| v1::DeleteEndpointResponse {})
    }

    async fn set_default(
        &self,
        context: &mut RequestContext,
        request: v1::SetDefaultRequest,
    ) -> Result<v1::DefaultWebhook, Fault> {
        let v1::SetDefaultRequest { key_id, webhook } = request;
        let mut faults = Faults::default();
        let webhook: Webhook = definition::check(webhook.unwrap_or_default().into(), "/webhook", &mut faults);
        let checked = faults.none_or(webhook);
        let set =
            move |core: &mut Core, caller: &Caller| core.set_default_webhook(caller, key(&key_id)?, checked?);
        context.admit(set).await.map(default_webhook)
    }

    async fn get_default(
        &self,
        context: &mut RequestContext,
        request: v1::DefaultRequest,
    ) -> Result<v1::DefaultWebhook, Fault> {
        let get = move |core: &mut Core, caller: &Caller| core.default_webhook(caller, key(&request.key_id)?);
        context.admit(get).await.map(default_webhook)
    }

    async fn clear_default(
        &self,
        context: &mut RequestContext,
        request: v1::DefaultRequest,
    ) -> Result<v1::ClearDefaultResponse, Fault> {
        let clear =
            move |core: &mut Core, caller: &Caller| core.clear_default_webhook(caller, key(&request.key_id)?);
        context.admit(clear).await.map(|()| v1::ClearDefaultResponse {})
    }

    async fn list_deliveries(
        &self,
        context: &mut RequestContext,
        request: v1::ListDeliveriesRequest,
    ) -> Result<v1::ListDeliveriesResponse, Fault> {
        let checked = Listed::of(&request);
        let list = move |core: &mut Core, caller: &Caller| {
            let Listed { owners, filter, before, most } = checked?;
            core.deliveries(caller, &owners, filter, before, most)
        };
        let (page, next) = context.admit(list).await?;
        Ok(v1::ListDeliveriesResponse {
            deliveries: page.into_iter().map(delivery).collect(),
            cursor: next.map(|number| number.to_string()).unwrap_or_default(),
        })
    }

    async fn redeliver(
        &self,
        context: &mut RequestContext,
        request: v1::RedeliverRequest,
    ) -> Result<v1::Delivery, Fault> {
        let repeat =
            move |core: &mut Core, caller: &Caller| core.redeliver(caller, id::<DeliveryId>(&request.id)?);
        context.admit(repeat).await.map(delivery)
    }
}

service! {
    impl Webhooks for WebhooksService {
        list_endpoints(v1::ListEndpointsRequest) -> v1::ListEndpointsResponse;
        enable_endpoint(v1::EndpointRequest) -> v1::Endpoint;
        delete_endpoint(v1::EndpointRequest) -> v1::DeleteEndpointResponse;
        set_default(v1::SetDefaultRequest) -> v1::DefaultWebhook;
        get_default(v1::DefaultRequest) -> v1::DefaultWebhook;
        clear_default(v1::DefaultRequest) -> v1::ClearDefaultResponse;
        list_deliveries(v1::ListDeliveriesRequest) -> v1::ListDeliveriesResponse;
        redeliver(v1::RedeliverRequest) -> v1::Delivery;
    }
}

/// What a list of deliveries is of, and which part of it is wanted.
struct Listed {
    owners: OwnerFilter,
    filter: Filter,
    /// The page has numbers below this one.
    before: Option<u64>,
    most: usize,
}

impl Listed {
    fn of(request: &v1::ListDeliveriesRequest) -> Result<Self, Fault> {
        let mut faults = Vec::new();
        let most = check_page(1, request.page_size, &mut faults).take;
        let owners = check_owner_filter(request.all, &request.user, &mut faults);
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let state = request.state.map(|_| state(request.state()));
        if state == Some(None) {
            faults.push(FieldFault::new("/state", "is not the state of a delivery"));
        }
        let endpoint = given(&request.endpoint_id).map(|id| id.parse::<EndpointId>()).transpose();
        let endpoint = endpoint.unwrap_or_else(|error| {
            faults.push(FieldFault::new("/endpoint_id", error.to_string()));
            None
        });
        let before = given(&request.cursor).map(|cursor| cursor.parse::<u64>()).transpose();
        let before = before.unwrap_or_else(|_| {
            faults.push(FieldFault::new("/cursor", "is not from a response"));
            None
        });
        let filter = Filter { owner: None, endpoint, object: given(&request.object), state: state.flatten() };
        if faults.is_empty() {
            Ok(Self { owners, filter, before, most })
        } else {
            Err(Fault::invalid(faults))
        }
    }
}

/// The state that is looked for; its time doesn't matter.
fn state(state: v1::DeliveryState) -> Option<DeliveryState> {
    match state {
        v1::DeliveryState::Unspecified => None,
        v1::DeliveryState::Pending => Some(DeliveryState::Pending(Timestamp(0))),
        v1::DeliveryState::Delivered => Some(DeliveryState::Delivered(Timestamp(0))),
        v1::DeliveryState::Failed => Some(DeliveryState::Failed(Timestamp(0))),
    }
}

fn id<T: std::str::FromStr<Err = carlo_types::ids::ParseIdError>>(text: &str) -> Result<T, Fault> {
    // Nothing has a malformed id.
    text.parse()
        .map_err(|error: carlo_types::ids::ParseIdError| Fault::new(FaultCode::NotFound, error.to_string()))
}

/// The key that is named, if one is.
fn key(text: &str) -> Result<Option<KeyId>, Fault> {
    let given = Some(text).filter(|text| !text.is_empty());
    let parsed = given.map(str::parse::<KeyId>).transpose();
    parsed.map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))
}

fn endpoint(EndpointView { endpoint, pending }: EndpointView) -> v1::Endpoint {
    let (disabled_at_ms, disabled_reason) =
        endpoint.disabled.map_or((None, String::new()), |disabled| (Some(disabled.at.0), disabled.reason));
    v1::Endpoint {
        id: endpoint.id.to_string(),
        user: endpoint.owner.to_string(),
        url: endpoint.url.as_str().to_owned(),
        created_at_ms: endpoint.created_at.0,
        pending: u32::try_from(pending).unwrap_or(u32::MAX),
        failures: endpoint.failures,
        failing_since_ms: endpoint.failing_since.map(|at| at.0),
        last_success_at_ms: endpoint.last_success_at.map(|at| at.0),
        disabled_at_ms,
        disabled_reason,
    }
}

fn default_webhook(DefaultView { key, hook, url, made }: DefaultView) -> v1::DefaultWebhook {
    v1::DefaultWebhook {
        key_id: key.to_string(),
        endpoint_id: hook.endpoint.to_string(),
        url,
        events: hook.events.iter().map(ToString::to_string).collect(),
        secret: made.as_ref().map(WebhookSecret::reveal).unwrap_or_default(),
    }
}

fn delivery(DeliveryView { delivery, url }: DeliveryView) -> v1::Delivery {
    let (state, next_attempt_at) = match delivery.state {
        DeliveryState::Pending(at) => (v1::DeliveryState::Pending, Some(at)),
        DeliveryState::Delivered(_) => (v1::DeliveryState::Delivered, None),
        DeliveryState::Failed(_) => (v1::DeliveryState::Failed, None),
    };
    v1::Delivery {
        id: delivery.id.to_string(),
        user: delivery.owner.to_string(),
        endpoint_id: delivery.endpoint.to_string(),
        url,
        event: delivery.event.to_string(),
        object: delivery.object,
        state: state.into(),
        created_at_ms: delivery.created_at.0,
        attempts: delivery.attempts,
        next_attempt_at_ms: next_attempt_at.map(|at| at.0),
        ended_at_ms: delivery.state.ended_at().map(|at| at.0),
        outcome: delivery.outcome,
        status: delivery.status.map(u32::from),
    }
}
