//! Keys, join tokens, tiers and usage.

use carlo_rest::account::{
    AuditAction, AuditRecord, CreatedJoinToken, CreatedKey, JoinToken, Key, PeriodUsage, Role, Tier, Tiers,
    Usage, UsageHistory,
};
use carlo_rest::money::dollars;
use carlo_wire::{FieldError, v1};

use super::{time, time_if};

/// The text of a limit, and of what is left of it, if there is no limit.
const UNLIMITED: i64 = -1;

/// The usage of this month.
pub(crate) fn usage(message: v1::Usage) -> Result<Usage, FieldError> {
    let role = role(message.role());
    let used = message.used.ok_or_else(|| FieldError::new("usage.used", "is missing"))?;
    let limit =
        |limit: Option<u64>| limit.map_or(UNLIMITED, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let left = |max: Option<u64>, used: u64| limit(max.map(|max| max.saturating_sub(used)));
    let money = |limit: Option<u64>| limit.map_or(UNLIMITED as f64, dollars);
    let committed = used.cost_nanodollars.saturating_add(message.reserved_nanodollars);
    Ok(Usage {
        role,
        user_id: message.user,
        tier: tier(&message.tier)?,
        period: message.period,
        days_remaining: message.days_remaining,
        api_calls_used: used.calls,
        simulations_used: used.jobs,
        cost_used_usd: dollars(used.cost_nanodollars),
        tokens_used: used.tokens,
        api_calls_limit: limit(message.calls_limit),
        simulations_limit: limit(message.jobs_limit),
        cost_limit_usd: money(message.cost_limit_nanodollars),
        max_batch_size: message.batch_size_max,
        api_calls_remaining: left(message.calls_limit, used.calls),
        simulations_remaining: left(message.jobs_limit, used.jobs),
        cost_remaining_usd: money(
            message.cost_limit_nanodollars.map(|limit| limit.saturating_sub(committed)),
        ),
        is_quota_exceeded: message.exceeded.is_some(),
        quota_exceeded_reason: message.exceeded,
    })
}

fn tier(message: &str) -> Result<Tier, FieldError> {
    message.parse().map_err(|_| FieldError::new("tier", "is unknown"))
}

/// The usage of past months.
pub(crate) fn history(message: v1::UsageHistory) -> Result<UsageHistory, FieldError> {
    let current = message.current.ok_or_else(|| FieldError::new("history.current", "is missing"))?;
    let period = |one: v1::PeriodUsage| {
        let used = one.used.ok_or_else(|| FieldError::new("history.used", "is missing"))?;
        Ok(PeriodUsage {
            period: one.period,
            api_calls: used.calls,
            simulations_run: used.jobs,
            simulations_completed: used.jobs_completed,
            simulations_failed: used.jobs_failed,
            simulations_cancelled: used.jobs_cancelled,
            cost_usd: dollars(used.cost_nanodollars),
            tokens_used: used.tokens,
        })
    };
    let history = message.history.into_iter().map(period).collect::<Result<_, FieldError>>()?;
    Ok(UsageHistory { current: usage(current)?, history })
}

pub(crate) fn key(message: v1::Key) -> Result<Key, FieldError> {
    let role = role(message.role()).ok_or_else(|| FieldError::new("key.role", "is missing or unknown"))?;
    Ok(Key {
        id: message.id,
        user_id: message.user,
        tier: tier(&message.tier)?,
        role,
        created_at: time("key.created_at_ms", message.created_at_ms)?,
        note: message.note,
        expires_at: time_if("key.expires_at_ms", message.expires_at_ms)?,
        revoked_at: time_if("key.revoked_at_ms", message.revoked_at_ms)?,
    })
}

pub(crate) fn created(message: v1::CreatedKey) -> Result<CreatedKey, FieldError> {
    let made = message.key.ok_or_else(|| FieldError::new("created_key.key", "is missing"))?;
    Ok(CreatedKey { key: key(made)?, secret: Some(message.secret).filter(|secret| !secret.is_empty()) })
}

/// A role; earlier releases don't say it everywhere.
fn role(message: v1::Role) -> Option<Role> {
    match message {
        v1::Role::User => Some(Role::User),
        v1::Role::Admin => Some(Role::Admin),
        v1::Role::Unspecified => None,
    }
}

/// A role, the other way.
pub(crate) fn to_wire(role: Role) -> v1::Role {
    match role {
        Role::User => v1::Role::User,
        Role::Admin => v1::Role::Admin,
    }
}

pub(crate) fn join_token(message: v1::JoinToken) -> Result<JoinToken, FieldError> {
    Ok(JoinToken {
        id: message.id,
        note: message.note,
        created_at: time("token.created_at_ms", message.created_at_ms)?,
        expires_at: time_if("token.expires_at_ms", message.expires_at_ms)?,
        last_used_at: time_if("token.last_used_at_ms", message.last_used_at_ms)?,
        revoked_at: time_if("token.revoked_at_ms", message.revoked_at_ms)?,
    })
}

pub(crate) fn created_join_token(message: v1::CreatedJoinToken) -> Result<CreatedJoinToken, FieldError> {
    let made = message.token.ok_or_else(|| FieldError::new("created_token.token", "is missing"))?;
    let text = Some(message.text).filter(|text| !text.is_empty());
    Ok(CreatedJoinToken { token: join_token(made)?, text })
}

/// What an administrator has changed.
pub(crate) fn audit_record(message: v1::AuditRecord) -> Result<AuditRecord, FieldError> {
    let action = match message.action() {
        v1::AuditAction::KeyCreated => AuditAction::KeyCreated,
        v1::AuditAction::KeyRotated => AuditAction::KeyRotated,
        v1::AuditAction::KeyRevoked => AuditAction::KeyRevoked,
        v1::AuditAction::TokenCreated => AuditAction::TokenCreated,
        v1::AuditAction::TokenRevoked => AuditAction::TokenRevoked,
        v1::AuditAction::TiersChanged => AuditAction::TiersChanged,
        v1::AuditAction::NodeDrained => AuditAction::NodeDrained,
        v1::AuditAction::NodeUndrained => AuditAction::NodeUndrained,
        v1::AuditAction::QuarantineLifted => AuditAction::QuarantineLifted,
        v1::AuditAction::LedgerExported => AuditAction::LedgerExported,
        v1::AuditAction::JobCancelled => AuditAction::JobCancelled,
        v1::AuditAction::JobUpdated => AuditAction::JobUpdated,
        v1::AuditAction::JobDeleted => AuditAction::JobDeleted,
        v1::AuditAction::BatchCancelled => AuditAction::BatchCancelled,
        v1::AuditAction::BatchDeleted => AuditAction::BatchDeleted,
        v1::AuditAction::WebhookEnabled => AuditAction::WebhookEnabled,
        v1::AuditAction::WebhookDeleted => AuditAction::WebhookDeleted,
        v1::AuditAction::DeliveryRepeated => AuditAction::DeliveryRepeated,
        v1::AuditAction::DefaultWebhookSet => AuditAction::DefaultWebhookSet,
        v1::AuditAction::DefaultWebhookCleared => AuditAction::DefaultWebhookCleared,
        v1::AuditAction::NodeQuarantined => AuditAction::NodeQuarantined,
        v1::AuditAction::Unspecified => {
            return Err(FieldError::new("audit.action", "is missing or unknown"));
        }
    };
    let present = |text: String| (!text.is_empty()).then_some(text);
    Ok(AuditRecord {
        number: message.number,
        at: time("audit.at_ms", message.at_ms)?,
        action,
        user_id: message.user,
        key_id: present(message.key_id),
        object: present(message.object),
        detail: present(message.detail),
    })
}

/// The limits of all tiers, and the price of a token.
pub(crate) fn tiers(message: &v1::Tiers) -> Result<Tiers, FieldError> {
    serde_json::from_str(&message.json).map_err(|error| FieldError::new("tiers.json", error.to_string()))
}
