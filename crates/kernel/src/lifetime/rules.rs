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

use super::{Bootstrap, LIFE_STATES, Lifetime, Market, Regimes, Rule, RuleKind, YEAR};
use crate::draws::MONTHS;
use crate::lanes::Lanes;
use crate::numerics;
use crate::plan::{MONEY_BOUND, Range};
use crate::rules::{Balance, Economy, within};
use crate::shocks::HalfYear;
use crate::tile::{REGISTERS, Tile};

/// The first short month of a simulation that is never short: larger than any number of months.
pub(crate) const NEVER: f32 = 65_536.0;
/// The bound on a month's change of a balance, in dollars, so that no number that follows from it
/// exceeds single precision.
pub(crate) const CHANGE_BOUND: f32 = 1.0e18;

/// The random terms of a month of a tile in addition to those of a plain household.
pub(crate) struct Chance<'a, L: Lanes, const PEOPLE: usize> {
    pub(crate) economy: &'a Tile<Economy<L>>,
    /// The household's own shocks of the half year.
    pub(crate) shocks: &'a HalfYear<L>,
    /// The market's draws: normals, Student's t, whether there is stress, or rows' numbers.
    pub(crate) market: &'a Tile<L::Float>,
    /// The returns of these rows, if they are known already.
    pub(crate) returns: Option<&'a Tile<L::Float>>,
    /// Who is alive.
    pub(crate) lives: &'a Lives<L, PEOPLE>,
}

/// The lanes in which each person is alive. Without people, somebody always is.
pub(crate) struct Lives<L: Lanes, const PEOPLE: usize>(pub(crate) [Tile<L::Mask>; PEOPLE]);

impl<L: Lanes, const PEOPLE: usize> Lives<L, PEOPLE> {
    /// The lanes of a register in which anybody is alive; `None` if that is certain.
    #[inline(always)]
    pub(crate) fn any(&self, lanes: L, register: usize) -> Option<L::Mask> {
        match self.0.as_slice() {
            [] => None,
            [person] => Some(person[register]),
            [one, other, ..] => Some(lanes.either(one[register], other[register])),
        }
    }

    /// In each lane of a register the number for the state of its lives.
    #[inline(always)]
    fn choose(
        &self,
        lanes: L,
        register: usize,
        [together, only_first, only_second]: [f32; LIFE_STATES],
    ) -> L::Float {
        match self.0.as_slice() {
            [] | [_] => lanes.float(together),
            [first, second, ..] => {
                let one = lanes.select(second[register], lanes.float(together), lanes.float(only_first));
                lanes.select(first[register], one, lanes.float(only_second))
            }
        }
    }
}

/// The households of a tile. A month is computed in two passes over the registers, up to its cash
/// and from there: a whole month of one register is so long a chain of dependent operations that
/// the processor would not see far enough into those of the next.
#[derive(Clone, Copy)]
pub(crate) struct Households<L: Lanes> {
    pub(crate) balance: Tile<Balance<L>>,
    /// The balance that is compared and reported: in the goal's dollars, and frozen at the last
    /// death.
    pub(crate) shown: Tile<L::Float>,
    /// Its lowest value after any month.
    pub(crate) lowest: Tile<L::Float>,
    /// The first month in which it was short, from 1; [`NEVER`] before.
    pub(crate) first_short: Tile<L::Float>,
    /// The multiplier of planned spending.
    multiplier: Tile<L::Float>,
    pub(crate) lowest_multiplier: Tile<L::Float>,
    /// The sum of the multipliers over the months lived.
    pub(crate) multiplier_sum: Tile<L::Float>,
    /// A guardrail's first rate of spending; below 0 where the rule isn't active.
    first_rate: Tile<L::Float>,
}

impl<L: Lanes> Households<L> {
    /// At the start.
    #[inline(always)]
    pub(crate) fn new(lanes: L, plan: &Lifetime) -> Self {
        let balance = Balance::new(lanes, plan.plan.balance);
        let filled = |x| Tile::filled(lanes.float(x));
        Self {
            balance: Tile::filled(balance),
            shown: Tile::filled(balance.high),
            lowest: filled(f32::INFINITY),
            first_short: filled(NEVER),
            multiplier: filled(1.0),
            lowest_multiplier: filled(1.0),
            multiplier_sum: filled(0.0),
            first_rate: filled(-1.0),
        }
    }

    /// Steps 3 to 11 of a month. A step of which a plan has nothing is left out or adds 0.
    #[inline(always)]
    pub(crate) fn month<const PEOPLE: usize>(
        &mut self,
        lanes: L,
        plan: &Lifetime,
        month: usize,
        chance: &Chance<'_, L, PEOPLE>,
    ) {
        // 3. The spending rule.
        if let Some(rule) = plan.rule.as_ref().filter(|rule| rule.acts(month)) {
            self.follow(lanes, rule, month, plan.budgets[month][0].spending, chance);
        }
        let cash = match &plan.market {
            Market::Normal { moments } => {
                let (mean, variance) = moments[month];
                self.cash(lanes, plan, month, chance, |_| Return::Normal {
                    mean: lanes.float(mean[0]),
                    small: lanes.float(mean[1]),
                    variance: lanes.float(variance),
                })
            }
            Market::Lognormal { moments } => {
                let [location, scale] = moments[month];
                self.cash(lanes, plan, month, chance, |register| {
                    let draw = chance.market[register];
                    let exponent = lanes.fma(draw, lanes.float(scale), lanes.float(location));
                    Return::Known(numerics::expm1(lanes, exponent))
                })
            }
            Market::StudentT { moments, .. } => {
                let [mean, scale] = moments[month];
                self.cash(lanes, plan, month, chance, |register| {
                    let rate = lanes.fma(chance.market[register], lanes.float(scale), lanes.float(mean));
                    Return::Known(lanes.larger(rate, lanes.float(-1.0)))
                })
            }
            Market::Regimes(Regimes { mean, variance, .. }) => {
                self.cash(lanes, plan, month, chance, |register| {
                    let is_stress = lanes.less(lanes.float(0.0), chance.market[register]);
                    Return::Normal {
                        mean: lanes.select(is_stress, lanes.float(mean[1]), lanes.float(mean[0])),
                        small: lanes.float(0.0),
                        variance: lanes.select(is_stress, lanes.float(variance[1]), lanes.float(variance[0])),
                    }
                })
            }
            Market::Bootstrap(Bootstrap { columns, weights, fee, .. }) => {
                self.cash(lanes, plan, month, chance, |register| {
                    let mut rate = lanes.float(-fee);
                    if let Some(returns) = chance.returns {
                        rate = lanes.fma(returns[register], lanes.float(weights[month][0]), rate);
                    } else {
                        let row = numerics::whole_word(lanes, chance.market[register]);
                        for (column, &weight) in columns.iter().zip(&weights[month]) {
                            rate = lanes.fma(lanes.gather(column, row), lanes.float(weight), rate);
                        }
                    }
                    Return::Known(rate)
                })
            }
        };
        self.close(lanes, plan, month, chance, &cash);
    }

    /// Steps 4 to 9, with the market's return in a register.
    #[inline(always)]
    fn cash<const PEOPLE: usize>(
        &self,
        lanes: L,
        plan: &Lifetime,
        month: usize,
        chance: &Chance<'_, L, PEOPLE>,
        market_return: impl Fn(usize) -> Return<L>,
    ) -> Cash<L> {
        let budgets = &plan.budgets[month];
        let (has_rule, follows_wages) = (plan.rule.is_some(), plan.follows_wages);
        let borrows = plan.borrowing_rate > 0.0;
        let none = Tile::filled(lanes.float(0.0));
        let mut all = Cash { cash: none, small: none };
        for register in 0..REGISTERS {
            /// What is planned, by who lives.
            macro_rules! planned {
                ($($member:tt)+) => {
                    chance.lives.choose(lanes, register, budgets.each_ref().map(|budget| budget.$($member)+))
                };
            }
            // 4 to 7. Income, spending, payments and flows, as they are to be expected, and the
            // variance of their random part.
            let Economy { prices, wages, wages_square } = &chance.economy[register];
            let mut cash = planned!(planned[0]);
            if follows_wages {
                cash = lanes.fma(wages.deviation, planned!(wages), cash);
            }
            cash = lanes.fma(prices.deviation, planned!(prices), cash);
            let mut variance = lanes.mul(prices.square(lanes), planned!(spending_variance));
            if has_rule {
                let planned = planned!(spending);
                let spending = lanes.fma(prices.deviation, planned, planned);
                let multiplier = self.multiplier[register];
                let saved = lanes.sub(lanes.float(1.0), multiplier);
                cash = lanes.fma(saved, spending, cash);
                variance = lanes.mul(lanes.mul(multiplier, multiplier), variance);
            }
            if follows_wages {
                variance = lanes.fma(*wages_square, planned!(income_variance), variance);
            }

            // 8. An emergency. It costs 0 in a plan without emergencies.
            let shocks = chance.shocks.month(month % MONTHS, register);
            cash = lanes.sub(cash, shocks.emergency);

            // 9. Interest on debt, and the market on what lies above the reserve.
            let balance = self.balance[register].high;
            if borrows {
                let debt = lanes.smaller(balance, lanes.float(0.0));
                cash = lanes.fma(debt, lanes.float(plan.borrowing_rate), cash);
            }
            let excess = lanes.sub(balance, lanes.float(plan.reserve));
            let invested = lanes.larger(excess, lanes.float(0.0));
            let mut square = lanes.mul(variance, shocks.square);
            let mut small = planned!(planned[1]);
            match market_return(register) {
                Return::Normal { mean, small: part, variance } => {
                    cash = lanes.fma(invested, mean, cash);
                    small = lanes.fma(invested, part, small);
                    let noise = lanes.mul(shocks.square, variance);
                    square = lanes.fma(lanes.mul(invested, invested), noise, square);
                }
                Return::Known(rate) => cash = lanes.fma(invested, rate, cash),
            }
            all.cash[register] = lanes.fma(lanes.sqrt(square), shocks.direction, cash);
            all.small[register] = small;
        }
        all
    }

    /// Steps 10 and 11, where anybody is alive.
    #[inline(always)]
    fn close<const PEOPLE: usize>(
        &mut self,
        lanes: L,
        plan: &Lifetime,
        month: usize,
        chance: &Chance<'_, L, PEOPLE>,
        cash: &Cash<L>,
    ) {
        let bounds = Range { low: -CHANGE_BOUND, high: CHANGE_BOUND };
        let (is_real, has_rule) = (plan.is_real, plan.rule.is_some());
        for register in 0..REGISTERS {
            // 10. The balance.
            let before = self.balance[register];
            let bounded = within(lanes, cash.cash[register], bounds);
            let mut balance = before.plus(lanes, bounded, cash.small[register]).bounded(lanes);

            // 11. The path.
            let mut shown = balance.total(lanes);
            if is_real {
                let deviation = chance.economy[register].prices.deviation;
                shown = lanes.div(shown, price_level(lanes, plan, month, deviation));
            }
            let mut multiplier = self.multiplier[register];
            if let Some(lives) = chance.lives.any(lanes, register) {
                balance = balance.select(lanes, lives, before);
                shown = lanes.select(lives, shown, self.shown[register]);
                multiplier = lanes.masked(lives, multiplier);
            }
            self.balance[register] = balance;
            self.shown[register] = shown;
            // A simulation that was short at the last death was short before it, so the dead need
            // no mask here.
            let is_short = lanes.less(shown, lanes.float(plan.floor_threshold));
            let now = lanes.select(is_short, lanes.float((month + 1) as f32), lanes.float(NEVER));
            self.first_short[register] = lanes.smaller(self.first_short[register], now);
            self.lowest[register] = lanes.smaller(shown, self.lowest[register]);
            if has_rule {
                let lowest = self.lowest_multiplier[register];
                self.lowest_multiplier[register] = lanes.smaller(self.multiplier[register], lowest);
                self.multiplier_sum[register] = lanes.add(self.multiplier_sum[register], multiplier);
            }
        }
    }

    /// Step 3, in a month in which the rule acts. `whole` is the month's planned spending of the
    /// whole household, whoever lives, in dollars.
    #[inline(always)]
    fn follow<const PEOPLE: usize>(
        &mut self,
        lanes: L,
        rule: &Rule,
        month: usize,
        whole: f32,
        chance: &Chance<'_, L, PEOPLE>,
    ) {
        for register in 0..REGISTERS {
            let whole = lanes.float(whole);
            let spending = lanes.fma(chance.economy[register].prices.deviation, whole, whole);
            let (balance, multiplier) = (self.balance[register].high, self.multiplier[register]);
            let yearly = lanes.mul(spending, lanes.float(12.0));
            let above = lanes.less(lanes.float(0.0), balance);
            let wanted = match &rule.kind {
                RuleKind::Guardrails { .. } if month == rule.from => {
                    let rate = lanes.div(yearly, balance);
                    self.first_rate[register] = lanes.select(above, rate, lanes.float(-1.0));
                    continue;
                }
                RuleKind::Guardrails { rails, steps, cuts_until } => {
                    // rate > rail, both times the balance, which is above 0.
                    let spent = lanes.mul(yearly, multiplier);
                    let first_rate = self.first_rate[register];
                    let first = lanes.mul(first_rate, balance);
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
                    lanes.select(lanes.less(first_rate, lanes.float(0.0)), multiplier, wanted)
                }
                RuleKind::Shares(shares) => {
                    let share = shares[(month - rule.from) / YEAR];
                    let affordable = lanes.mul(lanes.larger(balance, lanes.float(0.0)), lanes.float(share));
                    within(lanes, lanes.div(affordable, spending), rule.range)
                }
            };
            self.multiplier[register] = match chance.lives.any(lanes, register) {
                None => wanted,
                Some(lives) => lanes.select(lives, wanted, multiplier),
            };
        }
    }
}

/// What the month adds to the balances of a tile.
struct Cash<L: Lanes> {
    cash: Tile<L::Float>,
    /// A part of it that is too small to be added to it first.
    small: Tile<L::Float>,
}

/// A month's return in a register.
enum Return<L: Lanes> {
    /// Normal given what is known, with a part of its mean that is too small to be added first.
    Normal {
        mean: L::Float,
        small: L::Float,
        variance: L::Float,
    },
    Known(L::Float),
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
