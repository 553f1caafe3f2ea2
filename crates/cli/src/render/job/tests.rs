use serde_json::json;

use super::*;

/// A running job.
pub(crate) fn running() -> Job {
    serde_json::from_value(json!({
        "id": "job_1", "status": "running", "progress": 43.2, "allocatedNodes": 1, "simulationsTotal": 1_000_000,
        "simulationsComplete": 432_000, "estimatedTimeRemaining": "12 s", "estimatedSecondsRemaining": 12.0,
        "createdAt": "2026-01-01T00:00:00Z", "startedAt": "2026-01-01T00:00:01Z", "priority": 50, "seed": "42",
        "nodeProgress": {"node_1": {
            "progress": 43.2, "simulations": 432_000, "simulationsPerSecond": 35_200_000.0, "state": "working",
        }},
        "partialResults": {
            "successProbability": 0.6312, "confidenceInterval95": [0.6290, 0.6334], "medianOutcome": 71234.5, "simulations": 432_000,
        },
    }))
    .expect("a job")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn a_running_job_is_told_with_its_nodes() {
    let expected = "\
job         job_1
status      running on 1 node
progress    43.2 % (432,000 of 1,000,000 simulations)
remaining   12 s
so far      probability 63.12 % (62.90 % to 63.34 %), median $71,234, of 432,000 simulations
priority    50
seed        42
created     2026-01-01 00:00:00 UTC (1 min 10 s ago)
started     2026-01-01 00:00:01 UTC (1 min 9 s ago)

node    state     share  simulations  simulations/s
node_1  working  43.2 %      432,000   35.2 million";
    assert_eq!(job(&running(), at("2026-01-01T00:01:10Z")), expected);
}

#[test]
fn a_failed_job_says_why_and_a_waiting_one_for_what() {
    let mut other = running();
    other.status = JobStatus::Failed;
    other.error = Some("3 attempts at blocks 0..4 failed".to_owned());
    assert_eq!(status(&other), "failed: 3 attempts at blocks 0..4 failed");
    other.status = JobStatus::Queued;
    other.queue_position = Some(2);
    other.waiting_for = Some("no worker is there".to_owned());
    assert_eq!(status(&other), "queued, number 2 in the queue: no worker is there");
}

#[test]
fn a_submission_is_told_where_it_stands() {
    let mut answer = Submitted {
        job_id: "job_1".to_owned(),
        status: JobStatus::Queued,
        queue_position: 1,
        estimated_time_remaining: Some("3 min".to_owned()),
        estimated_seconds_remaining: Some(180.0),
        webhook: None,
    };
    assert_eq!(submitted(&answer), "queued, number 1 in the queue, about 3 min to go");
    answer.estimated_time_remaining = None;
    assert_eq!(submitted(&answer), "queued, number 1 in the queue");
}

#[test]
fn a_list_is_a_table_and_says_which_page_it_is() {
    let ended = Job {
        status: JobStatus::Complete,
        progress: 100.0,
        completed_at: Some(at("2026-01-01T00:00:03.5Z")),
        ..running()
    };
    let mut list = JobList { jobs: vec![running(), ended], total: 5, page: 1, page_size: 2 };
    let expected = "\
id     status    done  simulations         created     took  name
job_1  running   43 %    1,000,000  1 min 10 s ago  1 min 9 s
job_1  complete  100 %    1,000,000  1 min 10 s ago   2.50 s
5 jobs; page 1 of 3";
    let words = |text: &str| {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(words(&jobs(&list, false, at("2026-01-01T00:01:10Z"))), words(expected));

    list.jobs.clear();
    assert_eq!(jobs(&list, false, at("2026-01-01T00:01:10Z")), "no jobs on page 1");
    list.total = 0;
    assert_eq!(jobs(&list, false, at("2026-01-01T00:01:10Z")), "no jobs");
}

#[test]
fn ages_are_whole_seconds_and_clocks_may_differ() {
    let now = at("2026-01-01T00:01:00Z");
    assert_eq!(ago(at("2026-01-01T00:00:57.2Z"), now), "2 s ago");
    assert_eq!(ago(at("2026-01-01T00:00:50Z"), now), "10 s ago");
    assert_eq!(ago(at("2026-01-01T00:01:05Z"), now), "now");
}
