//! The core: one task that owns the scheduler.
//!
//! It takes whatever requests have queued, applies them, commits their records in one go, and only then sends leases and answers. So
//! what anybody was told is durable, and requests that arrive during a commit share the next one. When a commit fails the core
//! ends: its state may be ahead of the ledger, and the only safe thing is to start from the ledger again.

mod requests;
mod sessions;

use std::sync::Arc;
use std::time::Duration;

use carlo_kernel::Partial;
use carlo_schedule::{Command, Effect, Outcome, Record, Scheduler};
use carlo_service::CancellationToken;
use carlo_store::{Ledger, LedgerError, Write};
use carlo_types::{Epoch, Fault};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::Error;
use crate::entries::{self, Restored};
use crate::environment::{Clock, Environment};

pub(crate) use requests::CoreHandle;
use requests::Request;
use sessions::Sessions;
pub(crate) use sessions::{Outbox, SessionId};

/// Requests that wait. Whoever sends one more waits, too.
const REQUESTS_MAX: usize = 4_096;
/// Requests that share a commit.
const BATCH_MAX: usize = 64;
/// How often the scheduler is told that time has passed.
const TICK: Duration = Duration::from_millis(100);

/// An answer that is held back until what it tells of is durable.
type Answer = Box<dyn FnOnce() + Send>;

/// The scheduler and what it needs.
pub(crate) struct Core {
    scheduler: Scheduler<Partial>,
    epoch: Epoch,
    environment: Arc<dyn Environment>,
    clock: Clock,
    ledger: Arc<dyn Ledger>,
    sessions: Sessions,
    requests: mpsc::Receiver<Request>,
    /// What the requests of this batch have led to.
    writes: Vec<Write>,
    effects: Vec<Effect>,
    answers: Vec<Answer>,
}

impl Core {
    /// Becomes the ledger's writer and restores the scheduler from it.
    pub(crate) async fn load(
        config: carlo_schedule::Config,
        ledger: Arc<dyn Ledger>,
        environment: Arc<dyn Environment>,
    ) -> Result<(Self, CoreHandle), Error> {
        let clock = Clock::start(Arc::clone(&environment));
        let epoch = ledger.lead().await?;
        let mut scheduler = Scheduler::new(config, epoch);
        let Restored { jobs, writes, effects } =
            entries::load(ledger.as_ref(), &mut scheduler, clock.now()).await?;
        tracing::info!(%epoch, jobs, "ledger loaded");
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let core = Self {
            scheduler,
            epoch,
            environment,
            clock,
            ledger,
            sessions: Sessions::default(),
            requests,
            writes,
            effects,
            answers: Vec::new(),
        };
        Ok((core, CoreHandle::new(sender)))
    }

    /// The term that this core leads.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Serves requests until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                received = self.requests.recv_many(&mut batch, BATCH_MAX) => {
                    if received == 0 {
                        return Ok(());
                    }
                }
                _ = tick.tick() => self.tick(),
                () = stop.cancelled() => return Ok(()),
            }
            for request in batch.drain(..) {
                self.handle(request);
            }
            self.commit().await?;
        }
    }

    fn tick(&mut self) {
        // A tick is refused by nobody; if it were, the next one would do its work.
        if let Err(fault) = self.apply(Command::Tick) {
            tracing::error!(%fault, "the scheduler refused a tick");
        }
    }

    /// Applies a command and keeps what it led to for the end of the batch.
    fn apply(&mut self, command: Command<Partial>) -> Result<(), Fault> {
        let Outcome { records, effects } = self.scheduler.apply(command, self.clock.now())?;
        for record in records {
            if let Record::Job(job) = &record {
                tracing::info!(job = %job.id, state = job.state.as_str(), error = job.error, "job");
            }
            entries::write(&record, &mut self.writes);
        }
        self.effects.extend(effects);
        Ok(())
    }

    /// Makes the batch durable, then lets everybody know.
    async fn commit(&mut self) -> Result<(), Error> {
        if self.writes.is_empty() {
            // Leases that need no record are no less a leader's to grant.
            if !self.ledger.holds(self.epoch) {
                return Err(LedgerError::Fenced { current: Epoch(0) }.into());
            }
        } else {
            let writes = std::mem::take(&mut self.writes);
            self.ledger.commit(self.epoch, writes).await?;
        }
        for effect in std::mem::take(&mut self.effects) {
            self.sessions.carry_out(effect, self.epoch);
        }
        for answer in self.answers.drain(..) {
            answer();
        }
        self.environment.audit(&self.scheduler);
        Ok(())
    }
}
