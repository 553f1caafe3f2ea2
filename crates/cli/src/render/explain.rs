//! The reason why a job waits.

use carlo_rest::job::JobStatus;
use carlo_rest::{Cluster, Job, Label as _};

use super::number::{grouped, short};
use super::{counted, facts};

/// What a job waits for, its place in the queue, and the work of the cluster.
pub fn explain(job: &Job, cluster: &Cluster) -> String {
    let mut lines = vec![("job", job.id.clone()), ("status", job.status.label().to_owned())];
    let why = match job.status {
        JobStatus::Queued => "its turn".to_owned(),
        JobStatus::Running => format!("nothing: it runs on {}", counted(job.allocated_nodes.into(), "node")),
        JobStatus::Complete | JobStatus::Failed | JobStatus::Cancelled => "nothing: it has ended".to_owned(),
    };
    let why = job.waiting_for.clone().unwrap_or(why);
    lines.push(("waits for", why));
    if let Some(position) = job.queue_position {
        lines.push(("queue", format!("number {} of {}", grouped(position), grouped(cluster.queued_jobs))));
    }
    lines.push(("priority", format!("{} of 100", job.priority)));
    if let Some(remaining) = &job.estimated_time_remaining {
        lines.push(("to go", format!("about {remaining}")));
    }
    let nodes = [
        (cluster.busy_nodes, "busy"),
        (cluster.available_nodes, "available"),
        (cluster.draining_nodes, "draining"),
        (cluster.quarantined_nodes, "quarantined"),
        (cluster.offline_nodes, "offline"),
    ];
    let nodes: Vec<_> = (nodes.into_iter().filter(|(count, _)| *count > 0))
        .map(|(count, state)| format!("{} {state}", grouped(count)))
        .collect();
    let nodes = if nodes.is_empty() { "no nodes".to_owned() } else { format!("nodes: {}", nodes.join(", ")) };
    lines.push((
        "cluster",
        format!(
            "{nodes}; {} running; {} simulations/s",
            counted(cluster.running_jobs, "job"),
            short(cluster.simulations_per_second)
        ),
    ));
    facts(&lines)
}
