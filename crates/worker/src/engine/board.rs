//! The leases that still have blocks to compute, and which of them goes first.
//!
//! Threads take leases in the order in which they were granted, with one exception. If another
//! lease is much shorter than the one that a thread works on, it goes before the next block. So a
//! small job doesn't wait half a second for a large job's prefetched lease, and the large job is
//! hardly delayed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Task;

/// How many times longer a lease must be than the one that goes before it.
const MUCH_LONGER: u64 = 4;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Board {
    /// At most as many as a coordinator grants at the same time.
    tasks: Mutex<Vec<Arc<Task>>>,
    /// The number of blocks of the shortest lease, so that threads compare a number between blocks
    /// instead of searching the list.
    shortest: AtomicU64,
}

impl Default for Board {
    fn default() -> Self {
        Self { tasks: Mutex::default(), shortest: AtomicU64::new(u64::MAX) }
    }
}

impl Board {
    pub(super) fn post(&self, task: Arc<Task>) {
        let mut tasks = self.lock();
        tasks.push(task);
        self.update(&tasks);
    }

    /// Removes a lease that has no blocks left.
    pub(super) fn take_down(&self, task: &Arc<Task>) {
        let mut tasks = self.lock();
        tasks.retain(|posted| !Arc::ptr_eq(posted, task));
        self.update(&tasks);
    }

    /// The shortest lease, if it goes before one with this many blocks.
    pub(super) fn before(&self, blocks: u64) -> Option<Arc<Task>> {
        let goes_first = |shortest: u64| shortest.saturating_mul(MUCH_LONGER) <= blocks;
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
        // A panic can't leave the list half changed.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
