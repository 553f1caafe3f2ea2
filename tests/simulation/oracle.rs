//! The correct answer of a job, computed by the kernel alone, without cluster, leases or faults;
//! and the checks of a failed job.

use std::collections::BTreeMap;

use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_types::limits::RANGE_FAULTS_MAX;
use carlo_types::merge::stopping_error;
use carlo_types::results::Digest;
use carlo_types::{BlockRange, JobSpec, Merge};
use carlo_wire::v1;

use crate::plan::{Poison, PoisonEffect};

/// The first checkpoint of the model (MODEL.md, Results), in blocks.
const FIRST_CHECKPOINT_BLOCKS: u64 = 4;

/// The result of an undisturbed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    digest: String,
    simulations: u64,
    stopped_early: bool,
}

/// The expected results, each computed once.
#[derive(Debug, Default)]
pub(crate) struct Oracle(BTreeMap<u64, Expected>);

impl Oracle {
    /// The expected result of `spec`. All jobs of a run have different seeds.
    pub(crate) fn answer(&mut self, spec: &JobSpec) -> &Expected {
        self.0.entry(spec.seed()).or_insert_with(|| compute(spec))
    }
}

fn compute(spec: &JobSpec) -> Expected {
    let job = Job::new(spec, Level::available()[0]);
    let mut accumulator = Accumulator::new(&job);
    let mut whole: Option<Partial> = None;
    let end = BlockRange::whole(spec.simulations()).expect("a job has simulations").end();
    for block in 0..end {
        accumulator.block(&job, block);
        let done = block + 1;
        let checkpoint = done >= FIRST_CHECKPOINT_BLOCKS && done.is_power_of_two();
        if done == end || checkpoint {
            let part = accumulator.drain();
            match &mut whole {
                Some(whole) => whole.merge(&part),
                None => whole = Some(part),
            }
        }
        if let (Some(target), Some(whole), true) = (spec.params.target_standard_error, &whole, checkpoint)
            && stopping_error(whole.successes(), whole.simulations()) <= target
        {
            break;
        }
    }
    let results = carlo_kernel::results(spec, &whole.expect("there is a last block"));
    Expected {
        digest: results.digest.to_string(),
        simulations: results.simulations_run,
        stopped_early: results.simulations_run < spec.simulations(),
    }
}

/// Checks that a failed job names the right reason.
pub(crate) fn check_failure(job: &v1::Job, poison: Poison) -> Result<(), String> {
    let error = job.error();
    let is_told = match poison.effect {
        PoisonEffect::Fault => {
            let attempts = error.split_once("failed on ").and_then(|(_, rest)| rest.split(' ').next());
            // Faults of one node alone don't fail a job, however many.
            let are_enough = attempts.and_then(|attempts| attempts.parse().ok()) >= Some(RANGE_FAULTS_MAX);
            are_enough && error.contains(&poison.words())
        }
        PoisonEffect::Death => error.contains("workers were lost while they computed blocks"),
    };
    if is_told && job.results.is_none() {
        return Ok(());
    }
    Err(format!(
        "job {} failed of {poison:?}, has results: {}, and says {error}",
        job.id,
        job.results.is_some()
    ))
}

/// Checks a complete job.
pub(crate) fn check(job: &v1::Job, answer: &Expected) -> Result<(), String> {
    let completed = job.results.as_ref().ok_or("a complete job without results")?;
    let results = completed.results.as_ref().ok_or("completed results without results")?;
    let digest = results.digest.as_slice().try_into().map_err(|_| "a digest of another length")?;
    let found = Expected {
        digest: Digest(digest).to_string(),
        simulations: results.simulations_run,
        stopped_early: completed.stopped_early,
    };
    if found != *answer {
        return Err(format!("job {} has the answer {found:?} instead of {answer:?}", job.id));
    }
    let shares: u64 = job.node_progress.values().map(|node| node.simulations).sum();
    // A job that stopped early may have computed simulations past the checkpoint, which are not
    // part of its answer.
    let most = if answer.stopped_early { job.simulations_total } else { answer.simulations };
    if !(answer.simulations..=most).contains(&shares) {
        return Err(format!(
            "job {}: the shares of its nodes come to {shares} of {}",
            job.id, answer.simulations
        ));
    }
    if job.simulations_complete != answer.simulations {
        return Err(format!(
            "job {}: its progress is {} of {}",
            job.id, job.simulations_complete, answer.simulations
        ));
    }
    if completed.workers_used == 0 || completed.workers_used as usize > job.node_progress.len() {
        return Err(format!(
            "job {} used {} workers, and names {}",
            job.id,
            completed.workers_used,
            job.node_progress.len()
        ));
    }
    Ok(())
}
