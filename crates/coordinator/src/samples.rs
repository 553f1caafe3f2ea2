//! Streams the outcomes of consecutive simulations of a job. They are recomputed here from the seed
//! and the indices, without a worker. This can take seconds, so each call uses a thread of its own,
//! and only a few calls compute at the same time.

use std::sync::Arc;

use carlo_kernel::{Job, Level, Samples};
use carlo_types::limits::SAMPLES_MAX;
use carlo_types::{Analysis, BLOCK_SIMULATIONS, Fault, FaultCode, FieldFault, JobSpec, Work};
use carlo_wire::{status, v1};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::core::StreamPermit;

/// The number of simulations if the request gives none.
const SAMPLES_DEFAULT: u64 = 100_000;
/// Calls that compute at the same time; others wait.
pub(crate) const SAMPLERS: usize = 2;
/// Blocks that are computed ahead of a slow reader.
const BLOCKS_AHEAD: usize = 2;

pub(crate) type Blocks = ReceiverStream<Result<v1::SampleBlock, Status>>;

/// The requested simulations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    first: u64,
    count: u64,
}

impl Wanted {
    pub(crate) fn of(request: &v1::SamplesRequest) -> Result<Self, Fault> {
        let count = request.count.unwrap_or(SAMPLES_DEFAULT);
        if (1..=SAMPLES_MAX).contains(&count) {
            return Ok(Self { first: request.first, count });
        }
        let message = format!("must be a whole number from 1 to {SAMPLES_MAX}, not {count}");
        Err(Fault::invalid(vec![FieldFault::new("/count", message)]))
    }

    /// The requested simulations that exist in a job. Refused if there is none.
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

    /// The work that is charged for computing them.
    pub(crate) fn work(self, spec: &JobSpec) -> Work {
        Work { simulations: self.count, months: spec.goal.timeline_months }
    }
}

/// Computes the simulations block by block and sends them, until the end or until the reader has
/// gone.
pub(crate) fn send(
    mut spec: JobSpec,
    wanted: Wanted,
    samplers: Arc<Semaphore>,
    permit: StreamPermit,
) -> Blocks {
    let (reader, blocks) = mpsc::channel(BLOCKS_AHEAD);
    // Without the other plans of the job, which have no samples.
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
