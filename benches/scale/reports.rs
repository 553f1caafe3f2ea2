//! Correct reports: the coordinator replays two simulations of each, so invented ones are refused.
//!
//! Each is of one block of a job whose timeline is one month, and has 6 KB; that of a large lease of
//! three years has 8 to 11 KB. Computing a report takes longer than receiving it, so they are computed
//! before anything is measured.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, anyhow};
use carlo_kernel::{Accumulator, Job, Level};
use carlo_types::Draft;
use carlo_wire::v1;

/// The encoded partial results of a job's first blocks.
pub(crate) struct Reports(Vec<Vec<u8>>);

impl Reports {
    /// Computes the reports of the first `blocks` blocks on all cores. The request must contain its
    /// seed.
    pub(crate) fn compute(request: v1::SimulationRequest, blocks: usize) -> anyhow::Result<Self> {
        let spec = Draft::from(request).check(0).map_err(|faults| anyhow!("{faults:?}"))?;
        let job = Job::new(&spec, Level::detect()?);
        let next = AtomicUsize::new(0);
        let compute = || {
            let mut accumulator = Accumulator::new(&job);
            let mut computed = Vec::new();
            loop {
                let block = next.fetch_add(1, Ordering::Relaxed);
                if block >= blocks {
                    return computed;
                }
                accumulator.block(&job, block as u64);
                computed.push((block, accumulator.drain().encode()));
            }
        };
        let mut computed = thread::scope(|scope| {
            let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(compute)).collect();
            let computed = threads.into_iter().map(|thread| thread.join().expect("nobody panics"));
            computed.flatten().collect::<Vec<_>>()
        });
        computed.sort_unstable_by_key(|(block, _)| *block);
        Ok(Self(computed.into_iter().map(|(_, partial)| partial).collect()))
    }

    /// The report of a lease, which must be for one block.
    pub(crate) fn of(&self, lease: &v1::Lease) -> anyhow::Result<Vec<u8>> {
        anyhow::ensure!(lease.end_block == lease.start_block + 1, "a lease has several blocks");
        let partial = usize::try_from(lease.start_block).ok().and_then(|block| self.0.get(block));
        partial.cloned().context("more leases were granted than reports were computed")
    }
}
