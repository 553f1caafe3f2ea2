//! What only plans have in their answer, in people's words: when money runs short, what a rule did
//! to spending, how long people live.

use carlo_rest::job::JobResults;
use carlo_types::request::plan::Person;
use carlo_types::results::{Horizon, Path, ShortMonths, Spending};

use super::number::{dollars, percent, percent_decimals};
use super::table::{Align, Table};

/// Rows of the curve: a person reads about so many.
const CURVE_ROWS: usize = 12;

/// Everything that a plan's answer has beyond balances.
pub(super) fn lifetime(results: &JobResults) -> Vec<String> {
    let people = &results.assumptions.plan.people;
    let results = &results.results;
    [
        results.path.as_ref().map(|path| short(path, people)),
        results.spending.as_ref().map(spending),
        results.horizon_months.as_ref().map(|horizon| lifetimes(horizon, people)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// When balances were below the floor.
fn short(path: &Path, people: &[Person]) -> String {
    let [low, high] = path.confidence_interval_95;
    let decimals = percent_decimals([low, high]);
    let head = format!(
        "Short at some time: {}, 95 % interval {} to {}",
        percent(path.short_probability, decimals),
        percent(low, decimals),
        percent(high, decimals),
    );
    let Some(months) = path.first_short_month else { return head };
    let depth = format!(
        "at the deepest by {} on average, by {} at most",
        dollars(path.mean_deepest_shortfall),
        dollars(path.largest_shortfall),
    );
    format!("{head}\n{}\n{depth}\n{}", first_time(months, people), curve(path, people))
}

/// The years in which it happens.
fn first_time(months: ShortMonths, people: &[Person]) -> String {
    let ShortMonths { p5, p25, p50, p75, p95 } = months;
    let when = |month| when(month, people);
    format!(
        "the first time mostly in {}: half of them between {} and {}, nine of ten between {} and {}",
        when(p50),
        when(p25),
        when(p75),
        when(p5),
        when(p95),
    )
}

/// The probability of having been short by the end of years.
fn curve(path: &Path, people: &[Person]) -> Table<2> {
    let mut table = Table::new([("by the end of", Align::Left), ("short", Align::Right)]);
    let points: Vec<_> = path.curve.iter().filter(|point| point.month.is_multiple_of(12)).collect();
    // Short timelines have no whole years: then every point is shown.
    let points = if points.is_empty() { path.curve.iter().collect() } else { points };
    let step = points.len().div_ceil(CURVE_ROWS).max(1);
    let first = (points.len() - 1) % step;
    for point in points.iter().skip(first).step_by(step) {
        table.push([when(point.month, people), percent(point.probability, 2)]);
    }
    table
}

/// A month, from 1, as the year that it lies in, with the first person's age where the plan has
/// one.
fn when(month: u32, people: &[Person]) -> String {
    let year = month.div_ceil(12);
    match people.first() {
        None => format!("year {year}"),
        Some(person) => format!("year {year} (age {:.0})", (person.age + f64::from(month) / 12.0).floor()),
    }
}

/// What a rule did to spending.
fn spending(spending: &Spending) -> String {
    let [low, high] = spending.confidence_interval_95;
    let decimals = percent_decimals([low, high]);
    let lowest = spending.lowest_multiplier;
    format!(
        "Spending below plan at some time: {}; {} of plan on average\n\
         at its lowest {} of plan in the median, {} in one of four, {} in one of twenty",
        percent(spending.cut_probability, decimals),
        percent(spending.mean_multiplier, 1),
        percent(lowest.p50, 0),
        percent(lowest.p25, 0),
        percent(lowest.p5, 0),
    )
}

/// How long people live.
fn lifetimes(horizon: &Horizon, people: &[Person]) -> String {
    let Horizon { p5, p50, p95, mean, .. } = *horizon;
    let who = if people.len() == 1 { "Lived" } else { "Lived, until the last death" };
    format!(
        "{who}: {} in the median, {} in one of twenty, {} or more in one of twenty; {} on average",
        years(p50.into()),
        years(p5.into()),
        years(p95.into()),
        years(mean),
    )
}

/// Months in years: `27.8 years`.
pub(super) fn years(months: f64) -> String {
    format!("{:.1} years", months / 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carlo_types::results::CurvePoint;

    fn path() -> Path {
        let curve = (1..=60).map(|i| CurvePoint {
            month: 6 * i,
            probability: f64::from(i) / 200.0,
            standard_error: 0.001,
        });
        Path {
            short_probability: 0.3,
            standard_error: 0.001,
            confidence_interval_95: [0.298, 0.302],
            first_short_month: Some(ShortMonths { p5: 121, p25: 200, p50: 270, p75: 300, p95: 355 }),
            first_short_month_intervals_95: None,
            curve: curve.collect(),
            mean_deepest_shortfall: 1_234.0,
            mean_deepest_shortfall_standard_error: 10.0,
            largest_shortfall: 9_999.0,
        }
    }

    #[test]
    fn being_short_is_told_in_years_and_ages() {
        let told = short(&path(), &[]);
        assert!(
            told.starts_with("Short at some time: 30.00 %, 95 % interval 29.80 % to 30.20 %\n"),
            "{told}"
        );
        assert!(told.contains("mostly in year 23: half of them between year 17 and year 25,"), "{told}");
        assert!(told.contains("by $1,234 on average, by $9,999 at most"), "{told}");
        let rows = told.lines().skip_while(|line| !line.starts_with("by the end of")).skip(1);
        let rows: Vec<_> = rows.filter(|line| line.starts_with("year")).collect();
        assert_eq!(rows.len(), 10, "{told}");
        assert!(rows[9].starts_with("year 30") && rows[9].ends_with("30.00 %"), "{told}");
        let person = Person { age: 65.5, modal_age: 88.0, dispersion: 10.0 };
        assert!(short(&path(), &[person]).contains("mostly in year 23 (age 88)"));
    }

    #[test]
    fn a_short_timeline_has_a_curve_too() {
        let curve = vec![CurvePoint { month: 5, probability: 0.25, standard_error: 0.1 }];
        let told = short(&Path { curve, ..path() }, &[]);
        assert!(told.ends_with("25.00 %"), "{told}");
    }
}
