//! A URL of a user to which events are sent.

use carlo_types::webhook::{HttpUrl, WebhookSecret};
use carlo_types::{EndpointId, OwnerId, Timestamp};

use crate::retry;

/// A user's URL. All webhooks of the user with this URL share its secret and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Endpoint {
    pub id: EndpointId,
    pub owner: OwnerId,
    pub url: HttpUrl,
    /// With which all requests to it are signed.
    pub secret: WebhookSecret,
    pub created_at: Timestamp,
    /// Failed attempts since the last success.
    pub failures: u32,
    /// When the first of them ended.
    pub failing_since: Option<Timestamp>,
    pub last_success_at: Option<Timestamp>,
    /// Set while it is disabled. Deliveries to it wait then.
    pub disabled: Option<Disabled>,
}

/// When and why an endpoint was disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Disabled {
    pub at: Timestamp,
    pub reason: String,
}

impl Endpoint {
    pub(crate) fn succeeded(&mut self, now: Timestamp) {
        (self.failures, self.failing_since, self.last_success_at) = (0, None, Some(now));
    }

    pub(crate) fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
        if let Some(reason) = retry::disabled_reason(self, now) {
            self.disable(reason, now);
        }
    }

    pub(crate) fn disable(&mut self, reason: impl Into<String>, now: Timestamp) {
        self.disabled.get_or_insert_with(|| Disabled { at: now, reason: reason.into() });
    }

    pub(crate) fn enable(&mut self) {
        (self.failures, self.failing_since, self.disabled) = (0, None, None);
    }
}
