//! The scenarios of a plan's sensitivity: the changed requests that are simulated beside it.
//!
//! The scenarios of a plan are requests of their own, with the same draws. Everything that ends
//! with the timeline ends with the longer timeline of a scenario. The scenarios of a savings goal
//! are faster: `pipeline` walks them as multiples of income and spending, and continues the walk
//! for a longer timeline.

use std::sync::Arc;

use carlo_types::JobSpec;
use carlo_types::request::plan::Returns;
use carlo_types::results::{PLAN_SCENARIOS, SCENARIOS};

/// One percentage point of yearly return.
const POINT: f64 = 0.01;

/// The scenarios of a request with a plan, by name. Those that every request has come first, in the
/// order of the results.
pub(crate) fn of_plan(spec: &JobSpec) -> Vec<(&'static str, JobSpec)> {
    let income = |factor: f64| changed(spec, |spec| spec.inputs.monthly_income *= factor);
    let spending = |factor: f64| changed(spec, |spec| spec.profile.monthly_spending *= factor);
    let basic = [
        income(1.1),
        income(0.9),
        spending(0.9),
        spending(0.8),
        spending(1.1),
        longer(spec, 6),
        longer(spec, 12),
    ];
    let mut scenarios: Vec<_> = SCENARIOS.into_iter().zip(basic).collect();
    if spec.plan.portfolio.is_some() {
        let returns = [POINT, -POINT].map(|points| changed(spec, |spec| add_to_returns(spec, points)));
        scenarios.extend(PLAN_SCENARIOS.into_iter().zip(returns));
    }
    if let Some(until) = spec.plan.income_until {
        for (name, months) in PLAN_SCENARIOS[2..].iter().zip([-12, -24, 12, 24]) {
            let moved = u32::try_from(i64::from(until) + months).ok();
            if let Some(moved) = moved.filter(|&moved| moved <= spec.goal.timeline_months) {
                scenarios.push((name, changed(spec, |spec| retire(spec, moved))));
            }
        }
    }
    scenarios
}

fn changed(spec: &JobSpec, change: impl FnOnce(&mut JobSpec)) -> JobSpec {
    let mut spec = spec.clone();
    change(&mut spec);
    spec
}

/// The same household with a timeline that is longer by this number of months.
fn longer(spec: &JobSpec, months: u32) -> JobSpec {
    changed(spec, |spec| spec.goal.timeline_months += months)
}

/// Ends the income with this month, but not after the timeline.
pub(crate) fn retire(spec: &mut JobSpec, month: u32) {
    Arc::make_mut(&mut spec.plan).income_until = (month < spec.goal.timeline_months).then_some(month);
}

fn add_to_returns(spec: &mut JobSpec, points: f64) {
    let plan = Arc::make_mut(&mut spec.plan);
    for asset in plan.portfolio.iter_mut().flat_map(|portfolio| &mut portfolio.assets) {
        asset.mean = asset.mean.map(|mean| mean + points);
    }
    if let Some(Returns::Bootstrap(bootstrap)) = &mut plan.returns {
        for rate in bootstrap.rows.iter_mut().flatten() {
            *rate += points / 12.0;
        }
    }
}
