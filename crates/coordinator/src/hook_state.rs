//! Where the events of a job or a batch are sent, and which of them was recorded last.

use carlo_types::webhook::WebhookEvent;
use carlo_webhooks::Hook;

/// The hook of a job or a batch. It is part of the object's entry in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookState {
    pub(crate) hook: Hook,
    /// So that no event is recorded twice.
    pub(crate) last_event: Option<WebhookEvent>,
}

impl HookState {
    pub(crate) fn new(hook: Hook) -> Self {
        Self { hook, last_event: None }
    }
}
