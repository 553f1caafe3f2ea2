//! Leases in, partial results out: the kernel on every thread of a [`Machine`].
//!
//! Each lease is spread over all threads: every thread takes the next block until there is none left. The machine serves parts in the
//! order in which they came, so a thread that finds a lease exhausted goes on with the next one at once, and no core idles at the seam
//! between two leases. Which lease may go before another one is the [`board`]'s business.

mod board;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_types::{BlockRange, Epoch, JobId, JobSpec, Lease, LeaseId, Load, Merge};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::machine::Machine;
use board::Board;

/// A lease's name across epochs.
pub(crate) type LeaseKey = (Epoch, LeaseId);

/// A lease that has been computed, or could not be.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) lease: Lease,
    /// The merged summary of all its blocks, or what went wrong in words.
    pub(crate) outcome: Result<Partial, String>,
    pub(crate) computed_in: Duration,
}

/// The machine, the jobs that it knows, and the leases that it computes.
pub(crate) struct Engine {
    machine: Box<dyn Machine>,
    level: Level,
    jobs: BTreeMap<JobId, Arc<PreparedJob>>,
    board: Arc<Board>,
    /// Leases in work that are still wanted.
    running: BTreeMap<LeaseKey, Arc<Task>>,
    /// Computed, but not acknowledged by any coordinator yet.
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

    /// How busy the machine is.
    pub(crate) fn load(&mut self) -> Load {
        self.machine.load()
    }

    /// Learns a job's specification.
    pub(crate) fn learn(&mut self, job: JobId, spec: JobSpec) {
        self.jobs.entry(job).or_insert_with(|| Arc::new(PreparedJob { spec, prepared: OnceLock::new() }));
    }

    /// Forgets a job that has ended, together with whatever is left of its leases.
    pub(crate) fn forget(&mut self, job: JobId) {
        self.jobs.remove(&job);
        self.undelivered.retain(|_, finished| finished.lease.job != job);
        for (_, task) in self.running.extract_if(.., |_, task| task.lease.job == job) {
            task.revoked.store(true, Ordering::Relaxed);
        }
    }

    /// Computes a lease. `false` where its job isn't known, or has no such blocks.
    pub(crate) fn start(&mut self, lease: Lease) -> bool {
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
        self.running.insert((lease.epoch, lease.id), Arc::clone(&task));
        self.board.post(Arc::clone(&task));
        for _ in 0..threads {
            self.machine.compute(Part::new(Arc::clone(&task), Arc::clone(&self.board)));
        }
        true
    }

    /// Stops computing a lease; nothing will be reported of it.
    pub(crate) fn revoke(&mut self, key: LeaseKey) {
        if let Some(task) = self.running.remove(&key) {
            task.revoked.store(true, Ordering::Relaxed);
        }
        self.undelivered.remove(&key);
    }

    /// The next lease that is finished, kept as undelivered until it is [acknowledged](Engine::acknowledge).
    pub(crate) async fn finished(&mut self) -> Finished {
        loop {
            let finished = self.finished.recv().await.expect("the engine holds a sender itself");
            let key = (finished.lease.epoch, finished.lease.id);
            // It may have been revoked after it was finished.
            if self.running.remove(&key).is_some() {
                self.undelivered.insert(key, finished.clone());
                return finished;
            }
        }
    }

    /// A coordinator knows of this lease's end.
    pub(crate) fn acknowledge(&mut self, key: LeaseKey) {
        self.undelivered.remove(&key);
    }

    /// What is finished, but not acknowledged.
    pub(crate) fn undelivered(&self) -> impl Iterator<Item = &Finished> {
        self.undelivered.values()
    }

    /// Whether there is nothing left to compute or to deliver.
    pub(crate) fn is_idle(&self) -> bool {
        self.undelivered.is_empty() && self.running.is_empty()
    }

    /// How many leases are in work.
    pub(crate) fn leases(&self) -> usize {
        self.running.len()
    }

    /// The leases in work that were granted in `epoch`, and how many blocks of each are done.
    pub(crate) fn progress(&self, epoch: Epoch) -> impl Iterator<Item = (LeaseId, u64)> {
        self.running
            .iter()
            .filter(move |((granted, _), _)| *granted == epoch)
            .map(|((_, lease), task)| (*lease, task.blocks_done.load(Ordering::Relaxed)))
    }
}

impl Drop for Engine {
    /// Threads that still compute find at their next block that nobody wants it.
    fn drop(&mut self) {
        for task in self.running.values() {
            task.revoked.store(true, Ordering::Relaxed);
        }
    }
}

/// A specification, and the kernel's job made of it by the first thread that needs it.
#[derive(Debug)]
struct PreparedJob {
    spec: JobSpec,
    prepared: OnceLock<Job>,
}

impl PreparedJob {
    fn get(&self, level: Level) -> &Job {
        self.prepared.get_or_init(|| Job::new(&self.spec, level))
    }
}

/// One thread's part of a lease: the next block, and the next, until none is left.
#[derive(Debug)]
pub struct Part {
    task: Arc<Task>,
    board: Arc<Board>,
    /// What the blocks so far came to; none before the first.
    accumulator: Option<Accumulator>,
}

impl Part {
    fn new(task: Arc<Task>, board: Arc<Board>) -> Self {
        Self { task, board, accumulator: None }
    }

    /// The lease that this is a part of.
    pub fn lease(&self) -> &Lease {
        &self.task.lease
    }

    /// What is to be simulated.
    pub fn spec(&self) -> &JobSpec {
        &self.task.job.spec
    }

    /// Computes the whole part, and parts of leases that go before it on the way. A panic of the kernel costs a lease, not the worker.
    pub fn run(mut self) {
        while match guarded(|| self.step()) {
            Ok(more) => more,
            Err(fault) => return self.fail(fault),
        } {
            self.give_way();
        }
        self.finish();
    }

    /// Computes one block; `false` where none is left. Then the part is to be [finished](Part::finish).
    pub fn step(&mut self) -> bool {
        self.task.began.get_or_init(Instant::now);
        let Some(block) = self.task.next() else {
            self.board.take_down(&self.task);
            return false;
        };
        let job = self.task.job.get(self.task.level);
        self.accumulator.get_or_insert_with(|| Accumulator::new(job)).block(job, block);
        self.task.blocks_done.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Delivers what was computed. The last part of a lease delivers the whole.
    pub fn finish(self) {
        if let Some(accumulator) = self.accumulator {
            self.task.deliver(guarded(|| accumulator.finish()));
        }
    }

    /// Gives the whole lease up, in words why. Its other parts end at their next block.
    pub fn fail(self, fault: String) {
        self.task.deliver(Err(fault));
    }

    /// Computes what goes before the next block. It gives way in turn, but every lease is shorter than the one that gave way to it, so
    /// this ends soon.
    fn give_way(&self) {
        while let Some(shorter) = self.board.before(self.task.lease.range.len()) {
            let began = Instant::now();
            Self::new(shorter, Arc::clone(&self.board)).run();
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.task.paused_us.fetch_add(took, Ordering::Relaxed);
        }
    }
}

/// A lease in work, shared by all threads.
#[derive(Debug)]
struct Task {
    lease: Lease,
    job: Arc<PreparedJob>,
    level: Level,
    next_block: AtomicU64,
    blocks_done: AtomicU64,
    revoked: AtomicBool,
    /// When the first thread came to it: the lease before it may have kept them busy until then.
    began: OnceLock<Instant>,
    /// How long its threads, together, were busy with shorter leases since.
    paused_us: AtomicU64,
    threads: u32,
    fold: Mutex<Fold>,
    sender: mpsc::UnboundedSender<Finished>,
}

/// What the threads of a lease that are through have summarised.
#[derive(Debug, Default)]
struct Fold {
    whole: Option<Partial>,
    /// The whole, or the first fault, is on its way.
    is_sent: bool,
}

impl Task {
    /// Takes what a thread has summarised, or the fault that it met. The whole, or the first fault, is sent.
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
        // Nobody listens any more once the worker has ended.
        let _ = self.sender.send(Finished { lease: self.lease, outcome, computed_in });
    }

    /// The next block to compute, while there is one and anybody wants it.
    fn next(&self) -> Option<u64> {
        if self.revoked.load(Ordering::Relaxed) {
            return None;
        }
        let block = self.next_block.fetch_add(1, Ordering::Relaxed);
        (block < self.lease.range.end()).then_some(block)
    }
}

/// What `compute` gives, or in words why it panicked: a panic of the kernel must cost a lease, not a worker.
fn guarded<T>(compute: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(compute)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        format!("the kernel panicked: {}", text.unwrap_or("without a message"))
    })
}

#[cfg(test)]
mod tests;
