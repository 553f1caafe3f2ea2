//! What several plans may share of a walk: what chance decides, and the walk itself.
//!
//! Scenarios, variants and points of a sweep differ from the job's own plan in few things. Those
//! that read the same of chance walk side by side on one set of shocks. A plan whose months are the
//! first ones of another's, such as the same plan with a shorter timeline, is read off on the way.

use super::{Bootstrap, Inflation, Lifetime, Market, Regimes, Rule, RuleKind, Yearly};

/// Whether two tables agree as far as the shorter one reaches.
fn is_prefix<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.iter().zip(other).all(|(one, other)| one == other)
}

/// Which of some plans have to be walked, and for each plan the place among these of the walk that
/// its outcomes are read off. All plans must [share their shocks](Lifetime::shares_shocks).
pub(crate) fn walks<'a>(plans: &[&'a Lifetime]) -> (Vec<&'a Lifetime>, Vec<usize>) {
    let mut longest_first: Vec<usize> = (0..plans.len()).collect();
    longest_first.sort_by_key(|&plan| std::cmp::Reverse(plans[plan].months()));
    let (mut walked, mut walk_of) = (Vec::new(), vec![0; plans.len()]);
    for plan in longest_first {
        let found = walked.iter().position(|&longer: &&Lifetime| plans[plan].begins(longer));
        walk_of[plan] = found.unwrap_or_else(|| {
            walked.push(plans[plan]);
            walked.len() - 1
        });
    }
    (walked, walk_of)
}

impl Lifetime {
    /// Whether another plan reads the same of chance: then both may walk side by side on one set of
    /// shocks.
    pub(crate) fn shares_shocks(&self, other: &Self) -> bool {
        let (plan, others) = (&self.plan, &other.plan);
        plan.shares_shocks(others)
            && self.market.shares_shocks(&other.market)
            && match (&self.inflation, &other.inflation) {
                (Inflation::Monthly, Inflation::Monthly) | (Inflation::Rows, Inflation::Rows) => true,
                (Inflation::Yearly(one), Inflation::Yearly(other)) => one.is_prefix_of(other),
                _ => false,
            }
            && self.alive.len() == other.alive.len()
            && self.alive.iter().zip(&other.alive).all(|(one, other)| is_prefix(one, other))
            && is_prefix(&self.levels, &other.levels)
            && is_prefix(&self.bounds, &other.bounds)
    }

    /// Whether the household's months are the first ones of another plan's, of which the timeline
    /// is at least as long, with which it shares its shocks. Success may differ: it is only told
    /// from outcomes.
    fn begins(&self, longer: &Self) -> bool {
        let constants = |plan: &Self| {
            let floor = [plan.floor, plan.floor_threshold];
            let kinds = [plan.is_real, plan.never_short, plan.follows_wages];
            (plan.plan.balance, plan.reserve, plan.borrowing_rate, floor, kinds)
        };
        let months = self.months();
        constants(self) == constants(longer)
            && match (&self.rule, &longer.rule) {
                (None, None) => true,
                (Some(rule), Some(other)) => rule.begins(other, months),
                _ => false,
            }
            && self.market.begins(&longer.market)
            && is_prefix(&self.budgets, &longer.budgets)
            && self.plan.owed[..=months] == longer.plan.owed[..=months]
    }
}

impl Rule {
    /// Whether it is another rule in a timeline of so many months.
    fn begins(&self, other: &Self, months: usize) -> bool {
        self.from == other.from
            && self.range == other.range
            && match (&self.kind, &other.kind) {
                (
                    RuleKind::Guardrails { rails, steps, cuts_until },
                    RuleKind::Guardrails { rails: other_rails, steps: other_steps, cuts_until: others },
                ) => {
                    rails == other_rails
                        && steps == other_steps
                        && (*cuts_until).min(months) == (*others).min(months)
                }
                (RuleKind::Shares(one), RuleKind::Shares(other)) => is_prefix(one, other),
                _ => false,
            }
    }
}

impl Yearly {
    fn is_prefix_of(&self, other: &Self) -> bool {
        self.persistence == other.persistence
            && self.innovations == other.innovations
            && is_prefix(&self.years, &other.years)
    }
}

impl Market {
    /// Whether another market reads the same of chance.
    fn shares_shocks(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Normal { .. }, Self::Normal { .. }) | (Self::Lognormal { .. }, Self::Lognormal { .. }) => {
                true
            }
            (Self::StudentT { degrees, .. }, Self::StudentT { degrees: others, .. }) => degrees == others,
            (Self::Regimes(one), Self::Regimes(other)) => {
                [one.begin, one.enter, one.leave] == [other.begin, other.enter, other.leave]
            }
            (Self::Bootstrap(one), Self::Bootstrap(other)) => {
                one.new_block == other.new_block
                    && one.count == other.count
                    && one.inflation == other.inflation
            }
            _ => false,
        }
    }

    /// Whether it has the returns of another market for the same shocks, as far as the shorter one
    /// reaches.
    pub(super) fn begins(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Normal { moments }, Self::Normal { moments: others }) => is_prefix(moments, others),
            (Self::Lognormal { moments }, Self::Lognormal { moments: others })
            | (Self::StudentT { moments, .. }, Self::StudentT { moments: others, .. }) => {
                is_prefix(moments, others)
            }
            (
                Self::Regimes(Regimes { mean, variance, .. }),
                Self::Regimes(Regimes { mean: others, variance: other_variance, .. }),
            ) => mean == others && variance == other_variance,
            (Self::Bootstrap(one), Self::Bootstrap(other)) => one.begins(other),
            _ => false,
        }
    }
}

impl Bootstrap {
    fn begins(&self, other: &Self) -> bool {
        self.columns == other.columns && self.fee == other.fee && is_prefix(&self.weights, &other.weights)
    }
}
