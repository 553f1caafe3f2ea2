//! The report's charts, as SVG, which can be printed and needs no script.

use carlo_rest::job::Sensitivity;
use carlo_rest::lifetime::interval_95;
use carlo_types::results::{CurvePoint, FanPoint, Histogram};
use maud::{Markup, html};

use super::text::{points, short_money};

const WIDTH: f64 = 720.0;
/// Room for the labels of the axes.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 30.0;
const MUTED: &str = "#546072";
const GRID: &str = "#e3e7ee";
const GOAL: &str = "#b0302a";
const ABOVE: &str = "#2f74dd";
const BELOW: &str = "#b9c2cf";
/// The label of each change of the plan, by its name in the results.
const CHANGES: [(&str, &str); 13] = [
    ("income_plus_10", "Income +10 %"),
    ("income_minus_10", "Income −10 %"),
    ("spending_minus_10", "Spending −10 %"),
    ("spending_minus_20", "Spending −20 %"),
    ("spending_plus_10", "Spending +10 %"),
    ("timeline_plus_6mo", "6 months longer"),
    ("timeline_plus_12mo", "12 months longer"),
    ("returns_plus_1pt", "Returns +1 point"),
    ("returns_minus_1pt", "Returns −1 point"),
    ("retire_12mo_earlier", "Retire 1 year earlier"),
    ("retire_24mo_earlier", "Retire 2 years earlier"),
    ("retire_12mo_later", "Retire 1 year later"),
    ("retire_24mo_later", "Retire 2 years later"),
];

/// The label of a change.
pub(super) fn change(name: &str) -> String {
    let known = CHANGES.iter().find(|(known, _)| *known == name);
    known.map_or_else(|| name.replace('_', " "), |(_, label)| (*label).to_owned())
}

/// A linear scale from values to coordinates.
struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        let share = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// About five round values.
    fn ticks(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / 5.0;
        if !rough.is_finite() || rough <= 0.0 {
            return vec![self.low];
        }
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|one| one * power).find(|one| *one >= rough);
        let step = step.unwrap_or(10.0 * power);
        let first = (self.low / step).ceil();
        (0..12).map(|index| (first + f64::from(index)) * step).filter(|tick| *tick <= self.high).collect()
    }
}

fn number(place: f64) -> String {
    format!("{place:.1}")
}

fn label(x: f64, y: f64, anchor: &str, color: &str, text: &str) -> Markup {
    html! { text x=(number(x)) y=(number(y)) text-anchor=(anchor) fill=(color) font-size="12" { (text) } }
}

fn line(from: [f64; 2], to: [f64; 2], color: &str, dashes: Option<&str>) -> Markup {
    html! {
        line x1=(number(from[0])) y1=(number(from[1])) x2=(number(to[0])) y2=(number(to[1])) stroke=(color)
            stroke-width=(if dashes.is_some() { "2" } else { "1" }) stroke-dasharray=[dashes] {}
    }
}

/// The ticks of an axis of months or years, with its unit at the end.
fn time_axis(x: &Scale, height: f64, unit: &str) -> Markup {
    const UNIT_WIDTH: f64 = 56.0;
    html! {
        @for tick in x.ticks().into_iter().filter(|tick| x.at(*tick) < x.end - UNIT_WIDTH) {
            (label(x.at(tick), height - 10.0, "middle", MUTED, &format!("{tick}")))
        }
        (label(x.end, height - 10.0, "end", MUTED, &format!("{} {unit}", (10.0 * x.high).round() / 10.0)))
    }
}

fn frame(height: f64, title: &str, content: &Markup) -> Markup {
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(title) {
            (content)
        }
    }
}

/// The final balances in bars, those that reach the goal in another color.
pub(super) fn histogram(histogram: &Histogram, goal: f64) -> Markup {
    const HEIGHT: f64 = 250.0;
    let Histogram { edges, counts } = histogram;
    let total: u64 = counts.iter().sum();
    if total == 0 || edges.len() != counts.len() + 1 {
        return html! {};
    }
    // A thousandth at either end is left out, because a few extreme simulations would squeeze the
    // rest.
    let beyond = total / 1000;
    let outside = |bars: &mut dyn Iterator<Item = &u64>| {
        let mut sum = 0;
        bars.take_while(|count| {
            sum += **count;
            sum <= beyond
        })
        .count()
    };
    let mut first = outside(&mut counts.iter()).min(counts.len() - 1);
    let mut last = counts.len() - 1 - outside(&mut counts.iter().rev()).min(counts.len() - 1 - first);
    // A bar at either end is also left out if it has less than a hundredth of all simulations and
    // takes more than a fifth of the axis.
    let sprawls = |bar: usize, first: usize, last: usize| {
        100 * counts[bar] < total && edges[bar + 1] - edges[bar] > 0.2 * (edges[last + 1] - edges[first])
    };
    while first < last && sprawls(last, first, last) {
        last -= 1;
    }
    while first < last && sprawls(first, first, last) {
        first += 1;
    }
    let x = Scale {
        low: edges[first].min(goal),
        high: edges[last + 1].max(goal),
        start: LEFT,
        end: WIDTH - RIGHT,
    };
    let density = |bar: usize| counts[bar] as f64 / (edges[bar + 1] - edges[bar]).max(f64::MIN_POSITIVE);
    let most = (first..=last).map(density).fold(f64::MIN_POSITIVE, f64::max);
    let y = Scale { low: 0.0, high: most, start: HEIGHT - BOTTOM, end: TOP };
    let goal_at = x.at(goal);
    let anchor = if goal_at > WIDTH / 2.0 { "end" } else { "start" };
    let content = html! {
        @for tick in x.ticks() {
            (label(x.at(tick), HEIGHT - 10.0, "middle", MUTED, &short_money(tick)))
        }
        @for bar in first..=last {
            @let (left, right, top) = (x.at(edges[bar]), x.at(edges[bar + 1]), y.at(density(bar)));
            rect x=(number(left)) y=(number(top)) width=(number((right - left - 0.6).max(0.4)))
                height=(number(HEIGHT - BOTTOM - top))
                fill=(if f64::midpoint(edges[bar], edges[bar + 1]) < goal { BELOW } else { ABOVE }) {}
        }
        (line([LEFT, HEIGHT - BOTTOM], [WIDTH - RIGHT, HEIGHT - BOTTOM], MUTED, None))
        (line([goal_at, TOP - 6.0], [goal_at, HEIGHT - BOTTOM], GOAL, Some("4 4")))
        (label(goal_at, TOP - 9.0, anchor, GOAL, &format!("goal {}", short_money(goal))))
    };
    frame(HEIGHT, "Final balances", &content)
}

/// The balance over time: the median, the middle half, and the middle 80 %.
pub(super) fn fan(trajectory: &[FanPoint], start: f64, goal: f64) -> Markup {
    const HEIGHT: f64 = 260.0;
    let Some(last) = trajectory.last() else { return html! {} };
    let begin = FanPoint { month: 0, percentiles: [start; 5] };
    let all: Vec<FanPoint> = std::iter::once(begin).chain(trajectory.iter().copied()).collect();
    let low = all.iter().map(|point| point.percentiles[0]).fold(goal.min(0.0), f64::min);
    let high = all.iter().map(|point| point.percentiles[4]).fold(goal, f64::max);
    let (per_tick, unit) = if last.month > 36 { (12.0, "years") } else { (1.0, "months") };
    let x = Scale { low: 0.0, high: f64::from(last.month) / per_tick, start: LEFT, end: WIDTH - RIGHT };
    let y = Scale { low, high, start: HEIGHT - BOTTOM, end: TOP };
    let place = |point: &FanPoint, value: f64| {
        format!("{:.1},{:.1}", x.at(f64::from(point.month) / per_tick), y.at(value))
    };
    let along =
        |value: fn(&FanPoint) -> f64| all.iter().map(|point| place(point, value(point))).collect::<Vec<_>>();
    let band = |low: fn(&FanPoint) -> f64, high: fn(&FanPoint) -> f64| {
        let mut places = along(low);
        places.extend(along(high).into_iter().rev());
        places.join(" ")
    };
    let content = html! {
        @for tick in y.ticks() {
            (line([LEFT, y.at(tick)], [WIDTH - RIGHT, y.at(tick)], GRID, None))
            (label(LEFT - 8.0, y.at(tick) + 4.0, "end", MUTED, &short_money(tick)))
        }
        (time_axis(&x, HEIGHT, unit))
        polygon points=(band(|point| point.percentiles[0], |point| point.percentiles[4])) fill=(ABOVE) fill-opacity="0.16" {}
        polygon points=(band(|point| point.percentiles[1], |point| point.percentiles[3])) fill=(ABOVE) fill-opacity="0.3" {}
        polyline points=(along(|point| point.percentiles[2]).join(" ")) fill="none" stroke="#1a5fc8" stroke-width="2.5" {}
        (line([LEFT, y.at(goal)], [WIDTH - RIGHT, y.at(goal)], GOAL, Some("4 4")))
        (label(LEFT + 4.0, y.at(goal) - 6.0, "start", GOAL, &format!("goal {}", short_money(goal))))
    };
    frame(HEIGHT, "Balance over time", &content)
}

/// The probability of having been short, from 0 at the start, with its 95 % band.
pub(super) fn curve(points: &[CurvePoint], simulations: u64) -> Markup {
    const HEIGHT: f64 = 220.0;
    let Some(last) = points.last() else { return html! {} };
    let begin = CurvePoint { month: 0, probability: 0.0, standard_error: 0.0 };
    let all: Vec<CurvePoint> = std::iter::once(begin).chain(points.iter().copied()).collect();
    // Nobody has been short before the first month.
    let interval =
        |point: &CurvePoint| if point.month == 0 { [0.0; 2] } else { interval_95(point, simulations) };
    let low = |point: &CurvePoint| interval(point)[0];
    let high = |point: &CurvePoint| interval(point)[1];
    let (per_tick, unit) = if last.month > 36 { (12.0, "years") } else { (1.0, "months") };
    let x = Scale { low: 0.0, high: f64::from(last.month) / per_tick, start: LEFT, end: WIDTH - RIGHT };
    let most = all.iter().map(high).fold(0.01, f64::max).min(1.0);
    let y = Scale { low: 0.0, high: most, start: HEIGHT - BOTTOM, end: TOP };
    let place = |point: &CurvePoint, share: f64| {
        format!("{:.1},{:.1}", x.at(f64::from(point.month) / per_tick), y.at(share))
    };
    let line_of: Vec<_> = all.iter().map(|point| place(point, point.probability)).collect();
    let band: Vec<_> = all
        .iter()
        .map(|point| place(point, low(point)))
        .chain(all.iter().rev().map(|point| place(point, high(point))))
        .collect();
    let content = html! {
        @for tick in y.ticks() {
            (line([LEFT, y.at(tick)], [WIDTH - RIGHT, y.at(tick)], GRID, None))
            (label(LEFT - 8.0, y.at(tick) + 4.0, "end", MUTED, &short_percent(tick)))
        }
        (time_axis(&x, HEIGHT, unit))
        polygon points=(band.join(" ")) fill=(GOAL) fill-opacity="0.2" {}
        polyline points=(line_of.join(" ")) fill="none" stroke=(GOAL) stroke-width="2.5" {}
    };
    frame(HEIGHT, "The probability of having been short", &content)
}

/// The label of a tick, like "5 %" or "0.2 %".
fn short_percent(share: f64) -> String {
    let text = format!("{:.2}", 100.0 * share);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The effects of changes of the plan, the largest first, with their 95 % intervals.
pub(super) fn tornado(changes: &[(&String, &Sensitivity)]) -> Markup {
    const ROW: f64 = 26.0;
    const NAMES: f64 = 170.0;
    const NUMBERS: f64 = 96.0;
    let most = changes.iter().map(|(_, one)| one.impact + 2.0 * one.standard_error).fold(1e-9, f64::max);
    let x = Scale { low: -most, high: most, start: NAMES, end: WIDTH - NUMBERS };
    let height = ROW * changes.len() as f64 + 10.0;
    let content = html! {
        @for (row, (name, one)) in changes.iter().enumerate() {
            @let top = ROW * row as f64 + 4.0;
            @let (zero, end) = (x.at(0.0), x.at(one.delta));
            @let error = 1.96 * one.standard_error;
            (label(NAMES - 10.0, top + 15.0, "end", "#17202c", &change(name)))
            rect x=(number(zero.min(end))) y=(number(top)) width=(number((end - zero).abs().max(0.5))) height="19"
                fill=(if one.delta < 0.0 { "#b0302a" } else { "#14713f" }) {}
            (line([x.at(one.delta - error), top + 9.5], [x.at(one.delta + error), top + 9.5], "#17202c", None))
            (label(WIDTH - NUMBERS + 10.0, top + 15.0, "start", "#17202c", &format!("{} points", points(one.delta, one.standard_error))))
        }
        (line([x.at(0.0), 0.0], [x.at(0.0), height - 6.0], MUTED, None))
    };
    frame(height, "What would change it", &content)
}
