//! One job, and lists of jobs.

use carlo_rest::job::{JobKind, JobStatus, NodeProgress, PartialResults};
use carlo_rest::{Job, JobList, Label as _, Submitted};
use jiff::Timestamp;

use super::number::{dollars, duration, grouped, percent, percent_decimals, short, whole_duration};
use super::table::{Align, Table};
use super::{counted, facts};

/// A job without its results.
pub fn job(job: &Job, now: Timestamp) -> String {
    let mut lines = vec![("job", job.id.clone())];
    lines.extend(job.name.iter().map(|name| ("name", name.clone())));
    lines.push(("status", status(job)));
    lines.push((
        "progress",
        format!(
            "{:.1} % ({} of {} simulations)",
            job.progress,
            grouped(job.simulations_complete),
            grouped(job.simulations_total)
        ),
    ));
    if let Some(remaining) = &job.estimated_time_remaining {
        lines.push(("remaining", remaining.clone()));
    }
    if let Some(partial) = &job.partial_results {
        lines.push(("so far", so_far(partial)));
    }
    if !job.owner.is_empty() {
        lines.push(("owner", job.owner.clone()));
    }
    if job.kind != JobKind::Simulation {
        lines.push(("kind", job.kind.label().to_owned()));
    }
    lines.push(("priority", job.priority.to_string()));
    lines.push(("seed", job.seed.clone()));
    lines.push(("created", instant(job.created_at, now)));
    if let Some(started) = job.started_at {
        lines.push(("started", instant(started, now)));
    }
    if let Some(ended) = job.completed_at {
        lines.push(("ended", instant(ended, now)));
        lines.push(("took", duration(seconds(job.started_at.unwrap_or(job.created_at), ended))));
    }
    let text = facts(&lines);
    if job.node_progress.is_empty() { text } else { format!("{text}\n\n{}", nodes(job).fitted()) }
}

/// The message after a submission: the job's status, without its id.
pub fn submitted(submitted: &Submitted) -> String {
    let (status, position) = (submitted.status.label(), grouped(submitted.queue_position));
    let remaining = submitted.estimated_time_remaining.as_ref();
    let remaining = remaining.map(|remaining| format!(", about {remaining} to go")).unwrap_or_default();
    format!("{status}, number {position} in the queue{remaining}")
}

/// A page of jobs and the number of all jobs, with the owners if they are not all the caller.
pub fn jobs(list: &JobList, shows_owners: bool, now: Timestamp) -> String {
    if list.jobs.is_empty() {
        return if list.total == 0 { "no jobs".to_owned() } else { format!("no jobs on page {}", list.page) };
    }
    let shows_kinds = list.jobs.iter().any(|job| job.kind != JobKind::Simulation);
    let mut table = Table::new([
        ("id", Align::Id),
        ("status", Align::Left),
        ("done", Align::Right),
        ("simulations", Align::Right),
        ("created", Align::Right),
        ("took", Align::Right),
        (if shows_kinds { "kind" } else { "" }, Align::Left),
        (if shows_owners { "owner" } else { "" }, Align::Left),
        ("name", Align::Left),
    ]);
    for job in &list.jobs {
        let took = job.started_at.map(|from| duration(seconds(from, job.completed_at.unwrap_or(now))));
        table.push([
            job.id.clone(),
            job.status.label().to_owned(),
            format!("{:.0} %", job.progress.floor()),
            grouped(job.simulations_total),
            ago(job.created_at, now),
            took.unwrap_or_default(),
            if shows_kinds { job.kind.label().to_owned() } else { String::new() },
            if shows_owners { job.owner.clone() } else { String::new() },
            job.name.clone().unwrap_or_default(),
        ]);
    }
    format!("{}{}", table.fitted(), foot((list.total, "job"), list.page, list.page_size))
}

/// A line beneath a list of several pages: how many there are of what, and which page this is.
pub(super) fn foot((total, what): (u64, &str), page: u32, page_size: u32) -> String {
    let pages = total.div_ceil(u64::from(page_size.max(1)));
    if pages > 1 {
        format!("\n{}; page {page} of {}", counted(total, what), grouped(pages))
    } else {
        String::new()
    }
}

fn status(job: &Job) -> String {
    let word = job.status.label();
    match job.status {
        JobStatus::Queued => {
            let position =
                job.queue_position.map(|position| format!(", number {} in the queue", grouped(position)));
            let reason = job.waiting_for.as_ref().map(|reason| format!(": {reason}"));
            [Some(word.to_owned()), position, reason].into_iter().flatten().collect()
        }
        JobStatus::Running => {
            let reason = job.waiting_for.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{word} on {}{reason}", counted(job.allocated_nodes.into(), "node"))
        }
        JobStatus::Failed => {
            format!("{word}: {}", job.error.as_deref().unwrap_or("the server gave no reason"))
        }
        JobStatus::Complete | JobStatus::Cancelled => word.to_owned(),
    }
}

fn so_far(partial: &PartialResults) -> String {
    let interval = partial.confidence_interval_95;
    let decimals = percent_decimals(interval);
    let [low, high] = interval.map(|end| percent(end, decimals));
    format!(
        "probability {} ({low} to {high}), median {}, of {} simulations",
        percent(partial.success_probability, decimals),
        dollars(partial.median_outcome),
        grouped(partial.simulations)
    )
}

fn nodes(job: &Job) -> Table<5> {
    let mut table = Table::new([
        ("node", Align::Id),
        ("state", Align::Left),
        ("share", Align::Right),
        ("simulations", Align::Right),
        ("simulations/s", Align::Right),
    ]);
    for (id, NodeProgress { progress, simulations, simulations_per_second, state }) in &job.node_progress {
        table.push([
            id.clone(),
            state.label().to_owned(),
            format!("{progress:.1} %"),
            grouped(*simulations),
            short(*simulations_per_second),
        ]);
    }
    table
}

pub(super) fn instant(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", at.strftime("%Y-%m-%d %H:%M:%S UTC"), ago(at, now))
}

pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = seconds(at, now);
    if seconds < 1.0 { "now".to_owned() } else { format!("{} ago", whole_duration(seconds)) }
}

/// The time between two instants; 0 if they are in the wrong order because the clocks of two
/// machines differ.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

#[cfg(test)]
pub(crate) mod tests;
