//! Work on every core, looked after by the thread that asked for it.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use carlo_kernel::{Level, UnknownLevel};

/// How often the caller may look in.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What computes.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    threads: NonZeroUsize,
    level: Level,
}

impl Machine {
    /// So many threads, or as many as this process may use, with the best instructions or those
    /// that `CARLO_SIMD` names.
    pub fn new(threads: Option<NonZeroUsize>) -> Result<Self, UnknownLevel> {
        let available = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Self { threads: threads.unwrap_or_else(available), level: Level::detect()? })
    }

    /// The instructions.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Gives `items` numbers from 0 on to the threads, one after another. Each thread has a state
    /// of its own, which is returned when no number is left.
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
                match states.recv_timeout(LOOK_EVERY) {
                    Ok(state) => finished.push(state),
                    // Every thread has ended; one that panicked passes that on at the end of the
                    // scope.
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

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Simulations that are done.
    pub simulations: u64,
    /// Simulations that were asked for.
    pub total: u64,
}

/// Whoever looked in wanted no answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was interrupted: there is no answer")]
pub struct Interrupted;
