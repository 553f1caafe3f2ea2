//! Other plans on the job's own luck: how many simulations each turns from failure to success, and back.
//!
//! A job that compares plans names them. One that solves for a number tries [`CANDIDATES`] values of it, which follow from the job's
//! first simulations (`solve`), so that every node tries the same. Either way the counts merge like all that a partial result
//! holds, and differences are estimated from pairs, as in `sensitivity`.

use carlo_types::JobSpec;
use carlo_types::question::{CANDIDATES, Question};

use crate::level::Level;
use crate::prepared::Prepared;
use crate::solve;

/// A plan to simulate beside the job's own.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) prepared: Prepared,
    /// What the variable is in it, where the job solves for one.
    pub(crate) value: Option<f64>,
}

/// The plans of a job besides its own.
pub(crate) fn variants(spec: &JobSpec, level: Level) -> Vec<Variant> {
    match &spec.question {
        Question::None => Vec::new(),
        Question::Compare(variants) => {
            variants.iter().map(|variant| Variant { prepared: Prepared::new(variant), value: None }).collect()
        }
        Question::Solve(asked) => {
            let candidate = |value| {
                let prepared = Prepared::new(&solve::with(spec, asked.variable, value));
                Variant { prepared, value: Some(value) }
            };
            solve::candidates(spec, asked, level).into_iter().map(candidate).collect()
        }
    }
}

/// What became of pairs of a simulation of the job's own plan and the same one of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pairs {
    /// Bits of the variant's value.
    value: Option<u64>,
    /// Those that reached the variant's goal but not the job's.
    pub(crate) gained: u64,
    /// Those that reached the job's goal but not the variant's.
    pub(crate) lost: u64,
}

impl Pairs {
    /// None yet.
    pub(crate) fn of(variant: &Variant) -> Self {
        Self { value: variant.value.map(f64::to_bits), gained: 0, lost: 0 }
    }

    /// What was written as these numbers, if it can be.
    pub(crate) fn from_bits((value, gained, lost): (Option<u64>, u64, u64)) -> Option<Self> {
        let is_possible = value.is_none_or(|bits| f64::from_bits(bits).is_finite());
        is_possible.then_some(Self { value, gained, lost })
    }

    pub(crate) fn to_bits(self) -> (Option<u64>, u64, u64) {
        (self.value, self.gained, self.lost)
    }

    /// What the variant's variable is.
    pub(crate) fn value(&self) -> Option<f64> {
        self.value.map(f64::from_bits)
    }

    /// Adds pairs of scores, with the threshold of each side.
    pub(crate) fn add(&mut self, (own, target): (&[f32], f32), (other, other_target): (&[f32], f32)) {
        let (mut gained, mut lost) = (0_u32, 0_u32);
        for (&x, &y) in own.iter().zip(other) {
            gained += u32::from(x < target && y >= other_target);
            lost += u32::from(x >= target && y < other_target);
        }
        self.gained += u64::from(gained);
        self.lost += u64::from(lost);
    }

    /// Forgets the pairs, not whose they are.
    pub(crate) fn clear(&mut self) {
        (self.gained, self.lost) = (0, 0);
    }

    /// Adds other pairs of the same variant.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.gained = self.gained.saturating_add(other.gained);
        self.lost = self.lost.saturating_add(other.lost);
    }

    /// Whether both are of the same variant.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.value == other.value
    }

    /// Whether the numbers can be of so many simulations with so many successes.
    pub(crate) fn is_possible(&self, simulations: u64, successes: u64) -> bool {
        self.gained <= simulations.saturating_sub(successes) && self.lost <= successes
    }
}

/// The most that a partial result can be of.
pub(crate) const VARIANTS_MAX: usize = CANDIDATES as usize;
