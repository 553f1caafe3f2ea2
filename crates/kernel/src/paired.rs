//! Counts of pairs: the same simulations of two plans, on the same shocks.
//!
//! The difference of two success probabilities is estimated from pairs, with far less noise than
//! from independent runs (P. Glasserman, "Monte Carlo Methods in Financial Engineering", 2003,
//! 7.1). Counts merge exactly.

use serde::{Deserialize, Serialize};

/// The numbers of simulations that another plan turns to success and to failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct PairedCounts {
    /// Those that reach the other plan's goal but not the job's.
    pub(crate) gained: u64,
    /// Those that reach the job's goal but not the other plan's.
    pub(crate) lost: u64,
}

impl PairedCounts {
    /// Adds pairs of balances, with the least one that reaches the target of each side.
    #[expect(clippy::inline_always, reason = "vectorised with the caller's instructions")]
    #[inline(always)]
    pub(crate) fn add(&mut self, (own, threshold): (&[f32], f32), (other, other_threshold): (&[f32], f32)) {
        let (mut gained, mut lost) = (0_u32, 0_u32);
        for (&x, &y) in own.iter().zip(other) {
            gained += u32::from(x < threshold && y >= other_threshold);
            lost += u32::from(x >= threshold && y < other_threshold);
        }
        self.gained += u64::from(gained);
        self.lost += u64::from(lost);
    }

    /// Adds other pairs of the same plans.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.gained = self.gained.saturating_add(other.gained);
        self.lost = self.lost.saturating_add(other.lost);
    }

    /// Whether this number of simulations, with this number of successes, can have these counts.
    pub(crate) fn is_possible(&self, simulations: u64, successes: u64) -> bool {
        self.gained <= simulations.saturating_sub(successes) && self.lost <= successes
    }

    /// The number of the other plan's successes, given the number of the job's own.
    pub(crate) fn successes(&self, own: u64) -> u64 {
        own.saturating_add(self.gained).saturating_sub(self.lost)
    }

    /// The difference of the success probabilities over this number of pairs, and its standard
    /// error.
    pub(crate) fn difference(&self, pairs: u64) -> (f64, f64) {
        let n = pairs.max(1) as f64;
        let (gained, lost) = (self.gained as f64 / n, self.lost as f64 / n);
        let delta = gained - lost;
        // A pair's difference is 1, 0 or −1: its mean square is the share of pairs that differ.
        let variance = (gained + lost - delta * delta).max(0.0);
        (delta, (variance / n).sqrt())
    }
}
