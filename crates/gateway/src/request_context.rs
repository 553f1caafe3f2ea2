//! What is known of a request: its key, its ids, and how it counts against the limits of its
//! sender. The key is passed on to the coordinator unchanged, and the limits that it returns become
//! headers of the response.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use carlo_wire::{PROTOCOL, PROTOCOL_VERSION, v1};
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};

use crate::problem::Failure;
use crate::request_log::RequestIdentity;

const X_API_KEY: &str = "x-api-key";
/// The longest key that is passed on. carlo's keys are shorter.
const KEY_BYTES_MAX: usize = 512;
/// The limit headers, which have the same names as the coordinator's metadata.
const LIMIT_HEADERS: [HeaderName; 3] =
    [HeaderName::from_static("ratelimit"), HeaderName::from_static("ratelimit-policy"), RETRY_AFTER];

/// What is known of a request's sender: their key, and what the request does to their limits.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestContext {
    key: Option<MetadataValue<Ascii>>,
    /// The ids of the request; `None` for a call that belongs to none.
    identity: Option<RequestIdentity>,
    accounting: Arc<Mutex<Accounting>>,
}

/// How the request counts against the caller's limits.
#[derive(Debug, Default)]
struct Accounting {
    /// Whether a coordinator was called. It counts the call, if it can be reached at all.
    is_counted: bool,
    limits: HeaderMap,
}

impl RequestContext {
    /// The context of a request with these headers. Refused if its key can't be one.
    pub(crate) fn of(headers: &HeaderMap, identity: Option<RequestIdentity>) -> Result<Self, Failure> {
        let bearer = || {
            let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
        };
        let Some(key) = headers.get(X_API_KEY).map(HeaderValue::as_bytes).or_else(bearer) else {
            return Ok(Self { identity, ..Self::default() });
        };
        let is_text = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
        let key = is_text.then(|| MetadataValue::try_from(key).ok()).flatten();
        let unknown = || Failure::new(StatusCode::UNAUTHORIZED, "the key is not one of ours");
        Ok(Self { key: Some(key.ok_or_else(unknown)?), identity, ..Self::default() })
    }

    /// Wraps a message for a coordinator, with the caller's key.
    pub(crate) fn request<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert(PROTOCOL, PROTOCOL_VERSION.into());
        if let Some(key) = &self.key {
            request.metadata_mut().insert(X_API_KEY, key.clone());
        }
        if let Some(identity) = &self.identity {
            identity.add_to(request.metadata_mut());
        }
        self.with_accounting(|accounting| accounting.is_counted = true);
        request
    }

    /// The same caller with separate accounting, for a call that is not part of their request.
    pub(crate) fn apart(&self) -> Self {
        Self { accounting: Arc::default(), ..self.clone() }
    }

    /// The caller's key; empty if they sent none.
    pub(crate) fn key(&self) -> &str {
        self.key.as_ref().and_then(|key| key.to_str().ok()).unwrap_or_default()
    }

    /// Whether they sent a key.
    pub(crate) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Records the id of the caller's key for the log.
    pub(crate) fn record_key(&self, key_id: &Arc<str>) {
        if let Some(identity) = &self.identity {
            identity.record_key(key_id);
        }
    }

    /// Whether the call has been counted.
    pub(crate) fn is_counted(&self) -> bool {
        self.with_accounting(|accounting| accounting.is_counted)
    }

    /// Adds the headers with the caller's limits that a response doesn't have yet.
    pub(crate) fn add_limits(&self, headers: &mut HeaderMap) {
        self.with_accounting(|accounting| {
            for (name, value) in &accounting.limits {
                headers.entry(name).or_insert_with(|| value.clone());
            }
        });
    }

    /// Records what a revalidation says about the caller; `None` if it could not be made.
    pub(crate) fn record_revalidation(&self, revalidation: Option<&v1::Revalidation>) {
        self.with_accounting(|accounting| {
            accounting.is_counted |= revalidation.is_none_or(|revalidation| revalidation.is_valid);
            let Some(revalidation) = revalidation else { return };
            let [limit, policy, _] = LIMIT_HEADERS;
            for (name, text) in [(limit, &revalidation.ratelimit), (policy, &revalidation.ratelimit_policy)] {
                if let Some(value) = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty()) {
                    accounting.limits.insert(name, value);
                }
            }
        });
    }

    /// Records the limits in the metadata of a response or an error.
    pub(crate) fn record_limits(&self, metadata: &MetadataMap) {
        self.with_accounting(|accounting| {
            for name in LIMIT_HEADERS {
                let value = MetadataKey::from_bytes(name.as_str().as_bytes())
                    .ok()
                    .and_then(|key| metadata.get::<MetadataKey<Ascii>>(key)?.as_bytes().try_into().ok());
                if let Some(value) = value {
                    accounting.limits.insert(name, value);
                }
            }
        });
    }

    fn with_accounting<T>(&self, act: impl FnOnce(&mut Accounting) -> T) -> T {
        act(&mut self.accounting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
