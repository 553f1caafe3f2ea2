//! A job made ready to simulate.

use carlo_types::{BLOCK_SIMULATIONS, JobSpec};

use crate::chart::{self, Observation, Scale};
use crate::grid::Grid;
use crate::level::Level;
use crate::notable::Notable;
use crate::pipeline::Walk;
use crate::plan::Plan;
use crate::variants::{Variant, variants};

/// Simulations that the grid follows from.
const PILOT: u64 = 4096;

/// A specification made ready: its constants, its grid, and the level to run it on. Shared by every thread that works on it.
#[derive(Debug, Clone)]
pub struct Job {
    plan: Plan,
    grid: Grid,
    /// The stops of the fan chart, and its bins at each.
    stops: Vec<u32>,
    scales: Vec<Scale>,
    /// Nothing yet, with its aims.
    notable: Notable,
    variants: Vec<Variant>,
    simulations: u64,
    level: Level,
}

impl Job {
    /// Prepares `spec` to run with `level`'s instructions. Simulates the first 4,096 to find the grids: a fraction of a millisecond
    /// at the usual timelines, and some fifty times that where the job solves for something.
    pub fn new(spec: &JobSpec, level: Level) -> Self {
        let plan = Plan::new(spec);
        let simulations = spec.simulations();
        let count = simulations.min(PILOT) as usize;
        let mut pilot = vec![0.0; count];
        let stops = chart::stops(plan.months);
        let mut kept = vec![Vec::new(); stops.len()];
        let observation = Observation::Collect(&mut kept);
        let (scenarios, observed) = (&mut [][..], &stops[..]);
        level.run(Walk { plan: &plan, first: 0, finals: &mut pilot, scenarios, observed, observation });
        let scales = kept.iter_mut().map(|balances| Scale::of_pilot(balances)).collect();
        let grid = Grid::of_pilot(&mut pilot, magnitude(spec));
        let notable = Notable::of_pilot(&pilot, plan.threshold);
        let variants = variants(spec, level);
        Self { plan, grid, stops, scales, notable, variants, simulations, level }
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
        let observed = if first < chart::SIMULATIONS { &self.stops[..] } else { &[] };
        let observation = Observation::Count(&self.scales, chart);
        self.level.run(Walk { plan: &self.plan, first, finals, scenarios, observed, observation });
    }

    /// Simulates a block with another plan than the job's own.
    pub(crate) fn walk_variant(&self, variant: &Variant, block: u64, finals: &mut [f32]) {
        let (first, _) = self.indices(block);
        self.level.run(Walk::alone(&variant.plan, first, finals));
    }

    pub(crate) fn variants(&self) -> &[Variant] {
        &self.variants
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
    let profile = &spec.profile;
    let emergency = if spec.params.emergency_probability > 0.0 { spec.params.emergency_max } else { 0.0 };
    [
        profile.liquid_assets,
        profile.credit_debt,
        spec.inputs.monthly_income,
        profile.monthly_spending,
        emergency,
    ]
    .into_iter()
    .fold(0.0, f64::max) as f32
}
