//! Partial results of any number of blocks, composed of a few computed ones.

use std::collections::HashMap;

use anyhow::anyhow;
use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_types::{Draft, Merge};
use carlo_wire::v1;

/// Blocks that are really computed: half a million simulations fill as many bins as a real lease.
const COMPUTED: u64 = 32;
/// After the simulations that feed a job's fan chart and sensitivities, like nearly all leases of a
/// large job.
const FIRST: u64 = 1_000;

/// Encoded partial results of one job.
pub(crate) struct Partials {
    /// The fold of the first n computed blocks is at index n − 1.
    folds: Vec<Partial>,
    encoded: HashMap<u64, Vec<u8>>,
}

impl Partials {
    /// Computes the blocks. The request must contain its seed.
    pub(crate) fn compute(request: v1::SimulationRequest) -> anyhow::Result<Self> {
        let spec = Draft::from(request).check(0).map_err(|faults| anyhow!("{faults:?}"))?;
        let job = Job::new(&spec, Level::detect()?);
        let mut accumulator = Accumulator::new(&job);
        let mut folds: Vec<Partial> = Vec::new();
        for block in 0..COMPUTED {
            accumulator.block(&job, FIRST + block);
            let mut fold = accumulator.drain();
            if let Some(before) = folds.last() {
                fold.merge(before);
            }
            folds.push(fold);
        }
        Ok(Self { folds, encoded: HashMap::new() })
    }

    /// A partial result of this many whole blocks. It is valid except that its simulations are
    /// others.
    pub(crate) fn of(&mut self, blocks: u64) -> Vec<u8> {
        let Self { folds, encoded } = self;
        encoded.entry(blocks).or_insert_with(|| fold(folds, blocks).encode()).clone()
    }
}

fn fold(folds: &[Partial], blocks: u64) -> Partial {
    let all = folds.last().expect("some blocks were computed");
    let fold_of = |count: u64| folds[usize::try_from(count - 1).expect("at most all of them")].clone();
    let rest = blocks % COMPUTED;
    let mut whole = fold_of(if rest == 0 { COMPUTED } else { rest });
    for _ in 0..(blocks - 1) / COMPUTED {
        whole.merge(all);
    }
    whole
}
