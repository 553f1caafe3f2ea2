//! A job that is prepared for simulation.

use carlo_types::{BLOCK_SIMULATIONS, JobSpec};

use crate::chart::{self, Observation, Scale};
use crate::grid::Grid;
use crate::level::Level;
use crate::lifetime::Lifetime;
use crate::lifetime::outcomes::Outcomes;
use crate::lifetime::tally::Counts;
use crate::notable::Notable;
use crate::paired::PairedCounts;
use crate::pipeline::Walk;
use crate::plan::{Plan, threshold};
use crate::prepared::{self, Prepared, TOGETHER_MAX};
use crate::scenarios;
use crate::variants::{VariantCounts, Variants};

/// The number of first simulations that determine the grid.
const PILOT: u64 = 4096;

/// A prepared specification: its constants, its grid, and the level with which to simulate it.
/// Threads share it.
#[derive(Debug, Clone)]
pub struct Job {
    prepared: Prepared,
    /// The scenarios of a plan's sensitivity. Those of a savings goal are part of its own walk.
    scenarios: Vec<Lifetime>,
    sensitivity: bool,
    /// The empty counts of a plan's further figures.
    counts: Counts,
    grid: Grid,
    /// The stops of the fan chart, and its bins at each.
    stops: Vec<u32>,
    scales: Vec<Scale>,
    /// The notable simulations with their aims, still empty.
    notable: Notable,
    variants: Variants,
    simulations: u64,
    level: Level,
}

impl Job {
    /// Prepares `spec` for simulation with `level`. Simulates the first 4,096 simulations to
    /// determine the grids. This takes a fraction of a millisecond at usual timelines, and about
    /// fifty times as long for a job that solves for a number.
    pub fn new(spec: &JobSpec, level: Level) -> Self {
        let prepared = Prepared::new(spec);
        let simulations = spec.simulations();
        let count = simulations.min(PILOT) as usize;
        let stops = chart::stops(prepared.plan().months);
        let mut kept = vec![Vec::new(); stops.len()];
        let (mut pilot, counts) = pilot(&prepared, level, count, &stops, &mut kept);
        let scales = kept.iter_mut().map(|balances| Scale::of_pilot(balances)).collect();
        let grid = Grid::of_pilot(&mut pilot, magnitude(spec));
        let notable = Notable::of_pilot(&pilot, prepared.plan().threshold);
        let variants = Variants::new(spec, level);
        let sensitivity = spec.params.sensitivity;
        let scenarios = if sensitivity && prepared.lifetime().is_some() {
            scenarios::of_plan(spec).iter().map(|(_, scenario)| Lifetime::new(scenario)).collect()
        } else {
            Vec::new()
        };
        Self {
            prepared,
            scenarios,
            sensitivity,
            counts,
            grid,
            stops,
            scales,
            notable,
            variants,
            simulations,
            level,
        }
    }

    /// The level with which the job is simulated.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The final balances of a block's simulations in dollars, by index. Empty beyond the job's
    /// end.
    pub fn final_balances(&self, block: u64) -> Vec<f32> {
        let (first, count) = self.indices(block);
        let mut finals = vec![0.0; count];
        match &self.prepared {
            Prepared::Savings(plan) => drop(self.level.run(Walk::alone(plan, first, &mut finals))),
            Prepared::Lifetime(lifetime) => {
                let mut outcomes = [Outcomes::brief(count)];
                prepared::walk(self.level, first, &[lifetime], &mut outcomes, &[], Observation::None);
                [Outcomes { finals, .. }] = outcomes;
            }
        }
        finals
    }

    /// Simulates a block of a savings goal, and counts it for the fan chart. `finals` must have the
    /// length of the block. The scenarios are simulated if `scenarios` has room for them.
    /// Returns whether any simulation met a limit of the model.
    pub(crate) fn walk_savings(
        &self,
        plan: &Plan,
        block: u64,
        finals: &mut [f32],
        scenarios: &mut [Vec<f32>],
        chart: &mut [u64],
    ) -> bool {
        let (first, _) = self.indices(block);
        let (observed, observation) = self.observed(first, chart);
        self.level.run(Walk { plan, first, finals, scenarios, observed, observation })
    }

    /// Simulates a block of a plan and of other plans, and counts it for the fan chart.
    pub(crate) fn walk_lifetimes(
        &self,
        plans: &[&Lifetime],
        block: u64,
        outcomes: &mut [Outcomes],
        chart: &mut [u64],
    ) {
        let (first, _) = self.indices(block);
        let (observed, observation) = self.observed(first, chart);
        prepared::walk(self.level, first, plans, outcomes, observed, observation);
    }

    /// The fan chart's observation of the block that starts with simulation `first`.
    fn observed<'a>(&'a self, first: u64, chart: &'a mut [u64]) -> (&'a [u32], Observation<'a>) {
        if first < chart::SIMULATIONS {
            (&self.stops, Observation::Count(&self.scales, chart))
        } else {
            (&[], Observation::None)
        }
    }

    pub(crate) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    pub(crate) fn scenarios(&self) -> &[Lifetime] {
        &self.scenarios
    }

    pub(crate) fn sensitivity(&self) -> bool {
        self.sensitivity
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) fn variants(&self) -> &Variants {
        &self.variants
    }

    /// Simulates a block of the job's other plans and counts it in pairs with the job's own scores.
    /// `is_limited` is set if any of their simulations met a limit of the model. Returns `false` if
    /// it stopped between the points of a sweep because they are no longer wanted.
    pub(crate) fn count_variants(
        &self,
        block: u64,
        own: &[f32],
        counts: &mut [VariantCounts],
        is_limited: &mut bool,
        is_wanted: &dyn Fn() -> bool,
    ) -> bool {
        let (first, _) = self.indices(block);
        let own = (own, self.plan().threshold);
        match &self.variants {
            Variants::Plans(variants) => {
                let variants = variants.chunks(TOGETHER_MAX).zip(counts.chunks_mut(TOGETHER_MAX));
                for (variants, counts) in variants {
                    let plans = variants.iter().map(|variant| &variant.prepared);
                    *is_limited |= count_together(self.level, first, own, plans, counts);
                }
            }
            // A thousand prepared points would take much memory, so only a few are prepared at a
            // time.
            Variants::Points(points) => {
                let points = points.chunks(TOGETHER_MAX).zip(counts.chunks_mut(TOGETHER_MAX));
                for (points, counts) in points {
                    if !is_wanted() {
                        return false;
                    }
                    let prepared: Vec<_> = points.iter().map(|point| Prepared::new(&point.spec)).collect();
                    *is_limited |= count_together(self.level, first, own, prepared.iter(), counts);
                }
            }
            Variants::Targets(targets) => {
                for (&target, counts) in targets.iter().zip(counts) {
                    counts.pairs.add(own, (own.0, threshold(target)));
                }
            }
            Variants::Months(longest) => {
                let mut room = vec![0.0; own.0.len()];
                let mut reached = vec![PairedCounts::default(); longest.plan().months];
                *is_limited |= longest.reach(self.level, first, own, &mut room, &mut reached);
                for (counts, reached) in counts.iter_mut().zip(&reached) {
                    counts.pairs.merge(reached);
                }
            }
        }
        true
    }

    pub(crate) fn notable(&self) -> Notable {
        self.notable
    }

    pub(crate) fn scales(&self) -> &[Scale] {
        &self.scales
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.prepared.plan()
    }

    pub(crate) fn grid(&self) -> Grid {
        self.grid
    }

    /// The first index of a block, and its number of simulations.
    #[expect(clippy::cast_possible_truncation, reason = "at most a block")]
    pub(crate) fn indices(&self, block: u64) -> (u64, usize) {
        let first = block.saturating_mul(BLOCK_SIMULATIONS).min(self.simulations);
        (first, BLOCK_SIMULATIONS.min(self.simulations - first) as usize)
    }
}

/// Simulates plans from index `first` on and counts them in pairs with the job's own scores.
/// Returns whether any met a limit of the model.
fn count_together<'a>(
    level: Level,
    first: u64,
    own: (&[f32], f32),
    plans: impl Iterator<Item = &'a Prepared> + Clone,
    counts: &mut [VariantCounts],
) -> bool {
    let mut outcomes = vec![Outcomes::brief(own.0.len()); counts.len()];
    prepared::walk_all(level, first, plans.clone(), &mut outcomes);
    for ((plan, outcomes), counts) in plans.zip(&mut outcomes).zip(counts) {
        counts.add(own, plan, outcomes);
    }
    outcomes.iter().any(|outcomes| outcomes.is_limited)
}

/// Simulates the pilot. Returns its final balances, the empty counts that follow from it, and its
/// balances at the fan chart's stops.
fn pilot(
    prepared: &Prepared,
    level: Level,
    count: usize,
    stops: &[u32],
    kept: &mut [Vec<f32>],
) -> (Vec<f32>, Counts) {
    let observation = Observation::Collect(kept);
    match prepared {
        Prepared::Savings(plan) => {
            let mut finals = vec![0.0; count];
            let (scenarios, observed) = (&mut [][..], stops);
            level.run(Walk { plan, first: 0, finals: &mut finals, scenarios, observed, observation });
            (finals, Counts::default())
        }
        Prepared::Lifetime(lifetime) => {
            let mut outcomes = [Outcomes::brief(count)];
            prepared::walk(level, 0, &[lifetime], &mut outcomes, stops, observation);
            let [outcomes] = outcomes;
            let counts = Counts::of_pilot(lifetime, &outcomes);
            (outcomes.finals, counts)
        }
    }
}

/// The largest amount of money in a request, in dollars.
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
