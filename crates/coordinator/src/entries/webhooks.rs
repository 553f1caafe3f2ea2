//! Endpoints, default webhooks and deliveries as entries of the ledger, and back.

use bytes::Bytes;
use carlo_store::{Key, Ledger, Write};
use carlo_types::definition::Leaf as _;
use carlo_types::webhook::{HttpUrl, WebhookEvent, WebhookSecret};
use carlo_types::{OwnerId, Timestamp};
use carlo_webhooks::{
    Change, DefaultHook, Delivery, DeliveryState, Disabled, Endpoint, Hook, Record, RecordId,
};
use carlo_wire::v1;

use super::read::{EntryError, decode, unreadable};
use super::{put, scan};
use crate::hook_state::HookState;

const ENDPOINT: &str = "webhook/";
const DEFAULT: &str = "webhook-default/";
const DELIVERY: &str = "delivery/";

fn key(id: &RecordId) -> Key {
    let text = match id {
        RecordId::Endpoint(id) => format!("{ENDPOINT}{id}"),
        RecordId::Default(key) => format!("{DEFAULT}{key}"),
        RecordId::Delivery(number) => format!("{DELIVERY}{number:020}"),
    };
    Key::new(text).expect("ids and numbers are short and printable")
}

/// The write for a change.
pub(crate) fn write(change: &Change) -> Write {
    match change {
        Change::Delete(id) => Write::Delete(key(id)),
        Change::Put(Record::Endpoint(endpoint)) => {
            put(key(&RecordId::Endpoint(endpoint.id)), &endpoint_entry(endpoint))
        }
        Change::Put(Record::Default(DefaultHook { key: of, hook })) => {
            let entry =
                v1::DefaultHookEntry { endpoint_id: hook.endpoint.to_string(), events: names(&hook.events) };
            put(key(&RecordId::Default(of.clone())), &entry)
        }
        Change::Put(Record::Delivery(delivery)) => {
            put(key(&RecordId::Delivery(delivery.number)), &delivery_entry(delivery))
        }
    }
}

fn endpoint_entry(endpoint: &Endpoint) -> v1::EndpointEntry {
    let disabled = endpoint.disabled.as_ref();
    v1::EndpointEntry {
        id: endpoint.id.to_string(),
        user: endpoint.owner.to_string(),
        url: endpoint.url.as_str().to_owned(),
        secret: endpoint.secret.as_bytes().to_vec(),
        created_at_ms: endpoint.created_at.0,
        failures: endpoint.failures,
        failing_since_ms: endpoint.failing_since.map(|at| at.0),
        last_success_at_ms: endpoint.last_success_at.map(|at| at.0),
        disabled_at_ms: disabled.map(|disabled| disabled.at.0),
        disabled_reason: disabled.map(|disabled| disabled.reason.clone()).unwrap_or_default(),
    }
}

fn delivery_entry(delivery: &Delivery) -> v1::DeliveryEntry {
    let (state, at) = match delivery.state {
        DeliveryState::Pending(at) => (v1::DeliveryState::Pending, at),
        DeliveryState::Delivered(at) => (v1::DeliveryState::Delivered, at),
        DeliveryState::Failed(at) => (v1::DeliveryState::Failed, at),
    };
    v1::DeliveryEntry {
        id: delivery.id.to_string(),
        user: delivery.owner.to_string(),
        endpoint_id: delivery.endpoint.to_string(),
        event: delivery.event.to_string(),
        object: delivery.object.clone(),
        created_at_ms: delivery.created_at.0,
        body: delivery.body.clone(),
        state: state.into(),
        attempts: delivery.attempts,
        at_ms: at.0,
        until_ms: delivery.until.0,
        outcome: delivery.outcome.clone(),
        status: delivery.status.map(u32::from),
    }
}

fn names(events: &[WebhookEvent]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}

/// Reads all records.
pub(super) async fn load(ledger: &dyn Ledger) -> Result<Vec<Record>, EntryError> {
    let mut records = Vec::new();
    for (key, value) in scan(ledger, ENDPOINT).await? {
        records.push(Record::Endpoint(read_endpoint(&key, &value)?));
    }
    for (key, value) in scan(ledger, DEFAULT).await? {
        let entry: v1::DefaultHookEntry = decode(&key, &value)?;
        let hook = hook(&key, &entry.endpoint_id, &entry.events)?;
        records.push(Record::Default(DefaultHook { key: key.as_str()[DEFAULT.len()..].to_owned(), hook }));
    }
    for (key, value) in scan(ledger, DELIVERY).await? {
        records.push(Record::Delivery(read_delivery(&key, &value)?));
    }
    Ok(records)
}

fn read_endpoint(key: &Key, value: &Bytes) -> Result<Endpoint, EntryError> {
    let entry: v1::EndpointEntry = decode(key, value)?;
    let reason = entry.disabled_reason;
    Ok(Endpoint {
        id: id(key, &entry.id)?,
        owner: OwnerId::new(entry.user),
        url: HttpUrl::judge(entry.url, &()).map_err(|message| unreadable(key, message))?,
        secret: WebhookSecret::from_bytes(entry.secret),
        created_at: Timestamp(entry.created_at_ms),
        failures: entry.failures,
        failing_since: entry.failing_since_ms.map(Timestamp),
        last_success_at: entry.last_success_at_ms.map(Timestamp),
        disabled: entry.disabled_at_ms.map(|at| Disabled { at: Timestamp(at), reason }),
    })
}

fn read_delivery(key: &Key, value: &Bytes) -> Result<Delivery, EntryError> {
    let entry: v1::DeliveryEntry = decode(key, value)?;
    let number = key.as_str()[DELIVERY.len()..].parse().map_err(|error| unreadable(key, error))?;
    let at = Timestamp(entry.at_ms);
    let state = match entry.state() {
        v1::DeliveryState::Pending => DeliveryState::Pending(at),
        v1::DeliveryState::Delivered => DeliveryState::Delivered(at),
        v1::DeliveryState::Failed => DeliveryState::Failed(at),
        v1::DeliveryState::Unspecified => return Err(unreadable(key, "it has no state")),
    };
    let status = entry.status.map(u16::try_from).transpose().map_err(|error| unreadable(key, error))?;
    Ok(Delivery {
        number,
        id: id(key, &entry.id)?,
        owner: OwnerId::new(entry.user),
        endpoint: id(key, &entry.endpoint_id)?,
        object: entry.object,
        event: event(key, &entry.event)?,
        created_at: Timestamp(entry.created_at_ms),
        body: entry.body,
        state,
        attempts: entry.attempts,
        until: Timestamp(entry.until_ms),
        outcome: entry.outcome,
        status,
    })
}

/// The part of a job's or a batch's entry about its webhook.
pub(super) fn hook_entry(state: &HookState) -> v1::HookEntry {
    v1::HookEntry {
        endpoint_id: state.hook.endpoint.to_string(),
        events: names(&state.hook.events),
        last_event: state.last_event.map(|event| event.to_string()).unwrap_or_default(),
    }
}

/// Reads the part of the entry with this key about its webhook.
pub(super) fn hook_state(key: &Key, entry: &v1::HookEntry) -> Result<HookState, EntryError> {
    let last_event = Some(&entry.last_event).filter(|name| !name.is_empty());
    Ok(HookState {
        hook: hook(key, &entry.endpoint_id, &entry.events)?,
        last_event: last_event.map(|name| event(key, name)).transpose()?,
    })
}

fn hook(key: &Key, endpoint: &str, events: &[String]) -> Result<Hook, EntryError> {
    let events = events.iter().map(|name| event(key, name)).collect::<Result<_, _>>()?;
    Ok(Hook { endpoint: id(key, endpoint)?, events })
}

fn id<T: std::str::FromStr<Err = carlo_types::ids::ParseIdError>>(
    key: &Key,
    text: &str,
) -> Result<T, EntryError> {
    text.parse().map_err(|error| unreadable(key, error))
}

fn event(key: &Key, name: &str) -> Result<WebhookEvent, EntryError> {
    name.parse().map_err(|_| unreadable(key, format!("{name:?} is no event")))
}
