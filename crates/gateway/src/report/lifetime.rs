//! The sections of plans over a lifetime: when money runs short, how a spending rule changed
//! spending, and how long people live.

use carlo_rest::job::JobResults;
use carlo_types::request::plan::Person;
use carlo_types::results::{Horizon, Path, ShortMonths, Spending};
use maud::{Markup, html};

use super::charts;
use super::text::{money, percent};

/// About how many rows the table of shortfalls has.
const ROWS_MAX: usize = 10;

/// All sections for which the results have numbers. A plan with only a savings goal has none.
pub(super) fn sections(results: &JobResults) -> Markup {
    let people = &results.assumptions.plan.people;
    let results = &results.results;
    html! {
        @if let Some(path) = &results.path { (short(path, people)) }
        @if let Some(result) = &results.spending { (spending(result)) }
        @if let Some(horizon) = &results.horizon_months { (lifetimes(horizon, people)) }
    }
}

fn short(path: &Path, people: &[Person]) -> Markup {
    let [low, high] = path.confidence_interval_95;
    let error = path.standard_error;
    html! {
        h2 { "Being short of money" }
        p {
            "Short after some month: " b { (percent(path.short_probability, error)) } ", 95 % interval "
            (percent(low, error)) " to " (percent(high, error)) "."
            @if let Some(months) = path.first_short_month { " " (first_time(months, people)) }
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
            (charts::curve(&path.curve))
        }
        table {
            tr { th { "By the end of" } th.number { "Short" } th.number { "95 % interval" } }
            @for point in rows(path) {
                @let (share, error) = (point.probability, point.standard_error);
                tr {
                    td { (when(point.month, people)) }
                    td.number { (percent(share, error)) }
                    td.number { (percent((share - 1.96 * error).max(0.0), error)) " to " (percent((share + 1.96 * error).min(1.0), error)) }
                }
            }
        }
    }
}

/// The points at the ends of years, evenly thinned out, including the last one. All points if the
/// timeline is shorter than a year.
fn rows(path: &Path) -> impl Iterator<Item = &carlo_types::results::CurvePoint> {
    let years: Vec<_> = path.curve.iter().filter(|point| point.month.is_multiple_of(12)).collect();
    let points = if years.is_empty() { path.curve.iter().collect() } else { years };
    let step = points.len().div_ceil(ROWS_MAX).max(1);
    let first = points.len().saturating_sub(1) % step;
    points.into_iter().skip(first).step_by(step)
}

fn first_time(months: ShortMonths, people: &[Person]) -> String {
    let ShortMonths { p5, p25, p50, p75, p95 } = months;
    let when = |month| when(month, people);
    format!(
        "The first time is in {} in the median, between {} and {} in half of these simulations, and between {} \
         and {} in nine of ten.",
        when(p50),
        when(p25),
        when(p75),
        when(p5),
        when(p95),
    )
}

/// The year of a month (both from 1), with the first person's age if the plan has one.
fn when(month: u32, people: &[Person]) -> String {
    let year = month.div_ceil(12);
    match people.first() {
        None => format!("year {year}"),
        Some(person) => format!("year {year} (age {:.0})", (person.age + f64::from(month) / 12.0).floor()),
    }
}

fn spending(result: &Spending) -> Markup {
    let [low, high] = result.confidence_interval_95;
    let error = result.standard_error;
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
