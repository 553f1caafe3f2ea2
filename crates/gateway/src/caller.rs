//! Who calls, and what coordinators say of their limits: the key goes in as it came, the limits come out as headers.
//!
//! Every REST call is one call to a coordinator, or a part of one, which knows keys and counts calls. What the gateway refuses by itself is counted
//! by a call of its own ([`account`]): so an unknown key hears 401 before it hears of faults in its body, and every answer has the
//! headers. Whether a key is good is not known here.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use carlo_wire::v1;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};

use crate::problem::Failure;
use crate::routes::App;

const X_API_KEY: &str = "x-api-key";
/// The longest key that is passed on; ours are shorter.
const KEY_BYTES_MAX: usize = 512;
/// What a coordinator says of the caller's limits, under the same names in HTTP.
const LIMITS: [HeaderName; 3] =
    [HeaderName::from_static("ratelimit"), HeaderName::from_static("ratelimit-policy"), RETRY_AFTER];

/// The sender of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    key: Option<MetadataValue<Ascii>>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    /// Whether a coordinator was called, and so has counted the call if it could be reached at all.
    called: bool,
    limits: HeaderMap,
}

impl Caller {
    /// Who sent a request with these headers.
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let bearer = || {
            let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
        };
        let Some(key) = headers.get(X_API_KEY).map(HeaderValue::as_bytes).or_else(bearer) else {
            return Ok(Self::default());
        };
        let is_text = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
        let key = is_text.then(|| MetadataValue::try_from(key).ok()).flatten();
        let unknown = || Failure::new(StatusCode::UNAUTHORIZED, "the key is not one of ours");
        Ok(Self { key: Some(key.ok_or_else(unknown)?), heard: Arc::default() })
    }

    /// Their message on its way to a coordinator.
    pub(crate) fn ask<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        if let Some(key) = &self.key {
            request.metadata_mut().insert(X_API_KEY, key.clone());
        }
        self.with(|heard| heard.called = true);
        request
    }

    /// What they show; nothing where they show no key.
    pub(crate) fn key(&self) -> &str {
        self.key.as_ref().and_then(|key| key.to_str().ok()).unwrap_or_default()
    }

    /// Remembers what a coordinator said of their limits when it was asked for several callers; `None` where it could not be asked.
    pub(crate) fn hear_of(&self, confirmation: Option<&v1::Confirmation>) {
        self.with(|heard| {
            heard.called |= confirmation.is_none_or(|confirmation| confirmation.is_confirmed);
            let Some(confirmation) = confirmation else { return };
            let [limit, policy, _] = LIMITS;
            for (name, text) in [(limit, &confirmation.ratelimit), (policy, &confirmation.ratelimit_policy)] {
                if let Some(value) = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty()) {
                    heard.limits.insert(name, value);
                }
            }
        });
    }

    /// Remembers what an answer or a refusal says of their limits.
    pub(crate) fn hear(&self, metadata: &MetadataMap) {
        self.with(|heard| {
            for name in LIMITS {
                let value = MetadataKey::from_bytes(name.as_str().as_bytes())
                    .ok()
                    .and_then(|key| metadata.get::<MetadataKey<Ascii>>(key)?.as_bytes().try_into().ok());
                if let Some(value) = value {
                    heard.limits.insert(name, value);
                }
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Heard) -> T) -> T {
        act(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| {
            Failure::internal("a route asks who calls, but lies outside of where that is known")
        })
    }
}

/// Finds out who calls, and puts what is heard of their limits on the answer. An answer without a coordinator is counted first.
pub(crate) async fn account(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let caller = match Caller::of(request.headers()) {
        Ok(caller) => caller,
        Err(failure) => return failure.into_response(),
    };
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    if !caller.with(|heard| heard.called)
        && let Err(failure) = app.calls.count(&caller).await
    {
        response = failure.into_response();
    }
    caller.with(|heard| {
        for (name, value) in &heard.limits {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    });
    response
}
