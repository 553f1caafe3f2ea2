//! Leases in, partial results out: the kernel on every thread of a [`Machine`].
//!
//! Each lease is spread over all threads: every thread takes the next block until there is none left. The machine serves parts in the
//! order in which they came, so a thread that finds a lease exhausted goes on with the next one at once, and no core idles at the seam
//! between two leases.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_types::{BlockRange, Epoch, JobId, JobSpec, Lease, LeaseId, Load, Merge};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::machine::Machine;

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
        for task in self.running.values().filter(|task| task.lease.job == job) {
            task.revoked.store(true, Ordering::Relaxed);
        }
    }

    /// Computes a lease. `false` where its job isn't known, or has no such blocks.
    pub(crate) fn start(&mut self, lease: Lease) -> bool {
        let Some(job) = self.jobs.get(&lease.job) else { return false };
        if !BlockRange::whole(job.spec.simulations).is_some_and(|whole| whole.contains(lease.range)) {
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
            outcome: Mutex::new(Ok(None)),
            threads_left: AtomicUsize::new(threads),
            sender: self.sender.clone(),
        });
        self.running.insert((lease.epoch, lease.id), Arc::clone(&task));
        for _ in 0..threads {
            self.machine.compute(Part { task: Arc::clone(&task), accumulator: None });
        }
        true
    }

    /// Stops computing a lease; nothing will be reported of it.
    pub(crate) fn revoke(&mut self, key: LeaseKey) {
        if let Some(task) = self.running.get(&key) {
            task.revoked.store(true, Ordering::Relaxed);
        }
        self.undelivered.remove(&key);
    }

    /// The next lease that is finished, kept as undelivered until it is [acknowledged](Engine::acknowledge).
    pub(crate) async fn finished(&mut self) -> Finished {
        loop {
            let finished = self.finished.recv().await.expect("the engine holds a sender itself");
            let key = (finished.lease.epoch, finished.lease.id);
            let revoked = self.running.remove(&key).is_some_and(|task| task.revoked.load(Ordering::Relaxed));
            if !revoked {
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
        self.undelivered.is_empty() && self.running.values().all(|task| task.revoked.load(Ordering::Relaxed))
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
    /// What the blocks so far came to; none before the first.
    accumulator: Option<Accumulator>,
}

impl Part {
    /// Computes the whole part. A panic of the kernel costs the lease, not the worker.
    pub fn run(mut self) {
        self.task.began.get_or_init(Instant::now);
        let part = guarded(|| {
            while self.step() {}
            self.accumulator.take().map(Accumulator::finish)
        });
        self.task.deliver(part);
    }

    /// Computes one block; `false` where none is left. Then the part is to be [finished](Part::finish).
    pub fn step(&mut self) -> bool {
        self.task.began.get_or_init(Instant::now);
        let Some(block) = self.task.next() else { return false };
        let job = self.task.job.get(self.task.level);
        self.accumulator.get_or_insert_with(|| Accumulator::new(job)).block(job, block);
        self.task.blocks_done.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Delivers what was computed. The last part of a lease delivers the whole.
    pub fn finish(self) {
        self.task.deliver(Ok(self.accumulator.map(Accumulator::finish)));
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
    /// What the threads that are through have summarised, or the first fault.
    outcome: Mutex<Result<Option<Partial>, String>>,
    threads_left: AtomicUsize,
    sender: mpsc::UnboundedSender<Finished>,
}

impl Task {
    /// Takes what a thread has summarised, or the fault that it met. The last thread sends the whole.
    fn deliver(&self, part: Result<Option<Partial>, String>) {
        if part.is_err() {
            self.revoke_rest();
        }
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        match (outcome.as_mut(), part) {
            (Err(_), _) | (_, Ok(None)) => {}
            (Ok(_), Err(fault)) => *outcome = Err(fault),
            (Ok(Some(whole)), Ok(Some(part))) => whole.merge(&part),
            (Ok(whole @ None), Ok(part)) => *whole = part,
        }
        if self.threads_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let outcome = std::mem::replace(&mut *outcome, Ok(None));
            let outcome = outcome.and_then(|whole| whole.ok_or_else(|| "no block was computed".to_owned()));
            let computed_in = self.began.get().map_or(Duration::ZERO, Instant::elapsed);
            // Nobody listens any more once the worker has ended.
            let _ = self.sender.send(Finished { lease: self.lease, outcome, computed_in });
        }
    }

    /// The next block to compute, while there is one and anybody wants it.
    fn next(&self) -> Option<u64> {
        if self.revoked.load(Ordering::Relaxed) {
            return None;
        }
        let block = self.next_block.fetch_add(1, Ordering::Relaxed);
        (block < self.lease.range.end()).then_some(block)
    }

    fn revoke_rest(&self) {
        self.next_block.store(self.lease.range.end(), Ordering::Relaxed);
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
