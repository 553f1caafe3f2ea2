//! Plans over a lifetime: the constants of requests that contain more than a savings goal.
//!
//! [`tables`] computes the planned numbers of a request; this file converts them to the form that
//! registers read. `lifetime::rules` has the steps of a month, `lifetime::shocks` the random terms
//! beyond those of a plain household, `lifetime::pipeline` simulates tiles, `lifetime::sharing`
//! finds the work that several plans share, `lifetime::order` sorts simulations by their end, and
//! `lifetime::reference` is a scalar implementation with the same bits.
//!
//! The household's own random terms (cash, inflation, raises, emergencies) are those of [`Plan`],
//! with the same draws. So a plan whose members have no effect gives the same results as a savings
//! goal.

mod order;
pub(crate) mod outcomes;
pub(crate) mod pipeline;
pub(crate) mod reference;
pub(crate) mod replay;
pub(crate) mod rules;
mod sharing;
pub(crate) mod shocks;
pub(crate) mod tables;
pub(crate) mod tally;

use std::cell::Cell;

use carlo_types::JobSpec;
use carlo_types::request::plan::{Returns, SpendingRule};
use carlo_types::request::{Dollars, Success};

use crate::draws::MONTHS;
use crate::plan::{Bernoulli, MONEY_BOUND, Plan, Range, deviations, pair, single, threshold};
use tables::{FlowSums, LIFE_STATES};

/// Months in a year.
pub(crate) const YEAR: usize = 12;

/// Whether a request contains anything beyond a savings goal.
pub(crate) fn is_lifetime(spec: &JobSpec) -> bool {
    let (goal, plan) = (&spec.goal, &spec.plan);
    goal.success != Success::FinalBalance
        || goal.dollars != Dollars::Nominal
        || plan.reserve_months != 6.0
        || plan.income_until.is_some()
        || plan.borrowing_rate != 0.0
        || !plan.flows.is_empty()
        || plan.prices.is_some()
        || plan.portfolio.is_some()
        || plan.returns.is_some()
        || plan.spending_rule.is_some()
        || !plan.people.is_empty()
}

/// The constants of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Lifetime {
    /// The constants of the household's own random terms.
    pub(crate) plan: Plan,
    /// The planned amounts of each month, for each state of the people's lives.
    budgets: Vec<[Budget; LIFE_STATES]>,
    /// Whether anything that is planned grows with wages, or varies with income.
    follows_wages: bool,
    /// The planned price level of each month.
    levels: Vec<f32>,
    /// For each half year, the ranges of the deviations of prices and of wages.
    bounds: Vec<[Range; 2]>,
    pub(crate) inflation: Inflation,
    pub(crate) market: Market,
    pub(crate) rule: Option<Rule>,
    /// For each person and month, the bound below which a uniform means that the person is alive.
    pub(crate) alive: Vec<Vec<u32>>,
    /// The money that is kept out of the market, in dollars.
    reserve: f32,
    /// The monthly interest rate on a negative balance.
    borrowing_rate: f32,
    /// Whether balances are compared and reported in the dollars of the start.
    pub(crate) is_real: bool,
    /// Whether a short month is a failure.
    pub(crate) never_short: bool,
    /// The floor of the path, and the lowest balance that counts as not below it, in dollars.
    pub(crate) floor: f32,
    floor_threshold: f32,
}

/// The planned amounts of a month for one state of the people's lives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Budget {
    /// Income minus spending, in dollars: high and low part.
    planned: [f32; 2],
    /// The part that grows with wages, in dollars.
    wages: f32,
    /// The part that grows with prices, in dollars; negative if spending is larger.
    prices: f32,
    /// The spending that a rule may change, in dollars.
    spending: f32,
    /// The variance of income, in square dollars.
    income_variance: f32,
    /// The variance of spending, in square dollars.
    spending_variance: f32,
    /// Planned income without flows, in dollars, for replays.
    income: f64,
    /// The flows at planned levels in dollars, by their index, for replays.
    flows: FlowSums,
}

/// The random part of inflation.
#[derive(Debug, Clone)]
pub(crate) enum Inflation {
    /// The household's own monthly draws.
    Monthly,
    /// An AR(1) process of yearly rates.
    Yearly(Yearly),
    /// The rows of a bootstrap.
    Rows,
}

/// The AR(1) process, as deviations from planned inflation.
#[derive(Debug, Clone)]
pub(crate) struct Yearly {
    pub(crate) persistence: f32,
    /// The standard deviations of the innovation in the first year and in later years.
    pub(crate) innovations: [f32; 2],
    /// For each year 1 / (1 + planned inflation), and the lowest deviation times that.
    pub(crate) years: Vec<[f32; 2]>,
}

/// The distribution of monthly returns. Vectors have an entry for each month.
#[derive(Debug, Clone)]
pub(crate) enum Market {
    /// Mean (high and low part) and variance.
    Normal { moments: Vec<([f32; 2], f32)> },
    /// Location and scale of 1 + r.
    Lognormal { moments: Vec<[f32; 2]> },
    /// Degrees of freedom; mean, and scale of t.
    StudentT { degrees: f32, moments: Vec<[f32; 2]> },
    /// One normal for each regime.
    Regimes(Regimes),
    /// Rows of a history.
    Bootstrap(Bootstrap),
}

/// A market of two regimes, calm and stress.
#[derive(Debug, Clone)]
pub(crate) struct Regimes {
    /// The probabilities to start in stress, to enter it, and to leave it.
    pub(crate) begin: Bernoulli,
    pub(crate) enter: Bernoulli,
    pub(crate) leave: Bernoulli,
    /// The monthly means in calm and in stress.
    pub(crate) mean: [f32; 2],
    pub(crate) variance: [f32; 2],
}

/// A block bootstrap from the rows of a history.
#[derive(Debug, Clone)]
pub(crate) struct Bootstrap {
    /// The probability that a new block begins.
    pub(crate) new_block: Bernoulli,
    /// The number of rows.
    pub(crate) count: f32,
    /// The returns of each asset by row, or of the whole portfolio if its weights are constant.
    pub(crate) columns: Vec<Vec<f32>>,
    /// The weights of the columns in each month.
    pub(crate) weights: Vec<Vec<f32>>,
    /// The monthly fee.
    pub(crate) fee: f32,
    /// Inflation by row; empty if rows have none.
    pub(crate) inflation: Vec<f32>,
    /// The only column and inflation by row, to be read together; empty if there are more columns or
    /// no inflation.
    pub(crate) whole: Vec<[f32; 2]>,
}

/// A spending rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The first month in which it acts.
    from: usize,
    /// The range of the multiplier.
    range: Range,
    kind: RuleKind,
}

#[derive(Debug, Clone)]
enum RuleKind {
    Guardrails {
        /// 1 + up and 1 − down.
        rails: [f32; 2],
        /// 1 − cut and 1 + raise.
        steps: [f32; 2],
        /// The month from which spending is not cut any more.
        cuts_until: usize,
    },
    /// The monthly share of the balance in each year of the rule.
    Shares(Vec<f32>),
}

impl Rule {
    /// Whether it acts in a month.
    pub(crate) fn acts(&self, month: usize) -> bool {
        month >= self.from && (month - self.from).is_multiple_of(YEAR)
    }
}

impl Lifetime {
    /// The constants of the request.
    pub(crate) fn new(spec: &JobSpec) -> Self {
        let mut plan = Plan::new(spec);
        let months = plan.months;
        let inflation = planned_inflation(spec, &plan);
        let (levels, wages, bounds) = levels(&plan, &inflation);
        let (budgets, is_limited) = budgets(spec, &plan, &levels, &wages);
        plan.is_limited |= is_limited;
        let is_of_wages = |budget: &Budget| budget.wages != 0.0 || budget.income_variance != 0.0;
        let request = &spec.plan;
        let alive = |person| {
            (0..).take(months).map(|month| Bernoulli::new(tables::alive(person, month)).below).collect()
        };
        let reserve = request.reserve_months * spec.profile.monthly_spending;
        Self {
            follows_wages: budgets.iter().flatten().any(is_of_wages),
            budgets,
            levels: levels.iter().map(|&level| single(level)).collect(),
            bounds,
            inflation: Inflation::new(spec),
            market: Market::new(spec),
            rule: request.spending_rule.as_ref().map(|rule| Rule::new(spec, rule)),
            alive: request.people.iter().map(alive).collect(),
            reserve: single(reserve),
            borrowing_rate: single(request.borrowing_rate / 12.0),
            is_real: spec.goal.dollars == Dollars::Real,
            never_short: spec.goal.success == Success::NeverShort,
            floor: single(spec.goal.floor),
            floor_threshold: threshold(spec.goal.floor),
            plan,
        }
    }

    /// The timeline.
    pub(crate) fn months(&self) -> usize {
        self.plan.months
    }

    /// Whether any flow is paid in any month.
    pub(crate) fn has_flows(&self) -> bool {
        self.budgets.iter().flatten().any(|budget| budget.flows != FlowSums::default())
    }
}

/// The planned inflation of each month.
fn planned_inflation(spec: &JobSpec, plan: &Plan) -> Vec<f64> {
    let months = 0..spec.goal.timeline_months;
    match (&spec.plan.prices, &spec.plan.returns) {
        (_, Some(Returns::Bootstrap(bootstrap))) if !bootstrap.inflation.is_empty() => {
            months.map(|_| 0.0).collect()
        }
        (Some(prices), _) => {
            let yearly = |month| tables::planned_inflation(prices, month / 12).max(-0.5);
            months.map(|month| tables::monthly_rate(yearly(month))).collect()
        }
        (None, _) => months.map(|_| plan.planned.inflation).collect(),
    }
}

/// The planned levels of prices and wages in each month, relative to the start, and the ranges of
/// deviations from them in each half year. Levels are clamped to [`MONEY_BOUND`] regardless of the
/// amounts that they multiply, so that plans with different amounts have the same shocks.
fn levels(plan: &Plan, inflation: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<[Range; 2]>) {
    let most = f64::from(MONEY_BOUND);
    let (mut prices, mut wages) = (1.0_f64, 1.0_f64);
    let (mut price_levels, mut wage_levels, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
    for (month, rate) in inflation.iter().enumerate() {
        if month % MONTHS == MONTHS - 1 {
            if month % YEAR == YEAR - 1 {
                wages *= 1.0 + plan.planned.raise;
            }
            wages = (wages * (1.0 + plan.planned.promotion)).clamp(-most, most);
            bounds.push([deviations(prices, most), deviations(wages, most)]);
        }
        prices = (prices * (1.0 + rate)).clamp(-most, most);
        price_levels.push(prices);
        wage_levels.push(wages);
    }
    (price_levels, wage_levels, bounds)
}

/// The planned amounts of every month, and whether flows were clamped.
fn budgets(spec: &JobSpec, plan: &Plan, prices: &[f64], wages: &[f64]) -> (Vec<[Budget; LIFE_STATES]>, bool) {
    let is_limited = Cell::new(false);
    let bound = |x: f64| {
        let bounded = x.clamp(-f64::from(MONEY_BOUND), MONEY_BOUND.into());
        is_limited.set(is_limited.get() || bounded.abs() < x.abs());
        bounded
    };
    let budget = |month: usize, state: usize, flows: FlowSums| {
        let is_paid = spec.plan.income_until.is_none_or(|until| month < until as usize);
        let income = if is_paid { spec.inputs.monthly_income * wages[month] } else { 0.0 };
        let both = state == 0;
        let survivors = if both { 1.0 } else { spec.plan.survivor_spending };
        let spending = survivors * spec.profile.monthly_spending * prices[month];
        // `wages` needs an income, so both levels are relative to the start.
        let (with_wages, with_prices) =
            (bound(flows.wages * wages[month]), bound(flows.prices * prices[month]));
        let fixed = bound(flows.fixed) - plan.planned.payments[month] - plan.planned.emergency;
        Budget {
            planned: pair(income - spending + with_wages + with_prices + fixed),
            wages: single(income + with_wages),
            prices: single(with_prices - spending),
            spending: single(spending),
            income_variance: single((income * spec.params.income_volatility).powi(2)),
            spending_variance: single((spending * spec.params.expense_volatility).powi(2)),
            income,
            flows: FlowSums { fixed: flows.fixed, prices: with_prices, wages: with_wages },
        }
    };
    let month = |month: u32| {
        let flows = tables::flow_sums(&spec.plan.flows, month);
        std::array::from_fn(|state| budget(month as usize, state, flows[state]))
    };
    let budgets = (0..spec.goal.timeline_months).map(month).collect();
    (budgets, is_limited.get())
}

impl Inflation {
    fn new(spec: &JobSpec) -> Self {
        match (&spec.plan.prices, &spec.plan.returns) {
            (_, Some(Returns::Bootstrap(bootstrap))) if !bootstrap.inflation.is_empty() => Self::Rows,
            (None, _) => Self::Monthly,
            (Some(prices), _) => {
                let innovation = prices.std * (1.0 - prices.persistence * prices.persistence).sqrt();
                let first = if prices.start.is_some() { innovation } else { prices.std };
                let year = |year| {
                    let factor = 1.0 + tables::planned_inflation(prices, year).max(-0.5);
                    [single(1.0 / factor), single(0.5 / factor - 1.0)]
                };
                Self::Yearly(Yearly {
                    persistence: single(prices.persistence),
                    innovations: [single(first), single(innovation)],
                    years: (0..spec.goal.timeline_months.div_ceil(12)).map(year).collect(),
                })
            }
        }
    }
}

impl Market {
    fn new(spec: &JobSpec) -> Self {
        let request = &spec.plan;
        let moments = |month: u32| match &request.portfolio {
            None => [spec.params.annual_return_mean, spec.params.annual_return_std],
            Some(portfolio) => tables::portfolio_moments(portfolio, month),
        };
        let months = 0..spec.goal.timeline_months;
        match &request.returns {
            None | Some(Returns::Normal(_)) => {
                let normal = |[mean, std]: [f64; 2]| (pair(mean / 12.0), single(std * std / 12.0));
                Self::Normal { moments: months.map(moments).map(normal).collect() }
            }
            Some(Returns::Lognormal(_)) => {
                let lognormal = |[mean, std]: [f64; 2]| tables::lognormal(mean, std).map(single);
                Self::Lognormal { moments: months.map(moments).map(lognormal).collect() }
            }
            Some(Returns::StudentT(returns)) => {
                let degrees = returns.degrees_of_freedom;
                let unit = ((degrees - 2.0) / degrees / 12.0).sqrt();
                let scaled = |[mean, std]: [f64; 2]| [single(mean / 12.0), single(std * unit)];
                Self::StudentT {
                    degrees: single(degrees),
                    moments: months.map(moments).map(scaled).collect(),
                }
            }
            Some(Returns::Regimes(returns)) => {
                let (enter, leave) = (returns.calm_to_stress, returns.stress_to_calm);
                let both = [&returns.calm, &returns.stress];
                Self::Regimes(Regimes {
                    begin: Bernoulli::new(enter / (enter + leave)),
                    enter: Bernoulli::new(enter),
                    leave: Bernoulli::new(leave),
                    mean: both.map(|regime| single(regime.mean / 12.0)),
                    variance: both.map(|regime| single(regime.std * regime.std / 12.0)),
                })
            }
            Some(Returns::Bootstrap(returns)) => Self::Bootstrap(Bootstrap::new(spec, returns)),
        }
    }
}

impl Bootstrap {
    fn new(spec: &JobSpec, returns: &carlo_types::request::plan::BootstrapReturns) -> Self {
        let rows = &returns.rows;
        let portfolio = spec.plan.portfolio.as_ref();
        let weights = |month| portfolio.map_or(vec![1.0], |portfolio| tables::weights(portfolio, month));
        let by_month: Vec<Vec<f64>> = (0..spec.goal.timeline_months).map(weights).collect();
        let is_constant = by_month.iter().all(|weights| *weights == by_month[0]);
        let (columns, weights): (Vec<Vec<f32>>, _) = if is_constant {
            let whole = |row: &Vec<f64>| {
                single(row.iter().zip(&by_month[0]).map(|(return_, weight)| return_ * weight).sum())
            };
            (vec![rows.iter().map(whole).collect()], vec![vec![1.0]; by_month.len()])
        } else {
            let column = |asset: usize| rows.iter().map(|row| single(row[asset])).collect();
            let columns = (0..by_month[0].len()).map(column).collect();
            let singles = |weights: Vec<f64>| weights.into_iter().map(single).collect();
            (columns, by_month.into_iter().map(singles).collect())
        };
        let inflation: Vec<f32> = returns.inflation.iter().map(|&rate| single(rate)).collect();
        let whole = match columns.as_slice() {
            [column] => column.iter().zip(&inflation).map(|(&column, &rate)| [column, rate]).collect(),
            _ => Vec::new(),
        };
        Self {
            new_block: Bernoulli::new(1.0 / returns.mean_block_months),
            count: rows.len() as f32,
            columns,
            weights,
            fee: single(portfolio.map_or(0.0, |portfolio| portfolio.annual_fee / 12.0)),
            inflation,
            whole,
        }
    }
}

impl Rule {
    fn new(spec: &JobSpec, rule: &SpendingRule) -> Self {
        let timeline = spec.goal.timeline_months;
        let range = |floor, ceiling| Range { low: single(floor), high: single(ceiling) };
        let shares = |from, share: &dyn Fn(u32) -> f64| {
            let months = (from..timeline).step_by(YEAR);
            RuleKind::Shares(months.map(|month| single(share(month) / 12.0)).collect())
        };
        match rule {
            SpendingRule::Guardrails(rule) => Self {
                from: rule.from as usize,
                range: range(rule.floor, rule.ceiling),
                kind: RuleKind::Guardrails {
                    rails: [single(1.0 + rule.up), single(1.0 - rule.down)],
                    steps: [single(1.0 - rule.cut), single(1.0 + rule.raise)],
                    cuts_until: timeline.saturating_sub(12 * rule.no_cut_years) as usize,
                },
            },
            SpendingRule::Percent(rule) => Self {
                from: rule.from as usize,
                range: range(rule.floor, rule.ceiling),
                kind: shares(rule.from, &|_| rule.share),
            },
            SpendingRule::Vpw(rule) => Self {
                from: rule.from as usize,
                range: range(rule.floor, rule.ceiling),
                kind: shares(rule.from, &|month| {
                    tables::annuity_share(rule.rate, (timeline - month).div_ceil(12))
                }),
            },
        }
    }
}
