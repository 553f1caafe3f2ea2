//! A job made ready to simulate.

use carlo_types::{BLOCK_SIMULATIONS, JobSpec};

use crate::grid::Grid;
use crate::lanes::LANES;
use crate::level::Level;
use crate::plan::Plan;
use crate::walk::Walk;

/// Simulations that the grid follows from.
const PILOT: u64 = 4096;

/// A specification made ready: its constants, its grid, and the level to run it on. Shared by every thread that works on it.
#[derive(Debug, Clone)]
pub struct Job {
    plan: Plan,
    grid: Grid,
    simulations: u64,
    level: Level,
}

impl Job {
    /// Prepares `spec` to run with `level`'s instructions. Simulates the first 4,096 to find the grid: a fraction of a millisecond
    /// at the usual timelines.
    pub fn new(spec: &JobSpec, level: Level) -> Self {
        let plan = Plan::new(spec);
        let simulations = spec.simulations;
        let count = simulations.min(PILOT) as usize;
        let mut pilot = vec![[0.0; LANES]; count.div_ceil(LANES)];
        level.run(Walk { plan: &plan, first: 0, finals: &mut pilot });
        let grid = Grid::of_pilot(&mut pilot.as_flattened_mut()[..count], magnitude(spec));
        Self { plan, grid, simulations, level }
    }

    /// The instructions that it runs with.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The final balances of a block's simulations by index, dollars: for whoever wants to look at single ones. Empty past the
    /// job's end.
    pub fn final_balances(&self, block: u64) -> Vec<f32> {
        let (first, count) = self.indices(block);
        let mut finals = vec![[0.0; LANES]; count.div_ceil(LANES)];
        self.level.run(Walk { plan: &self.plan, first, finals: &mut finals });
        finals.into_iter().flatten().take(count).collect()
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
