//! Webhooks: what callers ask of them, the events of jobs and batches, and the attempts to deliver
//! these. The events are recorded in the commit of the change that they tell of.

use carlo_schedule::{BatchRecord, BatchState, BatchView, JobRecord, JobState};
use carlo_tenancy::{Caller, KeyId, Refusal, Role};
use carlo_types::webhook::{
    Webhook, WebhookBatch, WebhookBody, WebhookData, WebhookEvent, WebhookJob, WebhookSecret,
};
use carlo_types::{BatchId, DeliveryId, EndpointId, Fault, FaultCode, FieldFault, OwnerId};
use carlo_webhooks::{
    Attempt, Delivery, Endpoint, Filter, Fresh, Hook, NewEvent, Outcome, Subscription, Verdict, rfc3339,
};
use carlo_wire::v1::AuditAction;

use super::{Core, OwnerFilter};
use crate::hook_state::HookState;

/// A reason in the body of a webhook's request. Whole reasons are with the job or the batch.
const REASON_CHARS_MAX: usize = 256;

/// Where the events of a new job or batch are sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EventTarget {
    /// Nowhere: somebody waits for its end.
    Nobody,
    /// Where the webhook of the caller's key says, if it has one.
    AsKeySays,
    /// Where the request says.
    Webhook(Webhook),
}

impl From<Option<Webhook>> for EventTarget {
    fn from(asked: Option<Webhook>) -> Self {
        asked.map_or(Self::AsKeySays, Self::Webhook)
    }
}

/// An endpoint, and how many deliveries to it are pending.
#[derive(Debug, Clone)]
pub(crate) struct EndpointView {
    pub(crate) endpoint: Endpoint,
    pub(crate) pending: usize,
}

/// A delivery, and the endpoint that it is for.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryView {
    pub(crate) delivery: Delivery,
    pub(crate) url: String,
}

/// The webhook of a key.
#[derive(Debug, Clone)]
pub(crate) struct DefaultView {
    pub(crate) key: KeyId,
    pub(crate) hook: Hook,
    pub(crate) url: String,
    /// The secret, if one was made.
    pub(crate) made: Option<WebhookSecret>,
}

/// The attempts that begin, and when the next ones are due.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) attempts: Vec<Attempt>,
    /// In milliseconds from now.
    pub(crate) next_in_ms: Option<u64>,
    /// The calendar time, in seconds.
    pub(crate) wall_seconds: u64,
}

impl Core {
    /// Refuses a webhook that this cluster doesn't send, or that would be one too many. `pointer`
    /// is that of the webhook in the request.
    pub(super) fn check_webhook(
        &self,
        owner: &OwnerId,
        notify: &EventTarget,
        pointer: &str,
    ) -> Result<(), Fault> {
        let EventTarget::Webhook(webhook) = notify else { return Ok(()) };
        self.reach.check_url(&webhook.url).map_err(|refused| {
            Fault::invalid(vec![FieldFault::new(format!("{pointer}/url"), refused.to_string())])
        })?;
        Ok(self.webhooks.check(owner, &webhook.url)?)
    }

    /// The hook of a new job or batch, and the secret, if one was made. The webhook must have been
    /// checked.
    pub(super) fn subscribe(
        &mut self,
        caller: &Caller,
        notify: EventTarget,
    ) -> (Option<HookState>, Option<WebhookSecret>) {
        match notify {
            EventTarget::Nobody => (None, None),
            EventTarget::AsKeySays => {
                let key = caller.key.map(|key| key.to_string());
                let hook = key.and_then(|key| self.webhooks.default_of(&key).cloned());
                (hook.map(HookState::new), None)
            }
            EventTarget::Webhook(webhook) => {
                let Subscription { hook, made } = self.subscribe_owner(&caller.user.clone(), webhook);
                (Some(HookState::new(hook)), made)
            }
        }
    }

    fn subscribe_owner(&mut self, owner: &OwnerId, webhook: Webhook) -> Subscription {
        let fresh = Fresh {
            id: EndpointId::from_random(self.environment.random()),
            secret: WebhookSecret::from_random(self.environment.secret()),
        };
        self.webhooks.subscribe(owner, webhook, fresh, self.clock.now().wall)
    }

    /// The hook of a batch.
    pub(crate) fn batch_hook(&self, id: BatchId) -> Option<&HookState> {
        self.batch_hooks.get(&id)
    }

    /// Records the event of a job's new state, if its webhook wants it.
    pub(super) fn record_job_event(&mut self, job: &JobRecord) {
        let event = match job.state {
            JobState::Queued => return,
            JobState::Running => WebhookEvent::JobRunning,
            JobState::Complete => WebhookEvent::JobComplete,
            JobState::Failed => WebhookEvent::JobFailed,
            JobState::Cancelled => WebhookEvent::JobCancelled,
        };
        let Some(metadata) = self.job_metadata.get_mut(&job.id) else { return };
        let Some(state) = &mut metadata.hook else { return };
        if state.last_event.replace(event) == Some(event) {
            return;
        }
        if !Webhook::wants(&state.hook.events, event, job.batch.is_some()) {
            return;
        }
        let endpoint = state.hook.endpoint;
        let data = WebhookData::Job(WebhookJob {
            job_id: job.id.to_string(),
            status: job.state.as_str().to_owned(),
            name: metadata.name.clone(),
            batch_id: job.batch.map(|batch| batch.to_string()),
            custom_id: metadata.custom_id.clone(),
            simulations_complete: job.simulations_done,
            reason: job.error.as_deref().map(shortened),
        });
        self.record_event(endpoint, job.id.to_string(), event, data);
    }

    /// Records the event of a batch's new state, if its webhook wants it.
    pub(super) fn record_batch_event(&mut self, batch: &BatchRecord) {
        if !self.batch_hooks.contains_key(&batch.id) {
            return;
        }
        let Some(view) = self.batch_view(batch.id) else { return };
        let event = match (view.state, batch.ended_at.is_some(), batch.started_at.is_some()) {
            (BatchState::Completed, true, _) => WebhookEvent::BatchCompleted,
            (BatchState::Partial, true, _) => WebhookEvent::BatchPartial,
            (BatchState::Failed, true, _) => WebhookEvent::BatchFailed,
            (BatchState::Cancelled, true, _) => WebhookEvent::BatchCancelled,
            (_, _, true) => WebhookEvent::BatchRunning,
            (_, _, false) => return,
        };
        let Some(state) = self.batch_hooks.get_mut(&batch.id) else { return };
        if state.last_event.replace(event) == Some(event) || !Webhook::wants(&state.hook.events, event, false)
        {
            return;
        }
        let endpoint = state.hook.endpoint;
        self.record_event(endpoint, batch.id.to_string(), event, WebhookData::Batch(batch_data(&view)));
    }

    fn record_event(&mut self, endpoint: EndpointId, object: String, event: WebhookEvent, data: WebhookData) {
        let now = self.clock.now().wall;
        let body = WebhookBody { event, timestamp: rfc3339(now), data };
        let body = serde_json::to_string(&body).expect("texts and numbers are JSON");
        let id = DeliveryId::from_random(self.environment.random());
        self.webhooks.record(NewEvent { id, endpoint, object, event, body }, now);
    }

    /// Begins the attempts that are due.
    pub(crate) fn begin_attempts(&mut self) -> Begun {
        let now = self.clock.now().wall;
        let attempts = self.webhooks.begin(now);
        let next_in_ms = self.webhooks.next_due().map(|at| at.0.saturating_sub(now.0));
        Begun { attempts, next_in_ms, wall_seconds: now.0 / 1_000 }
    }

    /// Records the outcomes of attempts.
    pub(crate) fn end_attempts(&mut self, outcomes: Vec<(DeliveryId, Outcome)>) {
        let now = self.clock.now().wall;
        for (id, outcome) in outcomes {
            let Ok(delivery) = self.webhooks.delivery(id, None) else { continue };
            let endpoint = delivery.endpoint;
            let was_disabled = self.is_disabled(endpoint);
            self.instruments.webhook_attempt(match outcome.verdict {
                Verdict::Delivered => "delivered",
                Verdict::Gone => "gone",
                Verdict::Failed { .. } => "failed",
            });
            tracing::debug!(delivery = %id, webhook = %endpoint, outcome = outcome.words, "attempt ended");
            #[expect(clippy::cast_precision_loss, reason = "any number from 0 to 1 will do")]
            let chance = self.environment.random() as f64 / u128::MAX as f64;
            self.webhooks.end(id, &outcome, chance, now);
            if !was_disabled
                && let Ok(endpoint) = self.webhooks.endpoint(endpoint, None)
                && let Some(disabled) = &endpoint.disabled
            {
                let (webhook, owner) = (endpoint.id, &endpoint.owner);
                tracing::warn!(%webhook, %owner, reason = disabled.reason, "webhook disabled");
            }
        }
    }

    fn is_disabled(&self, id: EndpointId) -> bool {
        self.webhooks.endpoint(id, None).is_ok_and(|endpoint| endpoint.disabled.is_some())
    }

    /// The endpoints of a user, or everybody's.
    pub(crate) fn endpoints(
        &self,
        caller: &Caller,
        owners: &OwnerFilter,
    ) -> Result<Vec<EndpointView>, Fault> {
        let owner = owners.owner(caller)?;
        let view =
            |(endpoint, pending): (&Endpoint, usize)| EndpointView { endpoint: endpoint.clone(), pending };
        Ok(self.webhooks.endpoints(owner.as_ref()).map(view).collect())
    }

    pub(crate) fn enable_endpoint(&mut self, caller: &Caller, id: EndpointId) -> Result<EndpointView, Fault> {
        let now = self.clock.now().wall;
        let endpoint = self.webhooks.enable(id, reach_of(caller), now)?.clone();
        let (action, object) = (AuditAction::WebhookEnabled, id.to_string());
        self.audit_other(caller, &endpoint.owner, action, object, None);
        tracing::info!(webhook = %id, owner = %endpoint.owner, "webhook enabled");
        Ok(EndpointView { pending: self.webhooks.pending_of(id), endpoint })
    }

    pub(crate) fn delete_endpoint(&mut self, caller: &Caller, id: EndpointId) -> Result<(), Fault> {
        let endpoint = self.webhooks.delete(id, reach_of(caller))?;
        let (action, object) = (AuditAction::WebhookDeleted, id.to_string());
        self.audit_other(caller, &endpoint.owner, action, object, None);
        tracing::info!(webhook = %id, owner = %endpoint.owner, "webhook deleted");
        Ok(())
    }

    /// A page of deliveries, and the cursor of the next one.
    pub(crate) fn deliveries(
        &self,
        caller: &Caller,
        owners: &OwnerFilter,
        filter: Filter,
        before: Option<u64>,
        most: usize,
    ) -> Result<(Vec<DeliveryView>, Option<u64>), Fault> {
        let filter = Filter { owner: owners.owner(caller)?, ..filter };
        let (page, next) = self.webhooks.page(&filter, before, most);
        Ok((page.into_iter().map(|delivery| self.delivery_view(delivery)).collect(), next))
    }

    pub(crate) fn redeliver(&mut self, caller: &Caller, id: DeliveryId) -> Result<DeliveryView, Fault> {
        let now = self.clock.now().wall;
        let delivery = self.webhooks.redeliver(id, reach_of(caller), now)?.clone();
        let (action, object) = (AuditAction::DeliveryRepeated, id.to_string());
        self.audit_other(caller, &delivery.owner, action, object, None);
        Ok(self.delivery_view(&delivery))
    }

    fn delivery_view(&self, delivery: &Delivery) -> DeliveryView {
        let endpoint = self.webhooks.endpoint(delivery.endpoint, None);
        let url = endpoint.map_or_else(|_| String::new(), |endpoint| endpoint.url.as_str().to_owned());
        DeliveryView { delivery: delivery.clone(), url }
    }

    /// Sets the webhook of jobs and batches that are submitted with a key: the caller's own or one
    /// of the same user, for administrators any.
    pub(crate) fn set_default_webhook(
        &mut self,
        caller: &Caller,
        key: Option<KeyId>,
        webhook: Webhook,
    ) -> Result<DefaultView, Fault> {
        let (key, owner) = self.key_of(caller, key)?;
        let notify = EventTarget::Webhook(webhook.clone());
        self.check_webhook(&owner, &notify, "/webhook")?;
        let url = webhook.url.as_str().to_owned();
        let Subscription { hook, made } = self.subscribe_owner(&owner, webhook);
        self.webhooks.set_default(&key.to_string(), Some(hook.clone()));
        self.audit_other(caller, &owner, AuditAction::DefaultWebhookSet, key.to_string(), None);
        Ok(DefaultView { key, hook, url, made })
    }

    pub(crate) fn default_webhook(&self, caller: &Caller, key: Option<KeyId>) -> Result<DefaultView, Fault> {
        let (key, _) = self.key_of(caller, key)?;
        let none = || carlo_webhooks::Refusal::NoDefault(key.to_string());
        let hook = self.webhooks.default_of(&key.to_string()).cloned().ok_or_else(none)?;
        let url = self.webhooks.endpoint(hook.endpoint, None)?.url.as_str().to_owned();
        Ok(DefaultView { key, hook, url, made: None })
    }

    pub(crate) fn clear_default_webhook(&mut self, caller: &Caller, key: Option<KeyId>) -> Result<(), Fault> {
        let (key, owner) = self.key_of(caller, key)?;
        self.webhooks.set_default(&key.to_string(), None);
        self.audit_other(caller, &owner, AuditAction::DefaultWebhookCleared, key.to_string(), None);
        Ok(())
    }

    /// A key replaces another one, and has its webhook.
    pub(super) fn move_default_webhook(&mut self, old: KeyId, new: KeyId) {
        let hook = self.webhooks.default_of(&old.to_string()).cloned();
        if hook.is_some() {
            self.webhooks.set_default(&new.to_string(), hook);
        }
    }

    /// The key that is meant, and its user.
    fn key_of(&self, caller: &Caller, key: Option<KeyId>) -> Result<(KeyId, OwnerId), Fault> {
        let key = key.or(caller.key).ok_or_else(|| {
            let message = "there are no keys while authentication is off (--auth off)";
            Fault::new(FaultCode::Forbidden, message)
        })?;
        // Whether somebody else's key exists is not said.
        let found = self.tenancy.key(key).filter(|key| caller.require_owner(&key.user).is_ok());
        let found = found.ok_or(Refusal::NoSuchKey)?;
        if let Some(refusal) = found.refusal(self.clock.now().wall) {
            return Err(Fault::new(FaultCode::Conflict, format!("{key} can't have a webhook: {refusal}")));
        }
        Ok((key, found.user.clone()))
    }

    /// Forgets what the hooks of a job say.
    pub(super) fn forget_batch_hook(&mut self, batch: BatchId) {
        self.batch_hooks.remove(&batch);
    }

    /// Gives a job of a batch the hook of the batch, if that names events of jobs.
    pub(super) fn hook_of_member(&self, batch: BatchId) -> Option<HookState> {
        let hook = &self.batch_hooks.get(&batch)?.hook;
        hook.events.iter().any(|event| event.is_of_job()).then(|| HookState::new(hook.clone()))
    }
}

/// Whose endpoints and deliveries the caller reaches; `None` for everybody's.
fn reach_of(caller: &Caller) -> Option<&OwnerId> {
    (caller.role != Role::Admin).then_some(&caller.user)
}

fn batch_data(view: &BatchView) -> WebhookBatch {
    WebhookBatch {
        batch_id: view.record.id.to_string(),
        status: view.state.as_str().to_owned(),
        total_jobs: u32::try_from(view.record.jobs.len()).unwrap_or(u32::MAX),
        completed_jobs: view.counts.complete,
        failed_jobs: view.counts.failed,
        cancelled_jobs: view.counts.cancelled,
        reason: view.record.error.as_deref().map(shortened),
    }
}

fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}
