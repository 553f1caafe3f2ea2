//! A job's constants in the form that the inner loops need: planned amounts for every month, means
//! and variances of the random terms, and probabilities as bounds on integers.
//!
//! Everything is computed once per job in double precision. The rules of the model are in `rules`.
//! A month reads its planned amounts from a [`Budget`] and its random terms from `shocks`. A new
//! table by month becomes a member of [`Budget`], or a vector beside [`Plan::budgets`].

pub(crate) mod reach;

use carlo_types::JobSpec;
use carlo_types::spec::Account;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::draws::{MONTHS, UNIFORM_BITS};
use crate::normals::Axes;
use reach::WithoutLimits;

/// The bound on balances, income and spending, which are clamped before the last month of every
/// half year, and on an account's debt, which is clamped every month; in dollars. It is far above
/// realistic amounts (2⁴⁷ is 1.4 × 10¹⁴), and low enough that nothing overflows single precision in
/// the six months between two clamps: with all parameters and draws at their extremes, a balance
/// grows 16,400-fold in five months, and the squares of the sixth month times a squared radius stay
/// below 2¹²⁶.
pub(crate) const MONEY_BOUND: f32 = 140_737_488_355_328.0;
/// The amounts of money within the bound.
pub(crate) const MONEY_RANGE: Range = Range { low: -MONEY_BOUND, high: MONEY_BOUND };

/// The constants of a job.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The keystream's key.
    pub(crate) key: [u32; 8],
    /// The balance before the first month, dollars: high and low part.
    pub(crate) balance: [f32; 2],
    /// The lowest final balance that reaches the target.
    pub(crate) threshold: f32,
    /// The number of months.
    pub(crate) months: usize,
    /// The plan for each month, up to the end of the half year in which the longest extension ends:
    /// for the job's own start, and then for the start of each scenario that differs in it.
    pub(crate) budgets: Vec<[Budget; STARTS]>,
    /// For each half year, the ranges of the deviations of prices and of wages.
    pub(crate) bounds: Vec<[Range; 2]>,
    /// The half years in which nothing of a savings goal can meet a limit.
    pub(crate) without_limits: WithoutLimits,
    /// Whether a planned amount or a debt is clamped within the timeline.
    pub(crate) is_limited: bool,
    /// Card debt after this many months, in dollars.
    pub(crate) owed: Vec<f32>,
    /// The part of two months' inflation that is due to chance.
    pub(crate) inflation: Axes,
    /// A month's mean return, high and low part.
    pub(crate) return_mean: [f32; 2],
    pub(crate) return_variance: f32,
    pub(crate) emergency: Bernoulli,
    /// The lowest cost of an emergency beyond the plan.
    pub(crate) emergency_least: f32,
    /// The additional cost for every step of its uniform.
    pub(crate) emergency_step: f32,
    pub(crate) promotion: Bernoulli,
    /// The mean raise of a promotion, beyond the plan.
    pub(crate) promotion_mean: f32,
    /// The mean of a year's raise, beyond the plan.
    pub(crate) raise_mean: f32,
    /// The random part of a promotion and of the year's raise.
    pub(crate) raises: Axes,
    /// The plan as it is shown in a replay.
    pub(crate) planned: Planned,
}

/// The plan for a month of a household.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Budget {
    /// Income less spending, payments and certain emergencies, dollars: high and low part.
    pub(crate) planned: [f32; 2],
    /// Planned income, in dollars.
    pub(crate) income: f32,
    /// Planned spending, in dollars.
    pub(crate) spending: f32,
    /// The variance of income, in square dollars.
    pub(crate) income_variance: f32,
    /// The variance of spending, in square dollars.
    pub(crate) spending_variance: f32,
    /// The money kept out of the market, in dollars: fixed for the whole run.
    pub(crate) reserve: f32,
}

/// A range of numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

/// Planned amounts that the months don't need, because their [`Budget`] has the sum.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// Payments of each month, dollars.
    pub(crate) payments: Vec<f64>,
    /// The lowest cost of a certain emergency; 0 if emergencies aren't certain.
    pub(crate) emergency: f64,
    /// Planned inflation of a month.
    pub(crate) inflation: f64,
    /// Planned growth of income with the year's raise and with a certain promotion.
    pub(crate) raise: f64,
    pub(crate) promotion: f64,
}

/// Multiples of income and spending, in the order of the results: of the job itself and of the
/// scenarios with another start.
const FACTORS: [(f64, f64); STARTS] =
    [(1.0, 1.0), (1.1, 1.0), (0.9, 1.0), (1.0, 0.9), (1.0, 0.8), (1.0, 1.1)];
pub(crate) const STARTS: usize = 6;
/// Months that the scenarios of a longer timeline add.
pub(crate) const EXTENSIONS: [usize; 2] = [6, 12];

/// An event with a probability: it happens if a uniform of 24 bits is below `below`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bernoulli {
    pub(crate) below: u32,
}

impl Bernoulli {
    /// The event that always happens.
    pub(crate) const CERTAIN: Self = Self { below: 1 << UNIFORM_BITS };

    /// An event with this probability, rounded to steps of 2⁻²⁴.
    pub(crate) fn new(probability: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2²⁴")]
        let below = (probability * f64::from(Self::CERTAIN.below)).round() as u32;
        Self { below }
    }

    /// Whether it happens with this uniform.
    pub(crate) fn succeeds(self, uniform: u32) -> bool {
        uniform < self.below
    }
}

/// A rate of growth N(mean, std), as (1 + `planned`)(1 + N(`mean`, `std`)) − 1: the planned part
/// and the random part.
struct Growth {
    planned: f64,
    mean: f64,
    std: f64,
}

impl Growth {
    /// The growth by something that happens if this event does.
    fn new(mean: f64, std: f64, event: Bernoulli) -> Self {
        /// Below this the planned growth is too close to −1 to divide by.
        const PLANNED_MIN: f64 = -0.5;
        if event == Bernoulli::CERTAIN && std == 0.0 {
            Self { planned: mean, mean: 0.0, std: 0.0 }
        } else if event == Bernoulli::CERTAIN && mean > PLANNED_MIN {
            Self { planned: mean, mean: 0.0, std: std / (1.0 + mean) }
        } else {
            Self { planned: 0.0, mean, std }
        }
    }
}

/// The key of a job's keystream: that of `ChaCha8Rng::seed_from_u64`.
pub(crate) fn key(seed: u64) -> [u32; 8] {
    let bytes = ChaCha8Rng::seed_from_u64(seed).get_seed();
    let mut key = [0; 8];
    for (word, bytes) in key.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    key
}

#[expect(clippy::cast_possible_truncation, reason = "rounded to single precision on purpose")]
pub(crate) fn single(x: f64) -> f32 {
    x as f32
}

/// `x` as the sum of two numbers of single precision.
pub(crate) fn pair(x: f64) -> [f32; 2] {
    let high = single(x);
    [high, single(x - f64::from(high))]
}

/// The least balance that reaches a target, both in dollars: half a cent less, or a millionth of
/// the target if that is more, so that a goal which is met to the cent is met. Every comparison of
/// a balance with a target is made with it.
pub fn threshold(target: f64) -> f32 {
    let least = target - (1e-6 * target.abs()).max(0.005);
    let rounded = single(least);
    if f64::from(rounded) < least { rounded.next_up() } else { rounded }
}

impl Plan {
    pub(crate) fn new(spec: &JobSpec) -> Self {
        let params = &spec.params;
        let months = spec.goal.timeline_months as usize;
        let walked = (months + EXTENSIONS[EXTENSIONS.len() - 1]).next_multiple_of(MONTHS);
        let schedule = Schedule::new(spec, walked);
        let growth = |mean, std, event| Growth::new(mean, std, event);
        let inflation =
            growth(params.inflation_rate / 12.0, params.inflation_volatility / 12.0, Bernoulli::CERTAIN);
        let raise = growth(params.annual_raise_mean, params.annual_raise_volatility, Bernoulli::CERTAIN);
        let promoted = Bernoulli::new(params.promotion_probability);
        let promotion = growth(params.promotion_raise_mean, params.promotion_raise_volatility, promoted);
        let emergency = Bernoulli::new(params.emergency_probability);
        let step = (params.emergency_max - params.emergency_min) / f64::from(emergency.below.max(1));
        let least = params.emergency_min + step / 2.0;
        let certain = emergency == Bernoulli::CERTAIN;
        let planned = Planned {
            payments: schedule.payments,
            emergency: if certain { least } else { 0.0 },
            inflation: inflation.planned,
            raise: raise.planned,
            promotion: promotion.planned,
        };
        let (budgets, bounds) = planned.budgets(spec, inflation.planned);
        let mut plan = Self {
            key: key(spec.seed()),
            balance: pair(starting_balance(spec)),
            threshold: threshold(spec.goal.target_amount),
            months,
            budgets,
            bounds,
            without_limits: WithoutLimits { economy: 0, balances: 0 },
            is_limited: schedule.is_limited,
            owed: schedule.owed.into_iter().map(single).collect(),
            inflation: Axes::new(single(inflation.std), single(inflation.std)),
            return_mean: pair(params.annual_return_mean / 12.0),
            return_variance: single(params.annual_return_std * params.annual_return_std / 12.0),
            emergency,
            emergency_least: if certain { 0.0 } else { single(least) },
            emergency_step: single(step),
            promotion: promoted,
            promotion_mean: single(promotion.mean),
            raise_mean: single(raise.mean),
            raises: Axes::new(single(promotion.std), single(raise.std)),
            planned,
        };
        plan.without_limits = WithoutLimits::new(&plan);
        plan
    }
}

impl Plan {
    /// Whether another plan reads the same draws.
    pub(crate) fn shares_shocks(&self, other: &Self) -> bool {
        let numbers = |plan: &Self| {
            let planned = &plan.planned;
            let emergency = [plan.emergency_least, plan.emergency_step];
            let raises = [plan.promotion_mean, plan.raise_mean];
            let planned = [planned.inflation, planned.raise, planned.promotion, planned.emergency];
            (emergency, raises, planned, [plan.emergency, plan.promotion], [plan.inflation, plan.raises])
        };
        self.key == other.key && numbers(self) == numbers(other)
    }
}

impl Planned {
    /// What is planned for every month that has payments, and the ranges of deviations in every
    /// half year, with prices that grow by this rate a month.
    fn budgets(&self, spec: &JobSpec, inflation: f64) -> (Vec<[Budget; STARTS]>, Vec<[Range; 2]>) {
        let profile = &spec.profile;
        let [prices_max, wages_max] = [profile.monthly_spending, spec.inputs.monthly_income]
            .map(|amount| f64::from(MONEY_BOUND) / amount.max(1.0));
        let (mut prices, mut wages) = (1.0_f64, 1.0_f64);
        let (mut budgets, mut bounds) = (Vec::with_capacity(self.payments.len()), Vec::new());
        for (month, payment) in self.payments.iter().enumerate() {
            if month % 6 == 5 {
                prices = prices.clamp(-prices_max, prices_max);
                if month % 12 == 11 {
                    wages *= 1.0 + self.raise;
                }
                wages = (wages * (1.0 + self.promotion)).clamp(-wages_max, wages_max);
                bounds.push([deviations(prices, prices_max), deviations(wages, wages_max)]);
            }
            prices *= 1.0 + inflation;
            budgets.push(FACTORS.map(|factors| {
                let income = factors.0 * spec.inputs.monthly_income * wages;
                let spending = factors.1 * profile.monthly_spending * prices;
                Budget {
                    planned: pair(income - spending - payment - self.emergency),
                    income: single(income),
                    spending: single(spending),
                    income_variance: single((income * spec.params.income_volatility).powi(2)),
                    spending_variance: single((spending * spec.params.expense_volatility).powi(2)),
                    reserve: single(6.0 * factors.1 * profile.monthly_spending),
                }
            }));
        }
        (budgets, bounds)
    }
}

/// The deviations d with which (1 + d) times a planned level stays within ± `most`.
pub(crate) fn deviations(planned: f64, most: f64) -> Range {
    let factor = (most / planned.abs()).min(MONEY_BOUND.into());
    Range { low: single(-factor - 1.0), high: single(factor - 1.0) }
}

/// The balance before the first month.
pub(crate) fn starting_balance(spec: &JobSpec) -> f64 {
    let profile = &spec.profile;
    if spec.params.use_account_aware_simulation {
        profile.liquid_assets
    } else {
        profile.liquid_assets - profile.credit_debt
    }
}

/// The payments of each month, which depend on no draw.
pub(crate) struct Schedule {
    /// Dollars of each month.
    pub(crate) payments: Vec<f64>,
    /// Card debt after each number of months, in dollars: one entry more than there are months.
    pub(crate) owed: Vec<f64>,
    /// Whether a debt was clamped within the timeline.
    pub(crate) is_limited: bool,
}

impl Schedule {
    pub(crate) fn new(spec: &JobSpec, months: usize) -> Self {
        if !spec.params.use_account_aware_simulation {
            let payments = vec![spec.profile.monthly_loan_payments; months];
            return Self { payments, owed: vec![0.0; months + 1], is_limited: false };
        }
        let card_accounts: Vec<_> = spec.params.credit_cards.iter().map(Account::from).collect();
        let loan_accounts: Vec<_> = spec.params.loans.iter().map(Account::from).collect();
        let mut cards: Vec<f64> = card_accounts.iter().map(|card| card.balance).collect();
        let mut loans: Vec<f64> = loan_accounts.iter().map(|loan| loan.balance).collect();
        let mut owed = vec![cards.iter().sum()];
        let mut payments = Vec::with_capacity(months);
        let mut is_limited = false;
        for month in 0..months {
            let [for_cards, for_loans] = [pay(&card_accounts, &mut cards), pay(&loan_accounts, &mut loans)];
            payments.push(for_cards.paid + for_loans.paid);
            owed.push(cards.iter().sum());
            let is_clamped = for_cards.is_clamped || for_loans.is_clamped;
            is_limited |= is_clamped && month < spec.goal.timeline_months as usize;
        }
        Self { payments, owed, is_limited }
    }
}

/// A month's payments on some accounts.
struct Payments {
    /// Their sum, dollars.
    paid: f64,
    /// Whether a debt was clamped.
    is_clamped: bool,
}

/// One month of interest and payments on every account.
fn pay(accounts: &[Account], balances: &mut [f64]) -> Payments {
    let mut payments = Payments { paid: 0.0, is_clamped: false };
    for (account, balance) in accounts.iter().zip(balances) {
        let grown = *balance * (1.0 + account.yearly_rate_percent / 100.0 / 12.0);
        let owed = grown.min(MONEY_BOUND.into());
        let payment = owed.min(account.monthly_payment);
        *balance = owed - payment;
        payments.paid += payment;
        payments.is_clamped |= grown > owed;
    }
    payments
}

#[cfg(test)]
mod tests;
