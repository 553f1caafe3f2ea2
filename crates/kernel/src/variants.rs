//! Other plans on the job's own shocks: the numbers of simulations that each turns to success and
//! to failure.
//!
//! A job that compares plans contains them. A job that solves for a number tries candidates, which
//! follow from its first simulations (`solve`), so that all nodes try the same ones. The points of
//! a sweep follow from its axes. The counts of all of them merge exactly, like everything in a
//! partial result.

use carlo_types::analysis::{Analysis, Solve, Variable};
use carlo_types::{JobSpec, sweep};

use crate::balances::{self, BalanceCounts, BalanceScale};
use crate::level::Level;
use crate::lifetime::outcomes::Outcomes;
use crate::paired::PairedCounts;
use crate::prepared::{self, Prepared, TOGETHER_MAX};
use crate::solve;

/// The other plans of a job.
#[derive(Debug, Clone)]
pub(crate) enum Variants {
    /// Plans that are walked.
    Plans(Vec<Variant>),
    /// The points of a sweep, which are prepared just before they are walked.
    Points(Vec<Point>),
    /// The job's own plan with other targets in dollars, which has the balances of the job.
    Targets(Vec<f64>),
    /// The job's own plan with all timelines up to this plan's. One walk counts them all.
    Months(Prepared),
}

/// A plan to simulate beside the job's own.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) prepared: Prepared,
    key: CountsKey,
}

/// A point of a sweep.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) spec: JobSpec,
    scale: BalanceScale,
}

/// What identifies a variant's counts.
#[derive(Debug, Clone, Copy)]
enum CountsKey {
    /// The value of the variable, in a job that solves for one.
    Value(f64),
    /// The scale on which the balances are counted, in a job that counts them.
    Balances(BalanceScale),
}

impl Variants {
    /// The other plans of a job.
    pub(crate) fn new(spec: &JobSpec, level: Level) -> Self {
        match &spec.analysis {
            Analysis::None => Self::Plans(Vec::new()),
            Analysis::Compare(variants) => {
                let prepared: Vec<_> = variants.iter().map(Prepared::new).collect();
                let scales = scales(level, spec.simulations(), &prepared);
                let variant = |(prepared, scale)| Variant { prepared, key: CountsKey::Balances(scale) };
                Self::Plans(prepared.into_iter().zip(scales).map(variant).collect())
            }
            Analysis::Solve(asked) => Self::solving(spec, asked, level),
            Analysis::Sweep(axes) => {
                let specs: Vec<_> = sweep::points(&spec.request, axes).into_iter().map(JobSpec::of).collect();
                let mut points = Vec::with_capacity(specs.len());
                for specs in specs.chunks(TOGETHER_MAX) {
                    let prepared: Vec<_> = specs.iter().map(Prepared::new).collect();
                    let scales = scales(level, spec.simulations(), &prepared);
                    let point = |(spec, scale): (&JobSpec, _)| Point { spec: spec.clone(), scale };
                    points.extend(specs.iter().zip(scales).map(point));
                }
                Self::Points(points)
            }
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
                let variant = |value| Variant { prepared: prepared(value), key: CountsKey::Value(value) };
                Self::Plans(values.into_iter().map(variant).collect())
            }
        }
    }

    /// The plans that are walked.
    pub(crate) fn plans(&self) -> &[Variant] {
        match self {
            Self::Plans(variants) => variants,
            Self::Points(_) | Self::Targets(_) | Self::Months(_) => &[],
        }
    }

    /// Empty counts of each variant.
    pub(crate) fn counts(&self) -> Vec<VariantCounts> {
        match self {
            Self::Plans(variants) => variants.iter().map(|variant| VariantCounts::new(variant.key)).collect(),
            Self::Points(points) => {
                points.iter().map(|point| VariantCounts::new(CountsKey::Balances(point.scale))).collect()
            }
            Self::Targets(targets) => {
                targets.iter().map(|&target| VariantCounts::new(CountsKey::Value(target))).collect()
            }
            Self::Months(longest) => {
                let months = 1..=longest.plan().months;
                months.map(|month| VariantCounts::new(CountsKey::Value(month as f64))).collect()
            }
        }
    }
}

/// The scales on which the balances of plans are counted.
fn scales(level: Level, simulations: u64, plans: &[Prepared]) -> Vec<BalanceScale> {
    let count = usize::try_from(simulations).map_or(balances::PILOT, |all| all.min(balances::PILOT));
    let mut outcomes = vec![Outcomes::brief(count); plans.len()];
    prepared::walk_all(level, 0, plans.iter(), &mut outcomes);
    outcomes.iter_mut().map(|outcomes| BalanceScale::of_pilot(&mut outcomes.finals)).collect()
}

/// The counts of pairs of a simulation of the job's own plan and the same simulation of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VariantCounts {
    /// Bits of the variant's value.
    value: Option<u64>,
    pub(crate) pairs: PairedCounts,
    /// The counts of its final balances; `None` if it has a value.
    pub(crate) balances: Option<BalanceCounts>,
}

impl VariantCounts {
    fn new(key: CountsKey) -> Self {
        let (value, balances) = match key {
            CountsKey::Value(value) => (Some(value.to_bits()), None),
            CountsKey::Balances(scale) => (None, Some(BalanceCounts::new(scale))),
        };
        Self { value, pairs: PairedCounts::default(), balances }
    }

    /// The counts with these decoded numbers; `None` if they are invalid.
    pub(crate) fn from_bits(
        (value, pairs): (Option<u64>, PairedCounts),
        balances: Option<BalanceCounts>,
    ) -> Option<Self> {
        let is_possible = match value {
            Some(bits) => f64::from_bits(bits).is_finite() && balances.is_none(),
            None => balances.is_some(),
        };
        is_possible.then_some(Self { value, pairs, balances })
    }

    /// The bits of the value, and the pairs.
    pub(crate) fn to_bits(self) -> (Option<u64>, PairedCounts) {
        (self.value, self.pairs)
    }

    /// Adds a block of the variant, given the job's own scores and their threshold.
    pub(crate) fn add(&mut self, own: (&[f32], f32), plan: &Prepared, outcomes: &mut Outcomes) {
        if let Some(balances) = &mut self.balances {
            balances.add(&outcomes.finals);
        }
        outcomes.score_in_place(plan.lifetime().is_some_and(|lifetime| lifetime.never_short));
        self.pairs.add(own, (&outcomes.finals, plan.plan().threshold));
    }

    /// The value of the variant's variable.
    pub(crate) fn value(&self) -> Option<f64> {
        self.value.map(f64::from_bits)
    }

    /// Removes all pairs.
    pub(crate) fn clear(&mut self) {
        self.pairs = PairedCounts::default();
        self.balances = self.balances.map(|balances| BalanceCounts::new(balances.scale));
    }

    /// Merges other counts of the same variant.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.pairs.merge(&other.pairs);
        if let (Some(balances), Some(other)) = (&mut self.balances, &other.balances) {
            balances.merge(other);
        }
    }

    /// Whether both belong to the same variant.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        let scale = |counts: &Self| counts.balances.map(|balances| balances.scale);
        self.value == other.value && scale(self) == scale(other)
    }

    /// Whether this number of simulations, with this number of successes, can have these counts.
    pub(crate) fn is_possible(&self, simulations: u64, successes: u64) -> bool {
        self.pairs.is_possible(simulations, successes)
            && self.balances.is_none_or(|balances| balances.is_possible(simulations))
    }
}

/// The most variants of a partial result: one for each month of the longest timeline.
pub(crate) const VARIANTS_MAX: usize = carlo_types::limits::TIMELINE_MONTHS_MAX as usize;
