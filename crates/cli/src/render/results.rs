//! The results of a job.

use std::time::Duration;

use carlo_rest::Job;
use carlo_rest::job::{Doubt, JobResults, SensitivityResults};
use carlo_rest::plans::ComparedPlan;
use carlo_types::request::{Dollars, Goal, Success};

use super::histogram::histogram;
use super::lifetime::lifetime;
use super::number::{dollars, duration, grouped, percent, percent_decimals, short};
use super::table::{Align, Table};
use super::{counted, facts, plans, sweep, visible, width};

/// The results of a complete job. `whole` is the time since the program's start, if it only ran
/// this
/// job.
pub fn results(job: &Job, results: &JobResults, whole: Option<Duration>) -> String {
    let goal = &results.assumptions.goal;
    let mut parts = vec![headline(results), probability(results, goal), others(results)];
    parts.extend(lifetime(results));
    parts.extend([
        balances(results),
        histogram(
            &results.histogram,
            [results.worst_case, results.best_case],
            goal.target_amount,
            width::stdout(),
        ),
        job.sensitivity_results.as_ref().map(changes).unwrap_or_default(),
        warnings(&results.warnings),
        provenance(job, results, whole),
    ]);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The warnings, one line each.
fn warnings(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("note: {}", visible::line(warning))).collect::<Vec<_>>().join("\n")
}

/// The goal's description from the request.
fn headline(results: &JobResults) -> String {
    visible::line(results.assumptions.goal.goal_text.as_deref().unwrap_or_default()).into_owned()
}

/// The plan's condition of success.
fn success(goal: &Goal) -> String {
    let (target, months) = (dollars(goal.target_amount), counted(goal.timeline_months.into(), "month"));
    let money = match goal.dollars {
        Dollars::Nominal => "",
        Dollars::Real => " (money is in today's dollars)",
    };
    match goal.success {
        Success::FinalBalance => format!("{target} or more after {months}{money}"),
        Success::NeverShort if goal.target_amount > goal.floor => {
            let floor = dollars(goal.floor);
            format!("never less than {floor} in {months}, and {target} or more at the end{money}")
        }
        Success::NeverShort => format!("never less than {} in {months}{money}", dollars(goal.floor)),
    }
}

fn probability(results: &JobResults, goal: &Goal) -> String {
    let [low, high] = results.confidence_interval_95;
    let decimals = percent_decimals([low, high]);
    let error = format!("{:.decimals$}", results.standard_error * 100.0);
    format!(
        "Probability of {}: {}\n95 % interval {} to {}, standard error {error} points",
        success(goal),
        percent(results.success_probability, decimals),
        percent(low, decimals),
        percent(high, decimals),
    )
}

/// The results of the request's analysis: other plans, or a solved number.
fn others(results: &JobResults) -> String {
    if let Some(solution) = &results.solution {
        return plans::solution(solution);
    }
    if let Some(sweep) = &results.sweep {
        return sweep::points(sweep);
    }
    if results.variants.is_empty() {
        return String::new();
    }
    let own = ComparedPlan::first(&results.results);
    let others = results.variants.iter().map(|variant| variant.outcome);
    let compared: Vec<_> = std::iter::once(own).chain(others).collect();
    let name = |number| if number == 1 { "this plan".to_owned() } else { format!("plan {number}") };
    let names: Vec<_> = (1..=compared.len()).map(name).collect();
    plans::plans(&names, &compared)
}

fn balances(results: &JobResults) -> String {
    let columns = ["p5", "p10", "p25", "p50 (median)", "p75", "p90", "p95"];
    let mut table = Table::new(columns.map(|name| (name, Align::Right)));
    table.push(results.percentiles.map(dollars));
    let mean = format!("mean {} ± {} (standard deviation)", dollars(results.mean), dollars(results.std));
    let extremes = format!("worst {}, best {}", dollars(results.worst_case), dollars(results.best_case));
    format!("Final balance: {mean}, {extremes}\n{}", table.fitted())
}

/// The effects of changes of the plan, the largest first.
fn changes(sensitivity: &SensitivityResults) -> String {
    let mut rows: Vec<_> = sensitivity.sensitivities.iter().collect();
    rows.sort_by(|(_, a), (_, b)| b.impact.total_cmp(&a.impact));
    let head = ["what would change it", "probability", "points", "standard error"];
    let align = [Align::Left, Align::Right, Align::Right, Align::Right];
    let mut table = Table::new(std::array::from_fn(|column| (head[column], align[column])));
    for (name, change) in rows {
        table.push([
            label(name),
            percent(change.new_probability, 2),
            format!("{:+.2}", 100.0 * change.delta),
            format!("{:.2}", 100.0 * change.standard_error),
        ]);
    }
    table.fitted().to_string()
}

/// A readable name of a change: `income_plus_10` becomes "income +10 %", `timeline_plus_6mo`
/// "timeline +6 months".
fn label(name: &str) -> String {
    if let Some(moved) = name.strip_prefix("retire_") {
        return format!("retiring {}", moved.replace("mo_", " months "));
    }
    let label = name.replace("_plus_", " +").replace("_minus_", " -").replace('_', " ");
    if let Some(points) = label.strip_suffix("pt") {
        return format!("{points} point");
    }
    label.strip_suffix("mo").map_or_else(|| format!("{label} %"), |months| format!("{months} months"))
}

fn provenance(job: &Job, results: &JobResults, whole: Option<Duration>) -> String {
    let run = results.simulations_run;
    let mut lines: Vec<_> = results.doubts.iter().map(|doubt| ("may be wrong", doubted(doubt))).collect();
    lines.push(("simulations", grouped(run)));
    if results.stopped_early {
        let total = grouped(job.simulations_total);
        lines.push(("stopped early", format!("of {total} asked for: the target standard error was reached")));
    }
    if let Some(seconds) = seconds_computed(job) {
        let speed = short(run as f64 / seconds);
        let nodes = counted(results.workers_used.into(), "node");
        let whole = whole.map(|whole| format!("; {} with start and end", duration(whole.as_secs_f64())));
        let whole = whole.unwrap_or_default();
        lines.push(("speed", format!("{speed} simulations/s on {nodes}: {}{whole}", duration(seconds))));
    }
    lines.push(("seed", results.seed.clone()));
    lines.push(("model version", results.model_version.to_string()));
    lines.push(("digest", results.digest.to_string()));
    facts(&lines)
}

fn doubted(doubt: &Doubt) -> String {
    format!("{} took part and was found later to compute wrongly: {}", doubt.node, doubt.reason)
}

/// The time from the first lease to the last result; `None` if the server's clock measured no time.
fn seconds_computed(job: &Job) -> Option<f64> {
    let seconds = (job.completed_at? - job.started_at?).total(jiff::Unit::Second).ok()?;
    (seconds > 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests;
