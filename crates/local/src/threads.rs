//! Distributes work to threads, while the calling thread reports the progress.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use carlo_kernel::{Level, UnknownLevel};

/// The interval at which the progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(50);

/// The number of threads and the instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Parallelism {
    threads: NonZeroUsize,
    level: Level,
}

impl Parallelism {
    /// With this number of threads, or as many as this process may use. The instruction set is the
    /// best one, or the one in the environment variable `CARLO_SIMD`.
    pub fn new(threads: Option<NonZeroUsize>) -> Result<Self, UnknownLevel> {
        let available = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Self { threads: threads.unwrap_or_else(available), level: Level::detect()? })
    }

    /// The number of threads.
    pub(crate) fn threads(&self) -> u64 {
        self.threads.get() as u64
    }

    /// The instruction set.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Distributes the numbers from 0 to `items` (exclusive) to the threads, one at a time. Returns
    /// the states of all threads.
    pub(crate) fn share<S: Send>(
        &self,
        items: u64,
        begin: impl Fn() -> S + Sync,
        step: impl Fn(&mut S, u64) + Sync,
        watch: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Vec<S>, Interrupted> {
        let (next, done, stopped) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let work = || {
            let mut state = begin();
            while !stopped.load(Ordering::Relaxed) {
                let item = next.fetch_add(1, Ordering::Relaxed);
                if item >= items {
                    break;
                }
                step(&mut state, item);
                done.fetch_add(1, Ordering::Relaxed);
            }
            state
        };
        let threads = usize::try_from(items).unwrap_or(usize::MAX).min(self.threads.get());
        thread::scope(|scope| {
            let (sender, states) = mpsc::channel();
            for _ in 0..threads {
                let (sender, work) = (sender.clone(), &work);
                scope.spawn(move || sender.send(work()));
            }
            drop(sender);
            let mut finished = Vec::with_capacity(threads);
            loop {
                match states.recv_timeout(REPORT_EVERY) {
                    Ok(state) => finished.push(state),
                    // All threads have ended. If one panicked, the end of the scope panics, too.
                    Err(RecvTimeoutError::Disconnected) => return Ok(finished),
                    Err(RecvTimeoutError::Timeout) => {
                        if watch(done.load(Ordering::Relaxed)).is_break() {
                            stopped.store(true, Ordering::Relaxed);
                            return Err(Interrupted);
                        }
                    }
                }
            }
        })
    }
}

/// The progress of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The number of finished simulations.
    pub simulations: u64,
    /// The requested number of simulations.
    pub total: u64,
}

/// The caller stopped the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulation was interrupted, so there are no results")]
pub struct Interrupted;
