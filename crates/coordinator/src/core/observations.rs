//! The cluster for operators: its state, samples of the last hour and day, and recent events. All
//! of this is bounded and only in memory, so it starts empty with each term.

use std::collections::VecDeque;
use std::time::Duration;

use carlo_schedule::{ClusterView, JobState, NodeState};
use carlo_tenancy::Caller;
use carlo_types::{Now, Timestamp};
use carlo_wire::v1;

use super::Core;
use crate::to_proto;

/// The time between two observations of the cluster.
const OBSERVE_EVERY: Duration = Duration::from_secs(10);
/// Observations per sample of the last hour, and the number of these samples.
const HOUR_OBSERVATIONS: u32 = 1;
const HOUR_SAMPLES_MAX: usize = 360;
/// The same for the last day, in which a sample covers five minutes.
const DAY_OBSERVATIONS: u32 = 30;
const DAY_SAMPLES_MAX: usize = 288;
/// The most users whose queued jobs are shown.
const QUEUE_MAX: usize = 100;
/// The most events that are kept; the oldest are dropped.
const EVENTS_MAX: usize = 500;

#[derive(Debug)]
pub(super) struct Observations {
    next: Duration,
    hour: Series,
    day: Series,
    events: VecDeque<v1::ClusterEvent>,
}

impl Default for Observations {
    fn default() -> Self {
        Self {
            next: Duration::ZERO,
            hour: Series::new(HOUR_OBSERVATIONS, HOUR_SAMPLES_MAX),
            day: Series::new(DAY_OBSERVATIONS, DAY_SAMPLES_MAX),
            events: VecDeque::new(),
        }
    }
}

impl Observations {
    /// Counts an ended job in the current samples.
    pub(super) fn job_ended(&mut self, state: JobState) {
        for series in [&mut self.hour, &mut self.day] {
            match state {
                JobState::Complete => series.gathered.completed_jobs += 1,
                JobState::Failed => series.gathered.failed_jobs += 1,
                JobState::Queued | JobState::Running | JobState::Cancelled => {}
            }
        }
    }

    /// Whether the next observation is due.
    fn is_due(&self, now: Now) -> bool {
        now.elapsed >= self.next
    }

    fn observe(&mut self, now: Now, cluster: &ClusterView) {
        self.next = now.elapsed + OBSERVE_EVERY;
        self.hour.observe(now.wall, cluster);
        self.day.observe(now.wall, cluster);
    }

    /// Adds an event. A refusal replaces an equal one just before it, so that a worker that tries
    /// to join each second doesn't fill the list.
    fn note(&mut self, event: v1::ClusterEvent) {
        let is_again =
            |last: &v1::ClusterEvent| v1::ClusterEvent { at_ms: event.at_ms, ..last.clone() } == event;
        if event.kind() == v1::ClusterEventKind::Refused && self.events.front().is_some_and(is_again) {
            self.events.pop_front();
        }
        if self.events.len() == EVENTS_MAX {
            self.events.pop_back();
        }
        self.events.push_front(event);
    }
}

/// Samples of one length, oldest first.
#[derive(Debug)]
struct Series {
    observations_per_sample: u32,
    samples_max: usize,
    samples: VecDeque<v1::ClusterSample>,
    /// The next sample so far. Its rate is the sum over `observations`, its numbers of queued and
    /// running jobs are the maxima.
    gathered: v1::ClusterSample,
    observations: u32,
}

impl Series {
    fn new(observations_per_sample: u32, samples_max: usize) -> Self {
        Self {
            observations_per_sample,
            samples_max,
            samples: VecDeque::new(),
            gathered: v1::ClusterSample::default(),
            observations: 0,
        }
    }

    fn observe(&mut self, wall: Timestamp, cluster: &ClusterView) {
        let sample = &mut self.gathered;
        self.observations += 1;
        sample.simulations_per_second += cluster.simulations_per_second;
        sample.queued_jobs = sample.queued_jobs.max(cluster.queued_jobs as u64);
        sample.running_jobs = sample.running_jobs.max(cluster.running_jobs as u64);
        if self.observations < self.observations_per_sample {
            return;
        }
        sample.at_ms = wall.0;
        sample.simulations_per_second /= f64::from(self.observations);
        sample.nodes = cluster.nodes.iter().filter(|node| node.state != NodeState::Offline).count() as u64;
        if self.samples.len() == self.samples_max {
            self.samples.pop_front();
        }
        self.samples.push_back(std::mem::take(sample));
        self.observations = 0;
    }

    fn message(&self) -> Vec<v1::ClusterSample> {
        self.samples.iter().copied().collect()
    }
}

impl Core {
    /// Observes the cluster if that is due.
    pub(super) fn observe(&mut self) {
        let now = self.clock.now();
        if self.observations.is_due(now) {
            let cluster = self.scheduler.cluster(now);
            self.observations.observe(now, &cluster);
        }
    }

    /// Adds an event of this kind. `subject` names the node, key or token that it concerns; `by`
    /// names the user who caused it, or is empty.
    pub(crate) fn note(
        &mut self,
        kind: v1::ClusterEventKind,
        subject: impl Into<String>,
        detail: impl Into<String>,
        by: impl Into<String>,
    ) {
        self.observations.note(v1::ClusterEvent {
            at_ms: self.clock.now().wall.0,
            kind: kind.into(),
            subject: subject.into(),
            detail: detail.into(),
            by: by.into(),
        });
    }

    /// The cluster as the caller may see it, without what the core doesn't know: the leader's
    /// address and the standbys.
    pub(crate) fn cluster_status(&self, caller: &Caller) -> v1::ClusterStatus {
        let is_admin = caller.require_admin().is_ok();
        let owners = self.scheduler.queued_owners();
        let queue =
            owners.iter().filter(|queued| is_admin || !caller.is_other(&queued.owner)).take(QUEUE_MAX);
        v1::ClusterStatus {
            leading_since_ms: self.leading_since.0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ledger: Some(v1::LedgerStatus {
                kind: self.ledger.kind().to_owned(),
                bytes: self.ledger.size_bytes(),
                commit_seconds: self.instruments.recent_commit_seconds(),
            }),
            queue: queue.map(to_proto::queued_owner).collect(),
            ..to_proto::cluster(self.cluster())
        }
    }

    pub(crate) fn cluster_history(&self) -> v1::ClusterHistory {
        v1::ClusterHistory { hour: self.observations.hour.message(), day: self.observations.day.message() }
    }

    /// The events, latest first. Those of keys, tokens and tiers are only for administrators.
    pub(crate) fn cluster_events(&self, is_admin: bool) -> v1::ClusterEvents {
        let is_admins = |event: &v1::ClusterEvent| {
            matches!(
                event.kind(),
                v1::ClusterEventKind::KeyCreated
                    | v1::ClusterEventKind::KeyRevoked
                    | v1::ClusterEventKind::TokenCreated
                    | v1::ClusterEventKind::TokenRevoked
                    | v1::ClusterEventKind::TiersChanged
            )
        };
        let shown = self.observations.events.iter().filter(|event| is_admin || !is_admins(event));
        v1::ClusterEvents { events: shown.cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use carlo_types::Epoch;

    use super::*;

    fn cluster(rate: f64) -> ClusterView {
        ClusterView {
            epoch: Epoch(1),
            model_version: 1,
            nodes: Vec::new(),
            queued_jobs: 2,
            running_jobs: 1,
            average_queue_time: Duration::ZERO,
            simulations_per_second: rate,
            quarantines: Vec::new(),
        }
    }

    fn at(seconds: u64) -> Now {
        Now { elapsed: Duration::from_secs(seconds), wall: Timestamp(1_000 * seconds) }
    }

    #[test]
    fn the_last_hour_and_day_are_kept_and_no_more() {
        let mut observations = Observations::default();
        for step in 0..20_000 {
            assert!(observations.is_due(at(10 * step)));
            observations.observe(at(10 * step), &cluster(step as f64));
            assert!(!observations.is_due(at(10 * step + 9)));
        }
        let (hour, day) = (observations.hour.message(), observations.day.message());
        assert_eq!((hour.len(), day.len()), (HOUR_SAMPLES_MAX, DAY_SAMPLES_MAX));
        assert_eq!(hour.last().map(|sample| sample.simulations_per_second), Some(19_999.0));
        // The last full five minutes are the observations 19,950 to 19,979.
        assert_eq!(day.last().map(|sample| sample.simulations_per_second), Some(19_964.5));
        assert_eq!(day[1].at_ms - day[0].at_ms, 300_000);
    }

    #[test]
    fn jobs_are_counted_in_the_sample_of_their_end() {
        let mut observations = Observations::default();
        observations.job_ended(JobState::Failed);
        observations.job_ended(JobState::Complete);
        observations.observe(at(0), &cluster(0.0));
        observations.observe(at(10), &cluster(0.0));
        let counts = |sample: &v1::ClusterSample| (sample.completed_jobs, sample.failed_jobs);
        assert_eq!(observations.hour.message().iter().map(counts).collect::<Vec<_>>(), [(1, 1), (0, 0)]);
    }

    #[test]
    fn a_worker_that_is_refused_again_and_again_is_one_event() {
        let mut observations = Observations::default();
        let refused = |at_ms| v1::ClusterEvent {
            at_ms,
            kind: v1::ClusterEventKind::Refused.into(),
            subject: "10.0.0.7".to_owned(),
            ..Default::default()
        };
        for at_ms in 1..=3 {
            observations.note(refused(at_ms));
        }
        assert_eq!(observations.events, [refused(3)]);
    }

    #[test]
    fn the_oldest_events_go_first() {
        let mut observations = Observations::default();
        for number in 0..=EVENTS_MAX {
            observations.note(v1::ClusterEvent { subject: number.to_string(), ..Default::default() });
        }
        assert_eq!(observations.events.len(), EVENTS_MAX);
        assert_eq!(observations.events.back().map(|event| event.subject.as_str()), Some("1"));
    }
}
