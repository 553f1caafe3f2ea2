//! A job and its states: one struct per state, and transitions are methods that consume the old
//! state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use carlo_types::{
    Analysis, BatchId, Bill, BlockRange, JobId, JobSpec, Merge, Money, NodeId, Now, OwnerId, Timestamp, Work,
};

use crate::checks::{Mark, Votes};
use crate::config::Config;
use crate::fold::{Fold, Segments};
use crate::queue::OwnerKey;
use crate::ranges::Ranges;
use crate::rate::Meter;
use crate::record::{Checkpoint, JobRecord, JobState, Share};
use crate::snapshots::Snapshots;

/// A job in this process, numbered in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobKey(pub(crate) u64);

/// The number of nodes whose share a job remembers.
const CONTRIBUTORS_MAX: usize = carlo_types::limits::NODES_MAX;

/// What a job asks about its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// How it ends.
    Simulation,
    /// How others end on the same luck.
    Comparison,
    /// Which value of an input it needs.
    Solution,
    /// How it ends over one or two axes.
    Sweep,
}

impl JobKind {
    pub(crate) fn of(spec: &JobSpec) -> Self {
        match spec.analysis {
            Analysis::None => Self::Simulation,
            Analysis::Compare(_) => Self::Comparison,
            Analysis::Solve(_) => Self::Solution,
            Analysis::Sweep(_) => Self::Sweep,
        }
    }
}

/// What every job has in every state.
#[derive(Debug, Clone)]
pub(crate) struct Job<P> {
    pub(crate) key: JobKey,
    pub(crate) id: JobId,
    pub(crate) owner: OwnerId,
    pub(crate) owner_key: OwnerKey,
    pub(crate) priority: u8,
    pub(crate) created_at: Timestamp,
    pub(crate) batch: Option<BatchId>,
    pub(crate) simulations: u64,
    pub(crate) months: u32,
    pub(crate) seed: u64,
    pub(crate) work: Work,
    /// The price of a token when the job was admitted.
    pub(crate) price: Money,
    pub(crate) kind: JobKind,
    pub(crate) is_preview: bool,
    pub(crate) state: State<P>,
}

#[derive(Debug, Clone)]
pub(crate) enum State<P> {
    Queued(Queued),
    Running(Box<Running<P>>),
    /// Boxed, because it is the largest state and would make every queued job as large.
    Ended(Box<Ended>),
}

/// Waits for its first lease.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) spec: Arc<JobSpec>,
    /// When it was submitted to this process or restored by it.
    pub(crate) since: Duration,
    /// How long it had waited before that, by calendar time.
    pub(crate) waited_before: Duration,
    /// Whether its batch keeps it out of the queue.
    pub(crate) blocked: bool,
}

/// Has had a lease.
#[derive(Debug, Clone)]
pub(crate) struct Running<P> {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) started_at: Timestamp,
    pub(crate) ranges: Ranges,
    pub(crate) fold: Fold<P>,
    /// Path-months leased so far.
    pub(crate) served: u64,
    pub(crate) last_served: Duration,
    pub(crate) contributors: BTreeMap<NodeId, Contributor>,
    pub(crate) meter: Meter,
    /// The time of the last checkpoint, and its simulations.
    pub(crate) saved: (Duration, u64),
    /// Withheld reports, by the first block of their range.
    pub(crate) votes: BTreeMap<u64, Votes<P>>,
    /// Earlier states, in case a node turns out to compute wrongly.
    pub(crate) snapshots: Snapshots<P>,
}

/// A node's contribution to a running job.
#[derive(Debug, Clone)]
pub(crate) struct Contributor {
    pub(crate) simulations: u64,
    /// How many of its simulations are beyond the first incomplete segment. Leases reach at most
    /// one segment ahead.
    ahead: u64,
    /// When it last contributed.
    pub(crate) mark: Mark,
    pub(crate) meter: Meter,
}

/// Complete, failed or cancelled. The specification and the result are in the ledger.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "`ended_at` is the record's name for it")]
pub(crate) struct Ended {
    pub(crate) state: JobState,
    pub(crate) error: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Timestamp,
    pub(crate) simulations_done: u64,
    pub(crate) stopped_early: bool,
    pub(crate) workers_used: u32,
    pub(crate) bill: Bill,
    /// Its place in the order of being forgotten.
    pub(crate) retained: i64,
}

impl Queued {
    /// A newly submitted job.
    pub(crate) fn new(spec: Arc<JobSpec>, blocked: bool, now: Duration) -> Self {
        Self { spec, since: now, waited_before: Duration::ZERO, blocked }
    }

    /// Starts the job, just before its first lease.
    pub(crate) fn start<P: Merge + Clone>(self, now: Now) -> Running<P> {
        let segments = Segments::new(self.spec.simulations(), self.spec.params.target_standard_error)
            .expect("a job has at least one simulation");
        Running {
            ranges: Ranges::new(segments.whole(), &[]).expect("nothing is done"),
            fold: Fold::new(segments),
            spec: self.spec,
            started_at: now.wall,
            served: 0,
            last_served: now.elapsed,
            contributors: BTreeMap::new(),
            meter: Meter::new(now.elapsed),
            saved: (now.elapsed, 0),
            votes: BTreeMap::new(),
            snapshots: Snapshots::new(now.elapsed),
        }
    }

    /// How long it has waited.
    pub(crate) fn waited(&self, now: Duration) -> Duration {
        self.waited_before + now.saturating_sub(self.since)
    }
}

impl<P: Merge + Clone> Running<P> {
    /// A running job as of its checkpoint; `None` if the checkpoint contradicts itself.
    pub(crate) fn restore(
        spec: Arc<JobSpec>,
        started_at: Timestamp,
        checkpoint: Option<Checkpoint<P>>,
        now: Duration,
    ) -> Option<Self> {
        let segments = Segments::new(spec.simulations(), spec.params.target_standard_error)?;
        let (done, parts, shares) =
            checkpoint.map_or_else(Default::default, |stored| (stored.done, stored.parts, stored.shares));
        let fold = Fold::restore(segments, &done, parts)?;
        let simulations = fold.simulations();
        let contributor = |Share { node, simulations, ahead, mark }| {
            (node, Contributor { simulations, ahead, mark, meter: Meter::new(now) })
        };
        Some(Self {
            ranges: Ranges::new(segments.whole(), &done)?,
            served: simulations.saturating_mul(spec.months().into()),
            fold,
            spec,
            started_at,
            last_served: now,
            contributors: shares.into_iter().take(CONTRIBUTORS_MAX).map(contributor).collect(),
            meter: Meter::new(now),
            saved: (now, simulations),
            votes: BTreeMap::new(),
            snapshots: Snapshots::new(now),
        })
    }

    /// Adds the partial result that `node` reported for `range` at `mark`.
    pub(crate) fn add(&mut self, node: NodeId, mark: Mark, range: BlockRange, partial: P, now: Duration) {
        let simulations = partial.simulations();
        let is_ahead = self.fold.is_ahead(range);
        if let Some(contributor) = self.contributor(node, now) {
            contributor.simulations += simulations;
            contributor.ahead += if is_ahead { simulations } else { 0 };
            contributor.mark = contributor.mark.max(mark);
        }
        let before = self.fold.current();
        self.fold.add(range, partial);
        let moved = self.fold.current() - before;
        // If the job is complete with the first segment, the second one is not counted.
        if moved > 1 || (moved == 1 && !self.fold.is_complete()) {
            self.contributors.values_mut().for_each(|contributor| contributor.ahead = 0);
        }
    }

    /// Measures the speed of work in progress. The first call for a node, without simulations,
    /// starts its clock.
    pub(crate) fn measure(&mut self, node: NodeId, simulations: u64, now: Duration) {
        self.meter.add(simulations as f64, now);
        if let Some(contributor) = self.contributor(node, now) {
            contributor.meter.add(simulations as f64, now);
        }
    }

    fn contributor(&mut self, node: NodeId, now: Duration) -> Option<&mut Contributor> {
        if self.contributors.len() >= CONTRIBUTORS_MAX && !self.contributors.contains_key(&node) {
            return None;
        }
        let new = || Contributor { simulations: 0, ahead: 0, mark: Mark::default(), meter: Meter::new(now) };
        Some(self.contributors.entry(node).or_insert_with(new))
    }

    /// Whether a lease may be granted now.
    pub(crate) fn is_ready(&self) -> bool {
        self.ranges.first_pending().is_some_and(|range| range.start() < self.fold.horizon())
    }

    /// Whether progress should be made durable now.
    pub(crate) fn is_checkpoint_due(&self, simulations: u64, config: &Config, now: Duration) -> bool {
        let done = self.fold.simulations();
        let (at, saved) = self.saved;
        let fresh = done.saturating_sub(saved);
        let share = fresh as f64 >= config.checkpoint_share * simulations as f64;
        fresh > 0 && (share || now.saturating_sub(at) >= config.checkpoint_every)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint<P> {
        let shares = self.contributors.iter().filter(|(_, contributor)| contributor.simulations > 0);
        let share = |(node, contributor): (&NodeId, &Contributor)| Share {
            node: *node,
            simulations: contributor.simulations,
            ahead: contributor.ahead,
            mark: contributor.mark,
        };
        Checkpoint { done: self.ranges.done(), parts: self.fold.parts(), shares: shares.map(share).collect() }
    }

    /// What each node contributed. For a complete job this is what is in its result.
    pub(crate) fn shares(&self) -> Vec<Share> {
        let left_out =
            |contributor: &Contributor| if self.fold.is_complete() { contributor.ahead } else { 0 };
        let counted = |(node, contributor): (&NodeId, &Contributor)| {
            let simulations = contributor.simulations - left_out(contributor);
            let share = Share { node: *node, simulations, ahead: 0, mark: contributor.mark };
            Some(share).filter(|share| share.simulations > 0)
        };
        self.contributors.iter().filter_map(counted).collect()
    }

    /// Whether one of these nodes has contributed after the mark.
    pub(crate) fn has_contributions_of(&self, nodes: &[(NodeId, Option<Mark>)]) -> bool {
        let has = |(node, trusted): &(NodeId, Option<Mark>)| {
            let counted = self.contributors.get(node).filter(|contributor| contributor.simulations > 0);
            counted.is_some_and(|contributor| Some(contributor.mark) > *trusted)
        };
        nodes.iter().any(has)
    }

    pub(crate) fn workers_used(&self) -> u32 {
        u32::try_from(self.shares().len()).unwrap_or(u32::MAX)
    }
}

impl<P: Merge + Clone> Job<P> {
    pub(crate) fn status(&self) -> JobState {
        match &self.state {
            State::Queued(_) => JobState::Queued,
            State::Running(_) => JobState::Running,
            State::Ended(ended) => ended.state,
        }
    }

    pub(crate) fn spec(&self) -> Option<&Arc<JobSpec>> {
        match &self.state {
            State::Queued(queued) => Some(&queued.spec),
            State::Running(running) => Some(&running.spec),
            State::Ended(_) => None,
        }
    }

    pub(crate) fn running(&self) -> Option<&Running<P>> {
        match &self.state {
            State::Running(running) => Some(running),
            _ => None,
        }
    }

    pub(crate) fn running_mut(&mut self) -> Option<&mut Running<P>> {
        match &mut self.state {
            State::Running(running) => Some(running),
            _ => None,
        }
    }

    /// The cost if it runs to its last simulation.
    pub(crate) fn estimate(&self) -> Money {
        self.price * self.work.tokens()
    }

    /// The bill, once it has ended.
    pub(crate) fn bill(&self) -> Option<Bill> {
        match &self.state {
            State::Ended(ended) => Some(ended.bill),
            _ => None,
        }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        matches!(&self.state, State::Queued(queued) if queued.blocked)
    }

    pub(crate) fn simulations_done(&self) -> u64 {
        match &self.state {
            State::Queued(_) => 0,
            State::Running(running) => running.fold.simulations(),
            State::Ended(ended) => ended.simulations_done,
        }
    }

    /// The record of the job. `spec` is passed because an ended job has dropped it.
    pub(crate) fn record(&self, spec: Arc<JobSpec>) -> JobRecord {
        let mut record = JobRecord {
            id: self.id,
            owner: self.owner.clone(),
            spec,
            priority: self.priority,
            state: self.status(),
            error: None,
            created_at: self.created_at,
            started_at: None,
            ended_at: None,
            simulations_done: self.simulations_done(),
            stopped_early: false,
            workers_used: 0,
            batch: self.batch,
            is_blocked: self.is_blocked(),
            price: self.price,
            bill: self.bill(),
            is_preview: self.is_preview,
        };
        match &self.state {
            State::Queued(_) => {}
            State::Running(running) => {
                record.started_at = Some(running.started_at);
                record.workers_used = running.workers_used();
            }
            State::Ended(ended) => {
                record.error.clone_from(&ended.error);
                record.started_at = ended.started_at;
                record.ended_at = Some(ended.ended_at);
                record.stopped_early = ended.stopped_early;
                record.workers_used = ended.workers_used;
            }
        }
        record
    }
}
