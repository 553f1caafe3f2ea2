//! Authentication and rate headers of every gRPC call. The key is taken from the metadata; the core
//! admits the call and counts it in the commit of what it asks for; the response, including an
//! error, says how the caller stands with their rate limits.

use std::sync::Arc;

use carlo_store::Ledger;
use carlo_tenancy::{Caller, RateStatus, Refusal, Unauthenticated};
use carlo_types::{Fault, FaultCode};
use carlo_wire::status;
use carlo_wire::status::STREAM_IS_OVER;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use crate::core::{Core, CoreHandle};
use crate::environment::Environment;
use crate::lead::Leadership;

/// Where a key is looked for, in this order.
const KEY: &str = "x-api-key";
const AUTHORIZATION: &str = "authorization";
const BEARER: &str = "bearer ";
/// Metadata of responses, with the values of the HTTP headers of these names.
const RATE_POLICY: &str = "ratelimit-policy";
const RATE: &str = "ratelimit";

/// What every service needs.
#[derive(Clone)]
pub(crate) struct ServiceState {
    pub(crate) leadership: Leadership,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) environment: Arc<dyn Environment>,
}

/// One call: the core that serves it, the key that came with it, and how its caller stands with
/// their rate limits.
pub(crate) struct RequestContext {
    core: CoreHandle,
    key: Option<String>,
    rate: RateStatus,
    stream_is_over: bool,
}

impl RequestContext {
    /// Takes a request apart. Refused where another coordinator leads.
    pub(crate) fn of<M>(leadership: &Leadership, request: Request<M>) -> Result<(Self, M), Status> {
        let core = leadership.term()?.core;
        let context =
            Self { core, key: key(request.metadata()), rate: RateStatus::default(), stream_is_over: false };
        Ok((context, request.into_inner()))
    }

    pub(crate) fn core(&self) -> &CoreHandle {
        &self.core
    }

    /// Has the core authenticate, admit and count the call, and then `serve` it. Returns once
    /// everything is durable. To be called once for each call.
    pub(crate) async fn admit<T: Send + 'static>(
        &mut self,
        serve: impl FnOnce(&mut Core, &Caller) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let key = self.key.take();
        let (rate, answer) = self.core.ask(move |core| core.admit(key.as_deref(), serve)).await?;
        self.rate = rate;
        answer
    }

    /// Who calls. The call is neither admitted nor counted.
    pub(crate) async fn authenticate(&self) -> Result<Caller, Fault> {
        let key = self.key.clone();
        let caller = self.core.ask(move |core| core.authenticate(key.as_deref())).await?;
        caller.map_err(refused)
    }

    /// Says in the metadata of the response that the stream in it is empty, because the caller has
    /// seen everything.
    pub(crate) fn set_stream_is_over(&mut self) {
        self.stream_is_over = true;
    }

    /// The response, with the rate limits in its metadata.
    pub(crate) fn respond<T>(self, answer: Result<T, Fault>) -> Result<Response<T>, Status> {
        match answer {
            Ok(answer) => {
                let mut response = Response::new(answer);
                self.add_rate(response.metadata_mut());
                if self.stream_is_over {
                    response.metadata_mut().insert(STREAM_IS_OVER, MetadataValue::from_static("true"));
                }
                Ok(response)
            }
            Err(fault) => {
                self.core.instruments().refuse_call(&fault);
                if fault.code == FaultCode::Internal {
                    tracing::error!(%fault, "a call failed");
                }
                let mut status = status::from_fault(&fault);
                self.add_rate(status.metadata_mut());
                Err(status)
            }
        }
    }

    fn add_rate(&self, metadata: &mut MetadataMap) {
        for (name, value) in [(RATE_POLICY, self.rate.policy_header()), (RATE, self.rate.limit_header())] {
            if let Some(value) = value.and_then(|value| MetadataValue::try_from(value).ok()) {
                metadata.insert(name, value);
            }
        }
    }
}

/// Implements a generated service trait with the service's own methods of the same names, which
/// take a [`RequestContext`] and the message and return the answer or a [`Fault`]. The service must
/// have a field `state` of type [`ServiceState`].
macro_rules! service {
    (impl $trait:ident for $service:ident $([$($stream:ident = $type:ty),*])? {
        $($method:ident($request:ty) -> $response:ty;)*
    }) => {
        #[tonic::async_trait]
        impl $trait for $service {
            $($(type $stream = $type;)*)?
            $(
                async fn $method(
                    &self,
                    request: tonic::Request<$request>,
                ) -> Result<tonic::Response<$response>, tonic::Status> {
                    let (mut context, request) =
                        crate::auth::RequestContext::of(&self.state.leadership, request)?;
                    let answer = $service::$method(self, &mut context, request).await;
                    context.respond(answer)
                }
            )*
        }
    };
}
pub(crate) use service;

/// Why a key is not accepted, as a fault.
pub(crate) fn refused(refusal: Unauthenticated) -> Fault {
    Refusal::from(refusal).into()
}

/// The API key that came with a call.
pub(crate) fn key(metadata: &MetadataMap) -> Option<String> {
    // What isn't text is refused as a malformed key, not as a missing one.
    let text = |name| metadata.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(key) = text(KEY) {
        return Some(key.to_owned());
    }
    let (scheme, key) = text(AUTHORIZATION)?.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| key.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_either_place() {
        for (name, value, wanted) in [
            ("x-api-key", "carlo_1", Some("carlo_1")),
            ("authorization", "Bearer carlo_1", Some("carlo_1")),
            ("authorization", "bearer  carlo_1 ", Some("carlo_1")),
            ("authorization", "Basic carlo_1", None),
            ("authorization", "Bearer", None),
            ("x-api-key", "", Some("")),
        ] {
            let mut metadata = MetadataMap::new();
            metadata.insert(name, value.parse().unwrap());
            assert_eq!(key(&metadata).as_deref(), wanted, "{name}: {value}");
        }
        assert_eq!(key(&MetadataMap::new()), None);
    }
}
