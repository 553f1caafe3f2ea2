//! What became of consecutive simulations of a job, recomputed from its seed and their indices, and
//! sent as fast as the caller reads. Like a replay it asks no worker; unlike one it can take
//! seconds, so it runs on a thread of its own, and few do at a time.

use std::sync::Arc;

use carlo_kernel::{Job, Level, Samples};
use carlo_types::limits::SAMPLES_MAX;
use carlo_types::{Analysis, BLOCK_SIMULATIONS, Fault, FaultCode, FieldFault, JobSpec, Work};
use carlo_wire::{status, v1};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::core::StreamPermit;

/// Those of a call that doesn't say.
const SAMPLES_DEFAULT: u64 = 100_000;
/// Calls that compute at a time; others wait.
pub(crate) const SAMPLERS: usize = 2;
/// Blocks that wait for a reader.
const BLOCKS_AHEAD: usize = 2;

/// The stream of a call.
pub(crate) type Blocks = ReceiverStream<Result<v1::SampleBlock, Status>>;

/// The simulations that a call wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    first: u64,
    count: u64,
}

impl Wanted {
    /// Checks a request.
    pub(crate) fn of(request: &v1::SamplesRequest) -> Result<Self, Fault> {
        let count = request.count.unwrap_or(SAMPLES_DEFAULT);
        if (1..=SAMPLES_MAX).contains(&count) {
            return Ok(Self { first: request.first, count });
        }
        let message = format!("must be a whole number from 1 to {SAMPLES_MAX}, not {count}");
        Err(Fault::invalid(vec![FieldFault::new("/count", message)]))
    }

    /// Those of them that a job has: at least one.
    pub(crate) fn within(self, spec: &JobSpec) -> Result<Self, Fault> {
        let left = spec.simulations().saturating_sub(self.first);
        if left == 0 {
            let message = format!(
                "the job has {} simulations, from 0 on: none has the index {}",
                spec.simulations(),
                self.first
            );
            return Err(Fault::new(FaultCode::NotFound, message));
        }
        Ok(Self { count: self.count.min(left), ..self })
    }

    /// What computing them is charged as.
    pub(crate) fn work(self, spec: &JobSpec) -> Work {
        Work { simulations: self.count, months: spec.goal.timeline_months }
    }
}

/// Computes and sends them, in the blocks that they are computed in, until the reader has gone.
pub(crate) fn send(
    mut spec: JobSpec,
    wanted: Wanted,
    samplers: Arc<Semaphore>,
    permit: StreamPermit,
) -> Blocks {
    let (reader, blocks) = mpsc::channel(BLOCKS_AHEAD);
    // Only the job's own plan is sampled.
    spec.analysis = Analysis::None;
    spec.params.sensitivity = false;
    tokio::spawn(async move {
        let Ok(_place) = samplers.acquire_owned().await else { return };
        let _permit = permit;
        let sending = reader.clone();
        let computed = tokio::task::spawn_blocking(move || {
            let job = Job::new(&spec, Level::detect().unwrap_or(Level::Portable));
            let (mut first, end) = (wanted.first, wanted.first + wanted.count);
            while first < end {
                let most = (BLOCK_SIMULATIONS - first % BLOCK_SIMULATIONS).min(end - first);
                if sending.blocking_send(Ok(block(first, job.samples(first, most)))).is_err() {
                    return;
                }
                first += most;
            }
        });
        if computed.await.is_err() {
            let fault = Fault::new(FaultCode::Internal, "the simulations could not be computed");
            let _ = reader.send(Err(status::from_fault(&fault))).await;
        }
    });
    ReceiverStream::new(blocks)
}

fn block(first: u64, samples: Samples) -> v1::SampleBlock {
    let whole = |months: Option<Vec<u16>>| months.unwrap_or_default().into_iter().map(u32::from).collect();
    v1::SampleBlock {
        first,
        final_balances: samples.final_balances,
        succeeded: samples.succeeded,
        first_short_months: whole(samples.first_short_months),
        months_lived: whole(samples.months_lived),
        lowest_multipliers: samples.lowest_multipliers.unwrap_or_default(),
    }
}
