//! The state machine: endpoints, deliveries, and which of them are attempted when.
//!
//! ```text
//!   record ──► Pending ──begin──► attempt ──end──┬─► Delivered
//!                 ▲                              ├─► Failed     a day is over
//!                 └──────────────────────────────┘   again, after a pause
//! ```
//!
//! **At least once.** An event is recorded in the commit of the change that it tells of, and stays
//! pending until an attempt is confirmed or its day is over. Attempts in progress are not recorded,
//! so after a crash they are made again; all attempts have the same id.
//!
//! **In order.** The pending deliveries of one job or batch form a line. Only its first is
//! attempted, so an event that can't be delivered holds up the later ones of its object, and no
//! others.
//!
//! **Fair.** The number of attempts at the same time is limited for each endpoint, for each user
//! and in all, so a slow receiver holds up nobody else.
//!
//! **Durable.** Every change is part of the next [`Webhooks::take_changes`], which the caller
//! commits together with its own records of the same event.

mod attempts;
mod durable;
mod lists;

use std::collections::{BTreeMap, BTreeSet};

use carlo_types::webhook::{HttpUrl, Webhook, WebhookEvent, WebhookSecret};
use carlo_types::{DeliveryId, EndpointId, OwnerId, Timestamp};

pub use self::attempts::Attempt;
pub use self::lists::Filter;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::Endpoint;
use crate::limits::{
    ENDED_MAX, ENDED_PER_USER_MAX, ENDPOINTS_MAX, ENDPOINTS_PER_USER_MAX, PENDING_MAX, PENDING_PER_USER_MAX,
};
use crate::records::{Hook, RecordId, is_of};
use crate::refusal::Refusal;
use crate::retry::ATTEMPTED_FOR;

/// All endpoints and deliveries.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    endpoints: BTreeMap<EndpointId, Node>,
    users: BTreeMap<OwnerId, User>,
    /// By the id of the key.
    defaults: BTreeMap<String, Hook>,
    deliveries: BTreeMap<u64, Delivery>,
    numbers: BTreeMap<DeliveryId, u64>,
    /// The deliveries of each job or batch.
    objects: BTreeMap<String, BTreeSet<u64>>,
    lines: BTreeMap<String, Line>,
    /// The pending deliveries by the time when they are given up, and those that have ended.
    by_end: BTreeSet<(Timestamp, u64)>,
    ended: BTreeSet<(Timestamp, u64)>,
    /// The endpoints for which an attempt may begin, by the time when it is due.
    ready: BTreeSet<(Timestamp, EndpointId)>,
    attempts: usize,
    changed: BTreeSet<RecordId>,
}

/// An endpoint with its deliveries.
#[derive(Debug, Clone)]
struct Node {
    endpoint: Endpoint,
    deliveries: BTreeSet<u64>,
    pending: usize,
    attempts: usize,
    /// The first deliveries of its lines, unless they are being attempted.
    due: BTreeSet<(Timestamp, u64)>,
    /// The time in `ready`.
    ready: Option<Timestamp>,
}

/// The sums over a user's endpoints.
#[derive(Debug, Clone, Default)]
struct User {
    urls: BTreeMap<HttpUrl, EndpointId>,
    pending: usize,
    attempts: usize,
    ended: BTreeSet<(Timestamp, u64)>,
}

/// The pending deliveries of a job or a batch.
#[derive(Debug, Clone, Default)]
struct Line {
    pending: BTreeSet<u64>,
    /// The one that is being attempted.
    attempt: Option<u64>,
    /// Its entry in the endpoint's `due`.
    due: Option<(Timestamp, u64)>,
}

/// Random bits for a new endpoint. They are used only if one is made.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Fresh {
    pub id: EndpointId,
    pub secret: WebhookSecret,
}

/// What a request's webhook became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Where events are sent.
    pub hook: Hook,
    /// The secret, if one was made, to be shown once.
    pub made: Option<WebhookSecret>,
}

/// An event to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct NewEvent {
    /// A fresh id.
    pub id: DeliveryId,
    pub endpoint: EndpointId,
    /// The id of the job or the batch.
    pub object: String,
    pub event: WebhookEvent,
    /// The body of the request.
    pub body: String,
}

impl Webhooks {
    /// Refuses a URL that would be one too many.
    ///
    /// # Errors
    ///
    /// If the user or the cluster has too many endpoints.
    pub fn check(&self, owner: &OwnerId, url: &HttpUrl) -> Result<(), Refusal> {
        let urls = self.users.get(owner).map(|user| &user.urls);
        if urls.is_some_and(|urls| urls.contains_key(url)) {
            return Ok(());
        }
        if urls.is_some_and(|urls| urls.len() >= ENDPOINTS_PER_USER_MAX) {
            return Err(Refusal::TooMany);
        }
        if self.endpoints.len() >= ENDPOINTS_MAX { Err(Refusal::Full) } else { Ok(()) }
    }

    /// The hook that a user's request asks for, and its endpoint, which is made if the user has
    /// none with this URL. The URL must have been [checked](Self::check).
    pub fn subscribe(
        &mut self,
        owner: &OwnerId,
        asked: Webhook,
        fresh: Fresh,
        now: Timestamp,
    ) -> Subscription {
        let Webhook { url, secret, events } = asked;
        let known = self.users.get(owner).and_then(|user| user.urls.get(&url)).copied();
        let (endpoint, made) = if let Some(id) = known {
            if let (Some(secret), Some(node)) = (secret, self.endpoints.get_mut(&id))
                && node.endpoint.secret != secret
            {
                node.endpoint.secret = secret;
                self.changed.insert(RecordId::Endpoint(id));
            }
            (id, None)
        } else {
            let made = if secret.is_none() { Some(fresh.secret.clone()) } else { None };
            self.insert_endpoint(Endpoint {
                id: fresh.id,
                owner: owner.clone(),
                url,
                secret: secret.unwrap_or(fresh.secret),
                created_at: now,
                failures: 0,
                failing_since: None,
                last_success_at: None,
                disabled: None,
            });
            self.changed.insert(RecordId::Endpoint(fresh.id));
            (fresh.id, made)
        };
        Subscription { hook: Hook { endpoint, events }, made }
    }

    /// Sets or removes the hook of jobs and batches that are submitted with this key.
    pub fn set_default(&mut self, key: &str, hook: Option<Hook>) {
        match hook {
            Some(hook) => drop(self.defaults.insert(key.to_owned(), hook)),
            None if self.defaults.remove(key).is_none() => return,
            None => {}
        }
        self.changed.insert(RecordId::Default(key.to_owned()));
    }

    /// The hook of jobs and batches that are submitted with this key.
    pub fn default_of(&self, key: &str) -> Option<&Hook> {
        self.defaults.get(key)
    }

    /// Records an event. Nothing happens if its endpoint has been deleted. If too many deliveries
    /// are pending, this one is recorded as failed.
    pub fn record(&mut self, new: NewEvent, now: Timestamp) {
        let NewEvent { id, endpoint, object, event, body } = new;
        let Some(node) = self.endpoints.get(&endpoint) else { return };
        let owner = node.endpoint.owner.clone();
        let pending = self.users.get(&owner).map_or(0, |user| user.pending);
        let is_full = pending >= PENDING_PER_USER_MAX || self.by_end.len() >= PENDING_MAX;
        let number = self.deliveries.last_key_value().map_or(1, |(last, _)| last + 1);
        let outcome = if is_full { "not sent: too many deliveries are pending" } else { "" };
        self.insert_delivery(Delivery {
            number,
            id,
            owner: owner.clone(),
            endpoint,
            object,
            event,
            created_at: now,
            body,
            state: if is_full { DeliveryState::Failed(now) } else { DeliveryState::Pending(now) },
            attempts: 0,
            until: after(now, ATTEMPTED_FOR),
            outcome: outcome.to_owned(),
            status: None,
        });
        self.changed.insert(RecordId::Delivery(number));
        self.make_room(&owner);
    }

    /// Enables an endpoint, so that its pending deliveries are due now.
    ///
    /// # Errors
    ///
    /// If there is none with this id that is `owner`'s; with `None` it may be anybody's.
    pub fn enable(
        &mut self,
        id: EndpointId,
        owner: Option<&OwnerId>,
        now: Timestamp,
    ) -> Result<&Endpoint, Refusal> {
        let node = self.endpoints.get_mut(&id).filter(|node| is_of(&node.endpoint.owner, owner));
        let node = node.ok_or(Refusal::NoSuchEndpoint(id))?;
        node.endpoint.enable();
        self.changed.insert(RecordId::Endpoint(id));
        let waiting: Vec<u64> = node.due.iter().map(|(_, number)| *number).collect();
        for number in waiting {
            let Some(delivery) = self.deliveries.get_mut(&number) else { continue };
            // Not recorded: at worst they are due later after a restart.
            delivery.state = DeliveryState::Pending(now);
            let object = delivery.object.clone();
            self.update_line(&object);
        }
        self.update_ready(id);
        self.endpoint(id, None)
    }

    /// Deletes an endpoint, its deliveries, and the defaults that name it.
    ///
    /// # Errors
    ///
    /// As of [`Self::enable`].
    pub fn delete(&mut self, id: EndpointId, owner: Option<&OwnerId>) -> Result<Endpoint, Refusal> {
        let node = self.endpoints.get(&id).filter(|node| is_of(&node.endpoint.owner, owner));
        let numbers = node.ok_or(Refusal::NoSuchEndpoint(id))?.deliveries.clone();
        for number in numbers {
            self.remove_delivery(number);
        }
        let node = self.endpoints.remove(&id).ok_or(Refusal::NoSuchEndpoint(id))?;
        if let Some(at) = node.ready {
            self.ready.remove(&(at, id));
        }
        self.changed.insert(RecordId::Endpoint(id));
        let owner = &node.endpoint.owner;
        if let Some(user) = self.users.get_mut(owner) {
            user.urls.remove(&node.endpoint.url);
            if user.urls.is_empty() {
                self.users.remove(owner);
            }
        }
        let named = self.defaults.iter().filter(|(_, hook)| hook.endpoint == id);
        let named: Vec<String> = named.map(|(key, _)| key.clone()).collect();
        for key in named {
            self.set_default(&key, None);
        }
        Ok(node.endpoint)
    }

    /// Makes a delivery that has ended pending again, for another day.
    ///
    /// # Errors
    ///
    /// If there is none with this id that is `owner`'s, with `None` anybody's, or it is pending.
    pub fn redeliver(
        &mut self,
        id: DeliveryId,
        owner: Option<&OwnerId>,
        now: Timestamp,
    ) -> Result<&Delivery, Refusal> {
        let number = self.delivery(id, owner)?.number;
        let mut delivery = self.deliveries[&number].clone();
        if delivery.state.ended_at().is_none() {
            return Err(Refusal::IsPending(id));
        }
        self.remove_delivery(number);
        delivery.state = DeliveryState::Pending(now);
        (delivery.attempts, delivery.until) = (0, after(now, ATTEMPTED_FOR));
        self.insert_delivery(delivery);
        self.changed.insert(RecordId::Delivery(number));
        self.delivery(id, None)
    }

    /// Gives up pending deliveries whose day is over, and forgets ended ones that are old. At most
    /// [`EXPIRED_AT_ONCE_MAX`](crate::limits::EXPIRED_AT_ONCE_MAX) of each.
    pub fn expire(&mut self, now: Timestamp) {
        self.give_up(now);
        self.forget(now);
    }

    fn insert_endpoint(&mut self, endpoint: Endpoint) {
        let urls = &mut self.users.entry(endpoint.owner.clone()).or_default().urls;
        urls.insert(endpoint.url.clone(), endpoint.id);
        let node = Node {
            endpoint,
            deliveries: BTreeSet::new(),
            pending: 0,
            attempts: 0,
            due: BTreeSet::new(),
            ready: None,
        };
        self.endpoints.insert(node.endpoint.id, node);
    }

    /// Adds a delivery to an endpoint that exists.
    fn insert_delivery(&mut self, delivery: Delivery) {
        let (number, endpoint) = (delivery.number, delivery.endpoint);
        let object = delivery.object.clone();
        self.numbers.insert(delivery.id, number);
        self.objects.entry(object.clone()).or_default().insert(number);
        let node = self.endpoints.get_mut(&endpoint).expect("the endpoint of a delivery exists");
        let user = self.users.entry(delivery.owner.clone()).or_default();
        node.deliveries.insert(number);
        if let Some(at) = delivery.state.ended_at() {
            user.ended.insert((at, number));
            self.ended.insert((at, number));
            self.deliveries.insert(number, delivery);
            return;
        }
        node.pending += 1;
        user.pending += 1;
        self.by_end.insert((delivery.until, number));
        self.lines.entry(object.clone()).or_default().pending.insert(number);
        self.deliveries.insert(number, delivery);
        self.update_line(&object);
    }

    /// Removes a delivery from all indexes.
    fn remove_delivery(&mut self, number: u64) {
        let Some(delivery) = self.deliveries.get(&number).cloned() else { return };
        self.stop_attempt(&delivery);
        self.leave_line(&delivery);
        self.deliveries.remove(&number);
        self.numbers.remove(&delivery.id);
        if let Some(others) = self.objects.get_mut(&delivery.object) {
            others.remove(&number);
            if others.is_empty() {
                self.objects.remove(&delivery.object);
            }
        }
        if let Some(node) = self.endpoints.get_mut(&delivery.endpoint) {
            node.deliveries.remove(&number);
        }
        if let Some(at) = delivery.state.ended_at() {
            self.ended.remove(&(at, number));
            if let Some(user) = self.users.get_mut(&delivery.owner) {
                user.ended.remove(&(at, number));
            }
        }
        self.changed.insert(RecordId::Delivery(number));
    }

    /// Takes a pending delivery out of its line and all sums of pending ones.
    fn leave_line(&mut self, delivery: &Delivery) {
        if delivery.state.ended_at().is_some() {
            return;
        }
        self.by_end.remove(&(delivery.until, delivery.number));
        if let Some(node) = self.endpoints.get_mut(&delivery.endpoint) {
            node.pending -= 1;
        }
        if let Some(user) = self.users.get_mut(&delivery.owner) {
            user.pending -= 1;
        }
        if let Some(line) = self.lines.get_mut(&delivery.object) {
            line.pending.remove(&delivery.number);
        }
        self.update_line(&delivery.object);
    }

    /// Ends a pending delivery.
    fn settle(&mut self, number: u64, state: DeliveryState, now: Timestamp) {
        let Some(delivery) = self.deliveries.get(&number).cloned() else { return };
        self.leave_line(&delivery);
        let owner = delivery.owner.clone();
        self.deliveries.insert(number, Delivery { state, ..delivery });
        self.ended.insert((now, number));
        self.users.entry(owner.clone()).or_default().ended.insert((now, number));
        self.changed.insert(RecordId::Delivery(number));
        self.make_room(&owner);
    }

    /// Forgets the oldest ended deliveries beyond the limits.
    fn make_room(&mut self, owner: &OwnerId) {
        while let Some(user) = self.users.get(owner)
            && user.ended.len() > ENDED_PER_USER_MAX
            && let Some((_, oldest)) = user.ended.first().copied()
        {
            self.remove_delivery(oldest);
        }
        while self.ended.len() > ENDED_MAX
            && let Some((_, oldest)) = self.ended.first().copied()
        {
            self.remove_delivery(oldest);
        }
    }
}

/// The time after a while.
fn after(now: Timestamp, time: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests;
