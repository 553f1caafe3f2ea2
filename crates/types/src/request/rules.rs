//! Rules that concern several fields, and defaults that depend on other fields.
//!
//! Each rule is called after the fields of its section were read. If a field has a fault of its
//! own, [`Object::fault`] adds no further one for a combination with other fields.

use std::sync::Arc;

use super::plan::{
    BootstrapReturns, FlowIndex, Guardrails, PercentRule, Plan, Portfolio, RegimeReturns, Returns,
    SpendingRule, VpwRule,
};
use super::{Goal, Request, SimulationParams, Success};
use crate::definition::Object;

/// The tolerance for the sum of weights, and for the symmetry and the diagonal of correlations.
const TOLERANCE: f64 = 1e-6;
/// The default volatility of spending.
const EXPENSE_VOLATILITY: f64 = 0.15;

/// Rules across the sections of a request.
pub(super) fn request(request: &mut Request, object: &mut Object<'_>) {
    income(request, object);
    implied_params(request);
    ends(request, object);
    flows(request, object);
    returns(request, object);
    exclusions(request, object);
}

fn income(request: &mut Request, object: &mut Object<'_>) {
    if request.inputs.monthly_income.is_nan() {
        let fields = ["/userInputs/monthlyIncome", "/financialProfile/monthlyIncome"];
        if request.profile.monthly_income.is_none() {
            object.fault(&fields, format_args!("is required, here or as financialProfile.monthlyIncome"));
        }
        request.inputs.monthly_income = request.profile.monthly_income.unwrap_or(0.0);
    }
}

/// The target of a final balance must be positive. With `neverShort` it may be 0.
pub(super) fn goal(goal: &mut Goal, object: &mut Object<'_>) {
    let fields = ["/targetAmount", "/success"];
    let is_final = goal.success == Success::FinalBalance;
    if goal.target_amount.is_nan() {
        goal.target_amount = 0.0;
        if is_final {
            object.fault(&fields, format_args!("is required"));
        }
    } else if is_final && goal.target_amount == 0.0 {
        object.fault(&fields, format_args!("must be above 0"));
    }
}

fn implied_params(request: &mut Request) {
    let Request { profile, inputs, params, .. } = request;
    let (mean, std) = inputs.risk_tolerance.market();
    let or = |value: &mut f64, implied: f64| {
        if value.is_nan() {
            *value = implied;
        }
    };
    or(&mut params.annual_return_mean, mean);
    or(&mut params.annual_return_std, std);
    or(&mut params.expense_volatility, profile.spending_volatility.unwrap_or(EXPENSE_VOLATILITY));
}

/// Removes ends that equal the timeline, so that they still equal it if the timeline in echoed
/// assumptions is edited.
fn ends(request: &mut Request, object: &mut Object<'_>) {
    let timeline = request.goal.timeline_months;
    if request.plan.income_until.is_none() && request.plan.flows.is_empty() {
        return;
    }
    let plan = Arc::make_mut(&mut request.plan);
    plan.income_until = plan.income_until.filter(|&until| until != timeline);
    if let Some(until) = plan.income_until.filter(|&until| until > timeline) {
        let fields = ["/plan/incomeUntil", "/goal/timelineMonths"];
        object.fault(&fields, format_args!("must be at most the timeline of {timeline} months, not {until}"));
    }
    for (i, flow) in plan.flows.iter_mut().enumerate() {
        let given = flow.until;
        flow.until = given.filter(|&until| until != timeline);
        if flow.from < flow.until.unwrap_or(timeline) {
            continue;
        }
        let (from, until) = (format!("/plan/flows/{i}/from"), format!("/plan/flows/{i}/until"));
        if let Some(given) = given {
            object.fault(&[&until, &from], format_args!("must be above from: {given} <= {}", flow.from));
        } else {
            let message = format_args!("must be before the end of the timeline of {timeline} months");
            object.fault(&[&from, "/goal/timelineMonths"], message);
        }
    }
}

fn flows(request: &Request, object: &mut Object<'_>) {
    let people = request.plan.people.len();
    for (i, flow) in request.plan.flows.iter().enumerate() {
        let field = |name: &str| format!("/plan/flows/{i}/{name}");
        if flow.index == FlowIndex::Wages && request.inputs.monthly_income == 0.0 {
            let fields = [&field("index"), "/userInputs/monthlyIncome", "/financialProfile/monthlyIncome"];
            object.fault(&fields, format_args!("can't be wages without a positive monthlyIncome to follow"));
        }
        if flow.person.is_some_and(|person| person as usize >= people) {
            let message = format_args!("must be the number of one of the {people} people, from 0");
            object.fault(&[&field("person"), "/plan/people"], message);
        }
    }
}

/// Rules for the combination of returns and portfolio.
fn returns(request: &Request, object: &mut Object<'_>) {
    let Plan { portfolio, returns, .. } = &*request.plan;
    let assets = portfolio.as_ref().map(|portfolio| portfolio.assets.as_slice());
    if let Some(Returns::Bootstrap(bootstrap)) = returns {
        let width = assets.map_or(1, <[_]>::len);
        let rows = || bootstrap.rows.iter().enumerate();
        if let Some((i, row)) = rows().find(|(_, row)| row.len() != width) {
            let row_at = format!("/plan/returns/rows/{i}");
            let fields = [&row_at, "/plan/portfolio", "/plan/returns/rows"];
            let message = match assets {
                Some(_) => format!("must have one number for each of the {width} assets, not {}", row.len()),
                None => format!("must have one number where there is no portfolio, not {}", row.len()),
            };
            object.fault(&fields, format_args!("{message}"));
        }
        return;
    }
    if let (Some(_), Some(Returns::Regimes(_))) = (portfolio, returns) {
        let fields = ["/plan/returns/model", "/plan/portfolio"];
        object.fault(
            &fields,
            format_args!("can't be regimes together with a portfolio: each says what the market does"),
        );
    }
    for (i, asset) in assets.into_iter().flatten().enumerate() {
        for (name, value) in [("mean", asset.mean), ("std", asset.std)] {
            if value.is_none() {
                let field = format!("/plan/portfolio/assets/{i}/{name}");
                object.fault(
                    &[&field, "/plan/returns"],
                    format_args!("is required, unless returns are bootstrapped"),
                );
            }
        }
    }
}

/// Combinations that are not allowed.
fn exclusions(request: &Request, object: &mut Object<'_>) {
    let plan = &request.plan;
    let moves_prices = |returns: &Returns| matches!(returns, Returns::Bootstrap(bootstrap) if !bootstrap.inflation.is_empty());
    if plan.prices.is_some() && plan.returns.as_ref().is_some_and(moves_prices) {
        let message = format_args!(
            "can't be given together with the inflation of bootstrapped rows, which moves prices"
        );
        object.fault(&["/plan/prices", "/plan/returns"], message);
    }
    if !plan.people.is_empty() && request.params.use_account_aware_simulation {
        let fields = ["/plan/people", "/simulationParams/useAccountAwareSimulation"];
        object.fault(&fields, format_args!("can't be given together with account-aware simulation"));
    }
    let of_spending = matches!(plan.spending_rule, Some(SpendingRule::Percent(_) | SpendingRule::Vpw(_)));
    if of_spending && request.profile.monthly_spending == 0.0 {
        let fields = ["/plan/spendingRule/rule", "/financialProfile/monthlySpending"];
        let message = format_args!("needs a positive monthlySpending: it sets a multiple of it");
        object.fault(&fields, message);
    }
}

/// The lowest cost of an emergency must not exceed the highest.
pub(super) fn params(params: &mut SimulationParams, object: &mut Object<'_>) {
    let SimulationParams { emergency_min: min, emergency_max: max, .. } = *params;
    if min <= max {
        return;
    }
    let is_default = |value: f64, rule: f64| if value == rule { " (the default)" } else { "" };
    let (of_min, of_max) = (is_default(min, 500.0), is_default(max, 3_000.0));
    let message = format_args!("must be at least emergencyMin: {max}{of_max} < {min}{of_min}");
    object.fault(&["/emergencyMax", "/emergencyMin"], message);
}

/// The correlations, weights and months of a portfolio must fit its assets.
pub(super) fn portfolio(portfolio: &mut Portfolio, object: &mut Object<'_>) {
    let count = portfolio.assets.len();
    correlation(&portfolio.correlation, count, object);
    for (i, point) in portfolio.glide_path.iter().enumerate() {
        let weights = format!("/glidePath/{i}/weights");
        let sum: f64 = point.weights.iter().sum();
        if point.weights.len() != count {
            let message = format_args!(
                "must have one weight for each of the {count} assets, not {}",
                point.weights.len()
            );
            object.fault(&[&weights, "/assets"], message);
        } else if (sum - 1.0).abs() > TOLERANCE {
            object.fault(&[&weights], format_args!("must add up to 1, not {sum}"));
        }
        let month = format!("/glidePath/{i}/month");
        let earlier = i.checked_sub(1).and_then(|earlier| portfolio.glide_path.get(earlier));
        if let Some(earlier) = earlier.filter(|earlier| earlier.month >= point.month) {
            let message = format_args!("must be after month {} of the point before it", earlier.month);
            object.fault(&[&month, &format!("/glidePath/{}/month", i - 1)], message);
        }
    }
}

fn correlation(matrix: &[Vec<f64>], count: usize, object: &mut Object<'_>) {
    const FIELD: &str = "/correlation";
    if matrix.is_empty() {
        return;
    }
    if matrix.len() != count || matrix.iter().any(|row| row.len() != count) {
        let message = format_args!("must have {count} rows of {count} numbers, as there are {count} assets");
        return object.fault(&[FIELD, "/assets"], message);
    }
    for (i, row) in matrix.iter().enumerate() {
        if (row[i] - 1.0).abs() > TOLERANCE {
            return object
                .fault(&[FIELD], format_args!("must have 1 on the diagonal, not {} in row {i}", row[i]));
        }
        if let Some(j) = (0..i).find(|j| (row[*j] - matrix[*j][i]).abs() > TOLERANCE) {
            let message =
                format_args!("must be symmetric: {} in row {i}, {} in row {j}", row[j], matrix[j][i]);
            return object.fault(&[FIELD], message);
        }
    }
    let least = least_eigenvalue(matrix);
    if least < -TOLERANCE {
        let message = format_args!("must be positive semidefinite: its least eigenvalue is {least:.3}");
        object.fault(&[FIELD], message);
    }
}

/// The smallest eigenvalue of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, Matrix
/// Computations, section 8.5).
fn least_eigenvalue(matrix: &[Vec<f64>]) -> f64 {
    /// The largest number of sweeps, more than any 8 × 8 matrix needs.
    const SWEEPS: usize = 30;
    let mut a = matrix.to_vec();
    let n = a.len();
    for _ in 0..SWEEPS {
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() < 1e-15 {
                    continue;
                }
                let theta = 0.5 * (2.0 * a[p][q]).atan2(a[q][q] - a[p][p]);
                let (sin, cos) = theta.sin_cos();
                for row in &mut a {
                    (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
                }
                let (above, below) = a.split_at_mut(q);
                for (upper, lower) in above[p].iter_mut().zip(&mut below[0]) {
                    (*upper, *lower) = (cos * *upper - sin * *lower, sin * *upper + cos * *lower);
                }
            }
        }
    }
    (0..n).map(|i| a[i][i]).fold(f64::INFINITY, f64::min)
}

/// At least one regime must have a positive probability to leave it.
pub(super) fn regimes(regimes: &mut RegimeReturns, object: &mut Object<'_>) {
    if regimes.calm_to_stress == 0.0 && regimes.stress_to_calm == 0.0 {
        let message =
            format_args!("must not be 0 together with calmToStress: there would be no stationary regime");
        object.fault(&["/stressToCalm", "/calmToStress"], message);
    }
}

/// Inflation must have a number for each row.
pub(super) fn bootstrap(bootstrap: &mut BootstrapReturns, object: &mut Object<'_>) {
    let (rows, inflation) = (bootstrap.rows.len(), bootstrap.inflation.len());
    if inflation != 0 && inflation != rows {
        let message = format_args!("must have one number for each of the {rows} rows, not {inflation}");
        object.fault(&["/inflation", "/rows"], message);
    }
}

pub(super) fn guardrails(rule: &mut Guardrails, object: &mut Object<'_>) {
    between(rule.floor, rule.ceiling, object);
}

pub(super) fn percent(rule: &mut PercentRule, object: &mut Object<'_>) {
    between(rule.floor, rule.ceiling, object);
}

pub(super) fn vpw(rule: &mut VpwRule, object: &mut Object<'_>) {
    between(rule.floor, rule.ceiling, object);
}

fn between(floor: f64, ceiling: f64, object: &mut Object<'_>) {
    if floor > ceiling {
        object.fault(&["/ceiling", "/floor"], format_args!("must be at least floor: {ceiling} < {floor}"));
    }
}
