//! A job made ready to simulate.

use carlo_types::{BLOCK_SIMULATIONS, JobSpec};

use crate::chart::{self, Observation, Scale};
use crate::grid::Grid;
use crate::level::Level;
use crate::notable::Notable;
use crate::paired::PairedCounts;
use crate::pipeline::Walk;
use crate::plan::{Plan, threshold};
use crate::variants::{VariantCounts, Variants};

/// Simulations that the grid follows from.
const PILOT: u64 = 4096;

/// A specification made ready: its constants, its grid, and the level to run it on. Shared by every thread that works on it.
#[derive(Debug, Clone)]
pub struct Job {
    plan: Plan,
    grid: Grid,
    /// The months of the fan chart, and its bins at each.
    observed: Vec<u32>,
    scales: Vec<Scale>,
    /// Nothing yet, with its aims.
    notable: Notable,
    variants: Variants,
    simulations: u64,
    level: Level,
}

impl Job {
    /// Prepares `spec` to run with `level`'s instructions. Simulates the first 4,096 to find the grids: a fraction of a millisecond
    /// at the usual timelines, and some fifty times that where the job solves for something.
    pub fn new(spec: &JobSpec, level: Level) -> Self {
        let plan = Plan::new(spec);
        let simulations = spec.simulations;
        let count = simulations.min(PILOT) as usize;
        let mut pilot = vec![0.0; count];
        let observed = chart::months(plan.months);
        let mut kept = vec![Vec::new(); observed.len()];
        let observation = Observation::Collect(&mut kept);
        let (scenarios, finals) = (&mut [][..], &mut pilot[..]);
        level.run(Walk { plan: &plan, first: 0, finals, scenarios, observed: &observed, observation });
        let scales = kept.iter_mut().map(|balances| Scale::of_pilot(balances)).collect();
        let grid = Grid::of_pilot(&mut pilot, magnitude(spec));
        let notable = Notable::of_pilot(&pilot, plan.threshold);
        let variants = Variants::new(spec, level);
        Self { plan, grid, observed, scales, notable, variants, simulations, level }
    }

    /// The instructions that it runs with.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The final balances of a block's simulations by index, dollars: for whoever wants to look at single ones. Empty past the
    /// job's end.
    pub fn final_balances(&self, block: u64) -> Vec<f32> {
        let (_, count) = self.indices(block);
        let mut finals = vec![0.0; count];
        self.walk(block, &mut finals);
        finals
    }

    /// Simulates a block, of which `finals` is as long as it has simulations.
    pub(crate) fn walk(&self, block: u64, finals: &mut [f32]) {
        let (first, _) = self.indices(block);
        self.level.run(Walk::alone(&self.plan, first, finals));
    }

    /// Simulates a block with every scenario, and counts what the fan chart wants of it.
    pub(crate) fn walk_all(
        &self,
        block: u64,
        finals: &mut [f32],
        scenarios: &mut [Vec<f32>],
        chart: &mut [u64],
    ) {
        let (first, _) = self.indices(block);
        let observed = if first < chart::SIMULATIONS { &self.observed[..] } else { &[] };
        let observation = Observation::Count(&self.scales, chart);
        self.level.run(Walk { plan: &self.plan, first, finals, scenarios, observed, observation });
    }

    /// Counts a block's pairs with each of the job's other plans, from its own final balances; `other` is room for a block's.
    pub(crate) fn walk_variants(
        &self,
        block: u64,
        own: &[f32],
        other: &mut Vec<f32>,
        counts: &mut [VariantCounts],
    ) {
        let (first, count) = self.indices(block);
        let own = (own, self.plan.threshold);
        other.resize(count, 0.0);
        match &self.variants {
            Variants::Plans(variants) => {
                for (variant, counts) in variants.iter().zip(counts) {
                    self.level.run(Walk::alone(&variant.plan, first, other));
                    counts.pairs.add(own, (other, variant.plan.threshold));
                }
            }
            Variants::Targets(targets) => {
                for (&target, counts) in targets.iter().zip(counts) {
                    counts.pairs.add(own, (own.0, threshold(target)));
                }
            }
            Variants::Months(plan) => {
                let observed: Vec<u32> = (1..).take(plan.months).collect();
                let mut reached = vec![PairedCounts::default(); plan.months];
                let observation = Observation::Reach { own, threshold: plan.threshold, counts: &mut reached };
                let (scenarios, finals) = (&mut [][..], &mut other[..]);
                self.level.run(Walk { plan, first, finals, scenarios, observed: &observed, observation });
                for (counts, reached) in counts.iter_mut().zip(&reached) {
                    counts.pairs.merge(reached);
                }
            }
        }
    }

    /// No pairs yet, of each of the job's other plans.
    pub(crate) fn variants(&self) -> Vec<VariantCounts> {
        self.variants.counts()
    }

    pub(crate) fn notable(&self) -> Notable {
        self.notable
    }

    pub(crate) fn scales(&self) -> &[Scale] {
        &self.scales
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn grid(&self) -> Grid {
        self.grid
    }

    /// The simulations of a block: its first index, and how many.
    #[expect(clippy::cast_possible_truncation, reason = "at most a block")]
    pub(crate) fn indices(&self, block: u64) -> (u64, usize) {
        let first = block.saturating_mul(BLOCK_SIMULATIONS).min(self.simulations);
        (first, BLOCK_SIMULATIONS.min(self.simulations - first) as usize)
    }
}

/// The largest sum of money in a request, dollars.
#[expect(clippy::cast_possible_truncation, reason = "a floor needs no precision")]
fn magnitude(spec: &JobSpec) -> f32 {
    let household = &spec.household;
    let emergency = if spec.world.emergency_probability > 0.0 { spec.world.emergency_max } else { 0.0 };
    [
        household.liquid_assets,
        household.credit_debt,
        household.monthly_income,
        household.monthly_spending,
        emergency,
    ]
    .into_iter()
    .fold(0.0, f64::max) as f32
}
