//! What a job asks beside the probability of its own plan: how other plans compare with it, or which plan reaches a wanted probability.
//!
//! Either way further plans, the *variants*, meet the same luck as the job's own, simulation by simulation (common random
//! numbers), so that differences have small errors.

use std::fmt;
use std::str::FromStr;

use crate::spec::JobSpec;

/// The most variants that a job names: with its own plan, eight.
pub const VARIANTS_MAX: usize = 7;
/// The plans that a job tries which solves for something, besides its own.
pub const CANDIDATES: u8 = 17;

/// What a job asks beside the probability of its own plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Question {
    /// Nothing.
    #[default]
    None,
    /// How these plans compare with it: 1 to [`VARIANTS_MAX`], each with the job's seed and number of simulations, none with a question
    /// of its own.
    Compare(Vec<JobSpec>),
    /// What one number of the plan has to be.
    Solve(Solve),
}

/// Which value of `variable`, all else as it is, gives the success probability that is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solve {
    /// What may change.
    pub variable: Variable,
    /// The wanted success probability: above 0, below 1.
    pub probability: f64,
}

/// A number of the plan that can be solved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// The most that may be spent each month, dollars.
    MaxSpending,
    /// The least that must be earned each month, dollars.
    MinIncome,
    /// The earliest month after which the goal is reached.
    EarliestMonth,
    /// The most that can be aimed at, dollars.
    MaxTarget,
    /// The least that must be there at the start, dollars.
    MinLiquidAssets,
}

impl Variable {
    /// Every variable.
    pub const ALL: [Self; 5] =
        [Self::MaxSpending, Self::MinIncome, Self::EarliestMonth, Self::MaxTarget, Self::MinLiquidAssets];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxSpending => "maxSpending",
            Self::MinIncome => "minIncome",
            Self::EarliestMonth => "earliestMonth",
            Self::MaxTarget => "maxTarget",
            Self::MinLiquidAssets => "minLiquidAssets",
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of maxSpending, minIncome, earliestMonth, maxTarget, minLiquidAssets")]
pub struct UnknownVariable;

impl FromStr for Variable {
    type Err = UnknownVariable;

    fn from_str(word: &str) -> Result<Self, UnknownVariable> {
        Self::ALL.into_iter().find(|variable| variable.as_str() == word).ok_or(UnknownVariable)
    }
}
