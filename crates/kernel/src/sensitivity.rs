//! Sensitivity on common random numbers: how many simulations a change of the plan turns from failure to success, and back.
//!
//! The job and its scenarios meet the same luck, so the difference of their success probabilities is estimated from pairs, with far
//! less noise than from independent runs (P. Glasserman, "Monte Carlo Methods in Financial Engineering", 2003, 7.1).

use carlo_types::results::{SCENARIOS, Scenario, Sensitivity};
use serde::{Deserialize, Serialize};

/// Simulations that the scenarios are simulated with: the first.
pub(crate) const SIMULATIONS: u64 = 1_000_000;

/// What became of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Paired {
    /// Pairs of each scenario.
    pub(crate) simulations: u64,
    /// Of the job's own simulations, those that reached the goal.
    pub(crate) successes: u64,
    /// Of each scenario's, those that reached it where the job's own didn't.
    pub(crate) gained: [u64; SCENARIOS.len()],
    /// Of each scenario's, those that didn't reach it where the job's own did.
    pub(crate) lost: [u64; SCENARIOS.len()],
}

impl Paired {
    /// Adds the first simulations of a block; `scenarios` are at least as long as `finals`.
    pub(crate) fn add<'a>(
        &mut self,
        target: f32,
        scores: &[f32],
        scenarios: impl IntoIterator<Item = &'a Vec<f32>>,
    ) {
        self.simulations += scores.len() as u64;
        self.successes += scores.iter().map(|&x| u64::from(x >= target)).sum::<u64>();
        for (i, scenario) in scenarios.into_iter().enumerate() {
            let [gained, lost] = turned(target, scores, scenario);
            self.gained[i] += gained;
            self.lost[i] += lost;
        }
    }

    /// Adds other pairs of the same job.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.simulations = self.simulations.saturating_add(other.simulations);
        self.successes = self.successes.saturating_add(other.successes);
        let (gained, lost) = (self.gained.iter_mut().zip(other.gained), self.lost.iter_mut().zip(other.lost));
        for (count, other) in gained.chain(lost) {
            *count = count.saturating_add(other);
        }
    }

    /// Whether the numbers can belong together.
    pub(crate) fn is_possible(&self) -> bool {
        let failures = self.simulations.checked_sub(self.successes);
        self.simulations <= SIMULATIONS
            && failures.is_some_and(|failures| self.gained.iter().all(|&gained| gained <= failures))
            && self.lost.iter().all(|&lost| lost <= self.successes)
    }

    /// The answer, if there are any pairs. `further` scenarios are those that only plans have.
    pub(crate) fn summary(&self, further: Vec<(&'static str, [u64; 2])>) -> Option<Sensitivity> {
        if self.simulations == 0 {
            return None;
        }
        let n = self.simulations as f64;
        let base_probability = self.successes as f64 / n;
        let pairs = self.gained.into_iter().zip(self.lost).map(|(gained, lost)| [gained, lost]);
        let scenarios = SCENARIOS.into_iter().zip(pairs).chain(further).map(|(name, [gained, lost])| {
            let (delta, standard_error) = difference(gained, lost, self.simulations);
            let successes = (self.successes + gained).saturating_sub(lost);
            Scenario { name, new_probability: successes as f64 / n, delta, standard_error }
        });
        Some(Sensitivity { simulations: self.simulations, base_probability, scenarios: scenarios.collect() })
    }
}

/// Of pairs of scores, those that a scenario turned to success, and to failure.
pub(crate) fn turned(target: f32, scores: &[f32], scenario: &[f32]) -> [u64; 2] {
    let (mut gained, mut lost) = (0_u32, 0_u32);
    for (&x, &y) in scores.iter().zip(scenario) {
        gained += u32::from(x < target && y >= target);
        lost += u32::from(x >= target && y < target);
    }
    [gained.into(), lost.into()]
}

/// The difference of two success probabilities that were estimated from pairs, and its standard error.
pub(crate) fn difference(gained: u64, lost: u64, pairs: u64) -> (f64, f64) {
    let n = pairs.max(1) as f64;
    let (gained, lost) = (gained as f64 / n, lost as f64 / n);
    let delta = gained - lost;
    // A pair's difference is 1, 0 or −1: its mean square is the share of pairs that differ.
    let variance = (gained + lost - delta * delta).max(0.0);
    (delta, (variance / n).sqrt())
}
