//! The outcomes of simulations of a plan, one number per simulation and figure.

use super::rules::NEVER;

/// The figures of a block's simulations, by index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes {
    /// Final balances in the goal's dollars, less card debt.
    pub(crate) finals: Vec<f32>,
    /// The first short month of each simulation, from 1; [`NEVER`] if no month was short.
    pub(crate) first_short: Vec<f32>,
    /// The lowest balance after any month, in the goal's dollars.
    pub(crate) lowest: Vec<f32>,
    /// The lowest multiplier of planned spending.
    pub(crate) lowest_multiplier: Vec<f32>,
    /// The sum of the multipliers over the months lived.
    pub(crate) multiplier_sum: Vec<f32>,
    /// The number of months lived, at most the timeline.
    pub(crate) horizon: Vec<f32>,
    /// Whether any simulation met a limit of the model.
    pub(crate) is_limited: bool,
}

impl Outcomes {
    /// Resizes every figure to `count` simulations.
    pub(crate) fn resize(&mut self, count: usize) {
        let Self { finals, first_short, lowest, lowest_multiplier, multiplier_sum, horizon, is_limited } =
            self;
        *is_limited = false;
        for figures in [finals, first_short, lowest, lowest_multiplier, multiplier_sum, horizon] {
            figures.resize(count, 0.0);
        }
    }

    /// Resizes only the figures on which success depends.
    pub(crate) fn resize_brief(&mut self, count: usize) {
        self.is_limited = false;
        self.finals.resize(count, 0.0);
        self.first_short.resize(count, 0.0);
    }

    /// Creates only the figures on which success depends, for `count` simulations.
    pub(crate) fn brief(count: usize) -> Self {
        let mut brief = Self::default();
        brief.resize_brief(count);
        brief
    }

    /// Replaces the final balances with the scores.
    pub(crate) fn score_in_place(&mut self, never_short: bool) {
        if never_short {
            for (score, &short) in self.finals.iter_mut().zip(&self.first_short) {
                *score = if short < NEVER { f32::NEG_INFINITY } else { *score };
            }
        }
    }

    /// Writes the score of each simulation: its final balance, or less than any balance if it was
    /// short although it must never be.
    pub(crate) fn score(&self, never_short: bool, scores: &mut [f32]) {
        for ((score, &balance), &short) in scores.iter_mut().zip(&self.finals).zip(&self.first_short) {
            *score = if never_short && short < NEVER { f32::NEG_INFINITY } else { balance };
        }
    }
}
