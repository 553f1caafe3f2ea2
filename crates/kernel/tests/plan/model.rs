//! PLAN.md's model in double precision, one step a line: what the kernel's answers about plans are
//! compared with.
//!
//! It shares nothing with the kernel: it has its own reader, draws every term by itself (income,
//! spending and market are three normals a month), and takes distributions that have a name from
//! `rand_distr`. It is slow, and meant to be read next to the description.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, LogNormal, StandardNormal, StudentT};

use crate::request::{
    Dollars, Flow, Index, Kind, Person, Portfolio, Prices, Request, Returns, RuleKind, Success,
};

/// The outcome of one simulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// The final balance, in the goal's dollars.
    pub(crate) final_balance: f64,
    pub(crate) succeeded: bool,
    /// From 1.
    pub(crate) first_short_month: Option<u32>,
    /// The lowest balance after any month, in the goal's dollars.
    pub(crate) lowest_balance: f64,
    pub(crate) lowest_multiplier: f64,
    pub(crate) mean_multiplier: f64,
    /// The number of months lived, at most the timeline.
    pub(crate) horizon_months: u32,
}

/// The end of one month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Month {
    pub(crate) balance: f64,
    pub(crate) price_level: f64,
    pub(crate) multiplier: f64,
    /// The month's return.
    pub(crate) market_return: f64,
    pub(crate) is_stress: bool,
    /// The bootstrap's row.
    pub(crate) row: usize,
}

/// One simulation.
pub(crate) fn simulate(request: &Request, rng: &mut impl Rng) -> Outcome {
    simulate_each(request, rng, |_| {})
}

/// One simulation. `each` is called after every month.
pub(crate) fn simulate_each(request: &Request, rng: &mut impl Rng, mut each: impl FnMut(Month)) -> Outcome {
    let (profile, goal, params, plan) =
        (&request.financial_profile, &request.goal, &request.simulation_params, &request.plan);
    let timeline = goal.timeline_months;
    let reserve = plan.reserve_months.unwrap_or(6.0) * profile.monthly_spending;
    let income_until = plan.income_until.unwrap_or(timeline);
    let is_real = goal.dollars == Dollars::Real;

    let mut balance = profile.liquid_assets - profile.credit_debt;
    let mut income = request.user_inputs.monthly_income;
    let mut spending = profile.monthly_spending;
    let mut price_level = 1.0;
    let mut rule = SpendingRule { multiplier: 1.0, initial_rate: None };
    let mut inflation = Inflation::default();
    let mut market = Market::default();

    let lives: Vec<u32> = plan.people.iter().map(|person| months_lived(*person, rng)).collect();
    let horizon = lives.iter().copied().max().unwrap_or(timeline).min(timeline);
    let mut first_short_month = None;
    let mut lowest_balance = f64::INFINITY;
    let mut lowest_multiplier = rule.multiplier;
    let mut multipliers = 0.0;

    for month in 0..horizon {
        let lives_now = |person: usize| lives.get(person).is_none_or(|&lived| month < lived);
        // The rows of a bootstrap decide prices, too, so the market comes first.
        let market_return = market.month(request, month, rng);

        // 1. Prices.
        let growth = if let Some(growth) = market.row_growth(request) {
            growth
        } else if let Some(prices) = &plan.prices {
            inflation.month(prices, month, rng)
        } else {
            1.0 + normal(params.inflation_rate / 12.0, params.inflation_volatility / 12.0, rng)
        };
        spending *= growth;
        price_level *= growth;

        // 2. Raises.
        if month % 12 == 11 {
            income *= 1.0 + normal(params.annual_raise_mean, params.annual_raise_volatility, rng);
        }
        if month % 6 == 5 && rng.random_bool(params.promotion_probability) {
            income *= 1.0 + normal(params.promotion_raise_mean, params.promotion_raise_volatility, rng);
        }

        // 3. The spending rule.
        rule.month(request, month, balance, spending);
        let multiplier = rule.multiplier;

        // 4. Income.
        let mut cash = 0.0;
        if month < income_until {
            cash += income * normal(1.0, params.income_volatility, rng);
        }

        // 5. Spending.
        let both_of_two = lives.len() < 2 || (lives_now(0) && lives_now(1));
        let survivor = if both_of_two { 1.0 } else { plan.survivor_spending.unwrap_or(1.0) };
        cash -= multiplier * survivor * spending * normal(1.0, params.expense_volatility, rng);

        // 6. Loans.
        cash -= profile.monthly_loan_payments;

        // 7. Flows.
        let wages = income / request.user_inputs.monthly_income;
        for flow in &plan.flows {
            let index = match flow.index {
                Index::None => 1.0,
                Index::Prices => price_level,
                Index::Wages => wages,
            };
            let share = match flow.person {
                Some(person) if !lives_now(person) => flow.survivor_share,
                _ => 1.0,
            };
            cash += share * index * flow_amount(flow, month, timeline);
        }

        // 8. Emergencies.
        if rng.random_bool(params.emergency_probability) {
            cash -=
                params.emergency_min + rng.random::<f64>() * (params.emergency_max - params.emergency_min);
        }

        // 9. The market and interest.
        cash += (balance - reserve).max(0.0) * market_return;
        cash += balance.min(0.0) * plan.borrowing_rate / 12.0;

        // 10. The balance.
        balance += cash;

        // 11. The path.
        let shown = if is_real { balance / price_level } else { balance };
        if shown < goal.floor && first_short_month.is_none() {
            first_short_month = Some(month + 1);
        }
        lowest_balance = lowest_balance.min(shown);
        lowest_multiplier = lowest_multiplier.min(multiplier);
        multipliers += multiplier;
        each(Month {
            balance,
            price_level,
            multiplier,
            market_return,
            is_stress: market.is_stress,
            row: market.row,
        });
    }

    let final_balance = if is_real { balance / price_level } else { balance };
    let reached = final_balance >= goal.target_amount;
    Outcome {
        final_balance,
        succeeded: match goal.success {
            Success::FinalBalance => reached,
            Success::NeverShort => reached && first_short_month.is_none(),
        },
        first_short_month,
        lowest_balance,
        lowest_multiplier,
        mean_multiplier: multipliers / f64::from(horizon),
        horizon_months: horizon,
    }
}

fn normal(mean: f64, std: f64, rng: &mut impl Rng) -> f64 {
    let z: f64 = StandardNormal.sample(rng);
    mean + std * z
}

/// A Gompertz lifetime in months. −ln U is exponential.
pub(crate) fn months_lived(person: Person, rng: &mut impl Rng) -> u32 {
    let Person { age, modal_age, dispersion } = person;
    let exponential: f64 = Exp1.sample(rng);
    let years = dispersion * (exponential * ((modal_age - age) / dispersion).exp()).ln_1p();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred months")]
    let months = (12.0 * years).ceil() as u32;
    months.max(1)
}

/// What a flow adds in a month, before its index and its person.
fn flow_amount(flow: &Flow, month: u32, timeline: u32) -> f64 {
    let until = flow.until.unwrap_or(timeline);
    if month < flow.from
        || month >= until
        || !(month - flow.from).is_multiple_of(flow.every_months.unwrap_or(1))
    {
        return 0.0;
    }
    let amount = flow.amount * (1.0 + flow.annual_growth).powf(f64::from(month) / 12.0);
    match flow.kind {
        Kind::Income => amount,
        Kind::Spending => -amount,
    }
}

/// The share of a balance that an annuity due pays at the beginning of each of so many years.
pub(crate) fn annuity_share(rate: f64, years: u32) -> f64 {
    let years = f64::from(years);
    if rate == 0.0 { 1.0 / years } else { rate / (1.0 - (1.0 + rate).powf(-years)) / (1.0 + rate) }
}

/// The state of a spending rule.
struct SpendingRule {
    multiplier: f64,
    /// The rate of spending in the rule's first month; `None` if there was no balance to spend.
    initial_rate: Option<f64>,
}

impl SpendingRule {
    /// Sets the multiplier, in the months in which the rule acts.
    fn month(&mut self, request: &Request, month: u32, balance: f64, spending: f64) {
        let Some(rule) = &request.plan.spending_rule else { return };
        if month < rule.from || !(month - rule.from).is_multiple_of(12) {
            return;
        }
        let timeline = request.goal.timeline_months;
        let yearly = 12.0 * spending;
        let wanted = match rule.kind {
            RuleKind::Guardrails { .. } if month == rule.from => {
                self.initial_rate = (balance > 0.0).then(|| yearly / balance);
                return;
            }
            RuleKind::Guardrails { up, down, cut, raise, no_cut_years } => {
                let Some(initial) = self.initial_rate else { return };
                let rate = if balance > 0.0 { yearly * self.multiplier / balance } else { f64::INFINITY };
                let may_cut = month + 12 * no_cut_years < timeline;
                if rate > initial * (1.0 + up) && may_cut {
                    self.multiplier * (1.0 - cut)
                } else if rate < initial * (1.0 - down) {
                    self.multiplier * (1.0 + raise)
                } else {
                    self.multiplier
                }
            }
            RuleKind::Percent { share } => share * balance.max(0.0) / yearly,
            RuleKind::Vpw { rate } => {
                annuity_share(rate, (timeline - month).div_ceil(12)) * balance.max(0.0) / yearly
            }
        };
        self.multiplier = wanted.clamp(rule.floor.unwrap_or(0.0), rule.ceiling.unwrap_or(10.0));
    }
}

/// Yearly inflation with memory.
#[derive(Default)]
pub(crate) struct Inflation {
    rate: f64,
}

impl Inflation {
    /// The factor on prices in a month.
    pub(crate) fn month(&mut self, prices: &Prices, month: u32, rng: &mut impl Rng) -> f64 {
        let Prices { mean, std, persistence, start } = *prices;
        let innovation = std * (1.0 - persistence * persistence).sqrt();
        if month == 0 {
            self.rate = match start {
                None => normal(mean, std, rng),
                Some(start) => normal(mean + persistence * (start - mean), innovation, rng),
            };
        } else if month.is_multiple_of(12) {
            self.rate = normal(mean + persistence * (self.rate - mean), innovation, rng);
        }
        (1.0 + self.rate.max(-0.5)).powf(1.0 / 12.0)
    }
}

/// The market's state.
#[derive(Default)]
struct Market {
    is_stress: bool,
    row: usize,
}

impl Market {
    /// The month's return.
    fn month(&mut self, request: &Request, month: u32, rng: &mut impl Rng) -> f64 {
        let (params, plan) = (&request.simulation_params, &request.plan);
        let (mean, std) = match &plan.portfolio {
            None => (params.annual_return_mean, params.annual_return_std),
            Some(portfolio) => portfolio_moments(portfolio, month),
        };
        let (monthly_mean, monthly_std) = (mean / 12.0, std / 12_f64.sqrt());
        match &plan.returns {
            Returns::Normal => normal(monthly_mean, monthly_std, rng),
            Returns::Lognormal => {
                let variance = (1.0 + (monthly_std / (1.0 + monthly_mean)).powi(2)).ln();
                let location = (1.0 + monthly_mean).ln() - variance / 2.0;
                LogNormal::new(location, variance.sqrt()).unwrap().sample(rng) - 1.0
            }
            &Returns::StudentT { degrees_of_freedom } => {
                let t = StudentT::new(degrees_of_freedom).unwrap().sample(rng);
                let unit = ((degrees_of_freedom - 2.0) / degrees_of_freedom).sqrt();
                (monthly_mean + monthly_std * unit * t).max(-1.0)
            }
            Returns::Regimes { calm, stress, calm_to_stress, stress_to_calm } => {
                self.is_stress = if month == 0 {
                    rng.random_bool(calm_to_stress / (calm_to_stress + stress_to_calm))
                } else if self.is_stress {
                    !rng.random_bool(*stress_to_calm)
                } else {
                    rng.random_bool(*calm_to_stress)
                };
                let now = if self.is_stress { stress } else { calm };
                normal(now.mean / 12.0, now.std / 12_f64.sqrt(), rng)
            }
            Returns::Bootstrap { rows, mean_block_months, .. } => {
                self.row = if month == 0 || rng.random_bool(1.0 / mean_block_months) {
                    rng.random_range(0..rows.len())
                } else {
                    (self.row + 1) % rows.len()
                };
                let (weights, fee) = match &plan.portfolio {
                    None => (vec![1.0], 0.0),
                    Some(portfolio) => (weights(portfolio, month), portfolio.annual_fee),
                };
                dot(&weights, &rows[self.row]) - fee / 12.0
            }
        }
    }

    /// The factor on prices in the month of this row, if the bootstrap has one.
    fn row_growth(&self, request: &Request) -> Option<f64> {
        match &request.plan.returns {
            Returns::Bootstrap { inflation: Some(inflation), .. } => Some(1.0 + inflation[self.row]),
            _ => None,
        }
    }
}

/// The year's mean and standard deviation of the portfolio of a month.
fn portfolio_moments(portfolio: &Portfolio, month: u32) -> (f64, f64) {
    let weights = weights(portfolio, month);
    let means: Vec<f64> = portfolio.assets.iter().map(|asset| asset.mean).collect();
    let mut variance = 0.0;
    for (i, first) in portfolio.assets.iter().enumerate() {
        for (j, second) in portfolio.assets.iter().enumerate() {
            let correlation = match &portfolio.correlation {
                Some(matrix) => matrix[i][j],
                None => f64::from(u8::from(i == j)),
            };
            variance += weights[i] * weights[j] * correlation * first.std * second.std;
        }
    }
    (dot(&weights, &means) - portfolio.annual_fee, variance.sqrt())
}

/// The weights of a month, on straight lines between the points of the glide path.
fn weights(portfolio: &Portfolio, month: u32) -> Vec<f64> {
    let path = &portfolio.glide_path;
    let count = portfolio.assets.len();
    let Some(after) = path.iter().position(|point| point.month > month) else {
        return path.last().map_or(vec![1.0 / count as f64; count], |last| last.weights.clone());
    };
    if after == 0 {
        return path[0].weights.clone();
    }
    let (low, high) = (&path[after - 1], &path[after]);
    let share = f64::from(month - low.month) / f64::from(high.month - low.month);
    let between = |(a, b): (&f64, &f64)| a + share * (b - a);
    low.weights.iter().zip(&high.weights).map(between).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
