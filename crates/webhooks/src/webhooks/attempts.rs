//! Which deliveries are attempted when, and what follows from the outcomes.

use carlo_types::webhook::{HttpUrl, WebhookSecret};
use carlo_types::{DeliveryId, EndpointId, OwnerId, Timestamp};

use super::{Webhooks, after};
use crate::delivery::{Delivery, DeliveryState};
use crate::limits::{
    ATTEMPTS_MAX, ATTEMPTS_PER_ENDPOINT_MAX, ATTEMPTS_PER_USER_MAX, ENDED_KEPT, EXPIRED_AT_ONCE_MAX,
    OUTCOME_CHARS_MAX,
};
use crate::records::RecordId;
use crate::retry::{self, Outcome, Verdict};

/// A request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Attempt {
    pub id: DeliveryId,
    pub endpoint: EndpointId,
    pub owner: OwnerId,
    pub url: HttpUrl,
    /// With which the request is signed.
    pub secret: WebhookSecret,
    pub body: String,
}

impl Webhooks {
    /// Begins the attempts that are due, as many as the limits allow. Each must be
    /// [ended](Self::end), unless the state is restored from its records.
    pub fn begin(&mut self, now: Timestamp) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        while self.attempts < ATTEMPTS_MAX
            && let Some((at, id)) = self.ready.first().copied()
            && at <= now
        {
            // An endpoint that is ready has a delivery that is due.
            let Some(node) = self.endpoints.get_mut(&id) else { break };
            let number = node.due.first().map(|(_, number)| *number);
            let delivery = number.and_then(|number| self.deliveries.get(&number)).cloned();
            let Some(delivery) = delivery else { break };
            node.attempts += 1;
            attempts.push(Attempt {
                id: delivery.id,
                endpoint: id,
                owner: delivery.owner.clone(),
                url: node.endpoint.url.clone(),
                secret: node.endpoint.secret.clone(),
                body: delivery.body.clone(),
            });
            self.attempts += 1;
            self.users.entry(delivery.owner.clone()).or_default().attempts += 1;
            self.lines.entry(delivery.object.clone()).or_default().attempt = Some(delivery.number);
            self.update_line(&delivery.object);
            self.update_ready_of(&delivery.owner);
        }
        attempts
    }

    /// When the next attempt is due; `None` if none is, or if the end of another one comes first.
    pub fn next_due(&self) -> Option<Timestamp> {
        if self.attempts >= ATTEMPTS_MAX {
            return None;
        }
        self.ready.first().map(|(at, _)| *at)
    }

    /// Ends an attempt. `chance` from 0 to 1 varies the pause before the next one. Does nothing if
    /// the delivery has been deleted meanwhile.
    pub fn end(&mut self, id: DeliveryId, outcome: &Outcome, chance: f64, now: Timestamp) {
        let Some(number) = self.numbers.get(&id).copied() else { return };
        let Some(delivery) = self.deliveries.get_mut(&number) else { return };
        if self.lines.get(&delivery.object).and_then(|line| line.attempt) != Some(number) {
            return;
        }
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.outcome = outcome.words.chars().take(OUTCOME_CHARS_MAX).collect();
        delivery.status = outcome.status;
        self.changed.insert(RecordId::Delivery(number));
        let delivery = delivery.clone();
        self.stop_attempt(&delivery);
        self.judge(&delivery, outcome.verdict, now);
        match outcome.verdict {
            Verdict::Delivered => self.settle(number, DeliveryState::Delivered(now), now),
            Verdict::Gone | Verdict::Failed { .. } => {
                let asked =
                    if let Verdict::Failed { retry_after } = outcome.verdict { retry_after } else { None };
                let next = after(now, retry::pause(delivery.attempts, chance, asked));
                if next >= delivery.until {
                    self.settle(number, DeliveryState::Failed(now), now);
                } else if let Some(pending) = self.deliveries.get_mut(&number) {
                    pending.state = DeliveryState::Pending(next);
                    self.update_line(&delivery.object);
                }
            }
        }
        self.update_ready_of(&delivery.owner);
    }

    /// Changes the state of the endpoint.
    fn judge(&mut self, delivery: &Delivery, verdict: Verdict, now: Timestamp) {
        let Some(node) = self.endpoints.get_mut(&delivery.endpoint) else { return };
        match verdict {
            Verdict::Delivered => node.endpoint.succeeded(now),
            Verdict::Gone => node.endpoint.disable("it has answered that it is gone (410)", now),
            Verdict::Failed { .. } => node.endpoint.failed(now),
        }
        self.changed.insert(RecordId::Endpoint(delivery.endpoint));
    }

    /// The delivery is not being attempted any more.
    pub(super) fn stop_attempt(&mut self, delivery: &Delivery) {
        let Some(line) = self.lines.get_mut(&delivery.object) else { return };
        if line.attempt != Some(delivery.number) {
            return;
        }
        line.attempt = None;
        self.attempts -= 1;
        if let Some(node) = self.endpoints.get_mut(&delivery.endpoint) {
            node.attempts -= 1;
        }
        if let Some(user) = self.users.get_mut(&delivery.owner) {
            user.attempts -= 1;
        }
        self.update_line(&delivery.object);
        // Other endpoints of the user may have waited for it.
        self.update_ready_of(&delivery.owner);
    }

    /// Gives up pending deliveries whose day is over.
    pub(super) fn give_up(&mut self, now: Timestamp) {
        let over = self.by_end.range(..=(now, u64::MAX)).map(|(_, number)| *number);
        let over: Vec<u64> = over.take(EXPIRED_AT_ONCE_MAX).collect();
        for number in over {
            let Some(delivery) = self.deliveries.get_mut(&number) else { continue };
            if self.lines.get(&delivery.object).is_some_and(|line| line.attempt == Some(number)) {
                // The end of the attempt ends it.
                continue;
            }
            if delivery.outcome.is_empty() {
                "not sent: an earlier event or the endpoint held it up".clone_into(&mut delivery.outcome);
            }
            self.settle(number, DeliveryState::Failed(now), now);
        }
    }

    /// Forgets deliveries that ended long ago.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let kept = u64::try_from(ENDED_KEPT.as_millis()).unwrap_or(u64::MAX);
        let Some(before) = now.0.checked_sub(kept) else { return };
        let old = self.ended.range(..(Timestamp(before), 0)).map(|(_, number)| *number);
        let old: Vec<u64> = old.take(EXPIRED_AT_ONCE_MAX).collect();
        for number in old {
            self.remove_delivery(number);
        }
    }

    /// Brings the endpoint's `due` up to date with a line.
    pub(super) fn update_line(&mut self, object: &str) {
        let Some(line) = self.lines.get_mut(object) else { return };
        let first = if line.attempt.is_some() { None } else { line.pending.first() };
        let delivery = first.and_then(|number| self.deliveries.get(number));
        let due = delivery.and_then(|delivery| match delivery.state {
            DeliveryState::Pending(at) => Some((at, delivery.number)),
            DeliveryState::Delivered(_) | DeliveryState::Failed(_) => None,
        });
        let before = std::mem::replace(&mut line.due, due);
        if line.pending.is_empty() && line.attempt.is_none() {
            self.lines.remove(object);
        }
        if before == due {
            return;
        }
        let number = before.or(due).map(|(_, number)| number);
        let endpoint =
            number.and_then(|number| self.deliveries.get(&number)).map(|delivery| delivery.endpoint);
        let Some(endpoint) = endpoint else { return };
        if let Some(node) = self.endpoints.get_mut(&endpoint) {
            if let Some(before) = before {
                node.due.remove(&before);
            }
            node.due.extend(due);
        }
        self.update_ready(endpoint);
    }

    /// Brings `ready` up to date with an endpoint.
    pub(super) fn update_ready(&mut self, id: EndpointId) {
        let Some(node) = self.endpoints.get_mut(&id) else { return };
        let user_attempts = self.users.get(&node.endpoint.owner).map_or(0, |user| user.attempts);
        let may_begin = node.endpoint.disabled.is_none()
            && node.attempts < ATTEMPTS_PER_ENDPOINT_MAX
            && user_attempts < ATTEMPTS_PER_USER_MAX;
        let ready = if may_begin { node.due.first().map(|(at, _)| *at) } else { None };
        let before = std::mem::replace(&mut node.ready, ready);
        if before != ready {
            if let Some(before) = before {
                self.ready.remove(&(before, id));
            }
            self.ready.extend(ready.map(|at| (at, id)));
        }
    }

    /// Brings `ready` up to date with all endpoints of a user.
    fn update_ready_of(&mut self, owner: &OwnerId) {
        let ids: Vec<_> =
            self.users.get(owner).map(|user| user.urls.values().copied().collect()).unwrap_or_default();
        for id in ids {
            self.update_ready(id);
        }
    }
}
