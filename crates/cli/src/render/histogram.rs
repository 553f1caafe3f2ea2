//! A histogram in a terminal, with one line for each range of dollars. The goal is a border of two
//! ranges, so dark bars are simulations that reach it and light bars those that don't.

use carlo_types::results::Histogram;

use super::number::{cents, dollars, percent};

/// The approximate number of lines for the middle 99 % of the simulations.
const ROWS: f64 = 14.0;
/// The share of the simulations beyond either end that is drawn as one line.
const TAIL: f64 = 0.005;
/// The length of the longest bar, and its minimum on a narrow terminal.
const BAR: usize = 40;
const BAR_MIN: usize = 4;
/// Characters between the label and the bar: a space, the share, and two spaces.
const SHARE: usize = 10;
/// The minimum width of a line in dollars.
const WIDTH_MIN: f64 = 0.01;

/// Draws the histogram within a width, without a line end after the last line. `extremes` are the
/// smallest and the largest balance, because the server's outermost bars may reach beyond them.
/// Empty if there are no simulations, or all have the same balance to the cent.
pub fn histogram(histogram: &Histogram, extremes: [f64; 2], goal: f64, columns: Option<usize>) -> String {
    let Some(balances) = Balances::of(histogram, extremes) else { return String::new() };
    let (low, high) = (balances.quantile(TAIL), balances.quantile(1.0 - TAIL));
    if high - low < WIDTH_MIN {
        return String::new();
    }
    draw(&rows(&balances, low, high, goal), goal, columns)
}

/// One line: the simulations with a final balance in a range.
struct Row {
    label: String,
    share: f64,
    reaches_goal: bool,
}

fn rows(balances: &Balances, low: f64, high: f64, goal: f64) -> Vec<Row> {
    let width = round_width((high - low) / ROWS);
    // Only a goal within the rows can be one of their edges.
    let anchor = if (low - width..high + width).contains(&goal) { goal } else { 0.0 };
    let (first, last) = (((low - anchor) / width).floor(), ((high - anchor) / width).ceil());
    // Whole dollars are enough for edges that differ by several dollars.
    let money = if width < 5.0 { cents } else { dollars };
    let edge = |step: f64| {
        let edge = anchor + step * width;
        // The rounding error of zero is not shown.
        if edge.abs() < 1e-6 * width { 0.0 } else { edge }
    };
    let (bottom, top) = (edge(first), edge(last));

    let mut rows = Vec::new();
    let mut push = |label, share, reaches_goal| {
        if share > 0.0 {
            rows.push(Row { label, share, reaches_goal });
        }
    };
    push(format!("below {}", money(bottom)), balances.share_below(bottom), goal < bottom);
    let mut step = first;
    while step < last {
        let (from, to) = (edge(step), edge(step + 1.0));
        let share = balances.share_below(to) - balances.share_below(from);
        // An empty range between others is part of the shape, so it is drawn.
        push(format!("{} to {}", money(from), money(to)), share.max(f64::MIN_POSITIVE), from >= goal);
        step += 1.0;
    }
    push(format!("above {}", money(top)), 1.0 - balances.share_below(top), goal <= top);
    rows
}

fn draw(rows: &[Row], goal: f64, columns: Option<usize>) -> String {
    let labels = rows.iter().map(|row| row.label.len()).max().unwrap_or(0);
    let longest = columns.map_or(BAR, |columns| columns.saturating_sub(labels + SHARE).clamp(BAR_MIN, BAR));
    let largest = rows.iter().map(|row| row.share).fold(f64::MIN_POSITIVE, f64::max);
    let mut lines = Vec::with_capacity(rows.len() + 1);
    let goal_row = rows.iter().position(|row| row.reaches_goal).unwrap_or(rows.len());
    for (number, row) in rows.iter().enumerate() {
        if number == goal_row {
            lines.push(marker(goal, labels, longest));
        }
        let length = row.share / largest * longest as f64;
        let bar = if row.reaches_goal { dark(length) } else { light(length) };
        let line = format!("{:>labels$} {:>7}  {bar}", row.label, percent(row.share, 1));
        lines.push(line.trim_end().to_owned());
    }
    if goal_row == rows.len() {
        lines.push(marker(goal, labels, longest));
    }
    lines.join("\n")
}

fn marker(goal: f64, labels: usize, longest: usize) -> String {
    let label = format!("goal {}", dollars(goal));
    let line = (longest + SHARE + labels).saturating_sub(labels.max(label.len()) + 1);
    format!("{label:>labels$} {}", "─".repeat(line))
}

/// A bar whose length is a multiple of 1/8 character.
fn dark(length: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = whole(length * 8.0);
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

fn light(length: f64) -> String {
    "░".repeat(whole(length))
}

fn whole(length: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 8 × BAR")]
    let whole = length.round() as usize;
    whole
}

/// The next larger round width: 1, 2 or 5 times a power of ten, in whole cents.
fn round_width(width: f64) -> f64 {
    let power = 10_f64.powf(width.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= width).unwrap_or(10.0);
    (factor * power).max(WIDTH_MIN)
}

/// The distribution of final balances, which is uniform within each of the server's bars.
struct Balances {
    edges: Vec<f64>,
    /// The share of simulations below each edge.
    below: Vec<f64>,
}

impl Balances {
    fn of(Histogram { edges, counts }: &Histogram, [worst, best]: [f64; 2]) -> Option<Self> {
        let total: u64 = counts.iter().sum();
        let edges: Vec<f64> = edges.iter().map(|edge| edge.min(best).max(worst)).collect();
        if total == 0 || edges.len() != counts.len() + 1 || !edges.is_sorted() {
            return None;
        }
        let mut sum = 0;
        let sums = counts.iter().map(|count| {
            sum += count;
            sum as f64 / total as f64
        });
        Some(Self { edges, below: std::iter::once(0.0).chain(sums).collect() })
    }

    fn share_below(&self, balance: f64) -> f64 {
        interpolate(&self.edges, &self.below, balance)
    }

    fn quantile(&self, share: f64) -> f64 {
        interpolate(&self.below, &self.edges, share)
    }
}

/// The value at `x` of the polygon through the points (`xs`, `ys`), with `xs` sorted; constant
/// beyond its ends.
fn interpolate(xs: &[f64], ys: &[f64], x: f64) -> f64 {
    let right = xs.partition_point(|at| *at <= x);
    if right == 0 || right == xs.len() {
        return ys[right.saturating_sub(1)];
    }
    let (x0, x1, y0, y1) = (xs[right - 1], xs[right], ys[right - 1], ys[right]);
    y0 + (y1 - y0) * (x - x0) / (x1 - x0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

    fn bars(edges: &[f64], counts: &[u64]) -> Histogram {
        Histogram { edges: edges.to_vec(), counts: counts.to_vec() }
    }

    #[test]
    fn rows_are_cut_at_the_goal() {
        let balances = bars(&[0.0, 1_000.0, 1_400.0, 1_600.0, 2_000.0, 4_000.0], &[4, 100, 500, 392, 4]);
        let expected = "    below $1,000   0.4 %  ░
$1,000 to $1,100   2.5 %  ░░░░
$1,100 to $1,200   2.5 %  ░░░░
$1,200 to $1,300   2.5 %  ░░░░
$1,300 to $1,400   2.5 %  ░░░░
$1,400 to $1,500  25.0 %  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
$1,500 to $1,600  25.0 %  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
     goal $1,600 ─────────────────────────────────────────────────
$1,600 to $1,700   9.8 %  ███████████████▋
$1,700 to $1,800   9.8 %  ███████████████▋
$1,800 to $1,900   9.8 %  ███████████████▋
$1,900 to $2,000   9.8 %  ███████████████▋
    above $2,000   0.4 %  ▋";
        assert_eq!(histogram(&balances, ALL, 1_600.0, None), expected);
    }

    #[test]
    fn the_drawing_fits_a_narrow_terminal() {
        let balances = bars(&[0.0, 1e9, 2e9, 3e9], &[10, 500, 490]);
        for columns in [50, 60, 80] {
            for goal in [1.6e9, 1e12] {
                let drawn = histogram(&balances, ALL, goal, Some(columns));
                let widest = drawn.lines().map(|line| line.chars().count()).max();
                assert!(widest.is_some_and(|widest| widest <= columns), "{columns}\n{drawn}");
            }
        }
    }

    #[test]
    fn a_goal_out_of_reach_is_marked_beyond_the_last_row_and_one_within_reach_of_all_before_the_first() {
        let balances = bars(&[0.0, 100.0, 200.0], &[1, 1]);
        let drawn = histogram(&balances, ALL, 1e6, None);
        assert!(
            drawn.lines().last().unwrap().contains("goal $1,000,000 ──") && !drawn.contains('█'),
            "{drawn}"
        );
        let drawn = histogram(&balances, ALL, -1e6, None);
        assert!(drawn.starts_with("goal -$1,000,000 ──") && !drawn.contains('░'), "{drawn}");
    }

    #[test]
    fn nothing_is_drawn_where_no_simulation_ended() {
        let balances = bars(&[0.0, 100.0, 200.0], &[1, 1]);
        let drawn = histogram(&balances, [50.0, 150.0], 100.0, None);
        assert!(drawn.starts_with("  $50 to $60  10.0 %"), "{drawn}");
        assert!(!drawn.contains("below") && !drawn.contains("above"), "{drawn}");
    }

    #[test]
    fn the_rows_share_all_simulations_among_them() {
        let counts: Vec<u64> = (0..100).map(|i| (i * 37) % 101).collect();
        let edges: Vec<f64> = (0..=100).map(|i| f64::from(i) * 77.7 - 3_000.0).collect();
        let balances = Balances::of(&bars(&edges, &counts), ALL).unwrap();
        for goal in [-5_000.0, 0.0, 123.4, 1e5] {
            let shares = rows(&balances, balances.quantile(TAIL), balances.quantile(1.0 - TAIL), goal);
            let sum: f64 = shares.iter().map(|row| row.share).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn sums_below_a_dollar_have_edges_of_their_own() {
        let drawn = histogram(&bars(&[-0.25, 0.25, 0.75], &[1, 3]), ALL, 0.25, None);
        assert!(drawn.contains("$0.25 to $0.35"), "{drawn}");
        let labels: Vec<&str> = drawn.lines().filter_map(|line| Some(line.split_once('%')?.0)).collect();
        for label in &labels {
            let (from, to) = label.split_once(" to ").unwrap();
            assert_ne!(from.trim(), to.split(' ').next().unwrap(), "{drawn}");
        }
        // Dollars and cents around zero, with no remainder of rounding.
        let drawn = histogram(&bars(&[-0.7, 2.1], &[100]), ALL, 1.1, None);
        assert!(drawn.contains("$0.00") || drawn.contains("$0.10"), "{drawn}");
        assert!(!drawn.contains("e-"), "{drawn}");
    }

    #[test]
    fn where_there_is_nothing_to_see_nothing_is_drawn() {
        for empty in
            [bars(&[], &[]), bars(&[0.0, 1.0], &[0]), bars(&[5.0, 5.002], &[100]), bars(&[1.0], &[3])]
        {
            assert_eq!(histogram(&empty, ALL, 1.0, None), "");
        }
    }
}
