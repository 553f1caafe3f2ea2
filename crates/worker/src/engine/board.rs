//! The leases that still have blocks to give out, and which of them goes first.
//!
//! Threads take leases in the order in which they were granted, with one exception: a lease that is much shorter than the one that a
//! thread works on goes before the next block of that one. So a small job waits for no half second of a large job's prefetched lease,
//! and a large one hardly notices.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Task;

/// How many times longer a lease is than one that goes before it.
const MUCH: u64 = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Board {
    /// At most as many as a coordinator grants at once.
    tasks: Mutex<Vec<Arc<Task>>>,
    /// Blocks of the shortest of them, so that threads look at a number between two blocks and not at the list.
    shortest: AtomicU64,
}

impl Default for Board {
    fn default() -> Self {
        Self { tasks: Mutex::default(), shortest: AtomicU64::new(u64::MAX) }
    }
}

impl Board {
    /// Adds a lease.
    pub(super) fn post(&self, task: Arc<Task>) {
        let mut tasks = self.lock();
        tasks.push(task);
        self.update(&tasks);
    }

    /// Removes a lease that has nothing left to give out.
    pub(super) fn take_down(&self, task: &Arc<Task>) {
        let mut tasks = self.lock();
        tasks.retain(|posted| !Arc::ptr_eq(posted, task));
        self.update(&tasks);
    }

    /// The shortest lease, if it goes before one of so many blocks.
    pub(super) fn before(&self, blocks: u64) -> Option<Arc<Task>> {
        let goes_first = |shortest: u64| shortest.saturating_mul(MUCH) <= blocks;
        if !goes_first(self.shortest.load(Ordering::Relaxed)) {
            return None;
        }
        let tasks = self.lock();
        let shortest = tasks.iter().min_by_key(|task| task.lease.range.len());
        shortest.filter(|task| goes_first(task.lease.range.len())).cloned()
    }

    fn update(&self, tasks: &[Arc<Task>]) {
        let shortest = tasks.iter().map(|task| task.lease.range.len()).min();
        self.shortest.store(shortest.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Task>>> {
        // What a panicking thread leaves behind is a list like any other.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
