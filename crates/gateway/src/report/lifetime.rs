//! The sections of plans over a lifetime: when money runs short, how a spending rule changed
//! spending, and how long people live.

use carlo_rest::job::JobResults;
use carlo_rest::lifetime::{first_time, interval_95, shown_points, when};
use carlo_types::request::plan::Person;
use carlo_types::results::{Horizon, Path, Spending};
use maud::{Markup, html};

use super::charts;
use super::text::{error_of, money, percent};

/// About how many rows the table of shortfalls has.
const ROWS_MAX: usize = 10;

/// All sections for which the results have numbers. A plan with only a savings goal has none.
pub(super) fn sections(results: &JobResults) -> Markup {
    let people = &results.assumptions.plan.people;
    let results = &results.results;
    html! {
        @if let Some(path) = &results.path { (short(path, people, results.simulations_run)) }
        @if let Some(result) = &results.spending { (spending(result)) }
        @if let Some(horizon) = &results.horizon_months { (lifetimes(horizon, people)) }
    }
}

fn short(path: &Path, people: &[Person], simulations: u64) -> Markup {
    let [low, high] = path.confidence_interval_95;
    let error = error_of([low, high]);
    html! {
        h2 { "Being short of money" }
        p {
            "Short after some month: " b { (percent(path.short_probability, error)) } ", 95 % interval "
            (percent(low, error)) " to " (percent(high, error)) "."
            @if let Some(months) = path.first_short_month { " The first time " (first_time(months, people)) "." }
        }
        @if path.first_short_month.is_some() {
            p {
                "Where it happens, the deepest shortfall is " (money(path.mean_deepest_shortfall)) " on average ± "
                (money(1.96 * path.mean_deepest_shortfall_standard_error)) ", and " (money(path.largest_shortfall))
                " in the worst simulation."
            }
        }
        figure {
            figcaption { "The probability of having been short, by the end of each year" }
            (charts::curve(&path.curve, simulations))
        }
        table {
            tr { th { "By the end of" } th.number { "Short" } th.number { "95 % interval" } }
            @for point in shown_points(&path.curve, ROWS_MAX) {
                @let [low, high] = interval_95(&point, simulations);
                @let error = error_of([low, high]);
                tr {
                    td { (when(point.month, people)) }
                    td.number { (percent(point.probability, error)) }
                    td.number { (percent(low, error)) " to " (percent(high, error)) }
                }
            }
        }
    }
}

fn spending(result: &Spending) -> Markup {
    let [low, high] = result.confidence_interval_95;
    let error = error_of([low, high]);
    let (lowest, intervals) = (result.lowest_multiplier, result.lowest_multiplier_intervals_95);
    let rows = [
        ("in one of two", lowest.p50, intervals.p50),
        ("in one of four", lowest.p25, intervals.p25),
        ("in one of twenty", lowest.p5, intervals.p5),
    ];
    html! {
        h2 { "What the rule does to spending" }
        p {
            "Less than planned is spent at some time with a probability of " b { (percent(result.cut_probability, error)) }
            ", 95 % interval " (percent(low, error)) " to " (percent(high, error)) ". On average "
            (percent(result.mean_multiplier, result.mean_multiplier_standard_error)) " of the plan is spent."
        }
        table {
            tr { th { "At its lowest, spending falls to this or less" } th.number { "Of the plan" } th.number { "95 % interval" } }
            @for (share, multiplier, [low, high]) in rows {
                tr {
                    td { (share) }
                    td.number { (percent(multiplier, 0.0)) }
                    td.number { (percent(low, 0.0)) " to " (percent(high, 0.0)) }
                }
            }
        }
    }
}

fn lifetimes(horizon: &Horizon, people: &[Person]) -> Markup {
    let Horizon { p5, p50, p95, intervals_95, mean, mean_standard_error } = *horizon;
    let rows = [
        ("One of twenty at most", p5, intervals_95.p5),
        ("The median", p50, intervals_95.p50),
        ("One of twenty at least", p95, intervals_95.p95),
    ];
    html! {
        h2 { @if people.len() == 1 { "How long it has to last" } @else { "How long it has to last: until the last death" } }
        table {
            tr { th { "Share" } th.number { "Years" } th.number { "95 % interval" } }
            @for (share, months, [low, high]) in rows {
                tr {
                    td { (share) }
                    td.number { (years(months.into())) }
                    td.number { (years(low.into())) " to " (years(high.into())) }
                }
            }
        }
        p.small {
            "Mean " (years(mean)) " years ± " (format!("{:.2}", 1.96 * mean_standard_error / 12.0))
            ", the timeline at most."
        }
    }
}

/// Months in years: `27.8`.
fn years(months: f64) -> String {
    format!("{:.1}", months / 12.0)
}
