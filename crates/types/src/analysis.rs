//! The analyses of a job beside the results of its own plan: a comparison with other plans, a
//! sweep, or solving for a number that gives a wanted probability.
//!
//! In all of them further plans, the *variants*, have the same random numbers as the job's own
//! plan, simulation by simulation, so that differences have small errors.

use crate::definition::rule::{list, number, part, word};
use crate::definition::{Object, label, section};
use crate::request::plan::{Flow, FlowKind};
use crate::request::{Request, Success};
use crate::spec::{JobSpec, NOT_THE_SAME};
use crate::sweep::SweepAxis;

/// The most variants that a job names: with its own plan, eight.
pub const VARIANTS_MAX: usize = 7;
/// The most values of an amount that a job tries which solves for it.
pub const CANDIDATES: u8 = 17;
/// The most timelines that a job tries which solves for the earliest month of a plan whose rule
/// looks ahead to the end of the timeline; other plans are walked once, whatever the month.
pub const TIMELINES: u32 = 33;

/// What a job asks beside the probability of its own plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Analysis {
    /// Nothing.
    #[default]
    None,
    /// How these plans compare with it: 1 to [`VARIANTS_MAX`], each with the job's seed and number
    /// of simulations, none with a question of its own.
    Compare(Vec<JobSpec>),
    /// What one number of the plan has to be.
    Solve(Solve),
    /// How the plan does with its numbers at other values: one or two axes, at most
    /// [`POINTS_MAX`](crate::sweep::POINTS_MAX) points.
    Sweep(Vec<SweepAxis>),
}

label! {
    /// A number of the plan that can be solved for.
    pub Variable {
        /// The most that may be spent each month, dollars.
        MaxSpending = "maxSpending",
        /// The least that must be earned each month, dollars.
        MinIncome = "minIncome",
        /// The first month after which the goal is reached with the wanted probability.
        EarliestMonth = "earliestMonth",
        /// The most that can be aimed at, dollars.
        MaxTarget = "maxTarget",
        /// The least that must be there at the start, dollars.
        MinLiquidAssets = "minLiquidAssets",
        /// The earliest month in which income may end: the least `plan.incomeUntil`.
        EarliestRetirement = "earliestRetirement",
        /// The largest factor on all spending flows of the plan.
        MaxWithdrawal = "maxWithdrawal",
    }
}

section! {
    /// Which value of one number, all else as it is, gives the success probability that is wanted.
    #[derive(Copy)]
    pub Solve / SolveDraft as "Solve" {
        /// The number that may change.
        variable as "for": Variable = word().required().example(Variable::MaxSpending);
        /// The wanted success probability.
        probability: f64 = number(0.0, 1.0).above(0.0).below(1.0).required().example(0.9);
    }
}

section! {
    /// The body of `POST /api/compare`.
    pub CompareRequest / CompareRequestDraft as "CompareRequest" with same_random_numbers {
        /// 1 to 8 plans. The first says how many simulations and which seed; the others say the
        /// same, or nothing.
        requests: Vec<Request> = list(VARIANTS_MAX + 1).at_least(1).required();
    }
}

section! {
    /// The body of `POST /api/solve`.
    pub SolveRequest / SolveRequestDraft as "SolveRequest" with solvable {
        /// The plan.
        request: Request = part().required();
        /// The number that may change.
        variable as "for": Variable = Solve::variable;
        /// The wanted success probability.
        probability: f64 = Solve::probability;
    }
}

/// Whether a plan can be solved for a variable.
fn solvable(asked: &mut SolveRequest, object: &mut Object<'_>) {
    if let Some(reason) = why_not(&asked.request, asked.variable) {
        object.fault(&["/for"], format_args!("{reason}"));
    }
}

/// Why a plan can't be solved for a variable, if it can't.
pub(crate) fn why_not(request: &Request, variable: Variable) -> Option<&'static str> {
    let spends = |flow: &Flow| flow.kind == FlowKind::Spending && flow.amount > 0.0;
    match variable {
        Variable::MaxWithdrawal if !request.plan.flows.iter().any(spends) => {
            Some("can't be maxWithdrawal: plan.flows has no spending")
        }
        Variable::EarliestRetirement if request.inputs.monthly_income == 0.0 => {
            Some("can't be earliestRetirement: there is no monthlyIncome to retire from")
        }
        Variable::EarliestMonth
            if request.goal.success == Success::NeverShort && request.goal.target_amount == 0.0 =>
        {
            Some(
                "can't be earliestMonth with neverShort and no targetAmount: \
                 a longer timeline makes it no likelier never to be short",
            )
        }
        _ => None,
    }
}

/// Plans that are compared have the first one's number of simulations and seed.
fn same_random_numbers(comparison: &mut CompareRequest, object: &mut Object<'_>) {
    let Some((first, others)) = comparison.requests.split_first_mut() else { return };
    let (simulations, seed) = (first.params.n_simulations, first.params.seed);
    for (i, other) in (1..).zip(others) {
        let params = &mut other.params;
        for (name, is_other) in
            [("nSimulations", params.n_simulations != simulations), ("seed", params.seed != seed)]
        {
            let (field, of_first) = (
                format!("/requests/{i}/simulationParams/{name}"),
                format!("/requests/0/simulationParams/{name}"),
            );
            if is_other && object.is_given(&field) {
                object.fault(&[&field, &of_first], format_args!("{NOT_THE_SAME}"));
            }
        }
        (params.n_simulations, params.seed) = (simulations, seed);
    }
}

impl CompareRequest {
    /// The job that compares the plans: a question about the first one.
    pub fn into_spec(self) -> Option<JobSpec> {
        let mut specs = self.requests.into_iter().map(|request| JobSpec::new(request, Analysis::None));
        let first = specs.next()?;
        let others: Vec<_> = specs.collect();
        let analysis = if others.is_empty() { Analysis::None } else { Analysis::Compare(others) };
        Some(JobSpec::new(first.request, analysis))
    }
}

impl SolveRequest {
    /// The job that solves.
    pub fn into_spec(self) -> JobSpec {
        let Self { request, variable, probability } = self;
        JobSpec::new(request, Analysis::Solve(Solve { variable, probability }))
    }
}
