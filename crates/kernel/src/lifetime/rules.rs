//! The rules of a month of a plan, in each lane. The steps are numbered as in the description of
//! plans, which puts the spending rule third and the path last.
//!
//! As in `rules`, planned amounts are known before the first simulation, and chance adds a factor
//! on prices and one on wages. The random parts of income and spending are one normal. If returns
//! are conditionally normal, it includes their variance, too.
//!
//! [`Chance`] has the random terms of a month. `lifetime::shocks` computes them from the keystream.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use super::{LIFE_STATES, Lifetime, Market, Regimes, Rule, RuleKind, YEAR};
use crate::lanes::Lanes;
use crate::numerics;
use crate::plan::{MONEY_BOUND, Range};
use crate::rules::{Balance, Economy, Shocks, within};

/// The first short month of a simulation that is never short: larger than any number of months.
pub(crate) const NEVER: f32 = 65_536.0;
/// The bound on a month's change of a balance, in dollars, so that no number that follows from it
/// exceeds single precision.
pub(crate) const CHANGE_BOUND: f32 = 1.0e18;

/// The random terms of a month in addition to a plain household's [`Shocks`].
pub(crate) struct Chance<'a, L: Lanes> {
    pub(crate) economy: &'a Economy<L>,
    pub(crate) shocks: Shocks<L>,
    /// The market's draw: a normal, Student's t, whether there is stress, or a row's number.
    pub(crate) market: L::Float,
    /// Who is alive.
    pub(crate) lives: Lives<L>,
}

/// The lanes in which people are alive.
pub(crate) enum Lives<L: Lanes> {
    Always,
    One(L::Mask),
    Two([L::Mask; 2]),
}

impl<L: Lanes> Lives<L> {
    /// The lanes in which anybody is alive; `None` if that is certain.
    #[inline(always)]
    pub(crate) fn any(&self, lanes: L) -> Option<L::Mask> {
        match self {
            Self::Always => None,
            Self::One(person) => Some(*person),
            Self::Two([one, other]) => Some(lanes.either(*one, *other)),
        }
    }

    /// In each lane the number for the state of its lives.
    #[inline(always)]
    fn choose(&self, lanes: L, [together, only_first, only_second]: [f32; LIFE_STATES]) -> L::Float {
        match self {
            Self::Always | Self::One(_) => lanes.float(together),
            Self::Two([first, second]) => {
                let one = lanes.select(*second, lanes.float(together), lanes.float(only_first));
                lanes.select(*first, one, lanes.float(only_second))
            }
        }
    }
}

/// A household in each lane.
#[derive(Clone, Copy)]
pub(crate) struct Household<L: Lanes> {
    pub(crate) balance: Balance<L>,
    /// The balance that is compared and reported: in the goal's dollars, and frozen at the last
    /// death.
    pub(crate) shown: L::Float,
    /// Its lowest value after any month.
    pub(crate) lowest: L::Float,
    /// The first month in which it was short, from 1; [`NEVER`] before.
    pub(crate) first_short: L::Float,
    /// The multiplier of planned spending.
    multiplier: L::Float,
    pub(crate) lowest_multiplier: L::Float,
    /// The sum of the multipliers over the months lived.
    pub(crate) multiplier_sum: L::Float,
    /// A guardrail's first rate of spending; below 0 where the rule isn't active.
    first_rate: L::Float,
}

impl<L: Lanes> Household<L> {
    /// At the start.
    #[inline(always)]
    pub(crate) fn new(lanes: L, plan: &Lifetime) -> Self {
        let balance = Balance::new(lanes, plan.plan.balance);
        Self {
            balance,
            shown: balance.high,
            lowest: lanes.float(f32::INFINITY),
            first_short: lanes.float(NEVER),
            multiplier: lanes.float(1.0),
            lowest_multiplier: lanes.float(1.0),
            multiplier_sum: lanes.float(0.0),
            first_rate: lanes.float(-1.0),
        }
    }

    /// Steps 3 to 11 of a month. A step of which a plan has nothing is left out: it would add 0.
    #[inline(always)]
    pub(crate) fn month(&mut self, lanes: L, plan: &Lifetime, month: usize, chance: &Chance<'_, L>) {
        let budgets = &plan.budgets[month];
        /// What is planned, by who lives.
        macro_rules! planned {
            ($($member:tt)+) => {
                chance.lives.choose(lanes, budgets.each_ref().map(|budget| budget.$($member)+))
            };
        }
        let lives = chance.lives.any(lanes);
        let Economy { prices, wages } = chance.economy;

        // 3. The spending rule.
        if let Some(rule) = plan.rule.as_ref().filter(|rule| rule.acts(month)) {
            // The whole household's spending, whoever lives.
            let whole = lanes.float(budgets[0].spending);
            let spending = lanes.fma(prices.deviation, whole, whole);
            self.follow(lanes, rule, month, spending, lives);
        }

        // 4 to 7. Income, spending, payments and flows, as they are to be expected.
        let mut cash = planned!(planned[0]);
        if plan.follows_wages {
            cash = lanes.fma(wages.deviation, planned!(wages), cash);
        }
        cash = lanes.fma(prices.deviation, planned!(prices), cash);
        let mut variance = lanes.mul(prices.square, planned!(spending_variance));
        if plan.rule.is_some() {
            let planned = planned!(spending);
            let spending = lanes.fma(prices.deviation, planned, planned);
            let saved = lanes.sub(lanes.float(1.0), self.multiplier);
            cash = lanes.fma(saved, spending, cash);
            variance = lanes.mul(lanes.mul(self.multiplier, self.multiplier), variance);
        }
        if plan.follows_wages {
            variance = lanes.fma(wages.square, planned!(income_variance), variance);
        }

        // 8. An emergency.
        if plan.plan.emergency.below > 0 {
            cash = lanes.sub(cash, chance.shocks.emergency);
        }

        // 9. Interest on debt, and the market on what lies above the reserve.
        if plan.borrowing_rate > 0.0 {
            let debt = lanes.smaller(self.balance.high, lanes.float(0.0));
            cash = lanes.fma(debt, lanes.float(plan.borrowing_rate), cash);
        }
        let excess = lanes.sub(self.balance.high, lanes.float(plan.reserve));
        let invested = lanes.larger(excess, lanes.float(0.0));
        let mut square = lanes.mul(variance, chance.shocks.square);
        let mut small = planned!(planned[1]);
        match market_return(lanes, &plan.market, month, chance.market) {
            Return::Normal { mean, small: part, variance } => {
                cash = lanes.fma(invested, mean, cash);
                small = lanes.fma(invested, part, small);
                let noise = lanes.mul(chance.shocks.square, variance);
                square = lanes.fma(lanes.mul(invested, invested), noise, square);
            }
            Return::Known(rate) => cash = lanes.fma(invested, rate, cash),
        }
        let cash = lanes.fma(lanes.sqrt(square), chance.shocks.direction, cash);

        // 10. The balance.
        let bounds = Range { low: -CHANGE_BOUND, high: CHANGE_BOUND };
        let balance = self.balance.plus(lanes, within(lanes, cash, bounds), small).bounded(lanes);

        // 11. The path.
        let mut shown = balance.total(lanes);
        if plan.is_real {
            shown = lanes.div(shown, price_level(lanes, plan, month, prices.deviation));
        }
        self.close(lanes, plan, month, balance, shown, lives);
    }

    /// Records the balance after a month, where anybody is alive.
    #[inline(always)]
    fn close(
        &mut self,
        lanes: L,
        plan: &Lifetime,
        month: usize,
        balance: Balance<L>,
        shown: L::Float,
        lives: Option<L::Mask>,
    ) {
        let mut multiplier = self.multiplier;
        if let Some(lives) = lives {
            self.balance = balance.select(lanes, lives, self.balance);
            self.shown = lanes.select(lives, shown, self.shown);
            multiplier = lanes.masked(lives, multiplier);
        } else {
            self.balance = balance;
            self.shown = shown;
        }
        // A simulation that was short at the last death was short before it, so the dead need no
        // mask here.
        let is_short = lanes.less(self.shown, lanes.float(plan.floor_threshold));
        let now = lanes.select(is_short, lanes.float((month + 1) as f32), lanes.float(NEVER));
        self.first_short = lanes.smaller(self.first_short, now);
        self.lowest = lanes.smaller(self.shown, self.lowest);
        if plan.rule.is_some() {
            self.lowest_multiplier = lanes.smaller(self.multiplier, self.lowest_multiplier);
            self.multiplier_sum = lanes.add(self.multiplier_sum, multiplier);
        }
    }

    /// Step 3, in a month in which the rule acts. `spending` is the month's planned spending.
    #[inline(always)]
    fn follow(&mut self, lanes: L, rule: &Rule, month: usize, spending: L::Float, lives: Option<L::Mask>) {
        let (balance, multiplier) = (self.balance.high, self.multiplier);
        let yearly = lanes.mul(spending, lanes.float(12.0));
        let above = lanes.less(lanes.float(0.0), balance);
        let wanted = match &rule.kind {
            RuleKind::Guardrails { .. } if month == rule.from => {
                let rate = lanes.div(yearly, balance);
                self.first_rate = lanes.select(above, rate, lanes.float(-1.0));
                return;
            }
            RuleKind::Guardrails { rails, steps, cuts_until } => {
                // rate > rail, both times the balance, which is above 0.
                let spent = lanes.mul(yearly, multiplier);
                let first = lanes.mul(self.first_rate, balance);
                let over = lanes.less(lanes.mul(first, lanes.float(rails[0])), spent);
                let under = lanes.less(spent, lanes.mul(first, lanes.float(rails[1])));
                let raised = lanes.mul(multiplier, lanes.float(steps[1]));
                let mut wanted = lanes.select(lanes.both(above, under), raised, multiplier);
                if month < *cuts_until {
                    let cut = lanes.mul(multiplier, lanes.float(steps[0]));
                    wanted = lanes.select(lanes.both(above, over), cut, wanted);
                    wanted = lanes.select(above, wanted, cut);
                }
                let wanted = within(lanes, wanted, rule.range);
                lanes.select(lanes.less(self.first_rate, lanes.float(0.0)), multiplier, wanted)
            }
            RuleKind::Shares(shares) => {
                let share = shares[(month - rule.from) / YEAR];
                let affordable = lanes.mul(lanes.larger(balance, lanes.float(0.0)), lanes.float(share));
                within(lanes, lanes.div(affordable, spending), rule.range)
            }
        };
        self.multiplier = match lives {
            None => wanted,
            Some(lives) => lanes.select(lives, wanted, multiplier),
        };
    }
}

/// A month's return.
enum Return<L: Lanes> {
    /// Normal given what is known, with a part of its mean that is too small to be added first.
    Normal {
        mean: L::Float,
        small: L::Float,
        variance: L::Float,
    },
    Known(L::Float),
}

/// The market's return for its draw.
#[inline(always)]
fn market_return<L: Lanes>(lanes: L, market: &Market, month: usize, draw: L::Float) -> Return<L> {
    match market {
        Market::Normal { moments } => {
            let (mean, variance) = moments[month];
            Return::Normal {
                mean: lanes.float(mean[0]),
                small: lanes.float(mean[1]),
                variance: lanes.float(variance),
            }
        }
        Market::Lognormal { moments } => {
            let [location, scale] = moments[month];
            let exponent = lanes.fma(draw, lanes.float(scale), lanes.float(location));
            Return::Known(numerics::expm1(lanes, exponent))
        }
        Market::StudentT { moments, .. } => {
            let [mean, scale] = moments[month];
            let rate = lanes.fma(draw, lanes.float(scale), lanes.float(mean));
            Return::Known(lanes.larger(rate, lanes.float(-1.0)))
        }
        Market::Regimes(regimes) => {
            let is_stress = lanes.less(lanes.float(0.0), draw);
            let Regimes { mean, variance, .. } = regimes;
            Return::Normal {
                mean: lanes.select(is_stress, lanes.float(mean[1]), lanes.float(mean[0])),
                small: lanes.float(0.0),
                variance: lanes.select(is_stress, lanes.float(variance[1]), lanes.float(variance[0])),
            }
        }
        Market::Bootstrap(bootstrap) => {
            let row = numerics::whole_word(lanes, draw);
            let mut rate = lanes.float(-bootstrap.fee);
            for (column, &weight) in bootstrap.columns.iter().zip(&bootstrap.weights[month]) {
                rate = lanes.fma(lanes.gather(column, row), lanes.float(weight), rate);
            }
            Return::Known(rate)
        }
    }
}

/// The price level of a month, with this deviation from the planned one.
#[inline(always)]
pub(crate) fn price_level<L: Lanes>(
    lanes: L,
    plan: &Lifetime,
    month: usize,
    deviation: L::Float,
) -> L::Float {
    let planned = lanes.float(plan.levels[month]);
    let level = lanes.fma(deviation, planned, planned);
    // A level can only become 0 by rounding, if prices fall for a century.
    lanes.larger(level, lanes.float(1.0 / MONEY_BOUND))
}
