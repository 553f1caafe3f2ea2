//! Authentication and rate limits of all gRPC calls. The API key is in the metadata of the request.
//! The core admits and counts the call in the same commit as its changes. The metadata of the
//! response, also of an error, contain the caller's rate limits.

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
use crate::origin::CallOrigin;

/// The metadata in which an API key is looked for, in this order.
const KEY: &str = "x-api-key";
const AUTHORIZATION: &str = "authorization";
const BEARER: &str = "bearer ";
/// Metadata of responses, in the format of the HTTP headers with the same names.
const RATE_POLICY: &str = "ratelimit-policy";
const RATE: &str = "ratelimit";

/// The state that all services share.
#[derive(Clone)]
pub(crate) struct ServiceState {
    pub(crate) leadership: Leadership,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) environment: Arc<dyn Environment>,
}

/// One call: the core that serves it, its API key, and the state of its caller's rate limits.
pub(crate) struct RequestContext {
    core: CoreHandle,
    key: Option<String>,
    origin: Option<CallOrigin>,
    rate: RateStatus,
    stream_is_over: bool,
}

impl RequestContext {
    /// Splits a request into its context and its message. Refused if this coordinator doesn't lead.
    pub(crate) fn of<M>(leadership: &Leadership, request: Request<M>) -> Result<(Self, M), Status> {
        let core = leadership.term()?.core;
        let context = Self {
            core,
            key: key(request.metadata()),
            origin: request.extensions().get().cloned(),
            rate: RateStatus::default(),
            stream_is_over: false,
        };
        Ok((context, request.into_inner()))
    }

    pub(crate) fn core(&self) -> &CoreHandle {
        &self.core
    }

    /// Lets the core authenticate, admit and count the call, and then `serve` it. Returns once all
    /// changes are durable. Must be called exactly once for each call.
    pub(crate) async fn admit<T: Send + 'static>(
        &mut self,
        serve: impl FnOnce(&mut Core, &Caller) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let key = self.key.take();
        let origin = self.origin.clone();
        let serve = move |core: &mut Core, caller: &Caller| {
            if let Some(origin) = &origin {
                origin.record(caller);
            }
            core.serve_as(origin.map(|call| call.origin), |core| serve(core, caller))
        };
        let (rate, answer) = self.core.ask(move |core| core.admit(key.as_deref(), serve)).await?;
        self.rate = rate;
        answer
    }

    /// The caller. Doesn't admit or count the call.
    pub(crate) async fn authenticate(&self) -> Result<Caller, Fault> {
        let key = self.key.clone();
        let caller = self.core.ask(move |core| core.authenticate(key.as_deref())).await?;
        caller.map_err(refused)
    }

    /// Marks the response's stream, in the metadata, as empty because the caller has already
    /// received the last event.
    pub(crate) fn set_stream_is_over(&mut self) {
        self.stream_is_over = true;
    }

    /// Makes the response, with the rate limits in its metadata.
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

/// Implements a generated service trait with the service's own methods of the same names. These
/// take a [`RequestContext`] and the message, and return the response's message or a [`Fault`]. The
/// service must have a field `state` of type [`ServiceState`].
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

/// The fault of a call whose key is not accepted.
pub(crate) fn refused(refusal: Unauthenticated) -> Fault {
    Refusal::from(refusal).into()
}

/// The API key in a call's metadata.
pub(crate) fn key(metadata: &MetadataMap) -> Option<String> {
    // A value that isn't text becomes an empty key, which is refused as malformed, not as missing.
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
