//! Callers that wait for a change of status, and streams of events.
//!
//! A watched job has a **feed**: its latest events, which every stream reads at its own pace. The
//! core adds an event at most every 200 ms, and never waits for a reader. A reader that has caught
//! up and then falls behind continues with the latest event. Feeds are kept for a while after the
//! last stream has ended, so that a client that returns finds the events that it missed.
//!
//! The last event of every job has the same id, [`LAST_EVENT_ID`]. So any coordinator knows,
//! without remembering anything, whether a client that returns has received the end of its job.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use carlo_tenancy::Caller;
use carlo_types::{BatchId, Fault, FaultCode, JobId};
use tokio::sync::{oneshot, watch};

use super::Core;
use crate::snapshot::JobEvent;

/// Events kept per job.
const EVENTS_MAX: usize = 1_000;
/// Bytes of all kept events.
const EVENTS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most feeds. Those without readers make room.
const FEEDS_MAX: usize = 10_000;
/// The time between two events of a job.
const EVENT_EVERY: Duration = Duration::from_millis(200);
/// How long the feed of an ended job is kept.
const ENDED_KEPT: Duration = Duration::from_mins(1);
/// The id of the last event of every job: the largest number that JSON readers keep exactly.
const LAST_EVENT_ID: u64 = (1 << 53) - 1;
/// The ids that a caller can bring from an earlier leader are below this. It leaves room for a
/// job's further events before [`LAST_EVENT_ID`].
const CONTINUED_ID_MAX: u64 = 1 << 52;

/// Something that can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// The status of a job.
    Job(JobId),
    /// The status of a batch's jobs, and which of them may run.
    Batch(BatchId),
    /// The same, and the progress of its jobs.
    BatchProgress(BatchId),
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    waiting: BTreeMap<Topic, Vec<oneshot::Sender<()>>>,
    /// The topics that have changed since the last commit.
    notified: BTreeSet<Topic>,
    feeds: BTreeMap<JobId, Feed>,
    /// Jobs whose feed lacks the latest change.
    changed: BTreeSet<JobId>,
}

#[derive(Debug)]
struct Feed {
    window: watch::Sender<Window>,
    /// When the latest event was added.
    at: Duration,
}

/// The latest events of a job, the oldest first; never empty.
#[derive(Debug, Default)]
pub(crate) struct Window {
    events: VecDeque<Event>,
    bytes: usize,
}

/// A job at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Increases with each event of the job; [`LAST_EVENT_ID`] for the last one.
    pub(crate) id: u64,
    pub(crate) job: Arc<JobEvent>,
    /// Whether the job has ended, so that no event follows.
    pub(crate) is_last: bool,
}

/// A stream's position in a feed.
#[derive(Debug)]
pub(crate) struct Watch {
    window: watch::Receiver<Window>,
    /// The number of the last event that was read.
    read: u64,
    /// Whether the stream has caught up.
    is_up_to_date: bool,
}

impl Watch {
    /// Waits for the next event; `None` after the last one. Fails when the core ends.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            let (next, is_over) = {
                let window = self.window.borrow_and_update();
                let latest = window.latest();
                let next = if self.is_up_to_date {
                    latest.filter(|event| event.id > self.read)
                } else {
                    window.after(self.read)
                };
                self.is_up_to_date |=
                    next.is_none_or(|next| latest.is_some_and(|latest| latest.id == next.id));
                (next.cloned(), latest.is_some_and(|event| event.is_last))
            };
            match next {
                Some(event) => {
                    self.read = event.id;
                    return Ok(Some(event));
                }
                None if is_over => return Ok(None),
                None => self.window.changed().await.map_err(|_| super::requests::ended())?,
            }
        }
    }
}

impl Feed {
    /// Begins a stream; `None` if the caller has received the last event.
    fn watch(&self, last_seen: Option<u64>) -> Option<Watch> {
        let (latest, is_over) = {
            let window = self.window.borrow();
            let latest = window.latest().expect("a feed is never empty");
            (latest.id, latest.is_last)
        };
        if is_over && last_seen == Some(latest) {
            return None;
        }
        let missed = last_seen.filter(|id| *id <= latest);
        let window = self.window.subscribe();
        Some(Watch { window, read: missed.unwrap_or(latest - 1), is_up_to_date: missed.is_none() })
    }
}

impl Window {
    fn latest(&self) -> Option<&Event> {
        self.events.back()
    }

    /// The first event with a larger number.
    fn after(&self, id: u64) -> Option<&Event> {
        self.events.get(self.events.partition_point(|event| event.id <= id))
    }

    /// Adds an event, with at least this number unless it is the last one, and drops old events
    /// above `bytes_max`.
    fn push(&mut self, id: u64, job: JobEvent, bytes_max: usize) {
        let is_last = job.view.state.is_ended();
        let next = self.latest().map_or(id, |latest| id.max(latest.id + 1));
        let id = if is_last { LAST_EVENT_ID } else { next };
        self.bytes += job.bytes();
        self.events.push_back(Event { id, job: Arc::new(job), is_last });
        while self.events.len() > EVENTS_MAX || (self.bytes > bytes_max && self.events.len() > 1) {
            let oldest = self.events.pop_front().expect("there is more than one");
            self.bytes -= oldest.job.bytes();
        }
    }
}

impl Watchers {
    /// Resolves at the next change of the topic.
    pub(super) fn wait(&mut self, topic: Topic) -> oneshot::Receiver<()> {
        let (change, notified) = oneshot::channel();
        let waiting = self.waiting.entry(topic).or_default();
        // Waiters that are gone are removed when others come.
        waiting.retain(|waiter| !waiter.is_closed());
        waiting.push(change);
        notified
    }

    /// Records that a topic has changed or is gone.
    pub(super) fn notify(&mut self, topic: Topic) {
        if self.waiting.contains_key(&topic) {
            self.notified.insert(topic);
        }
    }

    /// Records that a batch, or the status of a job of it, has changed.
    pub(super) fn notify_batch(&mut self, batch: BatchId) {
        self.notify(Topic::Batch(batch));
        self.notify(Topic::BatchProgress(batch));
    }

    /// Records that a job has changed.
    pub(super) fn change(&mut self, job: JobId) {
        if self.feeds.contains_key(&job) {
            self.changed.insert(job);
        }
    }

    /// Drops feeds that nobody will return for, and waiters that are gone.
    pub(super) fn sweep(&mut self, now: Duration) {
        self.feeds.retain(|_, feed| {
            let is_over = feed.window.borrow().latest().is_some_and(|event| event.is_last);
            !is_over || feed.window.receiver_count() > 0 || now.saturating_sub(feed.at) < ENDED_KEPT
        });
        self.waiting.retain(|_, waiting| {
            waiting.retain(|waiter| !waiter.is_closed());
            !waiting.is_empty()
        });
    }

    /// Makes room for another feed.
    fn make_room(&mut self) -> Result<(), Fault> {
        if self.feeds.len() < FEEDS_MAX {
            return Ok(());
        }
        let unread = self.feeds.iter().filter(|(_, feed)| feed.window.receiver_count() == 0);
        let oldest = unread.min_by_key(|(_, feed)| feed.at).map(|(job, _)| *job);
        let message = "the maximum number of watched jobs is reached";
        let oldest = oldest.ok_or_else(|| Fault::new(FaultCode::Exhausted, message))?;
        self.feeds.remove(&oldest);
        Ok(())
    }
}

impl Core {
    /// Watches a job: from the event after `last_seen`, or from the current state if there is no
    /// such event yet. `None` if the caller has received the last event.
    ///
    /// Each process numbers its own events. A caller that comes from an earlier leader continues
    /// that leader's numbers, unless another caller is watching the job here already. So ids also
    /// increase across a change of leaders, and the id of the last event is the same everywhere.
    pub(crate) fn watch(
        &mut self,
        caller: &Caller,
        job: JobId,
        last_seen: Option<u64>,
    ) -> Result<Option<Watch>, Fault> {
        self.require_owner(caller, job)?;
        if let Some(feed) = self.watchers.feeds.get(&job) {
            return Ok(feed.watch(last_seen));
        }
        let is_open = self.scheduler.spec(job).is_some();
        if !is_open && last_seen == Some(LAST_EVENT_ID) {
            return Ok(None);
        }
        let snapshot = self.snapshot_with_fold(job).expect("the job's owner was found above");
        let id = last_seen.filter(|id| *id < CONTINUED_ID_MAX).map_or(1, |id| id + 1);
        let mut window = Window::default();
        window.push(id, snapshot.into(), EVENTS_BYTES_MAX);
        let read = window.latest().map_or(0, |event| event.id - 1);
        let window = watch::Sender::new(window);
        let receiver = window.subscribe();
        if is_open {
            self.watchers.make_room()?;
            self.watchers.feeds.insert(job, Feed { window, at: self.clock.now().elapsed });
        }
        // An ended job has no further events, so its stream needs no feed.
        Ok(Some(Watch { window: receiver, read, is_up_to_date: true }))
    }

    /// Notifies everybody who waits for a change that this batch of requests has made.
    pub(super) fn publish(&mut self) {
        for topic in std::mem::take(&mut self.watchers.notified) {
            for waiter in self.watchers.waiting.remove(&topic).unwrap_or_default() {
                // The waiter may be gone.
                let _ = waiter.send(());
            }
        }
        if self.watchers.changed.is_empty() {
            return;
        }
        let now = self.clock.now().elapsed;
        let bytes_max = EVENTS_BYTES_MAX / self.watchers.feeds.len().max(1);
        for job in std::mem::take(&mut self.watchers.changed) {
            let Some(feed) = self.watchers.feeds.get(&job) else { continue };
            let is_open = self.scheduler.spec(job).is_some();
            if is_open && now.saturating_sub(feed.at) < EVENT_EVERY {
                self.watchers.changed.insert(job);
                continue;
            }
            let Some(snapshot) = self.snapshot_with_fold(job) else { continue };
            let feed = self.watchers.feeds.get_mut(&job).expect("the feed was found above");
            feed.at = now;
            feed.window.send_modify(|window| window.push(1, snapshot.into(), bytes_max));
        }
    }
}
