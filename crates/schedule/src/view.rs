//! Read-only snapshots of jobs, batches, nodes and the cluster, as the API shows them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use carlo_types::{
    BatchId, Bill, BlockRange, Epoch, JobId, JobSpec, Load, Merge, Money, NodeFacts, NodeId, Now, OwnerId,
    Timestamp,
};

use crate::batch::{Batch, BatchCounts, BatchStats};
use crate::checks::{CheckCounts, Verdict};
use crate::fleet::{Gone, Node};
use crate::job::{Contributor, Job, JobKind, Running, State};
use crate::listing::{Cursor, Filter, JobSummary, Page};
use crate::outlook::Outlook;
use crate::record::{BatchRecord, BatchState, JobState, Share};
use crate::scheduler::Scheduler;

/// A job. See [`JobRecord`](crate::record::JobRecord) for the fields that are stored.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct JobView {
    pub id: JobId,
    pub owner: OwnerId,
    pub priority: u8,
    pub state: JobState,
    /// The reason why the job failed or was cancelled.
    pub error: Option<String>,
    pub batch: Option<BatchId>,
    /// What the job costs if it runs to its last simulation.
    pub estimate: Money,
    /// What the job cost. Set when it has ended.
    pub bill: Option<Bill>,
    /// `None` for an ended job, whose specification is only in the ledger.
    pub spec: Option<Arc<JobSpec>>,
    pub seed: u64,
    /// The number of simulated months of each path.
    pub months: u32,
    /// The number of simulations in the request.
    pub simulations_total: u64,
    /// The number of simulations that have been reported and counted.
    pub simulations_done: u64,
    /// 0 to 100. If the job may stop early, this is relative to the number of simulations that it
    /// will probably need.
    pub progress_percent: f64,
    pub created_at: Timestamp,
    /// When the first lease was granted.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Whether the target standard error was met before the last simulation.
    pub stopped_early: bool,
    /// The number of nodes that had a report accepted.
    pub workers_used: u32,
    /// The number of nodes that have a lease of the job now.
    pub allocated_nodes: usize,
    /// Each node's contribution to a running job. Empty in lists.
    pub nodes: Vec<NodeShare>,
    /// The rate over the last few seconds.
    pub simulations_per_second: f64,
    /// An estimate for an open job; `None` while the cluster's speed is unknown.
    pub seconds_remaining: Option<f64>,
    /// The estimated time until the first lease; 0 for a job that has started or ended.
    pub seconds_to_start: f64,
    /// The position of a queued job, from 1.
    pub queue_position: Option<u64>,
    /// A sentence that says why no node computes an open job.
    pub waiting_for: Option<String>,
    /// What it asks.
    pub kind: JobKind,
    /// Whether it is in no list, and soon forgotten.
    pub is_preview: bool,
}

/// A batch.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct BatchView {
    /// In a list with the first of its jobs alone.
    pub record: BatchRecord,
    pub state: BatchState,
    pub counts: BatchCounts,
    /// 0 to 100, over the simulations of all jobs.
    pub progress_percent: f64,
    /// What all jobs would cost if each ran to its last simulation.
    pub estimated: Money,
    /// What the ended jobs have cost.
    pub spent: Bill,
    /// The budget cap minus what is spent and minus the estimates of the jobs that are queued or
    /// running and not blocked. `None` without a cap.
    pub budget_remaining: Option<Money>,
}

/// One node's contribution to a running job.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct NodeShare {
    pub node: NodeId,
    /// The number of the node's simulations that were counted.
    pub simulations: u64,
    /// The node's rate for this job over the last few seconds.
    pub simulations_per_second: f64,
    /// Whether the node has a lease of the job now.
    pub is_computing: bool,
}

/// The cluster.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ClusterView {
    pub epoch: Epoch,
    pub model_version: u32,
    /// The members in the order of their ids, then the lost nodes that are still shown.
    pub nodes: Vec<NodeView>,
    pub queued_jobs: usize,
    pub running_jobs: usize,
    /// The mean time in the queue of the last 1,000 jobs that started.
    pub average_queue_time: Duration,
    /// The rate over the last few seconds.
    pub simulations_per_second: f64,
    /// The verdicts that are in force, the oldest first. Their nodes aren't all listed.
    pub quarantines: Vec<Verdict>,
}

/// An owner with queued jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct QueuedOwner {
    pub owner: OwnerId,
    pub queued_jobs: usize,
    pub running_jobs: usize,
    /// When the oldest of the queued jobs was submitted.
    pub oldest: Timestamp,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct NodeView {
    pub id: NodeId,
    /// What the worker reported about itself when it joined.
    pub facts: NodeFacts,
    pub state: NodeState,
    /// The load of the node's host at its last heartbeat.
    pub load: Load,
    /// The number of the node's leases.
    pub leases: usize,
    /// The jobs of the node's leases.
    pub jobs: Vec<JobId>,
    /// The rate over the last few seconds.
    pub simulations_per_second: f64,
    /// The number of simulations since the node joined that were counted.
    pub simulations: u64,
    /// The time of the node's last message.
    pub last_seen: Timestamp,
}

/// The states of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Gets leases and has none.
    Available,
    /// Has leases.
    Busy,
    /// Gets no leases, because it was found to compute wrongly.
    Quarantined,
    /// Finishes its leases and gets no more.
    Draining,
    /// Has no leases and gets none.
    Drained,
    /// Was lost and is still shown.
    Offline,
}

/// What the metrics need to know of a job that has not ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct OpenJob<'a> {
    pub owner: &'a OwnerId,
    pub state: JobState,
    pub simulations_left: u64,
    /// The time since the last checkpoint, if simulations have been counted since then; else 0.
    pub unsaved_for: Duration,
}

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    /// All jobs that have not ended.
    pub fn open_jobs(&self, now: Now) -> impl Iterator<Item = OpenJob<'_>> {
        self.jobs.values().filter_map(move |job| {
            let (state, unsaved_for) = match &job.state {
                State::Queued(_) => (JobState::Queued, Duration::ZERO),
                State::Running(running) => {
                    let (at, simulations) = running.saved;
                    let has_news = job.simulations_done() > simulations;
                    let age = now.elapsed.saturating_sub(at);
                    (JobState::Running, if has_news { age } else { Duration::ZERO })
                }
                State::Ended(_) => return None,
            };
            let simulations_left = job.simulations.saturating_sub(job.simulations_done());
            Some(OpenJob { owner: &job.owner, state, simulations_left, unsaved_for })
        })
    }

    /// The number of ranges that are leased to two nodes.
    pub fn repeated_ranges(&self) -> usize {
        // A range has at most two leases, so each such range has exactly two.
        self.leases.shared() / 2
    }

    /// The specification of an open job.
    pub fn spec(&self, job: JobId) -> Option<Arc<JobSpec>> {
        self.find(job)?.spec().map(Arc::clone)
    }

    /// The number of counted simulations of a job, and how many it will probably need in all.
    pub fn progress(&self, job: JobId) -> Option<(u64, u64)> {
        let job = self.find(job)?;
        let expected = job.running().map_or(job.simulations, |running| running.fold.expected_simulations());
        Some((job.simulations_done(), expected))
    }

    /// How many more jobs can be submitted before the limit of open jobs is reached.
    pub fn room(&self) -> usize {
        self.config.open_jobs_max.saturating_sub(self.open_jobs)
    }

    /// The owner of a job; `None` if the job is unknown.
    pub fn owner(&self, job: JobId) -> Option<&OwnerId> {
        self.find(job).map(|job| &job.owner)
    }

    /// The batch that a job belongs to; `None` if it has none or is unknown.
    pub fn batch_of(&self, job: JobId) -> Option<BatchId> {
        self.find(job)?.batch
    }

    /// When the job ended. Its view never changes after that.
    pub fn ended_at(&self, job: JobId) -> Option<Timestamp> {
        match &self.find(job)?.state {
            State::Queued(_) | State::Running(_) => None,
            State::Ended(ended) => Some(ended.ended_at),
        }
    }

    /// A job with the contributions of its nodes; `None` if the job is unknown.
    pub fn job(&self, job: JobId, now: Now) -> Option<JobView> {
        let job = self.find(job)?;
        let mut view = self.view(job, &self.outlook(), now.elapsed);
        view.nodes = job.running().map_or_else(Vec::new, |running| self.node_shares(running, now.elapsed));
        Some(view)
    }

    /// The number of jobs that match, and one page of them, newest first. The views leave out the
    /// contributions of nodes, because a page of jobs with thousands of nodes each would not fit
    /// into a message.
    pub fn jobs(&self, filter: &Filter, page: Page, now: Now) -> (usize, Vec<JobView>) {
        let keys = self.listing.page(filter, page);
        let outlook = self.outlook();
        let views = keys.iter().map(|key| self.view(&self.jobs[key], &outlook, now.elapsed));
        (self.listing.count(filter), views.collect())
    }

    /// Those of these jobs that are there, as [`jobs`](Self::jobs) shows them.
    pub fn listed(&self, jobs: impl Iterator<Item = JobId>, now: Now) -> Vec<JobView> {
        let outlook = self.outlook();
        jobs.filter_map(|job| Some(self.view(self.find(job)?, &outlook, now.elapsed))).collect()
    }

    /// Calls `visit` for at most `most` jobs that match, newest first, from a place in the list on.
    /// Returns the place to go on from; `None` at the end of the list.
    pub fn scan(
        &self,
        filter: &Filter,
        from: Option<Cursor>,
        most: usize,
        mut visit: impl FnMut(&JobSummary<'_>),
    ) -> Option<Cursor> {
        let found = self.listing.after(filter, from.map(|Cursor(at, key)| (at, key)), most);
        for (_, key) in &found {
            visit(&JobSummary::of(&self.jobs[key]));
        }
        let last = found.last().filter(|_| found.len() == most);
        last.map(|(created_at, key)| Cursor(*created_at, *key))
    }

    /// The number of jobs that match.
    pub fn count(&self, filter: &Filter) -> usize {
        self.listing.count(filter)
    }

    /// A batch; `None` if it is unknown.
    pub fn batch(&self, id: BatchId) -> Option<BatchView> {
        self.batches.get(id).map(|batch| self.view_batch(batch, usize::MAX))
    }

    /// The stored part of a batch, which is cheaper to get than the whole view.
    pub fn batch_record(&self, id: BatchId) -> Option<&BatchRecord> {
        self.batches.get(id).map(|batch| &batch.record)
    }

    /// The number of batches that match, and one page of them, newest first. The record of each has
    /// at most so many of its jobs.
    pub fn batches(
        &self,
        filter: &Filter<BatchState>,
        page: Page,
        jobs_max: usize,
    ) -> (usize, Vec<BatchView>) {
        let ids = self.batches.listing.page(filter, page);
        let batches = ids.iter().filter_map(|id| self.batches.get(*id));
        let views = batches.map(|batch| self.view_batch(batch, jobs_max)).collect();
        (self.batches.listing.count(filter), views)
    }

    /// Sums over all batches of an owner.
    pub fn batch_stats(&self, owner: &OwnerId) -> BatchStats {
        self.batches.stats(owner)
    }

    /// A batch with at most so many of its jobs in the record. Apart from them, the time depends on
    /// the running jobs alone.
    fn view_batch(&self, batch: &Batch, jobs_max: usize) -> BatchView {
        let (mut done, mut expected) = batch.simulations();
        for member in batch.running() {
            let whole = (member.simulations, member.simulations);
            let (job_done, job_expected) = self.progress(member.job).unwrap_or(whole);
            done += u128::from(job_done);
            expected += u128::from(job_expected);
        }
        let spent = batch.spent();
        BatchView {
            record: batch.record.with_jobs(jobs_max),
            state: batch.state(),
            counts: batch.counts(),
            progress_percent: 100.0 * done as f64 / expected.max(1) as f64,
            estimated: batch.estimated(),
            spent,
            budget_remaining: batch.record.budget_cap.map(|cap| cap.less(spent.cost).less(batch.reserved())),
        }
    }

    /// The cluster with all of its nodes.
    pub fn cluster(&self, now: Now) -> ClusterView {
        let count = |state| self.count_all(state);
        let members = self.fleet.iter().map(|(id, node)| self.view_member(id, node, now.elapsed));
        let gone = self.fleet.gone().map(view_gone);
        let started = u32::try_from(self.queue_times.len()).unwrap_or(u32::MAX);
        ClusterView {
            epoch: self.epoch,
            model_version: self.config.model_version,
            nodes: members.chain(gone).collect(),
            queued_jobs: count(JobState::Queued),
            running_jobs: count(JobState::Running),
            average_queue_time: self.queue_times.iter().sum::<Duration>() / started.max(1),
            simulations_per_second: self.meter.rate(now.elapsed),
            quarantines: self.checks.verdicts().filter(|verdict| verdict.is_in_force()).cloned().collect(),
        }
    }

    /// The owners with queued jobs, the one whose oldest job was submitted first before the others.
    pub fn queued_owners(&self) -> Vec<QueuedOwner> {
        let owners = self.listing.owners(JobState::Queued).map(|(owner, queued_jobs, oldest)| {
            let state = Some(JobState::Running);
            let running = Filter { owner: Some(owner.clone()), state, ..Filter::default() };
            QueuedOwner { owner: owner.clone(), queued_jobs, running_jobs: self.count(&running), oldest }
        });
        let mut owners: Vec<_> = owners.collect();
        owners.sort_by(|one, other| (one.oldest, &one.owner).cmp(&(other.oldest, &other.owner)));
        owners
    }

    /// The verdicts, the oldest first.
    pub fn verdicts(&self) -> impl DoubleEndedIterator<Item = &Verdict> {
        self.checks.verdicts()
    }

    /// The number of the latest verdict; 0 before the first.
    pub fn latest_verdict(&self) -> u64 {
        self.checks.verdict_next() - 1
    }

    /// The verdict because of which all nodes with this name are quarantined.
    pub fn quarantine(&self, name: &str) -> Option<&Verdict> {
        self.checks.in_force(name)
    }

    /// What became of spot checks since this scheduler began.
    pub fn check_counts(&self) -> CheckCounts {
        self.checks.counts
    }

    /// The number of ranges that wait for a check.
    pub fn open_checks(&self) -> usize {
        self.checks.open
    }

    /// The verdicts that make a result with these contributions doubtful, the oldest first.
    pub fn doubts(&self, shares: &[Share]) -> Vec<&Verdict> {
        let concerns =
            |verdict: &&Verdict| shares.iter().any(|share| verdict.concerns(share.node, share.mark));
        self.checks.verdicts().filter(concerns).collect()
    }

    /// A member, or a lost node that is still shown.
    pub fn node(&self, id: NodeId, now: Now) -> Option<NodeView> {
        let member = self.fleet.get(id).map(|node| self.view_member(id, node, now.elapsed));
        member.or_else(|| self.fleet.gone().find(|gone| gone.node == id).map(view_gone))
    }

    /// Jobs in this state, those that are in no list too.
    pub(crate) fn count_all(&self, state: JobState) -> usize {
        let filter = Filter { state: Some(state), ..Filter::default() };
        self.listing.count(&filter) + self.previews.count(&filter)
    }

    fn find(&self, job: JobId) -> Option<&Job<P>> {
        self.jobs.get(self.names.get(&job)?).map(Box::as_ref)
    }

    fn view_member(&self, id: NodeId, node: &Node, now: Duration) -> NodeView {
        let jobs: BTreeSet<JobId> = node
            .leases
            .iter()
            .filter_map(|lease| Some(self.jobs[&self.leases.get(*lease)?.job].id))
            .collect();
        NodeView {
            id,
            facts: node.facts.clone(),
            state: match (node.is_open(), node.leases.is_empty()) {
                _ if node.quarantined => NodeState::Quarantined,
                (true, true) => NodeState::Available,
                (true, false) => NodeState::Busy,
                (false, true) => NodeState::Drained,
                (false, false) => NodeState::Draining,
            },
            load: node.load,
            leases: node.leases.len(),
            jobs: jobs.into_iter().collect(),
            simulations_per_second: node.meter.rate(now),
            simulations: node.simulations,
            last_seen: node.seen_at,
        }
    }

    fn view(&self, job: &Job<P>, outlook: &Outlook<'_, P>, now: Duration) -> JobView {
        let done = job.simulations_done();
        let mut view = JobView {
            id: job.id,
            owner: job.owner.clone(),
            priority: job.priority,
            state: job.status(),
            error: None,
            batch: job.batch,
            estimate: job.estimate(),
            bill: job.bill(),
            spec: job.spec().map(Arc::clone),
            seed: job.seed,
            months: job.months,
            simulations_total: job.simulations,
            simulations_done: done,
            progress_percent: 100.0 * done as f64 / job.simulations as f64,
            created_at: job.created_at,
            started_at: None,
            ended_at: None,
            stopped_early: false,
            workers_used: 0,
            allocated_nodes: 0,
            nodes: Vec::new(),
            simulations_per_second: 0.0,
            seconds_remaining: None,
            seconds_to_start: 0.0,
            queue_position: None,
            waiting_for: None,
            kind: job.kind,
            is_preview: job.is_preview,
        };
        match &job.state {
            State::Queued(queued) if queued.blocked => {
                let batch = job.batch.and_then(|id| self.batches.get(id));
                view.waiting_for = batch.map(Batch::waiting_for);
                view.seconds_to_start = outlook.to_start(1) + outlook.to_end(job);
            }
            State::Queued(_) => {
                let position = self.queue.position(job.place());
                view.queue_position = position;
                view.seconds_remaining = outlook.queued(job, position.unwrap_or(1));
                view.waiting_for = Some(self.waiting_for(job));
                let waits_for_end = self.queue.limited_to(job.owner_key).is_some();
                view.seconds_to_start = outlook.to_start(position.unwrap_or(1))
                    + if waits_for_end { outlook.to_end(job) } else { 0.0 };
            }
            State::Running(running) => self.view_running(job, running, &mut view, now),
            State::Ended(ended) => {
                view.error.clone_from(&ended.error);
                view.started_at = ended.started_at;
                view.ended_at = Some(ended.ended_at);
                view.stopped_early = ended.stopped_early;
                view.workers_used = ended.workers_used;
                if ended.state == JobState::Complete {
                    view.progress_percent = 100.0;
                }
            }
        }
        view
    }

    fn view_running(&self, job: &Job<P>, running: &Running<P>, view: &mut JobView, now: Duration) {
        view.started_at = Some(running.started_at);
        view.workers_used = running.workers_used();
        view.allocated_nodes = self.computing(running).len();
        if view.allocated_nodes == 0 {
            let busy = || "every worker is busy with other jobs".to_owned();
            let why = if running.ranges.pending_blocks() > 0 {
                Some(self.without_workers().unwrap_or_else(busy))
            } else {
                running.ranges.unsettled().next().map(|range| waiting_for_check(running, range))
            };
            view.waiting_for = why;
        }
        view.simulations_per_second = running.meter.rate(now);
        let expected = running.fold.expected_simulations();
        // The estimate may be too low, but an open job must not be shown as finished.
        let percent = 100.0 * view.simulations_done as f64 / expected.max(1) as f64;
        view.progress_percent = percent.min(99.9);
        let left = expected.saturating_sub(view.simulations_done) as f64;
        let measured = view.simulations_per_second;
        view.seconds_remaining = match measured {
            // The measured rate doesn't say when a node will compute this job again.
            _ if view.waiting_for.is_some() => None,
            measured if measured > 0.0 => Some(left / measured),
            _ => self.seconds_at_share(left, job.months, 1),
        };
    }

    /// The nodes that have a lease of the job.
    fn computing(&self, running: &Running<P>) -> BTreeSet<NodeId> {
        let leases = running.ranges.open_ranges().flat_map(|open| &open.holders);
        leases.filter_map(|lease| self.leases.get(*lease)).map(|lease| lease.node).collect()
    }

    fn node_shares(&self, running: &Running<P>, now: Duration) -> Vec<NodeShare> {
        let computing = self.computing(running);
        let share = |(node, contributor): (&NodeId, &Contributor)| NodeShare {
            node: *node,
            simulations: contributor.simulations,
            simulations_per_second: contributor.meter.rate(now),
            is_computing: computing.contains(node),
        };
        running.contributors.iter().map(share).collect()
    }

    /// The reason why no worker gets any lease; `None` if at least one does.
    fn without_workers(&self) -> Option<String> {
        let why = if self.fleet.len() > 0 {
            let is_closed = self.fleet.iter().all(|(_, node)| !node.is_open());
            let is_quarantined = self.fleet.iter().any(|(_, node)| node.quarantined);
            let why = if is_quarantined { "draining or quarantined" } else { "draining" };
            return is_closed.then(|| format!("every worker is {why}"));
        } else if self.fleet.gone().next().is_some() {
            "every worker is offline"
        } else {
            "no worker has joined the cluster yet"
        };
        Some(why.to_owned())
    }

    fn waiting_for(&self, job: &Job<P>) -> String {
        if let Some(why) = self.without_workers() {
            return why;
        }
        match self.queue.limited_to(job.owner_key) {
            Some(1) => return "the owner's limit of 1 job at once is reached".to_owned(),
            Some(limit) => return format!("the owner's limit of {limit} jobs at once is reached"),
            None => {}
        }
        let (own, others, less) = self.queue.rivals(job.owner_key, job.priority);
        let jobs = |count: u32| if count == 1 { "1 job".to_owned() } else { format!("{count} jobs") };
        match (own, others, less) {
            (0, 0, _) => "every worker is busy; the job gets one of the next free leases".to_owned(),
            (own, 0, _) => {
                format!(
                    "every worker is busy with {} of the same or a higher priority of its owner",
                    jobs(own)
                )
            }
            (_, others, 0) => format!(
                "every worker is busy with {} of other owners; the job gets one of the next free leases, because its owner has used the cluster least lately",
                jobs(others)
            ),
            (_, others, less) => format!(
                "every worker is busy with {} of other owners; of those who wait for a lease, {less} {} used the cluster less lately and {} first",
                jobs(others),
                if less == 1 { "has" } else { "have" },
                if less == 1 { "comes" } else { "come" },
            ),
        }
    }
}

/// The reason why an unsettled range has not been computed again.
fn waiting_for_check<P>(running: &Running<P>, range: BlockRange) -> String {
    let votes = running.votes.get(&range.start());
    let names: Vec<_> = votes.iter().flat_map(|votes| &votes.votes).map(|vote| vote.name.as_str()).collect();
    match names.as_slice() {
        [] | [_] => format!("another worker has to check blocks {range}, and none is free"),
        names => {
            let names = names.join(", ");
            format!("the workers {names} disagree about blocks {range}; another worker has to decide")
        }
    }
}

fn view_gone(gone: &Gone) -> NodeView {
    NodeView {
        id: gone.node,
        facts: gone.facts.clone(),
        state: NodeState::Offline,
        load: Load::default(),
        leases: 0,
        jobs: Vec::new(),
        simulations_per_second: 0.0,
        simulations: gone.simulations,
        last_seen: gone.seen_at,
    }
}
