//! Follows a job until it ends.

use std::time::Duration;

use carlo_rest::Job;
use carlo_rest::job::JobStatus;
use carlo_types::JobId;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use crate::client::{ApiResponse, Client, ClientError, Events};
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

/// How long a wait tolerates an unreachable server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// The longest time without a connection.
    pub(crate) away_max: Duration,
    /// The shortest time between two attempts.
    pub(crate) every: Duration,
    /// Whether the same call may succeed later.
    pub(crate) passes: fn(&ClientError) -> bool,
}

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
    let patience = Patience { away_max: AWAY_MAX, every: INTERVAL.1, passes: ClientError::is_passing };
    let hear = |heard: Option<&Job>| match heard {
        Some(job) if !job.status.has_ended() => progress.show(job).map(|()| false),
        _ => {
            progress.clear();
            Ok(heard.is_some())
        }
    };
    follow(async |last| client.events(id, last).await, patience, hear).await
}

/// Follows a stream of events until its last one. If the stream breaks, another call continues it
/// without missing events. `hear` gets the content of each event and returns whether it is the last
/// one. It gets nothing before an error is reported.
pub(crate) async fn follow<T: DeserializeOwned>(
    open: impl AsyncFn(Option<u64>) -> Result<Events, ClientError>,
    patience: Patience,
    mut hear: impl FnMut(Option<&T>) -> anyhow::Result<bool>,
) -> anyhow::Result<ApiResponse<T>> {
    let (mut last, mut heard, mut connection) = (None, Instant::now(), Connection::default());
    loop {
        let mut pause = INTERVAL.1;
        match open(last).await {
            Ok(mut events) => {
                connection.is_there();
                while let Ok(Ok(Some(event))) = timeout(SILENCE_MAX, events.next()).await {
                    (last, heard) = (event.id.or(last), Instant::now());
                    let value: T = event.read()?;
                    if hear(Some(&value))? {
                        return Ok(ApiResponse { value, json: event.data });
                    }
                }
            }
            Err(error) => {
                hear(None)?;
                if !(patience.passes)(&error) || heard.elapsed() >= patience.away_max {
                    return Err(error.into());
                }
                connection.is_lost(&error);
                let asked = error.retry_after().unwrap_or_default().min(patience.away_max);
                pause = asked.max(patience.every);
            }
        }
        sleep(pause).await;
    }
}

/// Whether the server can be reached. Reports changes of that to stderr.
#[derive(Debug, Default)]
struct Connection {
    is_lost: bool,
}

impl Connection {
    /// Takes note of a successful call.
    fn is_there(&mut self) {
        if std::mem::take(&mut self.is_lost) {
            say("the connection is back");
        }
    }

    /// Takes note of a failed call that may succeed later.
    fn is_lost(&mut self, error: &ClientError) {
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
