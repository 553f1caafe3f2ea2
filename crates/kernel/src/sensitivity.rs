//! Sensitivity with common random numbers: the numbers of simulations that a change of the plan
//! turns to success and to failure. The job and its scenarios have the same shocks, so differences
//! are estimated from pairs (`paired`).

use carlo_types::results::{SCENARIOS, Scenario, Sensitivity};

use crate::paired::PairedCounts;

/// The number of first simulations for which the scenarios are simulated.
pub(crate) const SIMULATIONS: u64 = 1_000_000;

/// The counts of the scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ScenarioCounts {
    /// The number of pairs of each scenario.
    pub(crate) simulations: u64,
    /// The number of the job's own simulations that reached the goal.
    pub(crate) successes: u64,
    /// The counts of each scenario, in the order of the results.
    pub(crate) pairs: [PairedCounts; SCENARIOS.len()],
}

impl ScenarioCounts {
    /// Adds the first simulations of a block. `scenarios` must be at least as long as `scores`.
    pub(crate) fn add<'a>(
        &mut self,
        threshold: f32,
        scores: &[f32],
        scenarios: impl IntoIterator<Item = &'a Vec<f32>>,
    ) {
        self.simulations += scores.len() as u64;
        self.successes += scores.iter().map(|&x| u64::from(x >= threshold)).sum::<u64>();
        for (pairs, scenario) in self.pairs.iter_mut().zip(scenarios) {
            pairs.add((scores, threshold), (scenario, threshold));
        }
    }

    /// Merges the counts of other simulations of the same job.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.simulations = self.simulations.saturating_add(other.simulations);
        self.successes = self.successes.saturating_add(other.successes);
        for (pairs, other) in self.pairs.iter_mut().zip(&other.pairs) {
            pairs.merge(other);
        }
    }

    /// Whether the counts are consistent.
    pub(crate) fn is_possible(&self) -> bool {
        self.simulations <= SIMULATIONS
            && self.successes <= self.simulations
            && self.pairs.iter().all(|pairs| pairs.is_possible(self.simulations, self.successes))
    }

    /// The sensitivity results; `None` without pairs. `further` are the scenarios that only plans
    /// have.
    pub(crate) fn summary(&self, further: Vec<(&'static str, PairedCounts)>) -> Option<Sensitivity> {
        if self.simulations == 0 {
            return None;
        }
        let n = self.simulations as f64;
        let scenarios = SCENARIOS.into_iter().zip(self.pairs).chain(further).map(|(name, pairs)| {
            let (delta, standard_error) = pairs.difference(self.simulations);
            let new_probability = pairs.successes(self.successes) as f64 / n;
            Scenario { name, new_probability, delta, standard_error }
        });
        Some(Sensitivity {
            simulations: self.simulations,
            base_probability: self.successes as f64 / n,
            scenarios: scenarios.collect(),
        })
    }
}
