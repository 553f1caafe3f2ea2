//! Follows a job until it ends.

use std::time::Duration;

use carlo_rest::Job;
use carlo_types::JobId;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use crate::answer::Answer;
use crate::client::{Client, ClientError, Events};
use crate::exit::say;
use crate::progress::Progress;

/// The time between two calls while the server can't be reached.
const RETRY: Duration = Duration::from_millis(100);
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
pub async fn as_told(client: &Client, id: JobId, progress: &mut Progress) -> anyhow::Result<Answer<Job>> {
    let patience = Patience { away_max: AWAY_MAX, every: RETRY, passes: ClientError::is_passing };
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
) -> anyhow::Result<Answer<T>> {
    let (mut last, mut heard, mut connection) = (None, Instant::now(), Connection::default());
    loop {
        let mut pause = RETRY;
        match open(last).await {
            Ok(mut events) => {
                connection.is_there();
                while let Ok(Ok(Some(event))) = timeout(SILENCE_MAX, events.next()).await {
                    (last, heard) = (event.id.or(last), Instant::now());
                    let value: T = event.read()?;
                    if hear(Some(&value))? {
                        return Ok(Answer { value, json: event.data });
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
