//! The audit log: what administrators, and the starts of coordinators, have changed. A record is
//! written in the commit of the change itself. So many are kept; then the oldest makes room.

use std::collections::VecDeque;
use std::sync::Arc;

use carlo_tenancy::Caller;
use carlo_types::OwnerId;
use carlo_wire::v1;
use carlo_wire::v1::{AuditAction, ClusterEventKind};

use super::Core;
use crate::entries;

/// Records that are kept.
const RECORDS_MAX: usize = 10_000;
/// Who it was where a coordinator did something itself.
const COORDINATOR: &str = "coordinator";

/// The records that are kept, the oldest first.
#[derive(Debug, Default)]
pub(super) struct AuditLog {
    records: VecDeque<Arc<v1::AuditRecord>>,
}

impl AuditLog {
    pub(super) fn restore(records: Vec<v1::AuditRecord>) -> Self {
        Self { records: records.into_iter().map(Arc::new).collect() }
    }

    /// Adds a record under the next number. Returns it, and the number of the one that made room.
    fn add(&mut self, mut record: v1::AuditRecord) -> (Arc<v1::AuditRecord>, Option<u64>) {
        record.number = self.records.back().map_or(1, |last| last.number + 1);
        let record = Arc::new(record);
        self.records.push_back(Arc::clone(&record));
        let oldest = if self.records.len() > RECORDS_MAX { self.records.pop_front() } else { None };
        (record, oldest.map(|oldest| oldest.number))
    }
}

impl Core {
    /// Records what an administrator changes, and lets those know who look at the cluster's events.
    pub(crate) fn audit(
        &mut self,
        caller: &Caller,
        action: AuditAction,
        object: impl Into<String>,
        detail: impl Into<String>,
    ) {
        let (object, detail) = (object.into(), detail.into());
        if let Some(kind) = event(action) {
            self.note(kind, object.clone(), detail.clone(), caller.user.to_string());
        }
        let key_id = caller.key.map(|key| key.to_string()).unwrap_or_default();
        self.record(caller.user.to_string(), key_id, action, object, detail);
    }

    /// Records what this coordinator changes itself.
    pub(super) fn audit_own(
        &mut self,
        action: AuditAction,
        object: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.record(COORDINATOR.to_owned(), String::new(), action, object.into(), detail.into());
    }

    /// Records what is done to something of `owner`, unless it is the caller's own.
    pub(super) fn audit_other(
        &mut self,
        caller: &Caller,
        owner: &OwnerId,
        action: AuditAction,
        object: impl Into<String>,
        what: Option<&str>,
    ) {
        if caller.is_other(owner) {
            let what = what.map(|what| format!(": {what}")).unwrap_or_default();
            self.audit(caller, action, object, format!("of {owner}{what}"));
        }
    }

    fn record(&mut self, user: String, key_id: String, action: AuditAction, object: String, detail: String) {
        tracing::info!(action = action.as_str_name(), user, key = key_id, object, detail, "audit");
        let at_ms = self.clock.now().wall.0;
        let record =
            v1::AuditRecord { number: 0, at_ms, action: action.into(), user, key_id, object, detail };
        let (record, oldest) = self.audit_log.add(record);
        self.writes.push(entries::audit::write(record.as_ref().clone()));
        self.writes.extend(oldest.map(entries::audit::delete));
    }

    /// How many records there are, and a page of them, the latest first.
    pub(crate) fn audit_page(&self, skip: usize, take: usize) -> (usize, Vec<Arc<v1::AuditRecord>>) {
        let latest = self.audit_log.records.iter().rev().skip(skip).take(take);
        (self.audit_log.records.len(), latest.cloned().collect())
    }
}

/// What happened to the cluster by it.
fn event(action: AuditAction) -> Option<ClusterEventKind> {
    match action {
        AuditAction::KeyCreated | AuditAction::KeyRotated => Some(ClusterEventKind::KeyCreated),
        AuditAction::KeyRevoked => Some(ClusterEventKind::KeyRevoked),
        AuditAction::TokenCreated => Some(ClusterEventKind::TokenCreated),
        AuditAction::TokenRevoked => Some(ClusterEventKind::TokenRevoked),
        AuditAction::TiersChanged => Some(ClusterEventKind::TiersChanged),
        AuditAction::NodeDrained => Some(ClusterEventKind::Drained),
        AuditAction::NodeUndrained => Some(ClusterEventKind::Undrained),
        AuditAction::QuarantineLifted => Some(ClusterEventKind::QuarantineLifted),
        AuditAction::Unspecified
        | AuditAction::LedgerExported
        // Its event is noted once it is committed.
        | AuditAction::NodeQuarantined
        | AuditAction::JobCancelled
        | AuditAction::JobUpdated
        | AuditAction::JobDeleted
        | AuditAction::BatchCancelled
        | AuditAction::BatchDeleted
        | AuditAction::WebhookEnabled
        | AuditAction::WebhookDeleted
        | AuditAction::DeliveryRepeated
        | AuditAction::DefaultWebhookSet
        | AuditAction::DefaultWebhookCleared => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_records_make_room_and_numbers_go_on() {
        let mut log = AuditLog::default();
        for number in 1..=RECORDS_MAX as u64 + 2 {
            let (record, oldest) = log.add(v1::AuditRecord::default());
            assert_eq!(record.number, number);
            assert_eq!(oldest, number.checked_sub(RECORDS_MAX as u64).filter(|oldest| *oldest > 0));
        }
        assert_eq!(log.records.len(), RECORDS_MAX);
        let kept: Vec<_> = log.records.iter().map(|record| record.as_ref().clone()).collect();
        let (next, oldest) = AuditLog::restore(kept).add(v1::AuditRecord::default());
        assert_eq!((next.number, oldest), (RECORDS_MAX as u64 + 3, Some(3)));
    }
}
