//! Tables of a plan that are computed before the first simulation, month by month and in double
//! precision: amounts of flows, returns of a glide path, shares of a spending rule, probabilities
//! to be alive.
//!
//! Pure functions of the request's members. `libm` computes exponentials and powers, so that every
//! platform has the same bits. Nothing here knows registers, draws or single precision.

use carlo_types::request::plan::{Flow, FlowIndex, FlowKind, Person, Portfolio, Prices};

/// Who lives in a month. A plan without people, or with one, is always in the first state.
pub(crate) const LIFE_STATES: usize = 3;

/// The states in order: everybody lives, only person 0, only person 1.
const LIVING: [[bool; 2]; LIFE_STATES] = [[true, true], [true, false], [false, true]];

/// The sums of a month's flows in dollars. Incomes are positive, spendings negative.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct FlowSums {
    /// Flows that don't grow.
    pub(crate) fixed: f64,
    /// Flows that grow with prices, at a price level of 1.
    pub(crate) prices: f64,
    /// Flows that grow with wages, at the wages of the start.
    pub(crate) wages: f64,
}

/// The sums of a month's flows, for each state of the people's lives.
pub(crate) fn flow_sums(flows: &[Flow], month: u32) -> [FlowSums; LIFE_STATES] {
    let mut sums = [FlowSums::default(); LIFE_STATES];
    for flow in flows {
        let amount = flow_amount(flow, month);
        if amount == 0.0 {
            continue;
        }
        for (sums, living) in sums.iter_mut().zip(LIVING) {
            let is_paid = flow.person.is_none_or(|person| living[usize::from(person != 0)]);
            let share = if is_paid { 1.0 } else { flow.survivor_share };
            let sum = match flow.index {
                FlowIndex::None => &mut sums.fixed,
                FlowIndex::Prices => &mut sums.prices,
                FlowIndex::Wages => &mut sums.wages,
            };
            *sum += share * amount;
        }
    }
    sums
}

/// The amount of a flow in a month in dollars, before its index is applied and regardless of its
/// person.
fn flow_amount(flow: &Flow, month: u32) -> f64 {
    let is_over = flow.until.is_some_and(|until| month >= until);
    if month < flow.from || is_over || !(month - flow.from).is_multiple_of(flow.every_months) {
        return 0.0;
    }
    let amount = flow.amount * libm::pow(1.0 + flow.annual_growth, f64::from(month) / 12.0);
    match flow.kind {
        FlowKind::Income => amount,
        FlowKind::Spending => -amount,
    }
}

/// The weights of a month: linear between the points of the glide path, constant outside of them,
/// and equal weights without a path.
pub(crate) fn weights(portfolio: &Portfolio, month: u32) -> Vec<f64> {
    let (path, count) = (&portfolio.glide_path, portfolio.assets.len());
    let after = path.partition_point(|point| point.month <= month);
    match (after.checked_sub(1).map(|before| &path[before]), path.get(after)) {
        (None, None) => vec![1.0 / count as f64; count],
        (Some(only), None) | (None, Some(only)) => only.weights.clone(),
        (Some(low), Some(high)) => {
            let share = f64::from(month - low.month) / f64::from(high.month - low.month);
            low.weights.iter().zip(&high.weights).map(|(low, high)| low + share * (high - low)).collect()
        }
    }
}

/// Mean and standard deviation of a portfolio's return in a month, a year.
pub(crate) fn portfolio_moments(portfolio: &Portfolio, month: u32) -> [f64; 2] {
    let weights = weights(portfolio, month);
    let (mut mean, mut variance) = (-portfolio.annual_fee, 0.0);
    let stds: Vec<f64> = portfolio.assets.iter().map(|asset| asset.std.unwrap_or(0.0)).collect();
    for (i, asset) in portfolio.assets.iter().enumerate() {
        mean += weights[i] * asset.mean.unwrap_or(0.0);
        for j in 0..weights.len() {
            let correlation = match portfolio.correlation.get(i) {
                Some(row) => row[j],
                None => f64::from(u8::from(i == j)),
            };
            variance += weights[i] * weights[j] * correlation * stds[i] * stds[j];
        }
    }
    // Rounding can make the variance negative if the matrix is barely semidefinite.
    [mean, variance.max(0.0).sqrt()]
}

/// The location and scale of the log-normal factor 1 + r with these moments of a year's return.
pub(crate) fn lognormal(mean: f64, std: f64) -> [f64; 2] {
    // A mean of −100 % a month leaves nothing; anything above it is kept away from ln 0.
    let factor = (1.0 + mean / 12.0).max(1e-9);
    let variance = libm::log1p(std * std / 12.0 / (factor * factor));
    [libm::log(factor) - variance / 2.0, variance.sqrt()]
}

/// The planned inflation of a year, that is, without innovations.
pub(crate) fn planned_inflation(prices: &Prices, year: u32) -> f64 {
    let start = prices.start.unwrap_or(prices.mean);
    prices.mean + libm::pow(prices.persistence, f64::from(year) + 1.0) * (start - prices.mean)
}

/// The monthly rate that makes a rate in a year.
pub(crate) fn monthly_rate(yearly: f64) -> f64 {
    libm::expm1(libm::log1p(yearly) / 12.0)
}

/// The share of a balance that an annuity due over this number of years pays at the beginning of
/// each year.
pub(crate) fn annuity_share(rate: f64, years: u32) -> f64 {
    if rate == 0.0 {
        return 1.0 / f64::from(years);
    }
    rate / (1.0 - libm::pow(1.0 + rate, -f64::from(years))) / (1.0 + rate)
}

/// The probability that a person lives in a month: that the lifetime of a Gompertz distribution is
/// longer than the months before it. Months are lived to their end, so the first always is.
pub(crate) fn alive(person: &Person, month: u32) -> f64 {
    let Person { age, modal_age, dispersion } = *person;
    let hazard = libm::exp((age - modal_age) / dispersion);
    libm::exp(-hazard * libm::expm1(f64::from(month) / 12.0 / dispersion))
}

#[cfg(test)]
mod tests;
