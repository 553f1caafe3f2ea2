//! Every user's usage in each period that is kept, and the amounts reserved for open jobs.

use std::collections::BTreeMap;

use carlo_types::{Money, OwnerId};

use crate::period::Period;
use crate::usage::Usage;

/// The number of past periods that can be queried.
pub const PAST_PERIODS_MAX: usize = 24;
/// Periods kept per user: the current one and the past ones.
const PERIODS_KEPT: usize = PAST_PERIODS_MAX + 1;

#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    users: BTreeMap<OwnerId, Account>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    usage: BTreeMap<Period, Usage>,
    /// By period. A zero amount has no entry.
    reserved: BTreeMap<Period, Money>,
}

impl Accounts {
    /// Everybody who has used anything.
    pub(crate) fn users(&self) -> impl Iterator<Item = &OwnerId> {
        self.users.keys()
    }

    pub(crate) fn usage(&self, user: &OwnerId, period: Period) -> Option<&Usage> {
        self.users.get(user)?.usage.get(&period)
    }

    pub(crate) fn reserved(&self, user: &OwnerId, period: Period) -> Money {
        self.users.get(user).and_then(|account| account.reserved.get(&period)).copied().unwrap_or_default()
    }

    /// The mutable usage of a user in a period, and the period that was dropped to make room for
    /// it.
    pub(crate) fn usage_mut(&mut self, user: &OwnerId, period: Period) -> (&mut Usage, Option<Period>) {
        let account = self.account(user);
        let mut forgotten = None;
        if account.usage.len() >= PERIODS_KEPT && !account.usage.contains_key(&period) {
            forgotten = account.usage.pop_first().map(|(oldest, _)| oldest);
        }
        (account.usage.entry(period).or_default(), forgotten)
    }

    /// Changes the amount reserved from `before` to `after`.
    pub(crate) fn adjust_reserved(&mut self, user: &OwnerId, period: Period, before: Money, after: Money) {
        let account = self.account(user);
        let reserved = account.reserved.entry(period).or_default();
        *reserved = reserved.plus(after).less(before);
        if *reserved == Money::ZERO {
            account.reserved.remove(&period);
        }
    }

    fn account(&mut self, user: &OwnerId) -> &mut Account {
        if !self.users.contains_key(user) {
            self.users.insert(user.clone(), Account::default());
        }
        self.users.get_mut(user).expect("just inserted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_period_and_24_past_ones_are_kept() {
        let mut accounts = Accounts::default();
        let user = OwnerId::new("ann");
        let periods: Vec<Period> = (2025..=2027)
            .flat_map(|year| (1..=12).map(move |month| format!("{year}-{month:02}").parse().unwrap()))
            .collect();
        for (index, period) in periods.iter().enumerate() {
            let (usage, forgotten) = accounts.usage_mut(&user, *period);
            usage.calls += 1;
            assert_eq!(forgotten, index.checked_sub(25).map(|oldest| periods[oldest]));
            assert_eq!(accounts.usage_mut(&user, *period).1, None, "an entry makes room once");
        }
        assert_eq!(accounts.usage(&user, periods[10]), None);
        assert_eq!(accounts.usage(&user, periods[11]).map(|usage| usage.calls), Some(1));
    }

    #[test]
    fn a_calendar_that_jumps_back_does_not_lose_the_call_that_it_jumps_at() {
        let mut accounts = Accounts::default();
        let user = OwnerId::new("ann");
        for year in 2000..2025 {
            accounts.usage_mut(&user, format!("{year}-06").parse().unwrap()).0.calls += 1;
        }
        let early = Period::default();
        accounts.usage_mut(&user, early).0.calls += 1;
        assert_eq!(accounts.usage(&user, early).map(|usage| usage.calls), Some(1));
    }
}
