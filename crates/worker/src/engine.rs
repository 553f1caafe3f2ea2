//! The engine runs leases and produces partial results, on every thread of a [`Machine`].
//!
//! Each lease is spread over all threads: every thread takes the next block until none is left. The
//! machine runs parts in the order in which they were submitted, so a thread that finds a lease
//! exhausted continues with the next lease, and no core is idle between two leases. [`board`]
//! decides which lease may go before another one.

mod board;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_service::trace::{Kind, Span, TraceContext};
use carlo_types::{BlockRange, Epoch, JobId, JobSpec, Lease, LeaseId, Load, Merge};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::machine::Machine;
use board::Board;

/// Identifies a lease across epochs.
pub(crate) type LeaseKey = (Epoch, LeaseId);

/// A lease that was computed, or that failed.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) lease: Lease,
    /// The merged partial result of all its blocks, or the error message.
    pub(crate) outcome: Result<Partial, String>,
    pub(crate) computed_in: Duration,
    /// The span of the computation, if it was recorded.
    pub(crate) trace: Option<TraceContext>,
}

/// The request that a job came from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// Its id; empty if it is unknown.
    pub(crate) request_id: String,
    pub(crate) trace: Option<TraceContext>,
}

/// A lease in progress, and its span.
struct Running {
    task: Arc<Task>,
    span: Span,
}

/// The machine, the known jobs and the leases in progress.
pub(crate) struct Engine {
    machine: Box<dyn Machine>,
    level: Level,
    jobs: BTreeMap<JobId, Arc<PreparedJob>>,
    board: Arc<Board>,
    /// Leases in progress that are still wanted.
    running: BTreeMap<LeaseKey, Running>,
    /// Finished leases that no coordinator has acknowledged yet.
    undelivered: BTreeMap<LeaseKey, Finished>,
    sender: mpsc::UnboundedSender<Finished>,
    /// Bounded by the leases that the coordinator grants: see [`Engine::start`].
    finished: mpsc::UnboundedReceiver<Finished>,
}

impl Engine {
    pub(crate) fn new(machine: Box<dyn Machine>, level: Level) -> Self {
        let (sender, finished) = mpsc::unbounded_channel();
        Self {
            machine,
            level,
            jobs: BTreeMap::new(),
            board: Arc::default(),
            running: BTreeMap::new(),
            undelivered: BTreeMap::new(),
            sender,
            finished,
        }
    }

    pub(crate) fn load(&mut self) -> Load {
        self.machine.load()
    }

    pub(crate) fn wall_ms(&self) -> u64 {
        self.machine.wall_ms()
    }

    /// Remembers a job's specification and where it came from.
    pub(crate) fn learn(&mut self, job: JobId, spec: JobSpec, origin: Origin) {
        let prepare = || Arc::new(PreparedJob { spec, origin, prepared: OnceLock::new() });
        self.jobs.entry(job).or_insert_with(prepare);
    }

    /// Where a job came from, if it is known.
    pub(crate) fn origin(&self, job: JobId) -> Option<&Origin> {
        self.jobs.get(&job).map(|job| &job.origin)
    }

    /// Forgets a job that has ended, and drops its leases.
    pub(crate) fn forget(&mut self, job: JobId) {
        self.jobs.remove(&job);
        self.undelivered.retain(|_, finished| finished.lease.job != job);
        for (_, running) in self.running.extract_if(.., |_, running| running.task.lease.job == job) {
            running.task.revoked.store(true, Ordering::Relaxed);
        }
    }

    /// Starts computing a lease. Returns `false` if its job is unknown or doesn't have these
    /// blocks. `trace` is the lease's span, if it is recorded.
    pub(crate) fn start(&mut self, lease: Lease, trace: Option<TraceContext>) -> bool {
        let Some(job) = self.jobs.get(&lease.job) else { return false };
        if !BlockRange::whole(job.spec.simulations()).is_some_and(|whole| whole.contains(lease.range)) {
            return false;
        }
        let threads = self.machine.threads();
        let task = Arc::new(Task {
            lease,
            job: Arc::clone(job),
            level: self.level,
            next_block: AtomicU64::new(lease.range.start()),
            blocks_done: AtomicU64::new(0),
            revoked: AtomicBool::new(false),
            began: OnceLock::new(),
            paused_us: AtomicU64::new(0),
            threads: u32::try_from(threads).unwrap_or(u32::MAX).max(1),
            fold: Mutex::default(),
            sender: self.sender.clone(),
        });
        let span = match trace {
            Some(trace) => {
                let mut span = Span::begin("compute", Kind::Consumer, Some(trace));
                span.set("carlo.job", lease.job);
                span.set_number("carlo.lease", lease.id.0);
                span
            }
            None => Span::none(),
        };
        self.running.insert((lease.epoch, lease.id), Running { task: Arc::clone(&task), span });
        self.board.post(Arc::clone(&task));
        for _ in 0..threads {
            self.machine.compute(Part::new(Arc::clone(&task), Arc::clone(&self.board)));
        }
        true
    }

    /// Stops computing a lease. Nothing will be reported for it.
    pub(crate) fn revoke(&mut self, key: LeaseKey) {
        if let Some(running) = self.running.remove(&key) {
            running.task.revoked.store(true, Ordering::Relaxed);
        }
        self.undelivered.remove(&key);
    }

    /// Waits for the next finished lease. The engine keeps it as undelivered until it is
    /// [acknowledged](Engine::acknowledge).
    pub(crate) async fn finished(&mut self) -> Finished {
        loop {
            let mut finished = self.finished.recv().await.expect("the engine holds a sender itself");
            let key = (finished.lease.epoch, finished.lease.id);
            // It may have been revoked after it was finished.
            if let Some(Running { mut span, .. }) = self.running.remove(&key) {
                if let Err(message) = &finished.outcome {
                    span.fail(message);
                }
                finished.trace = span.context().filter(|_| span.is_recorded());
                self.undelivered.insert(key, finished.clone());
                return finished;
            }
        }
    }

    /// Drops a finished lease that a coordinator has acknowledged.
    pub(crate) fn acknowledge(&mut self, key: LeaseKey) {
        self.undelivered.remove(&key);
    }

    /// Finished leases that are not acknowledged.
    pub(crate) fn undelivered(&self) -> impl Iterator<Item = &Finished> {
        self.undelivered.values()
    }

    /// Whether nothing is left to compute or to deliver.
    pub(crate) fn is_idle(&self) -> bool {
        self.undelivered.is_empty() && self.running.is_empty()
    }

    /// The number of leases in progress.
    pub(crate) fn leases(&self) -> usize {
        self.running.len()
    }

    /// The leases in progress that were granted in `epoch`, with the number of finished blocks.
    pub(crate) fn progress(&self, epoch: Epoch) -> impl Iterator<Item = (LeaseId, u64)> {
        self.running
            .iter()
            .filter(move |((granted, _), _)| *granted == epoch)
            .map(|((_, lease), running)| (*lease, running.task.blocks_done.load(Ordering::Relaxed)))
    }
}

impl Drop for Engine {
    /// Threads that still compute stop at their next block.
    fn drop(&mut self) {
        for running in self.running.values() {
            running.task.revoked.store(true, Ordering::Relaxed);
        }
    }
}

/// A specification and the kernel's job, which the first thread that needs it prepares.
#[derive(Debug)]
struct PreparedJob {
    spec: JobSpec,
    origin: Origin,
    prepared: OnceLock<Job>,
}

impl PreparedJob {
    fn get(&self, level: Level) -> &Job {
        self.prepared.get_or_init(|| Job::new(&self.spec, level))
    }
}

/// One thread's part of a lease. It takes one block after another until none is left.
#[derive(Debug)]
pub struct Part {
    task: Arc<Task>,
    board: Arc<Board>,
    /// The sum of the blocks so far; `None` before the first.
    accumulator: Option<Accumulator>,
}

impl Part {
    fn new(task: Arc<Task>, board: Arc<Board>) -> Self {
        Self { task, board, accumulator: None }
    }

    /// The lease that this part belongs to.
    pub fn lease(&self) -> &Lease {
        &self.task.lease
    }

    /// The specification of the simulations.
    pub fn spec(&self) -> &JobSpec {
        &self.task.job.spec
    }

    /// Computes the whole part, and on the way parts of shorter leases that go first. A panic of
    /// the kernel fails the lease, not the worker.
    pub fn run(mut self) {
        while match guarded(|| self.step()) {
            Ok(more) => more,
            Err(fault) => return self.fail(fault),
        } {
            self.give_way();
        }
        self.finish();
    }

    /// Computes one block. Returns `false` if none is left; then the part must be
    /// [finished](Part::finish).
    pub fn step(&mut self) -> bool {
        self.task.began.get_or_init(Instant::now);
        let Some(block) = self.task.next() else {
            self.board.take_down(&self.task);
            return false;
        };
        let job = self.task.job.get(self.task.level);
        let task = &self.task;
        let is_wanted = || !task.revoked.load(Ordering::Relaxed);
        let accumulator = self.accumulator.get_or_insert_with(|| Accumulator::new(job));
        if accumulator.block_while(job, block, &is_wanted) {
            self.task.blocks_done.fetch_add(1, Ordering::Relaxed);
        } else {
            self.accumulator = None;
        }
        true
    }

    /// Delivers the part's result. The last part of a lease delivers the merged result.
    pub fn finish(self) {
        if let Some(accumulator) = self.accumulator {
            self.task.deliver(guarded(|| accumulator.finish()));
        }
    }

    /// Fails the whole lease with this message. Its other parts stop at their next block.
    pub fn fail(self, fault: String) {
        self.task.deliver(Err(fault));
    }

    /// Computes shorter leases before the next block. They give way in turn, but only to shorter
    /// leases, so this ends soon.
    fn give_way(&self) {
        while let Some(shorter) = self.board.before(self.task.lease.range.len()) {
            let began = Instant::now();
            Self::new(shorter, Arc::clone(&self.board)).run();
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.task.paused_us.fetch_add(took, Ordering::Relaxed);
        }
    }
}

/// A lease in progress, shared by all threads.
#[derive(Debug)]
struct Task {
    lease: Lease,
    job: Arc<PreparedJob>,
    level: Level,
    next_block: AtomicU64,
    blocks_done: AtomicU64,
    revoked: AtomicBool,
    /// When the first thread began. Threads may have been busy with the previous lease until then.
    began: OnceLock<Instant>,
    /// The time that all threads together have spent on shorter leases since then.
    paused_us: AtomicU64,
    threads: u32,
    fold: Mutex<Fold>,
    sender: mpsc::UnboundedSender<Finished>,
}

/// The merged results of the threads that have finished.
#[derive(Debug, Default)]
struct Fold {
    whole: Option<Partial>,
    /// Whether the merged result or the first error was sent.
    is_sent: bool,
}

impl Task {
    /// Merges a thread's result or error. Sends the merged result once it is complete, or the first
    /// error.
    fn deliver(&self, part: Result<Partial, String>) {
        let mut fold = self.fold.lock().unwrap_or_else(PoisonError::into_inner);
        if fold.is_sent {
            return;
        }
        let outcome = part.map(|part| {
            match &mut fold.whole {
                Some(whole) => whole.merge(&part),
                None => fold.whole = Some(part),
            }
            let wanted = self.lease.range.simulations(self.job.spec.simulations());
            fold.whole.take_if(|whole| whole.simulations() == wanted)
        });
        let Some(outcome) = outcome.transpose() else { return };
        if outcome.is_err() {
            self.next_block.store(self.lease.range.end(), Ordering::Relaxed);
        }
        fold.is_sent = true;
        let paused = Duration::from_micros(self.paused_us.load(Ordering::Relaxed)) / self.threads;
        let computed_in = self.began.get().map_or(Duration::ZERO, Instant::elapsed).saturating_sub(paused);
        // The receiver is gone once the worker has ended.
        let _ = self.sender.send(Finished { lease: self.lease, outcome, computed_in, trace: None });
    }

    /// The next block to compute, if there is one and the lease is still wanted.
    fn next(&self) -> Option<u64> {
        if self.revoked.load(Ordering::Relaxed) {
            return None;
        }
        let block = self.next_block.fetch_add(1, Ordering::Relaxed);
        (block < self.lease.range.end()).then_some(block)
    }
}

/// Runs `compute` and turns a panic into an error message, because a panic of the kernel must fail
/// a lease, not the worker.
fn guarded<T>(compute: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(compute)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        format!("the kernel panicked: {}", text.unwrap_or("without a message"))
    })
}

#[cfg(test)]
mod tests;
