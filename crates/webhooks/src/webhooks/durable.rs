//! Restores the state from durable records, and collects changes for them.

use std::time::Duration;

use carlo_types::Timestamp;

use super::{Webhooks, after};
use crate::delivery::DeliveryState;
use crate::records::{Change, DefaultHook, Record, RecordId};

/// How long a pending delivery is attempted at least after a restart, however old it is.
const ATTEMPTED_AFTER_RESTART: Duration = Duration::from_hours(1);

impl Webhooks {
    /// Restores the state from its records, in any order. Attempts that were in progress are due
    /// again. Deliveries to an endpoint without a record are dropped.
    pub fn restore(records: impl IntoIterator<Item = Record>, now: Timestamp) -> Self {
        let (mut webhooks, mut deliveries) = (Self::default(), Vec::new());
        for record in records {
            match record {
                Record::Endpoint(endpoint) => webhooks.insert_endpoint(endpoint),
                Record::Default(DefaultHook { key, hook }) => drop(webhooks.defaults.insert(key, hook)),
                Record::Delivery(delivery) => deliveries.push(delivery),
            }
        }
        for mut delivery in deliveries {
            if !webhooks.endpoints.contains_key(&delivery.endpoint) {
                webhooks.changed.insert(RecordId::Delivery(delivery.number));
                continue;
            }
            if let DeliveryState::Pending(_) = delivery.state {
                delivery.until = delivery.until.max(after(now, ATTEMPTED_AFTER_RESTART));
            }
            webhooks.insert_delivery(delivery);
        }
        webhooks
    }

    /// The changes since the last call, each record once. They must be committed, together with the
    /// records of the same events, before an attempt begins or a caller is answered.
    #[must_use]
    pub fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|id| self.current(&id).map_or_else(|| Change::Delete(id), Change::Put))
            .collect()
    }

    fn current(&self, id: &RecordId) -> Option<Record> {
        match id {
            RecordId::Endpoint(id) => self.endpoint(*id, None).ok().cloned().map(Record::Endpoint),
            RecordId::Default(key) => {
                let hook = self.defaults.get(key)?.clone();
                Some(Record::Default(DefaultHook { key: key.clone(), hook }))
            }
            RecordId::Delivery(number) => self.deliveries.get(number).cloned().map(Record::Delivery),
        }
    }
}
