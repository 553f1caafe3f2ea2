//! The report of a complete job: one printable page without scripts and external files. The same
//! job always gives the same bytes. [`charts`] draws the charts, [`text`] formats numbers, and
//! [`lifetime`] has the sections of plans over a lifetime.

mod charts;
mod lifetime;
mod text;

use carlo_rest::Job;
use carlo_rest::job::{JobResults, SensitivityResults};
use carlo_types::request::{Dollars, Goal, Success};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use text::{count, digits, error_of, money, months, percent, points};

const STYLE: &str = include_str!("report/report.css");
/// The report of a complete job.
pub(crate) fn page(job: &Job, results: &JobResults) -> String {
    document(job, results).into_string()
}

fn document(job: &Job, results: &JobResults) -> Markup {
    let goal = &results.assumptions.goal;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "carlo: report of " (job.id) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (answer(job, results, goal))
                (pictures(results, goal))
                @if let Some(sensitivity) = &job.sensitivity_results { (changes(sensitivity)) }
                @if !results.variants.is_empty() { (comparison(results)) }
                (lifetime::sections(results))
                (spread(results))
                (assumptions(results))
                (method(results))
                (verification(job, results))
            }
        }
    }
}

fn question(goal: &Goal) -> String {
    let timeline = months(goal.timeline_months.into());
    let money_kind = match goal.dollars {
        Dollars::Nominal => "",
        Dollars::Real => " in today's dollars",
    };
    match goal.success {
        Success::FinalBalance => {
            format!("Will there be {}{money_kind} after {timeline}?", money(goal.target_amount))
        }
        Success::NeverShort if goal.target_amount > goal.floor => format!(
            "Will there never be less than {}{money_kind} in {timeline}, and {} at the end?",
            money(goal.floor),
            money(goal.target_amount),
        ),
        Success::NeverShort => {
            format!("Will there never be less than {}{money_kind} in {timeline}?", money(goal.floor))
        }
    }
}

fn answer(job: &Job, results: &JobResults, goal: &Goal) -> Markup {
    let probability = results.success_probability;
    let [low, high] = results.confidence_interval_95;
    let error = error_of([low, high]);
    let text = goal.goal_text.as_deref().filter(|text| !text.is_empty());
    html! {
        h1 { (text.map_or_else(|| question(goal), str::to_owned)) }
        @if text.is_some() { p { (question(goal)) } }
        p.muted.small { "Job " (job.id) ", submitted " (job.created_at) }
        @for doubt in &results.doubts {
            p { b { "This answer may be wrong." } " " (doubt.node) " took part and was found later to compute wrongly: " (doubt.reason) "." }
        }
        div.answer {
            b { (percent(probability, error)) }
            span {
                "is the probability. 95 % interval: " (percent(low, error)) " to " (percent(high, error)) "." br;
                "From " (count(results.simulations_run)) " simulated futures of this household"
                @if results.stopped_early { ", where the wanted precision was reached" }
                "; standard error " (format!("{:.*}", digits(error) + 1, 100.0 * results.standard_error)) " percentage points."
            }
        }
        @if let Some(solution) = &results.solution {
            p {
                "What was asked: " code { (solution.variable.as_str()) } " for a probability of " (percent(solution.probability, 0.0)) ". "
                @match solution.value {
                    Some(value) => { "The answer is " b { (format!("{value:.0}")) } "." }
                    None => "No value within the model's range gives it.",
                }
            }
        }
    }
}

fn pictures(results: &JobResults, goal: &Goal) -> Markup {
    let target = goal.target_amount;
    let assumed = &results.assumptions;
    let by_account = assumed.params.use_account_aware_simulation;
    let debt = if by_account { 0.0 } else { assumed.profile.credit_debt };
    let start = assumed.profile.liquid_assets - debt;
    html! {
        figure {
            figcaption { "Final balances: how many simulations end where" }
            (charts::histogram(&results.histogram, target))
        }
        figure {
            figcaption { "Balance over time: the median, the middle half and the middle 80 %" }
            (charts::fan(&results.trajectory, start, target))
        }
    }
}

fn changes(sensitivity: &SensitivityResults) -> Markup {
    let mut changes: Vec<_> = sensitivity.sensitivities.iter().collect();
    changes.sort_by(|(_, one), (_, other)| other.impact.total_cmp(&one.impact));
    html! {
        h2 { "What would change it" }
        figure {
            figcaption { "Change of the probability in percentage points, each with the same random numbers as the plan itself" }
            (charts::tornado(&changes))
        }
        @if !sensitivity.recommendations.is_empty() {
            ul { @for text in &sensitivity.recommendations { li { (text) } } }
        }
    }
}

fn comparison(results: &JobResults) -> Markup {
    html! {
        h2 { "Compared with the same random numbers" }
        table {
            tr { th { "Plan" } th.number { "Probability" } th.number { "Against the first" } }
            tr { td { "the plan of this report" } td.number { (percent(results.success_probability, error_of(results.confidence_interval_95))) } td {} }
            @for (index, variant) in results.variants.iter().enumerate() {
                @let outcome = &variant.outcome;
                @let error = outcome.delta_standard_error;
                tr {
                    td { (variant.assumptions.goal.goal_text.clone().unwrap_or_else(|| format!("plan {}", index + 2))) }
                    td.number { (percent(outcome.success_probability, error_of(outcome.confidence_interval_95))) }
                    td.number { (points(outcome.delta, error)) " ± " (format!("{:.*}", digits(error), 196.0 * error)) }
                }
            }
        }
    }
}

fn spread(results: &JobResults) -> Markup {
    let (values, intervals) = (&results.percentiles, &results.percentile_intervals_95);
    let shares = ["5 % of all end below", "10 %", "25 %", "50 %, the median", "75 %", "90 %", "95 %"];
    let rows = shares.into_iter().zip(values.iter().zip(intervals));
    html! {
        h2 { "The final balance" }
        table {
            tr { th { "Share" } th.number { "Balance" } th.number { "95 % interval" } }
            @for (share, (value, [low, high])) in rows {
                tr { td { (share) } td.number { (money(*value)) } td.number { (money(*low)) " to " (money(*high)) } }
            }
        }
        p.small {
            "Mean " (money(results.mean)) ", standard deviation " (money(results.std)) "; the worst of all "
            (money(results.worst_case)) ", the best " (money(results.best_case)) "."
        }
    }
}

fn assumptions(results: &JobResults) -> Markup {
    let request = serde_json::to_value(&results.assumptions).unwrap_or_default();
    let mut rows = Vec::new();
    leaves(&request, String::new(), &mut rows);
    html! {
        h2 { "Every assumption" }
        p.small.muted {
            "Money is dollars; rates are fractions a year, except " code { "apr" } " and " code { "interestRate" }
            ", which are percent a year. Nothing is left to a default that isn't listed."
        }
        div.two { table { @for (name, value) in rows { tr { td { code { (parts(&name)) } } td.number { (value) } } } } }
    }
}

/// A name that may be broken between its parts.
fn parts(name: &str) -> Markup {
    html! { @for (index, part) in name.split('.').enumerate() { @if index > 0 { "." wbr; } (part) } }
}

/// All numbers and texts of a request, by their JSON pointers.
fn leaves(value: &Value, place: String, rows: &mut Vec<(String, String)>) {
    let inner = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| leaves(value, inner(name), rows)),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| leaves(value, inner(&index.to_string()), rows));
        }
        Value::String(text) => rows.push((place, text.clone())),
        // 13500.0 is the same number as 13500.
        Value::Number(number) => {
            let number = number.to_string();
            rows.push((place, number.strip_suffix(".0").unwrap_or(&number).to_owned()));
        }
        other => rows.push((place, other.to_string())),
    }
}

fn method(results: &JobResults) -> Markup {
    html! {
        h2 { "Method and limits" }
        p {
            "Each simulation walks this household month by month: prices, raises, promotions, spending, emergencies and the return on "
            "what lies above a reserve are drawn at random from the distributions that the assumptions name. The probability is the "
            "share of the simulations that reach the goal; its interval (Wilson) covers the chance of the drawing, and gets ten times "
            "narrower with a hundred times as many simulations. It doesn't cover the assumptions themselves: if returns, inflation or "
            "spending turn out otherwise than assumed, so does the answer. Taxes and fees count only as far as they are in the numbers "
            "above. Changes and comparisons are simulated with the same random numbers, so their differences are far sharper than the "
            "probabilities. Computed with version " (results.model_version) " of the model."
        }
    }
}

fn verification(job: &Job, results: &JobResults) -> Markup {
    html! {
        h2 { "How to verify" }
        p { "Seed " code { (results.seed) } ", digest " code { (results.digest) } "." }
        p {
            "The digest is a hash (SHA-256) over model version, request, seed and the merged results. The same request and seed give the "
            "same bits on any machine: " code { "carlo status " (job.id) " --json > answer.json" } " and then "
            code { "carlo verify answer.json" } " recompute it, and say whether it is right to the last bit."
        }
    }
}

#[cfg(test)]
mod tests;
