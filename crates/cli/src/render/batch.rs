//! Batches.

use carlo_rest::batch::BatchList;
use carlo_rest::{Batch, Label as _};
use jiff::Timestamp;

use super::job::{ago, foot, instant};
use super::number::grouped;
use super::table::{Align, Table};
use super::{counted, facts};

/// A batch in several lines.
pub fn batch(batch: &Batch, now: Timestamp) -> String {
    let mut lines = vec![("batch", batch.batch_id.clone()), ("status", batch.status.label().to_owned())];
    if let Some(error) = &batch.error_message {
        lines.push(("because", error.clone()));
    }
    if let Some(reason) = &batch.cancel_reason {
        lines.push(("cancelled", reason.clone()));
    }
    lines.push(("jobs", jobs(batch)));
    lines.push(("done", format!("{:.1} %", batch.progress.progress_percent)));
    lines.push(("cost", cost(batch)));
    lines.push(("created", instant(batch.created_at, now)));
    if let Some(started) = batch.started_at {
        lines.push(("started", instant(started, now)));
    }
    if let Some(ended) = batch.completed_at {
        lines.push(("ended", instant(ended, now)));
    }
    facts(&lines)
}

/// A page of batches, with the owners if they are not all the caller.
pub fn batches(list: &BatchList, shows_owners: bool, now: Timestamp) -> String {
    if list.batches.is_empty() {
        return if list.total == 0 {
            "no batches".to_owned()
        } else {
            format!("no batches on page {}", list.page)
        };
    }
    let mut table = Table::new([
        ("id", Align::Id),
        ("status", Align::Left),
        ("jobs", Align::Right),
        ("done", Align::Right),
        ("cost", Align::Right),
        ("created", Align::Right),
        (if shows_owners { "owner" } else { "" }, Align::Left),
    ]);
    for batch in &list.batches {
        table.push([
            batch.batch_id.clone(),
            batch.status.label().to_owned(),
            grouped(batch.progress.total_jobs.into()),
            format!("{:.0} %", batch.progress.progress_percent.floor()),
            money(batch.cost.actual_cost_usd),
            ago(batch.created_at, now),
            if shows_owners { batch.owner_id.clone() } else { String::new() },
        ]);
    }
    format!("{}{}", table.fitted(), foot((list.total, "batch"), list.page, list.page_size))
}

/// The message after a submission.
pub fn submitted(batch: &Batch) -> String {
    let jobs = counted(batch.progress.total_jobs.into(), "job");
    format!("{jobs}, about {}", money(batch.cost.estimated_cost_usd))
}

/// A running batch in one line.
pub fn progress(batch: &Batch) -> String {
    let done = batch.progress.progress_percent;
    format!("{done:5.1} %  {} · {}", jobs(batch), cost(batch))
}

fn jobs(batch: &Batch) -> String {
    let progress = &batch.progress;
    let parts = [
        (progress.completed_jobs, "completed"),
        (progress.running_jobs, "running"),
        (progress.pending_jobs, "pending"),
        (progress.failed_jobs, "failed"),
        (progress.cancelled_jobs, "cancelled"),
    ];
    let parts: Vec<_> = (parts.into_iter().filter(|(count, _)| *count > 0))
        .map(|(count, state)| format!("{} {state}", grouped(count.into())))
        .collect();
    format!("{}: {}", grouped(progress.total_jobs.into()), parts.join(", "))
}

fn cost(batch: &Batch) -> String {
    let spent = money(batch.cost.actual_cost_usd);
    match batch.cost.budget_cap_usd {
        Some(cap) => format!("{spent} of at most {}", money(cap)),
        None => format!("{spent} of about {}", money(batch.cost.estimated_cost_usd)),
    }
}

/// Dollars with as many digits as a token's price has, and at least two decimals.
pub(super) fn money(dollars: f64) -> String {
    let text = format!("{dollars:.6}");
    let cents = text.len() - 4;
    let end = text.trim_end_matches('0').len().max(cents);
    format!("${}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_that_it_needs() {
        for (dollars, text) in
            [(0.0, "$0.00"), (1.0, "$1.00"), (0.0001, "$0.0001"), (0.25, "$0.25"), (12.345_67, "$12.34567")]
        {
            assert_eq!(money(dollars), text);
        }
    }
}
