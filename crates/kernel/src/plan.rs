//! A job's constants, as the inner loop wants them: single precision, a month's share of every yearly rate, and probabilities as
//! bounds on words.
//!
//! Everything is computed once a job in double precision. The rules of the model are in `walk`.

use carlo_types::JobSpec;
use carlo_types::spec::Account;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::draws::MONTHS;

/// Balance, income and spending are held within this many dollars at the end of every half year, and an account's debt always.
/// Far above what is simulated in earnest (2⁴⁸ is 2.8 × 10¹⁴); low enough that no number of the six months until the next time
/// leaves single precision, squares included: within six months a balance grows at most 170,000-fold, with every
/// parameter and every draw at its extreme.
pub(crate) const MONEY_BOUND: f32 = 281_474_976_710_656.0;

/// The constants of a job.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The keystream's key.
    pub(crate) key: [u32; 8],
    pub(crate) balance: f32,
    /// The job's own start, and after it each scenario's that differs in it.
    pub(crate) starts: [Start; STARTS],
    pub(crate) target: f32,
    /// The timeline.
    pub(crate) months: usize,
    /// Payments of each month, to the end of the half year in which the longest extension ends.
    pub(crate) payments: Vec<f32>,
    /// Owed on cards after the timeline, and after each extension of it.
    pub(crate) owed: [f32; 1 + EXTENSIONS.len()],
    pub(crate) income_std: f32,
    pub(crate) expense_std: f32,
    /// A month's.
    pub(crate) inflation_mean: f32,
    pub(crate) inflation_std: f32,
    /// A month's.
    pub(crate) return_mean: f32,
    pub(crate) return_std: f32,
    pub(crate) emergency: Coin,
    /// The amount of an emergency is this …
    pub(crate) emergency_base: f32,
    /// … and this much for every step of its coin's word.
    pub(crate) emergency_step: f32,
    pub(crate) raise_mean: f32,
    pub(crate) raise_std: f32,
    pub(crate) promotion: Coin,
    pub(crate) promotion_mean: f32,
    pub(crate) promotion_std: f32,
}

/// What a household has when it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) income: f32,
    pub(crate) spending: f32,
    pub(crate) reserve: f32,
}

/// The job itself and the scenarios that begin otherwise: income, spending, as multiples. In the order of the results.
const FACTORS: [(f64, f64); STARTS] =
    [(1.0, 1.0), (1.1, 1.0), (0.9, 1.0), (1.0, 0.9), (1.0, 0.8), (1.0, 1.1)];
/// How many these are.
pub(crate) const STARTS: usize = 6;
/// Months that the scenarios of a longer timeline add.
pub(crate) const EXTENSIONS: [usize; 2] = [6, 12];

/// A coin: it falls where a word without its sign bit is at most `at_most`, as signed integers. −1 is never, 2³¹ − 1 always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coin {
    pub(crate) at_most: i32,
}

impl Coin {
    /// Of this probability, to the nearest of 2³¹ steps.
    fn new(probability: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "0 to 2³¹, less 1")]
        let at_most = ((probability * 2_147_483_648.0).round() - 1.0) as i32;
        Self { at_most }
    }

    /// The words with which it falls.
    fn words(self) -> f64 {
        f64::from(self.at_most) + 1.0
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
fn single(x: f64) -> f32 {
    x as f32
}

impl Plan {
    pub(crate) fn new(spec: &JobSpec) -> Self {
        let (household, world) = (&spec.household, &spec.world);
        let months = spec.goal.timeline_months as usize;
        let schedule =
            Schedule::new(spec, (months + EXTENSIONS[EXTENSIONS.len() - 1]).next_multiple_of(MONTHS));
        let owed = |months: usize| single(schedule.owed[months]);
        let emergency = Coin::new(world.emergency_probability);
        let step = (world.emergency_max - world.emergency_min) / emergency.words().max(1.0);
        Self {
            key: key(spec.seed),
            balance: single(starting_balance(spec)),
            starts: FACTORS.map(|(income, spending)| Start {
                income: single(income * household.monthly_income),
                spending: single(spending * household.monthly_spending),
                reserve: single(6.0 * spending * household.monthly_spending),
            }),
            months,
            target: single(spec.goal.target_amount),
            payments: schedule.payments.iter().copied().map(single).collect(),
            owed: [owed(months), owed(months + EXTENSIONS[0]), owed(months + EXTENSIONS[1])],
            income_std: single(world.income_volatility),
            expense_std: single(world.expense_volatility),
            inflation_mean: single(world.inflation_rate / 12.0),
            inflation_std: single(world.inflation_volatility / 12.0),
            return_mean: single(world.annual_return_mean / 12.0),
            return_std: single(world.annual_return_std / 12_f64.sqrt()),
            emergency,
            emergency_base: single(world.emergency_min + step / 2.0),
            emergency_step: single(step),
            raise_mean: single(world.annual_raise_mean),
            raise_std: single(world.annual_raise_volatility),
            promotion: Coin::new(world.promotion_probability),
            promotion_mean: single(world.promotion_raise_mean),
            promotion_std: single(world.promotion_raise_volatility),
        }
    }
}

/// The balance before the first month.
pub(crate) fn starting_balance(spec: &JobSpec) -> f64 {
    let household = &spec.household;
    if spec.account_aware { household.liquid_assets } else { household.liquid_assets - household.credit_debt }
}

/// What is paid each month, which depends on no draw.
pub(crate) struct Schedule {
    /// Dollars of each month.
    pub(crate) payments: Vec<f64>,
    /// Owed on cards after so many months, dollars: one more than there are months.
    pub(crate) owed: Vec<f64>,
}

impl Schedule {
    pub(crate) fn new(spec: &JobSpec, months: usize) -> Self {
        if !spec.account_aware {
            let payments = vec![spec.household.monthly_loan_payments; months];
            return Self { payments, owed: vec![0.0; months + 1] };
        }
        let mut cards: Vec<f64> = spec.cards.iter().map(|card| card.balance).collect();
        let mut loans: Vec<f64> = spec.loans.iter().map(|loan| loan.balance).collect();
        let mut owed = vec![cards.iter().sum()];
        let mut payments = Vec::with_capacity(months);
        for _ in 0..months {
            payments.push(pay(&spec.cards, &mut cards) + pay(&spec.loans, &mut loans));
            owed.push(cards.iter().sum());
        }
        Self { payments, owed }
    }
}

/// One month of interest and payment on every account; what was paid.
fn pay(accounts: &[Account], balances: &mut [f64]) -> f64 {
    let mut paid = 0.0;
    for (account, balance) in accounts.iter().zip(balances) {
        let owed = (*balance * (1.0 + account.yearly_rate_percent / 100.0 / 12.0)).min(MONEY_BOUND.into());
        let payment = owed.min(account.monthly_payment);
        *balance = owed - payment;
        paid += payment;
    }
    paid
}

#[cfg(test)]
mod tests;
