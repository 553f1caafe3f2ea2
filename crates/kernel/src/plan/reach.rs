//! How far the amounts of a household can get, whatever is drawn: bounds from the constants of a
//! plan, before the first simulation. In the half years in which no bound reaches a limit of the
//! model, nothing has to be clamped, and no simulation has to be watched.

use super::{MONEY_BOUND, Plan, Range, STARTS};
use crate::draws::MONTHS;
use crate::normals::{COS, SIN};

/// The most standard deviations that a normal is away from its mean: √(2 ln 2²⁹) is 6.341, and the
/// polynomials of `normals` are off by less than the rest.
const DEVIATIONS_MAX: f64 = 6.35;
/// Months in a year.
const YEAR: usize = 2 * MONTHS;
/// A month's rounding errors in single precision, relative to the bounds, are far below this.
const ROUNDING: f64 = 1e-5;

/// Bounds on the sizes of the amounts before a month.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// Of the random factors on prices and on wages.
    prices: f64,
    wages: f64,
    /// Of the balance in dollars, for each start.
    balances: [f64; STARTS],
}

/// The numbers of half years, from the first on, in which no simulation of a plan or of its
/// scenarios can meet a limit of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WithoutLimits {
    /// With prices or wages.
    pub(crate) economy: usize,
    /// With a balance.
    pub(crate) balances: usize,
}

impl WithoutLimits {
    /// Those of a plan whose other members are set.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut reach = Reach::new(plan);
        let halves = plan.bounds.len();
        let mut without = Self { economy: halves, balances: halves };
        for month in 0..halves * MONTHS {
            reach.raises(plan, month);
            // Amounts are clamped before the last month of a half year.
            if is_end_of(MONTHS, month) {
                let half = month / MONTHS;
                if without.economy == halves && !reach.keeps_economy_within(&plan.bounds[half]) {
                    without.economy = half;
                }
                if without.balances == halves && !reach.keeps_balances_within_bound() {
                    without.balances = half;
                }
            }
            reach.prices(plan);
            // Balances are soon of no interest any more, and they are most of the work.
            if without.balances == halves {
                reach.balances(plan, month);
            }
        }
        without
    }
}

/// Whether a month is the last of a period of so many.
const fn is_end_of(period: usize, month: usize) -> bool {
    month % period == period - 1
}

impl Reach {
    fn new(plan: &Plan) -> Self {
        let balance = plan.balance.iter().map(|part| f64::from(part.abs())).sum();
        Self { prices: 1.0, wages: 1.0, balances: [balance; STARTS] }
    }

    /// Whether prices and wages can't be at an end of these ranges.
    fn keeps_economy_within(&self, ranges: &[Range; 2]) -> bool {
        // A factor is 1 more than its deviation, which is what has a range.
        let mut factors = ranges.iter().zip([self.prices + 1.0, self.wages + 1.0]);
        factors.all(|(range, most)| most < f64::from(range.high.min(-range.low)))
    }

    /// Whether no balance can be at the bound of money.
    fn keeps_balances_within_bound(&self) -> bool {
        self.balances.iter().all(|&most| most < f64::from(MONEY_BOUND))
    }

    /// The promotion and the raise, if the month is one of theirs.
    fn raises(&mut self, plan: &Plan, month: usize) {
        let growth = |mean: f32, std: f64| (1.0 + size(mean) + DEVIATIONS_MAX * std) * (1.0 + ROUNDING);
        if is_end_of(YEAR, month) {
            self.wages *= growth(plan.raise_mean, std(plan.raises.sin[0], SIN[0]));
        }
        if is_end_of(MONTHS, month) {
            self.wages *= growth(plan.promotion_mean, std(plan.raises.cos[0], COS[0]));
        }
    }

    /// A month's inflation.
    fn prices(&mut self, plan: &Plan) {
        self.prices *= (1.0 + DEVIATIONS_MAX * std(plan.inflation.cos[0], COS[0])) * (1.0 + ROUNDING);
    }

    /// A month's cash and market.
    fn balances(&mut self, plan: &Plan, month: usize) {
        let rate = size(plan.return_mean[0]) + size(plan.return_mean[1]) + random(plan.return_variance);
        let emergency =
            size(plan.emergency_least) + size(plan.emergency_step) * f64::from(plan.emergency.below);
        for (budget, balance) in plan.budgets[month].iter().zip(&mut self.balances) {
            let planned = size(budget.planned[0]) + size(budget.planned[1]);
            let income = (size(budget.income) + random(budget.income_variance)) * (1.0 + self.wages);
            let spending = (size(budget.spending) + random(budget.spending_variance)) * (1.0 + self.prices);
            let cash = planned + income + spending + emergency;
            *balance = (*balance * (1.0 + rate) + cash) * (1.0 + ROUNDING);
        }
    }
}

fn size(x: f32) -> f64 {
    f64::from(x.abs())
}

/// The standard deviation by which a coefficient of a direction has been multiplied.
fn std(multiplied: f32, coefficient: f32) -> f64 {
    size(multiplied) / size(coefficient)
}

/// The most that a normal with this variance is away from its mean.
fn random(variance: f32) -> f64 {
    DEVIATIONS_MAX * f64::from(variance).sqrt()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A bound on the size of the balance after so many months.
    pub(crate) fn balance_after(plan: &Plan, months: usize) -> f64 {
        let mut reach = Reach::new(plan);
        for month in 0..months {
            reach.raises(plan, month);
            reach.prices(plan);
            reach.balances(plan, month);
        }
        reach.balances[0]
    }
}
