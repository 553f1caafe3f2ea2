//! A job's constants, as the inner loop wants them: single precision, a month's share of every yearly rate, and probabilities as
//! bounds on words.
//!
//! Everything is computed once a job in double precision. The rules of the model are in `household`.

use carlo_types::JobSpec;
use carlo_types::spec::Account;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::draws::MONTHS;
use crate::normals::Axes;

/// Income, spending and what of the balance lies above the reserve are held within this many dollars before the last month of every half
/// year, and an account's debt always. Far above what is simulated in earnest (2⁴⁷ is 1.4 × 10¹⁴); low enough that no number of the
/// six months until the next time leaves single precision: with every parameter and every draw at its extreme, a balance
/// grows 16,400-fold in five of them, and the squares of the sixth times a squared radius stay below 2¹²⁶.
pub(crate) const MONEY_BOUND: f32 = 140_737_488_355_328.0;

/// The least volatility of spending. Spending is kept as its standard deviation, which must be something: at 2⁻⁴⁰ single
/// precision doesn't notice it.
const VOLATILITY_MIN: f64 = 1.0 / 1_099_511_627_776.0;

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
    /// What each month takes, to the end of the half year in which the longest extension ends.
    pub(crate) outgoings: Vec<Outgoings>,
    /// Owed on cards after the timeline, and after each extension of it.
    pub(crate) owed: [f32; 1 + EXTENSIONS.len()],
    pub(crate) income_std: f32,
    /// Spending, negative, for every dollar of its standard deviation.
    pub(crate) spending_per_std: f32,
    /// The standard deviation of spending at its bound.
    pub(crate) spending_std_bound: f32,
    /// A month's.
    pub(crate) inflation_mean: f32,
    /// Two months'.
    pub(crate) inflation: Axes,
    /// A month's.
    pub(crate) return_mean: f32,
    pub(crate) return_std: f32,
    pub(crate) return_variance: f32,
    pub(crate) emergency: Coin,
    /// What an emergency costs more than the least for every step of its coin's word.
    pub(crate) emergency_step: f32,
    pub(crate) promotion: Coin,
    pub(crate) promotion_mean: f32,
    pub(crate) raise_mean: f32,
    /// A promotion's and the year's raise's.
    pub(crate) raises: Axes,
}

/// What is taken from a household in each month of a half year.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoings {
    /// Payments.
    pub(crate) payments: [f32; MONTHS],
    /// The same with the least that an emergency costs.
    pub(crate) with_emergency: [f32; MONTHS],
}

/// What a household has when it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) income: f32,
    /// The standard deviation of a month's spending.
    pub(crate) spending_std: f32,
    pub(crate) reserve: f32,
}

/// The job itself and the scenarios that begin otherwise: income, spending, as multiples. In the order of the results.
const FACTORS: [(f64, f64); STARTS] =
    [(1.0, 1.0), (1.1, 1.0), (0.9, 1.0), (1.0, 0.9), (1.0, 0.8), (1.0, 1.1)];
/// How many these are.
pub(crate) const STARTS: usize = 6;
/// Months that the scenarios of a longer timeline add.
pub(crate) const EXTENSIONS: [usize; 2] = [6, 12];

/// A coin: it falls where a word is at most `at_most`. That one never falls can't be said so: what such a one moves is nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coin {
    pub(crate) at_most: u32,
    /// Of 2³², the words with which it falls.
    words: u64,
}

impl Coin {
    /// Of this probability, to the nearest of 2³² steps.
    fn new(probability: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2³²")]
        let words = (probability * 4_294_967_296.0).round() as u64;
        #[expect(clippy::cast_possible_truncation, reason = "less than 2³²")]
        let at_most = words.saturating_sub(1) as u32;
        Self { at_most, words }
    }

    /// Whether it does with this word.
    pub(crate) fn falls(self, word: u32) -> bool {
        u64::from(word) < self.words
    }

    /// `x`, what it moves, or nothing where it never falls.
    fn moves(self, x: f64) -> f32 {
        if self.words == 0 { 0.0 } else { single(x) }
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
        let volatility = world.expense_volatility.max(VOLATILITY_MIN);
        let emergency = Coin::new(world.emergency_probability);
        let step = (world.emergency_max - world.emergency_min) / (emergency.words.max(1) as f64);
        let least = f64::from(emergency.moves(world.emergency_min + step / 2.0));
        let inflation_std = single(world.inflation_volatility / 12.0);
        let promotion = Coin::new(world.promotion_probability);
        Self {
            key: key(spec.seed),
            balance: single(starting_balance(spec)),
            starts: FACTORS.map(|(income, spending)| Start {
                income: single(income * household.monthly_income),
                spending_std: single(spending * household.monthly_spending * volatility),
                reserve: single(6.0 * spending * household.monthly_spending),
            }),
            months,
            target: single(spec.goal.target_amount),
            outgoings: schedule
                .payments
                .as_chunks()
                .0
                .iter()
                .map(|payments| Outgoings {
                    payments: payments.map(single),
                    with_emergency: payments.map(|payment| single(payment + least)),
                })
                .collect(),
            owed: [owed(months), owed(months + EXTENSIONS[0]), owed(months + EXTENSIONS[1])],
            income_std: single(world.income_volatility),
            spending_per_std: single(-1.0 / volatility),
            spending_std_bound: single(f64::from(MONEY_BOUND) * volatility),
            inflation_mean: single(world.inflation_rate / 12.0),
            inflation: Axes::new(inflation_std, inflation_std),
            return_mean: single(world.annual_return_mean / 12.0),
            return_std: single(world.annual_return_std / 12_f64.sqrt()),
            return_variance: single(world.annual_return_std * world.annual_return_std / 12.0),
            emergency,
            emergency_step: emergency.moves(step),
            promotion,
            promotion_mean: promotion.moves(world.promotion_raise_mean),
            raise_mean: single(world.annual_raise_mean),
            raises: Axes::new(
                promotion.moves(world.promotion_raise_volatility),
                single(world.annual_raise_volatility),
            ),
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
