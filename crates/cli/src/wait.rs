//! Follows a job until it ends.

use std::time::Duration;

use carlo_rest::Job;
use carlo_rest::job::JobStatus;
use carlo_types::JobId;
use tokio::time::{Instant, sleep, timeout};

use crate::client::{ApiResponse, Client, ClientError};
use crate::exit::{Exit, say};
use crate::output::{print, print_json};
use crate::progress::Progress;
use crate::render;

/// The shortest and the longest time between two requests for a job.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));
/// How long a server may be unreachable, for example during a restart, before the wait ends.
const AWAY_MAX: Duration = Duration::from_secs(15);

/// The timeout between two parts of a stream of events, which has a comment at least every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// Follows the job by its events until it has ended, and shows its progress. If the stream breaks,
/// another call continues it without missing events.
///
/// # Errors
///
/// If the server refuses a call, or is unreachable for too long.
pub async fn as_told(
    client: &Client,
    id: JobId,
    progress: &mut Progress,
) -> anyhow::Result<ApiResponse<Job>> {
    let (mut last, mut heard, mut connection) = (None, Instant::now(), Connection::default());
    loop {
        let mut pause = INTERVAL.1;
        match client.events(id, last).await {
            Ok(mut events) => {
                connection.is_there();
                while let Ok(Ok(Some(event))) = timeout(SILENCE_MAX, events.next()).await {
                    (last, heard) = (event.id.or(last), Instant::now());
                    let job: Job = event.job()?;
                    if job.status.has_ended() {
                        progress.clear();
                        return Ok(ApiResponse { value: job, json: event.data });
                    }
                    progress.show(&job)?;
                }
            }
            Err(error) if !error.is_passing() => {
                progress.clear();
                return Err(error.into());
            }
            Err(error) if heard.elapsed() >= AWAY_MAX => {
                progress.clear();
                return Err(error.into());
            }
            Err(error) => {
                progress.clear();
                connection.is_lost(&error);
                pause = pause.max(error.retry_after().unwrap_or_default().min(AWAY_MAX));
            }
        }
        sleep(pause).await;
    }
}

/// Whether the server can be reached. Reports changes of that to stderr.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    is_lost: bool,
}

impl Connection {
    /// Takes note of a successful call.
    pub(crate) fn is_there(&mut self) {
        if std::mem::take(&mut self.is_lost) {
            say("the connection is back");
        }
    }

    /// Takes note of a failed call that may succeed later.
    pub(crate) fn is_lost(&mut self, error: &ClientError) {
        if !std::mem::replace(&mut self.is_lost, true) {
            say(&format!("the connection is lost, trying again: {error}"));
        }
    }
}

/// Polls the job until it has ended, and shows its progress. For clusters in this process, which
/// have no rate limits.
///
/// # Errors
///
/// If the server refuses a call, or is unreachable for too long.
pub async fn until_ended(
    client: &Client,
    id: JobId,
    progress: &mut Progress,
) -> anyhow::Result<ApiResponse<Job>> {
    let mut interval = INTERVAL.0;
    let mut seen = Instant::now();
    loop {
        match client.job(id).await {
            Ok(answer) if answer.value.status.has_ended() => {
                progress.clear();
                return Ok(answer);
            }
            Ok(answer) => {
                seen = Instant::now();
                progress.show(&answer.value)?;
                interval = next(interval, answer.value.estimated_seconds_remaining);
            }
            Err(error) if error.is_passing() && seen.elapsed() < AWAY_MAX => interval = INTERVAL.1,
            Err(error) => {
                progress.clear();
                return Err(error.into());
            }
        }
        sleep(interval).await;
    }
}

/// The next interval: one and a half times the last one, but at most a third of the remaining time.
/// So the end is noticed soon, and long jobs are not polled unnecessarily often.
fn next(interval: Duration, seconds_remaining: Option<f64>) -> Duration {
    let third = seconds_remaining.and_then(|seconds| Duration::try_from_secs_f64(seconds / 3.0).ok());
    interval.mul_f64(1.5).min(INTERVAL.1).min(third.unwrap_or(INTERVAL.1)).max(INTERVAL.0)
}

/// Prints the outcome of a job. `whole` is the time since the program started, if it only did this.
pub fn conclude(answer: &ApiResponse<Job>, json: bool, whole: Option<Duration>) -> anyhow::Result<Exit> {
    let job = &answer.value;
    if json {
        print_json(&answer.json)?;
    }
    match (job.status, &job.results) {
        (JobStatus::Failed, _) => {
            say(&format!(
                "error: {} failed: {}",
                job.id,
                job.error.as_deref().unwrap_or("the server doesn't say why")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_looked_for_more_often_and_a_long_job_less() {
        let mut interval = INTERVAL.0;
        for _ in 0..10 {
            interval = next(interval, None);
        }
        assert_eq!(interval, INTERVAL.1);
        assert_eq!(next(interval, Some(3_600.0)), INTERVAL.1);
        assert_eq!(next(interval, Some(0.09)), Duration::from_millis(30));
        assert_eq!(next(interval, Some(0.0)), INTERVAL.0);
        assert_eq!(next(interval, Some(f64::NAN)), INTERVAL.1);
        assert_eq!(next(interval, Some(-1.0)), INTERVAL.1);
    }
}
