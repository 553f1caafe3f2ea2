//! The results that only plans have: when money runs short, the effect of a spending rule, and how
//! long people live.

use carlo_rest::job::JobResults;
use carlo_rest::lifetime::{first_time, interval_95, shown_points, when};
use carlo_types::request::plan::Person;
use carlo_types::results::{Horizon, Path, Spending};

use super::number::{dollars, percent, percent_decimals};
use super::table::{Align, Table};

/// The maximum number of rows of the curve, so that it stays readable.
const CURVE_ROWS: usize = 12;

/// The results of a plan other than balances.
pub(super) fn lifetime(results: &JobResults) -> Vec<String> {
    let people = &results.assumptions.plan.people;
    let results = &results.results;
    [
        results.path.as_ref().map(|path| short(path, people, results.simulations_run)),
        results.spending.as_ref().map(spending),
        results.horizon_months.as_ref().map(|horizon| lifetimes(horizon, people)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How often and when balances were below the floor.
fn short(path: &Path, people: &[Person], simulations: u64) -> String {
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
    let curve = curve(path, people, simulations).fitted();
    format!("{head}\nthe first time {}\n{depth}\n{curve}", first_time(months, people))
}

/// The probability of having been short by the end of years.
fn curve(path: &Path, people: &[Person], simulations: u64) -> Table<3> {
    let head = [("by the end of", Align::Left), ("short", Align::Right), ("95 % interval", Align::Right)];
    let mut table = Table::new(head);
    let points = shown_points(&path.curve, CURVE_ROWS);
    // All rows have the number of decimals of the largest error, which is in the last row.
    let decimals = points.last().map_or(1, |point| percent_decimals(interval_95(point, simulations)));
    for point in points {
        let [low, high] = interval_95(&point, simulations).map(|end| percent(end, decimals));
        table.push([
            when(point.month, people),
            percent(point.probability, decimals),
            format!("{low} to {high}"),
        ]);
    }
    table
}

/// The effect of a rule on spending.
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
    use carlo_types::results::{CurvePoint, ShortMonths};

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
        let told = short(&path(), &[], 200_000);
        assert!(
            told.starts_with("Short at some time: 30.00 %, 95 % interval 29.80 % to 30.20 %\n"),
            "{told}"
        );
        let first = "the first time is in year 23 in the median, between year 17 and year 25 in half of";
        assert!(told.contains(first), "{told}");
        assert!(told.contains("by $1,234 on average, by $9,999 at most"), "{told}");
        let rows = told.lines().skip_while(|line| !line.starts_with("by the end of")).skip(1);
        let rows: Vec<_> = rows.filter(|line| line.starts_with("year")).collect();
        assert_eq!(rows.len(), 10, "{told}");
        assert!(rows[9].starts_with("year 30") && rows[9].ends_with("30.00 %  29.80 % to 30.20 %"), "{told}");
    }

    #[test]
    fn a_short_timeline_has_a_curve_too() {
        let curve = vec![CurvePoint { month: 5, probability: 0.25, standard_error: 0.1 }];
        let told = short(&Path { curve, ..path() }, &[], 12);
        assert!(told.ends_with("25.0 %  8.9 % to 53.2 %"), "{told}");
    }

    #[test]
    fn nobody_was_short_yet_is_no_certainty() {
        let curve = vec![CurvePoint { month: 12, probability: 0.0, standard_error: 0.0 }];
        let told = short(&Path { curve, ..path() }, &[], 1_000);
        assert!(told.ends_with("0.000 %  0.000 % to 0.383 %"), "{told}");
    }
}
