//! What became of simulations of a plan, one number for each and figure.

use super::rules::NEVER;

/// The figures of the simulations of a block, by index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes {
    /// Final balances in the dollars of the goal, less what is owed on cards.
    pub(crate) finals: Vec<f32>,
    /// The first short months, from 1; [`NEVER`] where no month was short.
    pub(crate) first_short: Vec<f32>,
    /// The least balances after any month, in the dollars of the goal.
    pub(crate) lowest: Vec<f32>,
    /// The least multiples of planned spending.
    pub(crate) lowest_multiplier: Vec<f32>,
    /// The sums of the multiples over the months that were lived.
    pub(crate) multiplier_sum: Vec<f32>,
    /// The months that were lived, at most the timeline.
    pub(crate) horizon: Vec<f32>,
}

impl Outcomes {
    /// Room for every figure of so many simulations.
    pub(crate) fn resize(&mut self, count: usize) {
        let Self { finals, first_short, lowest, lowest_multiplier, multiplier_sum, horizon } = self;
        for figures in [finals, first_short, lowest, lowest_multiplier, multiplier_sum, horizon] {
            figures.resize(count, 0.0);
        }
    }

    /// Room for what success depends on.
    pub(crate) fn resize_brief(&mut self, count: usize) {
        self.finals.resize(count, 0.0);
        self.first_short.resize(count, 0.0);
    }

    /// Room for what success depends on, of so many simulations.
    pub(crate) fn brief(count: usize) -> Self {
        let mut brief = Self::default();
        brief.resize_brief(count);
        brief
    }

    /// Makes the final balances the scores.
    pub(crate) fn score_in_place(&mut self, never_short: bool) {
        if never_short {
            for (score, &short) in self.finals.iter_mut().zip(&self.first_short) {
                *score = if short < NEVER { f32::NEG_INFINITY } else { *score };
            }
        }
    }

    /// Writes the score of each simulation: its final balance, or less than any balance where it was
    /// short and must never be.
    pub(crate) fn score(&self, never_short: bool, scores: &mut [f32]) {
        for ((score, &balance), &short) in scores.iter_mut().zip(&self.finals).zip(&self.first_short) {
            *score = if never_short && short < NEVER { f32::NEG_INFINITY } else { balance };
        }
    }
}
