//! Other plans on the job's own shocks: how many simulations each turns from failure to success, and
//! back.
//!
//! A job that compares plans names them. One that solves for a number tries values of it, which
//! follow from the job's first simulations (`solve`), so that every node tries the same. Either way
//! the counts merge like all that a partial result holds.

use carlo_types::JobSpec;
use carlo_types::question::{Question, Solve, Variable};

use crate::level::Level;
use crate::paired::PairedCounts;
use crate::prepared::Prepared;
use crate::solve;

/// The plans of a job besides its own.
#[derive(Debug, Clone)]
pub(crate) enum Variants {
    /// Each is walked.
    Plans(Vec<Variant>),
    /// The job's own plan with other targets, dollars: its balances are those of the job.
    Targets(Vec<f64>),
    /// The job's own plan with every timeline up to this one's: one walk counts them all.
    Months(Prepared),
}

/// A plan to simulate beside the job's own.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) prepared: Prepared,
    /// What the variable is in it, where the job solves for one.
    value: Option<f64>,
}

impl Variants {
    /// Those of a job.
    pub(crate) fn new(spec: &JobSpec, level: Level) -> Self {
        match &spec.question {
            Question::None => Self::Plans(Vec::new()),
            Question::Compare(variants) => {
                let variant = |variant| Variant { prepared: Prepared::new(variant), value: None };
                Self::Plans(variants.iter().map(variant).collect())
            }
            Question::Solve(asked) => Self::solving(spec, asked, level),
        }
    }

    fn solving(spec: &JobSpec, asked: &Solve, level: Level) -> Self {
        let values = solve::candidates(spec, asked, level);
        let prepared = |value| Prepared::new(&solve::with(spec, asked.variable, value));
        match asked.variable {
            Variable::MaxTarget => Self::Targets(values),
            Variable::EarliestMonth if spec.is_one_walk_in_time() => {
                Self::Months(prepared(values.last().copied().unwrap_or(1.0)))
            }
            _ => {
                let variant = |value| Variant { prepared: prepared(value), value: Some(value) };
                Self::Plans(values.into_iter().map(variant).collect())
            }
        }
    }

    /// Those that are walked by themselves.
    pub(crate) fn plans(&self) -> &[Variant] {
        match self {
            Self::Plans(variants) => variants,
            Self::Targets(_) | Self::Months(_) => &[],
        }
    }

    /// No pairs yet, of each.
    pub(crate) fn counts(&self) -> Vec<VariantCounts> {
        match self {
            Self::Plans(variants) => {
                variants.iter().map(|variant| VariantCounts::new(variant.value)).collect()
            }
            Self::Targets(targets) => {
                targets.iter().map(|&target| VariantCounts::new(Some(target))).collect()
            }
            Self::Months(longest) => {
                (1..=longest.plan().months).map(|month| VariantCounts::new(Some(month as f64))).collect()
            }
        }
    }
}

/// What became of pairs of a simulation of the job's own plan and the same one of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VariantCounts {
    /// Bits of the variant's value.
    value: Option<u64>,
    pub(crate) pairs: PairedCounts,
}

impl VariantCounts {
    fn new(value: Option<f64>) -> Self {
        Self { value: value.map(f64::to_bits), pairs: PairedCounts::default() }
    }

    /// What was written as these numbers, if it can be.
    pub(crate) fn from_bits((value, pairs): (Option<u64>, PairedCounts)) -> Option<Self> {
        let is_possible = value.is_none_or(|bits| f64::from_bits(bits).is_finite());
        is_possible.then_some(Self { value, pairs })
    }

    pub(crate) fn to_bits(self) -> (Option<u64>, PairedCounts) {
        (self.value, self.pairs)
    }

    /// What the variant's variable is.
    pub(crate) fn value(&self) -> Option<f64> {
        self.value.map(f64::from_bits)
    }

    /// Forgets the pairs, not whose they are.
    pub(crate) fn clear(&mut self) {
        self.pairs = PairedCounts::default();
    }

    /// Adds other pairs of the same variant.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.pairs.merge(&other.pairs);
    }

    /// Whether both are of the same variant.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.value == other.value
    }

    /// Whether the numbers can be of so many simulations with so many successes.
    pub(crate) fn is_possible(&self, simulations: u64, successes: u64) -> bool {
        self.pairs.is_possible(simulations, successes)
    }
}

/// The most that a partial result can be of: every month of the longest timeline.
pub(crate) const VARIANTS_MAX: usize = carlo_types::limits::TIMELINE_MONTHS_MAX as usize;
