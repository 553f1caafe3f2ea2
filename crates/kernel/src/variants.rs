//! Other plans on the job's own shocks: how many simulations each turns from failure to success,
//! and back.
//!
//! A job that compares plans names them. One that solves for a number tries values of it, which
//! follow from the job's first simulations (`solve`), so that every node tries the same. A sweep's
//! points follow from its axes. Either way the counts merge like all that a partial result holds.

use carlo_types::analysis::{Analysis, Solve, Variable};
use carlo_types::{JobSpec, sweep};

use crate::balances::{self, BalanceCounts, BalanceScale};
use crate::level::Level;
use crate::lifetime::outcomes::Outcomes;
use crate::paired::PairedCounts;
use crate::prepared::{self, Prepared, TOGETHER_MAX};
use crate::solve;

/// The plans of a job besides its own.
#[derive(Debug, Clone)]
pub(crate) enum Variants {
    /// Each is walked.
    Plans(Vec<Variant>),
    /// Each is walked, and prepared just before: the points of a sweep.
    Points(Vec<Point>),
    /// The job's own plan with other targets, dollars: its balances are those of the job.
    Targets(Vec<f64>),
    /// The job's own plan with every timeline up to this one's: one walk counts them all.
    Months(Prepared),
}

/// A plan to simulate beside the job's own.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) prepared: Prepared,
    label: Label,
}

/// A point of a sweep.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) spec: JobSpec,
    scale: BalanceScale,
}

/// What a variant's counts are of.
#[derive(Debug, Clone, Copy)]
enum Label {
    /// What the variable is in it, where the job solves for one.
    Value(f64),
    /// Where its balances are counted, where they are.
    Balances(BalanceScale),
}

impl Variants {
    /// Those of a job.
    pub(crate) fn new(spec: &JobSpec, level: Level) -> Self {
        match &spec.analysis {
            Analysis::None => Self::Plans(Vec::new()),
            Analysis::Compare(variants) => {
                let prepared: Vec<_> = variants.iter().map(Prepared::new).collect();
                let scales = scales(level, spec.simulations(), &prepared);
                let variant = |(prepared, scale)| Variant { prepared, label: Label::Balances(scale) };
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
                let variant = |value| Variant { prepared: prepared(value), label: Label::Value(value) };
                Self::Plans(values.into_iter().map(variant).collect())
            }
        }
    }

    /// Those that are walked by themselves.
    pub(crate) fn plans(&self) -> &[Variant] {
        match self {
            Self::Plans(variants) => variants,
            Self::Points(_) | Self::Targets(_) | Self::Months(_) => &[],
        }
    }

    /// No pairs yet, of each.
    pub(crate) fn counts(&self) -> Vec<VariantCounts> {
        match self {
            Self::Plans(variants) => {
                variants.iter().map(|variant| VariantCounts::new(variant.label)).collect()
            }
            Self::Points(points) => {
                points.iter().map(|point| VariantCounts::new(Label::Balances(point.scale))).collect()
            }
            Self::Targets(targets) => {
                targets.iter().map(|&target| VariantCounts::new(Label::Value(target))).collect()
            }
            Self::Months(longest) => {
                let months = 1..=longest.plan().months;
                months.map(|month| VariantCounts::new(Label::Value(month as f64))).collect()
            }
        }
    }
}

/// Where the balances of plans are counted.
fn scales(level: Level, simulations: u64, plans: &[Prepared]) -> Vec<BalanceScale> {
    let count = usize::try_from(simulations).map_or(balances::PILOT, |all| all.min(balances::PILOT));
    let mut outcomes = vec![Outcomes::brief(count); plans.len()];
    prepared::walk_all(level, 0, plans.iter(), &mut outcomes);
    outcomes.iter_mut().map(|outcomes| BalanceScale::of_pilot(&mut outcomes.finals)).collect()
}

/// What became of pairs of a simulation of the job's own plan and the same one of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VariantCounts {
    /// Bits of the variant's value.
    value: Option<u64>,
    pub(crate) pairs: PairedCounts,
    /// Of its final balances; only where it has no value.
    pub(crate) balances: Option<BalanceCounts>,
}

impl VariantCounts {
    fn new(label: Label) -> Self {
        let (value, balances) = match label {
            Label::Value(value) => (Some(value.to_bits()), None),
            Label::Balances(scale) => (None, Some(BalanceCounts::new(scale))),
        };
        Self { value, pairs: PairedCounts::default(), balances }
    }

    /// What was written as these numbers, if it can be.
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

    /// The bits of its value, and its pairs.
    pub(crate) fn to_bits(self) -> (Option<u64>, PairedCounts) {
        (self.value, self.pairs)
    }

    /// Adds a block of the variant, beside the job's own scores and their threshold.
    pub(crate) fn add(&mut self, own: (&[f32], f32), plan: &Prepared, outcomes: &mut Outcomes) {
        if let Some(balances) = &mut self.balances {
            balances.add(&outcomes.finals);
        }
        outcomes.score_in_place(plan.lifetime().is_some_and(|lifetime| lifetime.never_short));
        self.pairs.add(own, (&outcomes.finals, plan.plan().threshold));
    }

    /// What the variant's variable is.
    pub(crate) fn value(&self) -> Option<f64> {
        self.value.map(f64::from_bits)
    }

    /// Forgets the pairs, not whose they are.
    pub(crate) fn clear(&mut self) {
        self.pairs = PairedCounts::default();
        self.balances = self.balances.map(|balances| BalanceCounts::new(balances.scale));
    }

    /// Adds other pairs of the same variant.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.pairs.merge(&other.pairs);
        if let (Some(balances), Some(other)) = (&mut self.balances, &other.balances) {
            balances.merge(other);
        }
    }

    /// Whether both are of the same variant.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        let scale = |counts: &Self| counts.balances.map(|balances| balances.scale);
        self.value == other.value && scale(self) == scale(other)
    }

    /// Whether the numbers can be of so many simulations with so many successes.
    pub(crate) fn is_possible(&self, simulations: u64, successes: u64) -> bool {
        self.pairs.is_possible(simulations, successes)
            && self.balances.is_none_or(|balances| balances.is_possible(simulations))
    }
}

/// The most that a partial result can be of: every month of the longest timeline.
pub(crate) const VARIANTS_MAX: usize = carlo_types::limits::TIMELINE_MONTHS_MAX as usize;
