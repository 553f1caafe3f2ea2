//! Common parts of the command line's output and the report for plans over a lifetime: the points
//! of
//! the curve of being short, their labels, and their intervals.

use carlo_types::merge::wilson_interval_95;
use carlo_types::request::plan::Person;
use carlo_types::results::{CurvePoint, Interval, ShortMonths};

/// The year that contains a month (counted from 1), with the first person's age if the plan has
/// people.
pub fn when(month: u32, people: &[Person]) -> String {
    let year = month.div_ceil(12);
    match people.first() {
        None => format!("year {year}"),
        Some(person) => format!("year {year} (age {:.0})", (person.age + f64::from(month) / 12.0).floor()),
    }
}

/// When money runs short for the first time, among the simulations in which it does. It is the end
/// of
/// a sentence that begins with "the first time".
pub fn first_time(months: ShortMonths, people: &[Person]) -> String {
    let [p5, p25, p50, p75, p95] =
        [months.p5, months.p25, months.p50, months.p75, months.p95].map(|month| when(month, people));
    format!(
        "is in {p50} in the median, between {p25} and {p75} in half of these simulations, and between {p5} and \
         {p95} in nine of ten"
    )
}

/// At most `most` points of a curve at equal distances: ends of years, or any months if the
/// timeline has no whole year. The last one is always included.
pub fn shown_points(curve: &[CurvePoint], most: usize) -> Vec<CurvePoint> {
    let years: Vec<_> = curve.iter().filter(|point| point.month.is_multiple_of(12)).copied().collect();
    let points = if years.is_empty() { curve.to_vec() } else { years };
    let step = points.len().div_ceil(most.max(1)).max(1);
    let first = points.len().saturating_sub(1) % step;
    points.into_iter().skip(first).step_by(step).collect()
}

/// The 95 % Wilson interval of a point of a curve from this number of simulations.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the simulations")]
pub fn interval_95(point: &CurvePoint, simulations: u64) -> Interval {
    wilson_interval_95((point.probability * simulations as f64).round() as u64, simulations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(months: impl IntoIterator<Item = u32>) -> Vec<CurvePoint> {
        let point = |month| CurvePoint { month, probability: 0.0, standard_error: 0.0 };
        months.into_iter().map(point).collect()
    }

    fn months(points: &[CurvePoint]) -> Vec<u32> {
        points.iter().map(|point| point.month).collect()
    }

    #[test]
    fn whole_years_are_shown_and_the_last_one_always() {
        let curve = points((1..=60).map(|i| 6 * i));
        assert_eq!(months(&shown_points(&curve, 10)), (1..=10).map(|i| 36 * i).collect::<Vec<_>>());
        assert_eq!(months(&shown_points(&curve, 12)).last(), Some(&360));
        assert!(shown_points(&curve, 12).len() <= 12);
        assert_eq!(months(&shown_points(&points([2, 5]), 10)), [2, 5], "there is no whole year");
        assert!(shown_points(&[], 10).is_empty());
    }

    #[test]
    fn a_month_is_a_year_and_an_age() {
        assert_eq!([when(1, &[]), when(12, &[]), when(13, &[])], ["year 1", "year 1", "year 2"]);
        let person = Person { age: 65.5, modal_age: 88.0, dispersion: 10.0 };
        assert_eq!(when(270, &[person]), "year 23 (age 88)");
    }

    #[test]
    fn a_point_that_no_simulation_reached_is_not_certain() {
        let point = CurvePoint { month: 12, probability: 0.0, standard_error: 0.0 };
        let [low, high] = interval_95(&point, 1_000);
        assert!(low == 0.0 && (0.003..0.005).contains(&high), "{high}");
        let point = CurvePoint { probability: 1.0 / 3.0, ..point };
        assert_eq!(interval_95(&point, 3_000_000), wilson_interval_95(1_000_000, 3_000_000));
    }
}
