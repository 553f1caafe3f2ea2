//! Delivers events to webhooks while this coordinator leads. The core says which attempts are due
//! and records their outcomes; [`sender`] sends the requests.

pub(crate) mod resolver;
pub(crate) mod sender;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use carlo_types::DeliveryId;
use carlo_webhooks::Outcome;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};

use crate::core::{Begun, Core, CoreHandle};
use sender::Sender;

/// How often is looked for due attempts when nothing changes, because the calendar may jump.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Delivers until it is dropped. `changed` is notified when deliveries have changed.
pub(crate) async fn deliver(core: CoreHandle, sender: Arc<Sender>, changed: Arc<Notify>) -> Infallible {
    let mut attempts = Attempts::default();
    loop {
        // A core that has ended answers nothing, and then this is dropped.
        let Ok(begun) = core.ask(Core::begin_attempts).await else { std::future::pending().await };
        let Begun { attempts: due, next_in_ms, wall_seconds } = begun;
        for attempt in due {
            let (id, sender) = (attempt.id, Arc::clone(&sender));
            attempts.begin(id, async move { sender.send(&attempt, wall_seconds).await });
        }
        let next = next_in_ms.map_or(LOOK_EVERY, Duration::from_millis).min(LOOK_EVERY);
        tokio::select! {
            outcomes = attempts.ended() => {
                let _ = core.ask(move |core| core.end_attempts(outcomes)).await;
            }
            () = changed.notified() => {}
            () = tokio::time::sleep(next) => {}
        }
    }
}

/// The attempts in progress. They end when this is dropped.
#[derive(Default)]
struct Attempts {
    tasks: JoinSet<Outcome>,
    ids: HashMap<Id, DeliveryId>,
}

impl Attempts {
    fn begin(&mut self, id: DeliveryId, attempt: impl Future<Output = Outcome> + Send + 'static) {
        self.ids.insert(self.tasks.spawn(attempt).id(), id);
    }

    /// The outcomes of all attempts that have ended; waits for the first.
    async fn ended(&mut self) -> Vec<(DeliveryId, Outcome)> {
        let Some(first) = self.tasks.join_next_with_id().await else { std::future::pending().await };
        let mut ended = vec![first];
        while let Some(next) = self.tasks.try_join_next_with_id() {
            ended.push(next);
        }
        ended.into_iter().filter_map(|ended| self.outcome(ended)).collect()
    }

    fn outcome(&mut self, ended: Result<(Id, Outcome), JoinError>) -> Option<(DeliveryId, Outcome)> {
        let (task, outcome) = ended.unwrap_or_else(|error| {
            tracing::error!("an attempt to deliver has panicked");
            (error.id(), Outcome::unanswered("failed inside the coordinator"))
        });
        Some((self.ids.remove(&task)?, outcome))
    }
}
