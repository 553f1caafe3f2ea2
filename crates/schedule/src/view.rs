//! What people see: jobs and the cluster as they are now. Only reads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use carlo_types::{
    BatchId, Bill, Epoch, JobId, JobSpec, Load, Merge, Money, NodeFacts, NodeId, Now, OwnerId, Timestamp,
};

use crate::batch::{Batch, BatchCounts};
use crate::fleet::{Gone, Node};
use crate::job::{Contributor, Job, Running, State};
use crate::listing::{Filter, Page};
use crate::record::{BatchRecord, BatchState, JobState};
use crate::scheduler::Scheduler;

/// Running jobs of an owner of which the first end is looked for.
const RUNNING_LOOKED_AT: usize = 100;

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub owner: OwnerId,
    /// 0 to 100.
    pub priority: u8,
    /// Its state.
    pub state: JobState,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
    /// The batch that it belongs to.
    pub batch: Option<BatchId>,
    /// What it costs when it runs to its last simulation.
    pub estimate: Money,
    /// What it came to, once it has ended.
    pub bill: Option<Bill>,
    /// What it simulates; `None` once it has ended, the ledger has it then.
    pub spec: Option<Arc<JobSpec>>,
    /// The seed of every draw.
    pub seed: u64,
    /// The timeline.
    pub months: u32,
    /// Simulations that it asked for.
    pub simulations_total: u64,
    /// Simulations that are done and counted.
    pub simulations_done: u64,
    /// 0 to 100; of what it will probably take, where it may stop early.
    pub progress_percent: f64,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it got its first lease.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether its target standard error was met before its last simulation.
    pub stopped_early: bool,
    /// Nodes of which a report counted.
    pub workers_used: u32,
    /// Nodes that hold a lease of it.
    pub allocated_nodes: usize,
    /// What each node did for it, while it runs; empty in lists.
    pub nodes: Vec<NodeShare>,
    /// Over the last seconds.
    pub simulations_per_second: f64,
    /// An estimate, while it is open and anything is known of the cluster's speed.
    pub seconds_remaining: Option<f64>,
    /// An estimate of the time until its first lease; 0 once it has had one, or has ended.
    pub seconds_to_start: f64,
    /// From 1, while it is queued.
    pub queue_position: Option<u64>,
    /// Why nobody works on it, in a sentence: while it is queued, or runs on no node.
    pub waiting_for: Option<String>,
}

/// A batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchView {
    /// What is durable of it.
    pub record: BatchRecord,
    /// What it is as a whole.
    pub state: BatchState,
    /// Its jobs by state.
    pub counts: BatchCounts,
    /// 0 to 100, over all its simulations.
    pub progress_percent: f64,
    /// What all of its jobs would cost if each ran to its last simulation.
    pub estimated: Money,
    /// What its ended jobs have cost.
    pub spent: Bill,
    /// What its cap leaves: without what is spent, and without the estimates of jobs that may run.
    /// `None` without a cap.
    pub budget_remaining: Option<Money>,
}

/// All batches of an owner together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchStats {
    /// Batches by state, in the order of [`BatchState::ALL`].
    pub by_state: [u64; BatchState::ALL.len()],
    /// Jobs in them.
    pub jobs: u64,
    /// What their ended jobs have cost.
    pub spent: Bill,
    /// Batches that have ended.
    pub ended: u64,
    /// From creation to end, of all that have ended together.
    pub duration: Duration,
}

/// What one node did for a running job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeShare {
    /// The node.
    pub node: NodeId,
    /// Simulations of the job that it did and that count.
    pub simulations: u64,
    /// Over the last seconds, for this job.
    pub simulations_per_second: f64,
    /// Whether it holds a lease of the job.
    pub is_computing: bool,
}

/// The cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterView {
    /// The term of this coordinator.
    pub epoch: Epoch,
    /// The model that is computed.
    pub model_version: u32,
    /// Members by id, then the lost ones that are still remembered.
    pub nodes: Vec<NodeView>,
    /// Jobs that wait for their first lease.
    pub queued_jobs: usize,
    /// Jobs that have had one.
    pub running_jobs: usize,
    /// Mean time in the queue of the last 1000 jobs that started.
    pub average_queue_time: Duration,
    /// Over the last seconds.
    pub simulations_per_second: f64,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeView {
    /// Its id.
    pub id: NodeId,
    /// What it said of itself.
    pub facts: NodeFacts,
    /// What it does.
    pub state: NodeState,
    /// How busy its machine is.
    pub load: Load,
    /// The jobs that it holds leases of.
    pub jobs: Vec<JobId>,
    /// Over the last seconds.
    pub simulations_per_second: f64,
    /// Simulations that counted, since it joined.
    pub simulations: u64,
    /// When it was heard of last.
    pub last_seen: Timestamp,
}

/// The states of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Holds nothing.
    Available,
    /// Holds a lease.
    Busy,
    /// Finishes what it holds and gets nothing more.
    Draining,
    /// Holds nothing and gets nothing.
    Drained,
    /// Was lost.
    Offline,
}

/// A job that has not ended, as metrics count it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenJob<'a> {
    /// Whose it is.
    pub owner: &'a OwnerId,
    /// Whether it waits or runs.
    pub state: JobState,
    /// Simulations that are still to be done.
    pub simulations_left: u64,
    /// How long it has had results that no checkpoint holds.
    pub unsaved_for: Duration,
}

impl<P: Merge + Clone> Scheduler<P> {
    /// The jobs that have not ended.
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

    /// Ranges that two nodes hold.
    pub fn repeated_ranges(&self) -> usize {
        // A range has two holders at most.
        self.leases.shared() / 2
    }

    /// The specification of an open job.
    pub fn spec(&self, job: JobId) -> Option<Arc<JobSpec>> {
        self.find(job)?.spec().map(Arc::clone)
    }

    /// Simulations of the job that are done, and how many it will probably take.
    pub fn progress(&self, job: JobId) -> Option<(u64, u64)> {
        let job = self.find(job)?;
        let expected = job.running().map_or(job.simulations, |running| running.fold.expected_simulations());
        Some((job.simulations_done(), expected))
    }

    /// How many more jobs may be open.
    pub fn room(&self) -> usize {
        self.config.open_jobs_max.saturating_sub(self.open_jobs)
    }

    /// Whose the job is.
    pub fn owner(&self, job: JobId) -> Option<&OwnerId> {
        self.find(job).map(|job| &job.owner)
    }

    /// When the job ended. What is seen of it never changes after that.
    pub fn ended_at(&self, job: JobId) -> Option<Timestamp> {
        match &self.find(job)?.state {
            State::Queued(_) | State::Running(_) => None,
            State::Ended(ended) => Some(ended.ended_at),
        }
    }

    /// The job as it is now.
    pub fn job(&self, job: JobId, now: Now) -> Option<JobView> {
        let job = self.find(job)?;
        let mut view = self.view(job, now.elapsed);
        view.nodes = job.running().map_or_else(Vec::new, |running| self.node_shares(running, now.elapsed));
        Some(view)
    }

    /// How many jobs match, and those of the page, newest first, without what each node did for
    /// them: a page of jobs on thousands of nodes each would not fit into a message.
    pub fn jobs(&self, filter: &Filter, page: Page, now: Now) -> (usize, Vec<JobView>) {
        let keys = self.listing.page(filter, page);
        let views = keys.iter().map(|key| self.view(&self.jobs[key], now.elapsed));
        (self.listing.count(filter), views.collect())
    }

    /// Jobs that match.
    pub fn count(&self, filter: &Filter) -> usize {
        self.listing.count(filter)
    }

    /// The batch as it is now.
    pub fn batch(&self, id: BatchId) -> Option<BatchView> {
        self.batches.get(id).map(|batch| self.view_batch(batch))
    }

    /// What is durable of a batch: its owner, its jobs in the order of the request.
    pub fn batch_record(&self, id: BatchId) -> Option<&BatchRecord> {
        self.batches.get(id).map(|batch| &batch.record)
    }

    /// How many batches match, and those of the page, newest first.
    pub fn batches(&self, filter: &Filter<BatchState>, page: Page) -> (usize, Vec<BatchView>) {
        let ids = self.batches.listing.page(filter, page);
        let views = ids.iter().filter_map(|id| self.batch(*id)).collect();
        (self.batches.listing.count(filter), views)
    }

    /// All batches of an owner together.
    pub fn batch_stats(&self, owner: &OwnerId) -> BatchStats {
        let filter = Filter { owner: Some(owner.clone()), state: None };
        let ids = self.batches.listing.page(&filter, Page { skip: 0, take: usize::MAX });
        let mut sum = BatchStats::default();
        for batch in ids.iter().filter_map(|id| self.batches.get(*id)) {
            let state = batch.state();
            for (count, other) in sum.by_state.iter_mut().zip(BatchState::ALL) {
                *count += u64::from(other == state);
            }
            sum.jobs += batch.record.jobs.len() as u64;
            sum.spent = sum.spent.plus(batch.spent());
            if let Some(ended_at) = batch.record.ended_at {
                sum.ended += 1;
                sum.duration += Duration::from_millis(ended_at.0.saturating_sub(batch.record.created_at.0));
            }
        }
        sum
    }

    fn view_batch(&self, batch: &Batch) -> BatchView {
        let (mut done, mut expected) = (0, 0);
        for member in &batch.record.jobs {
            let whole = (member.simulations, member.simulations);
            let (job_done, job_expected) = match member.state {
                JobState::Queued => (0, member.simulations),
                JobState::Complete => whole,
                JobState::Running | JobState::Failed | JobState::Cancelled => {
                    self.progress(member.job).unwrap_or(whole)
                }
            };
            done += u128::from(job_done);
            expected += u128::from(job_expected);
        }
        let spent = batch.spent();
        BatchView {
            record: batch.record.clone(),
            state: batch.state(),
            counts: batch.counts(),
            progress_percent: 100.0 * done as f64 / expected.max(1) as f64,
            estimated: batch.estimated(),
            spent,
            budget_remaining: batch.record.budget_cap.map(|cap| cap.less(spent.cost).less(batch.reserved())),
        }
    }

    /// The cluster as it is now.
    pub fn cluster(&self, now: Now) -> ClusterView {
        let count = |state| self.listing.count(&Filter { owner: None, state: Some(state) });
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
        }
    }

    /// A member, or a lost node that is still remembered.
    pub fn node(&self, id: NodeId, now: Now) -> Option<NodeView> {
        let member = self.fleet.get(id).map(|node| self.view_member(id, node, now.elapsed));
        member.or_else(|| self.fleet.gone().find(|gone| gone.node == id).map(view_gone))
    }

    fn find(&self, job: JobId) -> Option<&Job<P>> {
        self.jobs.get(self.names.get(&job)?)
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
                (true, true) => NodeState::Available,
                (true, false) => NodeState::Busy,
                (false, true) => NodeState::Drained,
                (false, false) => NodeState::Draining,
            },
            load: node.load,
            jobs: jobs.into_iter().collect(),
            simulations_per_second: node.meter.rate(now),
            simulations: node.simulations,
            last_seen: node.seen_at,
        }
    }

    fn view(&self, job: &Job<P>, now: Duration) -> JobView {
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
        };
        match &job.state {
            State::Queued(queued) if queued.blocked => {
                let batch = job.batch.and_then(|id| self.batches.get(id));
                view.waiting_for = batch.map(Batch::waiting_for);
                view.seconds_to_start = self.seconds_to_start(1) + self.seconds_to_end(job);
            }
            State::Queued(_) => {
                let position = self.queue.position(job.place());
                view.queue_position = position;
                view.seconds_remaining = self.seconds_queued(job, position.unwrap_or(1));
                view.waiting_for = Some(self.waiting_for(job));
                let waits_for_end = self.queue.limited_to(job.owner_key).is_some();
                view.seconds_to_start = self.seconds_to_start(position.unwrap_or(1))
                    + if waits_for_end { self.seconds_to_end(job) } else { 0.0 };
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
        if view.allocated_nodes == 0 && running.ranges.pending_blocks() > 0 {
            let others = || "every worker is busy with other jobs".to_owned();
            view.waiting_for = Some(self.without_workers().unwrap_or_else(others));
        }
        view.simulations_per_second = running.meter.rate(now);
        let expected = running.fold.expected_simulations();
        // A job isn't shown as done before it is.
        let percent = 100.0 * view.simulations_done as f64 / expected.max(1) as f64;
        view.progress_percent = percent.min(99.9);
        let left = expected.saturating_sub(view.simulations_done) as f64;
        let measured = view.simulations_per_second;
        view.seconds_remaining = match measured {
            // What was measured lately says nothing of when somebody works on it again.
            _ if view.waiting_for.is_some() => None,
            measured if measured > 0.0 => Some(left / measured),
            _ => self.seconds_at_share(left, job, 1),
        };
    }

    /// The nodes that hold a lease of the job.
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

    /// Seconds for `simulations` of a job that gets one part of the cluster in `parts`.
    fn seconds_at_share(&self, simulations: f64, job: &Job<P>, parts: u64) -> Option<f64> {
        let speed = self.fleet.speed();
        let known = self.fleet.is_measured() && speed > 0.0;
        known.then(|| simulations * f64::from(job.months) * parts as f64 / speed)
    }

    /// Until the queue's job at this position gets a lease: each node asks for one about once in
    /// the time that a lease lasts.
    fn seconds_to_start(&self, position: u64) -> f64 {
        if self.fleet.idle_node().is_some() {
            return 0.0;
        }
        let nodes = self.fleet.iter().filter(|(_, node)| node.is_open()).count().max(1);
        position as f64 / nodes as f64 * self.config.lease_target.as_secs_f64()
    }

    /// Until the first of the running jobs of a job's owner ends; 0 where nothing is known of that.
    fn seconds_to_end(&self, job: &Job<P>) -> f64 {
        let filter = Filter { owner: Some(job.owner.clone()), state: Some(JobState::Running) };
        let running = self.listing.page(&filter, Page { skip: 0, take: RUNNING_LOOKED_AT });
        let parts = running.len().try_into().unwrap_or(u64::MAX);
        let left = running.iter().filter_map(|key| {
            let job = &self.jobs[key];
            let expected = job.running()?.fold.expected_simulations();
            self.seconds_at_share(expected.saturating_sub(job.simulations_done()) as f64, job, parts)
        });
        left.min_by(f64::total_cmp).unwrap_or_default()
    }

    /// A queued job will share the cluster with those that run and those before it.
    fn seconds_queued(&self, job: &Job<P>, position: u64) -> Option<f64> {
        let running = self.listing.count(&Filter { owner: None, state: Some(JobState::Running) });
        let parts = position.saturating_add(running.try_into().unwrap_or(u64::MAX));
        self.seconds_at_share(job.simulations as f64, job, parts)
    }

    /// Why no worker takes any job, if none does.
    fn without_workers(&self) -> Option<String> {
        let why = if self.fleet.len() > 0 {
            let is_closed = self.fleet.iter().all(|(_, node)| !node.is_open());
            return is_closed.then(|| "every worker is draining".to_owned());
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

fn view_gone(gone: &Gone) -> NodeView {
    NodeView {
        id: gone.node,
        facts: gone.facts.clone(),
        state: NodeState::Offline,
        load: Load::default(),
        jobs: Vec::new(),
        simulations_per_second: 0.0,
        simulations: gone.simulations,
        last_seen: gone.seen_at,
    }
}
