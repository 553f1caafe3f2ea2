//! Webhooks and deliveries.

use carlo_rest::Label as _;
use carlo_rest::webhook::{DefaultWebhook, DeliveryList, WebhookList};
use jiff::Timestamp;

use super::facts;
use super::job::ago;
use super::number::grouped;
use super::table::{Align, Table};

/// All webhooks.
pub fn webhooks(list: &WebhookList, shows_owners: bool) -> String {
    if list.webhooks.is_empty() {
        return "no webhooks".to_owned();
    }
    let mut table = Table::new([
        ("id", Align::Id),
        (if shows_owners { "owner" } else { "" }, Align::Left),
        ("URL", Align::Left),
        ("pending", Align::Right),
        ("failures", Align::Right),
        ("state", Align::Left),
    ]);
    for webhook in &list.webhooks {
        let state = match (&webhook.disabled_reason, webhook.enabled) {
            (Some(reason), false) => format!("disabled: {reason}"),
            (None, false) => "disabled".to_owned(),
            (_, true) => "enabled".to_owned(),
        };
        table.push([
            webhook.id.clone(),
            if shows_owners { webhook.owner.clone() } else { String::new() },
            webhook.url.clone(),
            grouped(webhook.pending.into()),
            grouped(webhook.failures.into()),
            state,
        ]);
    }
    table.fitted().to_string()
}

/// The webhook of a key.
pub fn default(default: &DefaultWebhook) -> String {
    let events: Vec<_> = default.events.iter().map(ToString::to_string).collect();
    let events =
        if events.is_empty() { "the ends of jobs and batches".to_owned() } else { events.join(", ") };
    facts(&[
        ("key", default.key_id.clone()),
        ("webhook", default.id.clone()),
        ("URL", default.url.clone()),
        ("events", events),
    ])
}

/// A page of deliveries.
pub fn deliveries(list: &DeliveryList, shows_owners: bool, now: Timestamp) -> String {
    if list.deliveries.is_empty() {
        return "no deliveries".to_owned();
    }
    let mut table = Table::new([
        ("id", Align::Id),
        (if shows_owners { "owner" } else { "" }, Align::Left),
        ("when", Align::Right),
        ("event", Align::Left),
        ("of", Align::Id),
        ("state", Align::Left),
        ("attempts", Align::Right),
        ("last attempt", Align::Left),
    ]);
    for delivery in &list.deliveries {
        table.push([
            delivery.id.clone(),
            if shows_owners { delivery.owner.clone() } else { String::new() },
            ago(delivery.created_at, now),
            delivery.event.to_string(),
            delivery.object_id.clone(),
            delivery.state.label().to_owned(),
            grouped(delivery.attempts.into()),
            delivery.outcome.clone().unwrap_or_default(),
        ]);
    }
    let more = list.next_cursor.as_ref().map(|cursor| format!("\n\nmore with --cursor {cursor}"));
    format!("{}{}", table.fitted(), more.unwrap_or_default())
}
