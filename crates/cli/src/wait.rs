//! Following a job until it ends.

use std::time::Duration;

use carlo_rest::Job;
use carlo_rest::job::JobStatus;
use carlo_types::JobId;
use tokio::time::{Instant, sleep, timeout};

use crate::client::{Answer, Client, ClientError};
use crate::exit::{Exit, say};
use crate::output::{print, print_json};
use crate::progress::Progress;
use crate::render;

/// Between two looks at a job: at first, and at most.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));
/// How long a server may be away, for a restart say, before waiting for it ends.
const AWAY_MAX: Duration = Duration::from_secs(15);

/// A stream of events says something at least every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// Follows the job by its events until it has ended, and shows it meanwhile. One call, however long
/// the job takes; where the stream breaks, one more, which misses nothing.
///
/// # Errors
///
/// What the server refuses; a server that is away for longer than a restart takes.
pub async fn as_told(client: &Client, id: JobId, progress: &mut Progress) -> anyhow::Result<Answer<Job>> {
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
                        return Ok(Answer { value: job, json: event.data });
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

/// Whether the server is there, said when that changes.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    is_lost: bool,
}

impl Connection {
    /// A call succeeded.
    pub(crate) fn is_there(&mut self) {
        if std::mem::take(&mut self.is_lost) {
            say("the connection is back");
        }
    }

    /// A call failed that may succeed in a while.
    pub(crate) fn is_lost(&mut self, error: &ClientError) {
        if !std::mem::replace(&mut self.is_lost, true) {
            say(&format!("the connection is lost, trying again: {error}"));
        }
    }
}

/// Looks at the job until it has ended, and shows it meanwhile: for a cluster of one's own, which
/// may be asked as often as one likes.
///
/// # Errors
///
/// What the server refuses; a server that is away for longer than a restart takes.
pub async fn until_ended(client: &Client, id: JobId, progress: &mut Progress) -> anyhow::Result<Answer<Job>> {
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

/// Half as long again as the last time, but not past a third of what is left: the end is seen soon
/// after it comes, and a long job is not asked for more often than a person can read.
fn next(interval: Duration, seconds_remaining: Option<f64>) -> Duration {
    let third = seconds_remaining.and_then(|seconds| Duration::try_from_secs_f64(seconds / 3.0).ok());
    interval.mul_f64(1.5).min(INTERVAL.1).min(third.unwrap_or(INTERVAL.1)).max(INTERVAL.0)
}

/// Prints how a job that was waited for has ended. `whole` is the time since the program started,
/// where it did only this.
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
