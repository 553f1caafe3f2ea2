//! One simulation of a plan at a time, drawn from `rand_chacha`: the arithmetic of
//! `lifetime::rules` and `lifetime::shocks`, operation by operation, with the same bits. The levels
//! are tested against it, and it replays a simulation on its own.

use super::rules::{CHANGE_BOUND, NEVER};
use super::{Budget, Inflation, LIFE_STATES, Lifetime, Market, Rule, RuleKind, YEAR};
use crate::draws::{
    CHANGES, CHOICES, LIVES, LOGNORMAL_PAIRS, MONTHS, PAIRS, PRICE_PAIRS, PRICE_YEARS, STUDENT_ANGLES,
    STUDENT_RADII, Source,
};
use crate::normals::Axes;
use crate::numerics::scalar;
use crate::plan::{MONEY_BOUND, Range};
use crate::reference::{Draws, Polar, Stream, grown, part, polar, value, whole_rate, within};

/// The outcome of a simulation; see [`Outcomes`](super::outcomes::Outcomes).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) final_balance: f32,
    pub(crate) first_short: f32,
    pub(crate) lowest: f32,
    pub(crate) lowest_multiplier: f32,
    pub(crate) multiplier_sum: f32,
    pub(crate) horizon: f32,
}

/// A computed month. Sums are in dollars of the month.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Month {
    /// Expected income, without flows.
    pub(crate) income: f64,
    /// Expected spending, times the multiplier.
    pub(crate) spending: f64,
    /// The sum of the flows: above 0 if they add money.
    pub(crate) flows: f64,
    pub(crate) payment: f64,
    pub(crate) emergency: Option<f64>,
    /// Interest on a negative balance: at most 0.
    pub(crate) interest: f64,
    /// The balance above the reserve before the month.
    pub(crate) invested: f64,
    /// The market's return as far as it is known without the month's one normal, a fraction.
    pub(crate) rate: f64,
    /// Standard deviations of income, spending and return within that normal.
    pub(crate) stds: [f64; 3],
    pub(crate) annual_raise: Option<f64>,
    pub(crate) promotion_raise: Option<f64>,
    /// The multiplier of planned spending.
    pub(crate) multiplier: f64,
    pub(crate) price_level: f64,
    /// Whether the market is in stress, in a plan with regimes.
    pub(crate) is_stress: Option<bool>,
    /// The row, in a plan with a bootstrap.
    pub(crate) row: Option<u32>,
    /// Who is alive; always both in a plan without people.
    pub(crate) lives: [bool; 2],
    /// The balance before the month.
    pub(crate) before: f64,
    /// The balance after the month.
    pub(crate) balance: f64,
    /// The balance after the month, in the goal's dollars.
    pub(crate) shown: f64,
}

/// The market's state and what it draws.
#[derive(Default)]
struct MarketState {
    first: [u32; 16],
    second: [u32; 16],
    draw: f32,
}

impl MarketState {
    /// The draw of a month.
    fn month(&mut self, stream: &mut Stream, market: &Market, month: usize) {
        let within = month % YEAR;
        if within == 0 && !matches!(market, Market::Normal { .. }) {
            let year = u32::try_from(month / YEAR).expect("a timeline has at most 100 years");
            self.first = stream.block(Source::Market.block(2 * year));
            self.second = stream.block(Source::Market.block(2 * year + 1));
        }
        match market {
            Market::Normal { .. } => {}
            Market::Lognormal { .. } => {
                let [radius, angle] = LOGNORMAL_PAIRS[within / 2].map(|field| value(&self.first, field));
                let Polar { square, direction } = polar(&Axes::UNIT, radius, angle);
                self.draw = square.sqrt() * direction[within % 2];
            }
            Market::StudentT { degrees, .. } => {
                let radius = part(&self.first, STUDENT_RADII[within]);
                let angle = part(&self.second, STUDENT_ANGLES[within]);
                let Polar { square, direction } = polar(&Axes::UNIT, radius, angle);
                let power = scalar::expm1(square * (1.0 / degrees));
                self.draw = (power * degrees).sqrt() * direction[0];
            }
            Market::Regimes(regimes) => {
                let uniform = part(&self.first, CHANGES[within]);
                let enter = if month == 0 { regimes.begin } else { regimes.enter };
                let is_stress =
                    if self.draw > 0.0 { !regimes.leave.succeeds(uniform) } else { enter.succeeds(uniform) };
                self.draw = f32::from(u8::from(is_stress));
            }
            Market::Bootstrap(bootstrap) => {
                let begins = month == 0 || bootstrap.new_block.succeeds(part(&self.first, CHANGES[within]));
                self.draw = if begins {
                    scalar::choice(part(&self.second, CHOICES[within]), bootstrap.count)
                } else if self.draw < bootstrap.count - 1.0 {
                    self.draw + 1.0
                } else {
                    0.0
                };
            }
        }
    }

    /// The row whose number is the draw.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the number of rows")]
    fn row(&self) -> usize {
        self.draw as usize
    }

    /// The return's mean (high and low part) and its variance given what is known.
    fn rate(&self, market: &Market, month: usize) -> ([f32; 2], Option<f32>) {
        match market {
            Market::Normal { moments } => (moments[month].0, Some(moments[month].1)),
            Market::Lognormal { moments } => {
                let [location, scale] = moments[month];
                ([scalar::expm1(self.draw.mul_add(scale, location)), 0.0], None)
            }
            Market::StudentT { moments, .. } => {
                let [mean, scale] = moments[month];
                let rate = self.draw.mul_add(scale, mean);
                ([if rate > -1.0 { rate } else { -1.0 }, 0.0], None)
            }
            Market::Regimes(regimes) => {
                let regime = usize::from(self.draw > 0.0);
                ([regimes.mean[regime], 0.0], Some(regimes.variance[regime]))
            }
            Market::Bootstrap(bootstrap) => {
                let row = self.row();
                let columns = bootstrap.columns.iter().zip(&bootstrap.weights[month]);
                let rate =
                    columns.fold(-bootstrap.fee, |rate, (column, &weight)| column[row].mul_add(weight, rate));
                ([rate, 0.0], None)
            }
        }
    }
}

/// Yearly inflation.
#[derive(Default)]
struct InflationState {
    words: [u32; 16],
    deviation: f32,
    rate: f32,
}

impl InflationState {
    /// The rate by which prices rise in a month beyond the plan; `household` is the rate from the
    /// household's own draw.
    fn month(
        &mut self,
        stream: &mut Stream,
        plan: &Lifetime,
        market: &MarketState,
        month: usize,
        household: f32,
    ) -> f32 {
        match (&plan.inflation, &plan.market) {
            (Inflation::Yearly(yearly), _) => {
                if month.is_multiple_of(YEAR) {
                    let year = month / YEAR;
                    let within = year % PRICE_YEARS;
                    if within == 0 {
                        let index = u32::try_from(year / PRICE_YEARS).expect("a timeline has 100 years");
                        self.words = stream.block(Source::Prices.block(index));
                    }
                    let [radius, angle] = PRICE_PAIRS[within / 2].map(|field| value(&self.words, field));
                    let Polar { square, direction } = polar(&Axes::UNIT, radius, angle);
                    let normal = square.sqrt() * direction[year % 2];
                    let kept = self.deviation * yearly.persistence;
                    self.deviation = normal.mul_add(yearly.innovations[usize::from(year > 0)], kept);
                    let [inverse, least] = yearly.years[year];
                    let relative = self.deviation * inverse;
                    self.rate = scalar::twelfth_root_rate(if relative > least { relative } else { least });
                }
                self.rate
            }
            (Inflation::Rows, Market::Bootstrap(bootstrap)) => bootstrap.inflation[market.row()],
            (Inflation::Monthly | Inflation::Rows, _) => household,
        }
    }
}

/// The household's state.
struct Household {
    balance: [f32; 2],
    multiplier: f32,
    first_rate: f32,
}

impl Household {
    /// The spending rule, in a month in which it acts.
    fn follow(&mut self, rule: &Rule, month: usize, spending: f32) {
        let balance = self.balance[0];
        let yearly = spending * 12.0;
        match &rule.kind {
            RuleKind::Guardrails { .. } if month == rule.from => {
                self.first_rate = if balance > 0.0 { yearly / balance } else { -1.0 };
            }
            RuleKind::Guardrails { rails, steps, cuts_until } => {
                let spent = yearly * self.multiplier;
                let first = self.first_rate * balance;
                let is_over = balance <= 0.0 || spent > first * rails[0];
                let is_under = balance > 0.0 && spent < first * rails[1];
                let mut wanted = self.multiplier;
                if is_under {
                    wanted = self.multiplier * steps[1];
                }
                if is_over && month < *cuts_until {
                    wanted = self.multiplier * steps[0];
                }
                if self.first_rate >= 0.0 {
                    self.multiplier = within(wanted, rule.range);
                }
            }
            RuleKind::Shares(shares) => {
                let share = shares[(month - rule.from) / YEAR];
                let affordable = if balance > 0.0 { balance } else { 0.0 } * share;
                self.multiplier = within(affordable / spending, rule.range);
            }
        }
    }
}

/// Simulates `index` of the job, with the kernel's bits. `each` is called with every month.
pub(crate) fn walk(seed: u64, plan: &Lifetime, index: u64, mut each: impl FnMut(Month)) -> Outcome {
    let mut stream = Stream::new(seed, index);
    let lives = stream.block(Source::Lives.block(0));
    let lives = LIVES.map(|field| value(&lives, field));
    let (mut market, mut inflation) = (MarketState::default(), InflationState::default());
    let mut household = Household { balance: plan.plan.balance, multiplier: 1.0, first_rate: -1.0 };
    let (mut prices, mut wages) = (0.0_f32, 0.0_f32);
    let mut draws = stream.household(0);
    let mut outcome = Outcome {
        final_balance: 0.0,
        first_short: NEVER,
        lowest: f32::INFINITY,
        lowest_multiplier: 1.0,
        multiplier_sum: 0.0,
        horizon: 0.0,
    };
    let mut shown = household.balance[0];
    for month in 0..plan.months() {
        let lives_now =
            |person: usize| plan.alive.get(person).is_none_or(|below| lives[person] < below[month]);
        if month.is_multiple_of(MONTHS) {
            draws = stream.household(month / MONTHS);
        }
        let budget = match plan.alive.len() {
            0 | 1 if !lives_now(0) => break,
            0 | 1 => &plan.budgets[month][0],
            _ => match state(lives_now(0), lives_now(1)) {
                Some(state) => &plan.budgets[month][state],
                None => break,
            },
        };
        // 1 and 2.
        let mut raises = [None; 2];
        if month % MONTHS == MONTHS - 1 {
            raises = raise(plan, month, &draws, &mut prices, &mut wages);
        }
        market.month(&mut stream, &plan.market, month);
        let own = {
            let OneOf { square, direction } = polar_of(&plan.plan.inflation, &draws, month % MONTHS, 3);
            square.sqrt() * direction
        };
        let rate = inflation.month(&mut stream, plan, &market, month, own);
        prices = grown(prices, rate);
        // 3.
        let whole = plan.budgets[month][0].spending;
        if let Some(rule) = plan.rule.as_ref().filter(|rule| rule.acts(month)) {
            household.follow(rule, month, prices.mul_add(whole, whole));
        }
        // 4 to 10.
        let level = {
            let planned = plan.levels[month];
            let level = prices.mul_add(planned, planned);
            if level > 1.0 / MONEY_BOUND { level } else { 1.0 / MONEY_BOUND }
        };
        let mut told = household.cash(plan, budget, &market, &draws, month, [prices, wages]);
        let total = household.balance[0] + household.balance[1];
        shown = if plan.is_real { total / level } else { total };
        // 11.
        if shown < plan.floor_threshold && outcome.first_short == NEVER {
            outcome.first_short = (month + 1) as f32;
        }
        outcome.lowest = if shown < outcome.lowest { shown } else { outcome.lowest };
        if plan.rule.is_some() {
            let multiplier = household.multiplier;
            outcome.lowest_multiplier = outcome.lowest_multiplier.min(multiplier);
            outcome.multiplier_sum += multiplier;
        }
        outcome.horizon += 1.0;
        told.annual_raise = raises[0];
        told.promotion_raise = raises[1];
        told.price_level = level.into();
        told.shown = shown.into();
        told.lives = [lives_now(0), lives_now(1)];
        each(told);
    }
    let owed = plan.plan.owed[plan.months()];
    if owed > 0.0 {
        let planned = plan.levels[plan.months() - 1];
        let level = prices.mul_add(planned, planned);
        let level = if level > 1.0 / MONEY_BOUND { level } else { 1.0 / MONEY_BOUND };
        shown -= if plan.is_real { owed / level } else { owed };
    }
    Outcome { final_balance: shown, ..outcome }
}

/// The index of the state with these survivors; `None` if nobody is alive.
fn state(first: bool, second: bool) -> Option<usize> {
    const _: () = assert!(LIFE_STATES == 3, "both, only the first, only the second");
    match (first, second) {
        (true, true) => Some(0),
        (true, false) => Some(1),
        (false, true) => Some(2),
        (false, false) => None,
    }
}

/// One of the two normals of a pair before it is multiplied out.
struct OneOf {
    square: f32,
    direction: f32,
}

/// The normal of month `i` of a half year: of cash, or three pairs further on of inflation.
fn polar_of(axes: &Axes, draws: &Draws, i: usize, further: usize) -> OneOf {
    let pair = i / 2 + further;
    let Polar { square, direction } = polar(axes, draws.radius[pair], draws.angle[pair]);
    OneOf { square, direction: direction[i % 2] }
}

/// The raises of a half year's last month; prices and wages are clamped to their bounds. The
/// year's raise, and the promotion's.
fn raise(
    plan: &Lifetime,
    month: usize,
    draws: &Draws,
    prices: &mut f32,
    wages: &mut f32,
) -> [Option<f64>; 2] {
    const EVENT: usize = PAIRS - 1;
    let [price_bounds, wage_bounds] = plan.bounds[month / MONTHS];
    *prices = within(*prices, price_bounds);
    let Polar { square, direction } = polar(&plan.plan.raises, draws.radius[EVENT], draws.angle[EVENT]);
    let (mut annual, mut promotion) = (None, None);
    if month % YEAR == YEAR - 1 {
        let chance = square.sqrt().mul_add(direction[1], plan.plan.raise_mean);
        *wages = grown(*wages, chance);
        annual = Some(whole_rate(plan.plan.planned.raise, chance));
    }
    if plan.plan.promotion.succeeds(draws.uniform[EVENT]) {
        let chance = square.sqrt().mul_add(direction[0], plan.plan.promotion_mean);
        *wages = grown(*wages, chance);
        promotion = Some(whole_rate(plan.plan.planned.promotion, chance));
    }
    *wages = within(*wages, wage_bounds);
    [annual, promotion]
}

impl Household {
    /// Steps 4 to 10.
    fn cash(
        &mut self,
        plan: &Lifetime,
        budget: &Budget,
        market: &MarketState,
        draws: &Draws,
        month: usize,
        [prices, wages]: [f32; 2],
    ) -> Month {
        let [high, low] = self.balance;
        let mut cash = wages.mul_add(budget.wages, budget.planned[0]);
        cash = prices.mul_add(budget.prices, cash);
        let (wage_factor, price_factor) = (1.0 + wages, 1.0 + prices);
        let mut spending_variance = price_factor * price_factor * budget.spending_variance;
        let spending = prices.mul_add(budget.spending, budget.spending);
        if plan.rule.is_some() {
            cash = (1.0 - self.multiplier).mul_add(spending, cash);
            spending_variance *= self.multiplier * self.multiplier;
        }
        let uniform = draws.uniform[month % MONTHS];
        let emergency = plan
            .plan
            .emergency
            .succeeds(uniform)
            .then(|| (uniform as f32).mul_add(plan.plan.emergency_step, plan.plan.emergency_least));
        cash -= emergency.unwrap_or(0.0);
        let debt = if high < 0.0 { high } else { 0.0 };
        cash = debt.mul_add(plan.borrowing_rate, cash);
        let excess = high - plan.reserve;
        let invested = if excess > 0.0 { excess } else { 0.0 };
        let income_square = wage_factor * wage_factor;
        let variance = income_square.mul_add(budget.income_variance, spending_variance);
        let OneOf { square, direction } = polar_of(&Axes::UNIT, draws, month % MONTHS, 0);
        let mut noise = variance * square;
        let mut small = budget.planned[1];
        let ([mean, mean_low], market_variance) = market.rate(&plan.market, month);
        cash = invested.mul_add(mean, cash);
        if let Some(variance) = market_variance {
            small = invested.mul_add(mean_low, small);
            noise = (invested * invested).mul_add(square * variance, noise);
        }
        cash = noise.sqrt().mul_add(direction, cash);
        let cash = within(cash, Range { low: -CHANGE_BOUND, high: CHANGE_BOUND });
        let carried = low + small;
        let change = cash + carried;
        let sum = high + change;
        let low_after = (change - (sum - high)) + (carried - (change - cash));
        let sum = within(sum, Range { low: -MONEY_BOUND, high: MONEY_BOUND });
        self.balance = [sum, low_after];
        self.told(
            plan,
            budget,
            market,
            month,
            [prices, wages],
            &Terms {
                before: f64::from(high) + f64::from(low),
                emergency: emergency.map(f64::from),
                debt: debt.into(),
                invested: invested.into(),
                mean: f64::from(mean) + f64::from(mean_low),
                market_variance: market_variance.unwrap_or(0.0).into(),
                spending: spending.into(),
                spending_variance: spending_variance.into(),
            },
        )
    }
}

/// The terms of a month's cash.
struct Terms {
    before: f64,
    emergency: Option<f64>,
    debt: f64,
    invested: f64,
    mean: f64,
    market_variance: f64,
    spending: f64,
    spending_variance: f64,
}

impl Household {
    /// The month with these terms, for display.
    fn told(
        &self,
        plan: &Lifetime,
        budget: &Budget,
        market: &MarketState,
        month: usize,
        [prices, wages]: [f32; 2],
        terms: &Terms,
    ) -> Month {
        let (prices, wages) = (1.0 + f64::from(prices), 1.0 + f64::from(wages));
        let income = budget.income * wages;
        let payment = plan.plan.planned.payments[month];
        let spending = f64::from(self.multiplier) * terms.spending;
        let planned_flows = budget.flows.fixed + budget.flows.prices * prices + budget.flows.wages * wages;
        Month {
            income,
            spending,
            flows: planned_flows,
            payment,
            emergency: terms.emergency.map(|cost| cost + plan.plan.planned.emergency),
            interest: terms.debt * f64::from(plan.borrowing_rate),
            invested: terms.invested,
            rate: terms.mean,
            stds: [
                wages.abs() * f64::from(budget.income_variance).sqrt(),
                terms.spending_variance.sqrt(),
                terms.invested * terms.market_variance.sqrt(),
            ],
            annual_raise: None,
            promotion_raise: None,
            multiplier: self.multiplier.into(),
            price_level: 1.0,
            is_stress: matches!(plan.market, Market::Regimes(_)).then_some(market.draw > 0.0),
            row: matches!(plan.market, Market::Bootstrap(_))
                .then(|| u32::try_from(market.row()).expect("a row's number")),
            lives: [true; 2],
            before: terms.before,
            balance: f64::from(self.balance[0]) + f64::from(self.balance[1]),
            shown: 0.0,
        }
    }
}
