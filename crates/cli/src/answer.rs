//! The answer of a command about a job, from a server or from this process.

use std::time::Duration;

use carlo_rest::Job;
use carlo_rest::job::JobStatus;

use crate::exit::{Exit, say};
use crate::output::{print, print_json};
use crate::render;

/// A value, and its JSON.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// The value.
    pub value: T,
    /// Its JSON. If a server sent it, it may have members that this program doesn't know.
    pub json: String,
}

/// Prints the outcome of a job. `whole` is the time since the program started, if it only did this.
pub fn conclude(answer: &Answer<Job>, json: bool, whole: Option<Duration>) -> anyhow::Result<Exit> {
    let job = &answer.value;
    if json {
        print_json(&answer.json)?;
    }
    match (job.status, &job.results) {
        (JobStatus::Failed, _) => {
            say(&format!(
                "error: {} failed: {}",
                job.id,
                job.error.as_deref().unwrap_or("the server gave no reason")
            ));
            Ok(Exit::JobFailed)
        }
        (JobStatus::Cancelled, _) => {
            say(&format!("error: {} was cancelled", job.id));
            Ok(Exit::JobCancelled)
        }
        (_, Some(results)) => {
            if !json {
                print(&render::results::results(job, results, whole))?;
            }
            Ok(Exit::Ok)
        }
        (_, None) => anyhow::bail!("failed to read the answer of {}: it has no results", job.id),
    }
}
