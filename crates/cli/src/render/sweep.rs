//! The points of a sweep: a table for one axis, a heat map for two.

use carlo_rest::sweep::{Axis, SweepPoint, SweepResults};

use super::number::{dollars, percent, percent_decimals};
use super::table::{Align, Table};
use super::width;

/// The maximum number of rows of a heat map. If there are more, every second row is left out, and
/// so
/// on.
const ROWS_MAX: usize = 40;
/// The width of a cell of a heat map: a percentage and its shade.
const CELL: usize = 5;
/// Shades for probabilities from 0 to 1.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// The points.
pub fn points(sweep: &SweepResults) -> String {
    match sweep.axes.as_slice() {
        [axis] => table(axis, &sweep.points),
        [down, across] => heat_map(down, across, &sweep.points, width::stdout().unwrap_or(width::DEFAULT)),
        _ => String::new(),
    }
}

fn table(axis: &Axis, points: &[SweepPoint]) -> String {
    let head = [name(&axis.pointer), "probability", "95 % interval", "points", "error", "mean", "median"];
    let mut table = Table::new(head.map(|name| (name, Align::Right)));
    for SweepPoint { values, outcome } in points {
        let [low, high] = outcome.confidence_interval_95;
        let decimals = percent_decimals([low, high]);
        let money = |amount: Option<f64>| amount.map_or_else(String::new, dollars);
        table.push([
            values.iter().map(|value| number(*value)).collect(),
            percent(outcome.success_probability, decimals),
            format!("{} to {}", percent(low, decimals), percent(high, decimals)),
            format!("{:+.2}", 100.0 * outcome.delta),
            format!("{:.2}", 100.0 * outcome.delta_standard_error),
            money(outcome.mean),
            money(outcome.median),
        ]);
    }
    table.fitted().to_string()
}

/// Probabilities in percent: a row for each value of the first axis, and a column for each value of
/// the second, as many as fit.
fn heat_map(down: &Axis, across: &Axis, points: &[SweepPoint], columns: usize) -> String {
    let labels = down.values.iter().map(|value| number(*value).len()).chain([name(&down.pointer).len()]);
    let label = labels.max().unwrap_or(0);
    let heads: Vec<String> = across.values.iter().map(|value| number(*value)).collect();
    let cell = heads.iter().map(String::len).max().unwrap_or(0).max(CELL) + 1;
    let fitting = (columns.saturating_sub(label) / cell).max(1);
    let every = across.values.len().div_ceil(fitting);
    let shown: Vec<usize> = (0..across.values.len()).step_by(every).collect();
    let row_step = down.values.len().div_ceil(ROWS_MAX).max(1);

    let mut lines = vec![format!("{:label$} {}", "", name(&across.pointer)).trim_end().to_owned()];
    let head: Vec<String> = shown.iter().map(|i| format!("{:>cell$}", heads[*i])).collect();
    lines.push(format!("{:>label$}{}", name(&down.pointer), head.concat()));
    for (row, value) in down.values.iter().enumerate().step_by(row_step) {
        let cells: Vec<String> = shown
            .iter()
            .filter_map(|column| points.get(row * across.values.len() + column))
            .map(|point| format!("{:>cell$}", shaded(point.outcome.success_probability)))
            .collect();
        lines.push(format!("{:>label$}{}", number(*value), cells.concat()).trim_end().to_owned());
    }
    if every > 1 || row_step > 1 {
        lines.push("(not all values fit; --format csv has them)".to_owned());
    }
    lines.join("\n")
}

/// A probability in percent, followed by its shade.
fn shaded(probability: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 4")]
    let shade = SHADES[((probability * SHADES.len() as f64) as usize).min(SHADES.len() - 1)];
    format!("{:.0}{shade}{shade}", 100.0 * probability)
}

/// The last name of a pointer.
fn name(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or(pointer)
}

fn number(value: f64) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use carlo_rest::plans::ComparedPlan;

    use super::*;

    fn point(values: &[f64], success_probability: f64) -> SweepPoint {
        let outcome = ComparedPlan {
            success_probability,
            standard_error: 0.001,
            confidence_interval_95: [success_probability - 0.002, success_probability + 0.002],
            delta: success_probability - 0.5,
            delta_standard_error: 0.0004,
            mean: Some(1_234.5),
            median: Some(-99.9),
        };
        SweepPoint { values: values.to_vec(), outcome }
    }

    fn axis(pointer: &str, values: &[f64]) -> Axis {
        Axis { pointer: pointer.to_owned(), values: values.to_vec() }
    }

    #[test]
    fn one_axis_is_a_table() {
        let axes = vec![axis("/plan/incomeUntil", &[240.0, 252.5])];
        let sweep = SweepResults { axes, points: vec![point(&[240.0], 0.25), point(&[252.5], 0.75)] };
        let told = points(&sweep);
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].starts_with("incomeUntil  probability"), "{told}");
        assert!(lines[1].contains("240      25.00 %  24.80 % to 25.20 %  -25.00   0.04  $1,234"), "{told}");
        assert!(lines[2].trim_start().starts_with("252.5"), "{told}");
    }

    #[test]
    fn two_axes_are_a_heat_map_that_fits() {
        let (down, across) =
            (axis("/a/retire", &[1.0, 20.0]), axis("/a/spending", &[3_000.0, 3_500.0, 4_000.0]));
        let cells = [0.99, 0.5, 0.0, 1.0, 0.75, 0.25];
        let points: Vec<_> = cells.iter().map(|share| point(&[], *share)).collect();
        let told = heat_map(&down, &across, &points, 80);
        let expected =
            "       spending\nretire  3000  3500  4000\n     1  99██  50▒▒   0\n    20 100██  75▓▓  25░░";
        assert_eq!(told, expected);
        let narrow = heat_map(&down, &across, &points, 18);
        assert!(
            narrow.contains("retire  3000  4000\n") && narrow.ends_with("--format csv has them)"),
            "{narrow}"
        );
    }
}
