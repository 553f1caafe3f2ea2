//! Usage, keys and the audit log.

use carlo_rest::Label as _;
use carlo_rest::account::{AuditRecords, JoinTokenList, KeyList, Usage, UsageHistory, UserUsage};
use jiff::Timestamp;

use super::batch::money;
use super::facts;
use super::job::{ago, foot};
use super::number::grouped;
use super::table::{Align, Table};

/// The usage of this month and what remains of the limits.
pub fn usage(usage: &Usage) -> String {
    let count = |used: u64, limit: i64| match u64::try_from(limit) {
        Ok(limit) => format!("{} of {}", grouped(used), grouped(limit)),
        Err(_) => format!("{}, no limit", grouped(used)),
    };
    let cost = if usage.cost_limit_usd < 0.0 {
        format!("{}, no limit", money(usage.cost_used_usd))
    } else {
        format!("{} of {}", money(usage.cost_used_usd), money(usage.cost_limit_usd))
    };
    let mut lines = vec![
        ("user", format!("{}, {}", usage.user_id, usage.tier)),
        ("month", format!("{}, {} more days", usage.period, usage.days_remaining)),
        ("calls", count(usage.api_calls_used, usage.api_calls_limit)),
        ("jobs", count(usage.simulations_used, usage.simulations_limit)),
        ("cost", cost),
        ("tokens", grouped(usage.tokens_used)),
        ("batches", format!("of at most {}", usage.max_batch_size)),
    ];
    if let Some(reason) = &usage.quota_exceeded_reason {
        lines.push(("used up", reason.clone()));
    }
    facts(&lines)
}

/// The same, with past months.
pub fn history(history: &UsageHistory) -> String {
    let mut table = Table::new([
        ("month", Align::Left),
        ("calls", Align::Right),
        ("jobs", Align::Right),
        ("completed", Align::Right),
        ("failed", Align::Right),
        ("cancelled", Align::Right),
        ("tokens", Align::Right),
        ("cost", Align::Right),
    ]);
    for month in &history.history {
        table.push([
            month.period.clone(),
            grouped(month.api_calls),
            grouped(month.simulations_run),
            grouped(month.simulations_completed),
            grouped(month.simulations_failed),
            grouped(month.simulations_cancelled),
            grouped(month.tokens_used),
            money(month.cost_usd),
        ]);
    }
    format!("{}\n\n{}", usage(&history.current), table.fitted())
}

/// What everybody has used this month.
pub fn by_user(list: &UserUsage) -> String {
    let mut table = Table::new([
        ("user", Align::Left),
        ("tier", Align::Left),
        ("calls", Align::Right),
        ("jobs", Align::Right),
        ("tokens", Align::Right),
        ("cost", Align::Right),
    ]);
    for user in &list.users {
        table.push([
            user.user_id.clone(),
            user.tier.to_string(),
            grouped(user.api_calls_used),
            grouped(user.simulations_used),
            grouped(user.tokens_used),
            money(user.cost_used_usd),
        ]);
    }
    format!("{}{}", table.fitted(), foot((list.total, "user"), list.page, list.page_size))
}

/// What administrators have changed.
pub fn audit(list: &AuditRecords, now: Timestamp) -> String {
    if list.records.is_empty() {
        return "no records".to_owned();
    }
    let mut table = Table::new([
        ("when", Align::Right),
        ("user", Align::Left),
        ("what", Align::Left),
        ("on", Align::Left),
        ("details", Align::Left),
    ]);
    for record in &list.records {
        table.push([
            ago(record.at, now),
            record.user_id.clone(),
            record.action.label().to_owned(),
            record.object.clone().unwrap_or_default(),
            record.detail.clone().unwrap_or_default(),
        ]);
    }
    format!("{}{}", table.fitted(), foot((list.total, "record"), list.page, list.page_size))
}

/// All join tokens.
pub fn join_tokens(list: &JoinTokenList, now: Timestamp) -> String {
    let mut table = Table::new([
        ("id", Align::Left),
        ("note", Align::Left),
        ("made", Align::Right),
        ("last used", Align::Right),
        ("expires", Align::Right),
        ("revoked", Align::Right),
    ]);
    for token in &list.tokens {
        let when = |at: Option<Timestamp>| at.map(|at| ago(at, now)).unwrap_or_default();
        table.push([
            token.id.clone(),
            token.note.clone().unwrap_or_default(),
            ago(token.created_at, now),
            when(token.last_used_at),
            day(token.expires_at),
            when(token.revoked_at),
        ]);
    }
    table.fitted().to_string()
}

fn day(at: Option<Timestamp>) -> String {
    at.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// All keys.
pub fn keys(list: &KeyList, now: Timestamp) -> String {
    let mut table = Table::new([
        ("id", Align::Id),
        ("user", Align::Left),
        ("tier", Align::Left),
        ("role", Align::Left),
        ("note", Align::Left),
        ("made", Align::Right),
        ("expires", Align::Right),
        ("revoked", Align::Right),
    ]);
    for key in &list.keys {
        table.push([
            key.id.clone(),
            key.user_id.clone(),
            key.tier.to_string(),
            key.role.label().to_owned(),
            key.note.clone().unwrap_or_default(),
            ago(key.created_at, now),
            day(key.expires_at),
            key.revoked_at.map(|at| ago(at, now)).unwrap_or_default(),
        ]);
    }
    table.fitted().to_string()
}
