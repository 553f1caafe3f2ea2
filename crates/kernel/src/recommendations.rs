//! Recommendations: sentences about changes that raise the probability. Changes are left out if
//! their effect doesn't exceed its error.

use carlo_types::JobSpec;
use carlo_types::results::{Scenario, Sensitivity};

/// The number of standard errors that an effect must exceed: the two-sided 95 % quantile of the
/// normal distribution.
const ERRORS: f64 = 1.96;

/// A sentence for each change of the plan that raises the probability by more than the error of the
/// effect, the most helpful change first.
pub fn recommendations(spec: &JobSpec, sensitivity: &Sensitivity) -> Vec<String> {
    let mut helpful: Vec<&Scenario> = sensitivity
        .scenarios
        .iter()
        .filter(|scenario| scenario.delta > ERRORS * scenario.standard_error)
        .collect();
    helpful.sort_by(|a, b| b.delta.total_cmp(&a.delta));
    let base = sensitivity.base_probability;
    helpful.into_iter().map(|scenario| sentence(&change(scenario.name, spec), base, scenario)).collect()
}

/// The change of a scenario, as the beginning of a sentence.
fn change(name: &str, spec: &JobSpec) -> String {
    let share = |share: f64, of: f64| format!("${:.0}", share * of);
    match name {
        "income_plus_10" => format!("Earning 10 % more ({} a month)", share(0.1, spec.inputs.monthly_income)),
        "spending_minus_10" => {
            format!("Spending 10 % less ({} a month)", share(0.1, spec.profile.monthly_spending))
        }
        "spending_minus_20" => {
            format!("Spending 20 % less ({} a month)", share(0.2, spec.profile.monthly_spending))
        }
        "income_minus_10" => {
            format!("Earning 10 % less ({} a month)", share(0.1, spec.inputs.monthly_income))
        }
        "spending_plus_10" => {
            format!("Spending 10 % more ({} a month)", share(0.1, spec.profile.monthly_spending))
        }
        "timeline_plus_6mo" => later(spec, 6),
        "timeline_plus_12mo" => later(spec, 12),
        "returns_plus_1pt" => "A return of one point more a year".to_owned(),
        "returns_minus_1pt" => "A return of one point less a year".to_owned(),
        "retire_12mo_earlier" => retiring(spec, -12),
        "retire_24mo_earlier" => retiring(spec, -24),
        "retire_12mo_later" => retiring(spec, 12),
        "retire_24mo_later" => retiring(spec, 24),
        other => format!("The change {other}"),
    }
}

/// A retirement this number of months later, in years, with the first person's age if the plan has
/// one.
fn retiring(spec: &JobSpec, months: i32) -> String {
    let when = f64::from(spec.plan.income_until.unwrap_or(spec.goal.timeline_months)) + f64::from(months);
    let direction = if months < 0 { "earlier" } else { "later" };
    let years = if months.abs() == 12 { "a year" } else { "two years" };
    match spec.plan.people.first() {
        Some(person) => {
            format!("Retiring {years} {direction}, at {:.0},", (person.age + when / 12.0).floor())
        }
        None => format!("Retiring {years} {direction}, after {:.1} years,", when / 12.0),
    }
}

fn later(spec: &JobSpec, months: u32) -> String {
    format!("Waiting {months} months longer ({} in all)", spec.goal.timeline_months + months)
}

fn sentence(change: &str, base: f64, scenario: &Scenario) -> String {
    let points = 100.0 * scenario.delta;
    let error = 100.0 * ERRORS * scenario.standard_error;
    // Only as many decimals as are significant given the error.
    let decimals = if error < 0.1 { 2 } else { 1 };
    format!(
        "{change} raises the probability from {:.decimals$} % to {:.decimals$} %, by {points:.decimals$} ± {error:.decimals$} points.",
        100.0 * base,
        100.0 * scenario.new_probability,
    )
}

#[cfg(test)]
mod tests {
    use carlo_types::Draft;

    use super::*;

    #[test]
    fn only_what_helps_beyond_its_error_is_recommended_most_first() {
        let mut draft = Draft::default();
        draft.profile.liquid_assets = Some(1_000.0);
        draft.profile.monthly_spending = Some(2_000.0);
        draft.inputs.monthly_income = Some(3_000.0);
        draft.goal.target_amount = Some(5_000.0);
        draft.goal.timeline_months = Some(12);
        let spec = draft.check(0).unwrap();
        let scenario = |name, delta, standard_error| Scenario {
            name,
            new_probability: 0.5 + delta,
            delta,
            standard_error,
        };
        let scenarios = vec![
            scenario("income_plus_10", 0.125, 0.001),
            scenario("income_minus_10", -0.25, 0.001),
            scenario("spending_minus_10", 0.001, 0.001),
            scenario("spending_minus_20", 0.3125, 0.0001),
            scenario("timeline_plus_6mo", 0.25, 0.01),
        ];
        let sensitivity = Sensitivity { simulations: 10_000, base_probability: 0.5, scenarios };
        assert_eq!(
            recommendations(&spec, &sensitivity),
            [
                "Spending 20 % less ($400 a month) raises the probability from 50.00 % to 81.25 %, by 31.25 ± 0.02 points.",
                "Waiting 6 months longer (18 in all) raises the probability from 50.0 % to 75.0 %, by 25.0 ± 2.0 points.",
                "Earning 10 % more ($300 a month) raises the probability from 50.0 % to 62.5 %, by 12.5 ± 0.2 points.",
            ]
        );
    }
}
