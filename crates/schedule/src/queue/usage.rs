//! An owner's recent usage of the cluster: path-months that lose half of their weight in each
//! half-life.
//!
//! Stored as log₂ of the usage at time zero. The usages of all owners decay by the same factor, so
//! their order and the stored numbers only change when an owner is served, and nothing overflows
//! however long the process lives.

use std::cmp::Ordering;

/// log₂ of decayed path-months, plus the half-lives that have passed by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage(f64);

impl Usage {
    pub(super) const NONE: Self = Self(f64::NEG_INFINITY);

    /// The usage after `path_months` more, `half_lives` after time zero.
    pub(super) fn plus(self, path_months: u64, half_lives: f64) -> Self {
        if path_months == 0 {
            return self;
        }
        let (old, new) = (self.0 - half_lives, (path_months as f64).log2());
        // log₂(2^old + 2^new), computed without overflow.
        let (large, small) = (old.max(new), old.min(new));
        Self(large + (small - large).exp2().ln_1p() / std::f64::consts::LN_2 + half_lives)
    }

    /// The usage divided by a weight above 0.
    pub(super) fn divided_by(self, weight: f64) -> Self {
        Self(self.0 - weight.log2())
    }

    /// Whether less than one path-month is left.
    pub(super) fn is_gone(self, half_lives: f64) -> bool {
        self.0 < half_lives
    }
}

impl PartialEq for Usage {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Usage {}

impl PartialOrd for Usage {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Usage {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_usage_counts_half_after_a_half_life() {
        let early = Usage::NONE.plus(1_000_000, 1_000.0);
        let late = Usage::NONE.plus(500_000, 1_001.0);
        assert!((early.0 - late.0).abs() < 1e-9);
        assert!(Usage::NONE < early);
        assert!(early < early.plus(1, 1_001.0));
        assert!(early.is_gone(1_021.0) && !early.is_gone(1_019.0));
    }
}
