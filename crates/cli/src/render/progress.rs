//! The progress of a job in one line, and a line for each of its nodes.

use carlo_rest::job::{JobStatus, NodeProgress};
use carlo_rest::{Job, Label as _};

use super::number::{grouped, percent, percent_decimals, short};

/// The text beside the bar: the share that is done, the speed, the remaining time, the probability
/// so
/// far.
pub fn beside_bar(job: &Job) -> String {
    joined([format!("{:5.1} %", job.progress), details(job)])
}

fn details(job: &Job) -> String {
    if job.status == JobStatus::Queued {
        let position =
            job.queue_position.map(|position| format!(", number {} in the queue", grouped(position)));
        return job.waiting_for.clone().unwrap_or_else(|| format!("queued{}", position.unwrap_or_default()));
    }
    let speed: f64 = job.node_progress.values().map(|node| node.simulations_per_second).sum();
    let mut parts = Vec::new();
    if speed > 0.0 {
        parts.push(format!("{}/s", short(speed)));
    }
    if let Some(remaining) = &job.estimated_time_remaining {
        parts.push(format!("{remaining} left"));
    }
    if let Some(partial) = &job.partial_results {
        let interval = partial.confidence_interval_95;
        // One digit less than in final results, because the next one still changes.
        let decimals = percent_decimals(interval) - 1;
        let half = (interval[1] - interval[0]) / 2.0 * 100.0;
        parts.push(format!("success {} ± {half:.decimals$}", percent(partial.success_probability, decimals)));
    }
    parts.join(" · ")
}

/// The job in a line of text, if no bar can be drawn.
pub fn line(job: &Job) -> String {
    let done = format!(
        "{:5.1} %  {} of {} simulations",
        job.progress,
        grouped(job.simulations_complete),
        grouped(job.simulations_total)
    );
    joined([done, details(job)])
}

fn joined(parts: [String; 2]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// One node's progress in a line of text.
pub fn node_line(id: &str, node: &NodeProgress) -> String {
    format!(
        "{id}  {:<7}  {:5.1} %  {} simulations  {}/s",
        node.state.label(),
        node.progress,
        grouped(node.simulations),
        short(node.simulations_per_second)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::job::tests::running;

    #[test]
    fn a_running_job_is_a_line() {
        let job = running();
        let expected =
            " 43.2 %  432,000 of 1,000,000 simulations · 35.2 million/s · 12 s left · success 63.1 % ± 0.2";
        assert_eq!(line(&job), expected);
        let (id, node) = job.node_progress.first_key_value().expect("it has a node");
        assert_eq!(node_line(id, node), "node_1  working   43.2 %  432,000 simulations  35.2 million/s");
    }

    #[test]
    fn a_waiting_job_says_for_what() {
        let mut job = running();
        job.status = JobStatus::Queued;
        job.queue_position = Some(3);
        assert_eq!(beside_bar(&job), " 43.2 % · queued, number 3 in the queue");
        job.waiting_for = Some("no worker is there".to_owned());
        assert_eq!(details(&job), "no worker is there");
    }
}
