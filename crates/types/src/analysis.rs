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

/// The most variants of a comparison; with the job's own plan, these are eight plans.
pub const VARIANTS_MAX: usize = 7;
/// The most candidates of a job that solves for an amount.
pub const CANDIDATES: u8 = 17;
/// The most timelines of a job that solves for the earliest month of a plan with a rule that looks
/// ahead to the end of the timeline. Other plans need only one walk for all months.
pub const TIMELINES: u32 = 33;

/// The analysis of a job beside the results of its own plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Analysis {
    /// Nothing.
    #[default]
    None,
    /// A comparison with these plans, 1 to [`VARIANTS_MAX`]. Each has the job's seed and number of
    /// simulations, and no analysis of its own.
    Compare(Vec<JobSpec>),
    /// Solves for one number of the plan.
    Solve(Solve),
    /// The plan at many values of its numbers: one or two axes, with at most
    /// [`POINTS_MAX`](crate::sweep::POINTS_MAX) points.
    Sweep(Vec<SweepAxis>),
}

label! {
    /// A number of the plan that can be solved for.
    pub Variable {
        /// The highest possible monthly spending, in dollars.
        MaxSpending = "maxSpending",
        /// The lowest sufficient monthly income, in dollars.
        MinIncome = "minIncome",
        /// The first month after which the goal is reached with the wanted probability.
        EarliestMonth = "earliestMonth",
        /// The highest reachable target, in dollars.
        MaxTarget = "maxTarget",
        /// The lowest sufficient balance at the start, in dollars.
        MinLiquidAssets = "minLiquidAssets",
        /// The earliest month in which income may end, that is, the lowest `plan.incomeUntil`.
        EarliestRetirement = "earliestRetirement",
        /// The largest factor on all spending flows of the plan.
        MaxWithdrawal = "maxWithdrawal",
    }
}

section! {
    /// Solves for the value of one number that gives the wanted success probability.
    #[derive(Copy)]
    pub Solve / SolveDraft as "Solve" {
        /// The variable.
        variable as "for": Variable = word().required().example(Variable::MaxSpending);
        /// The wanted success probability.
        probability: f64 = number(0.0, 1.0).above(0.0).below(1.0).required().example(0.9);
    }
}

section! {
    /// The body of `POST /api/compare`.
    pub CompareRequest / CompareRequestDraft as "CompareRequest" with same_random_numbers {
        /// 1 to 8 plans. The number of simulations and the seed of the first apply to all; in the
        /// others they must be absent or the same.
        requests: Vec<Request> = list(VARIANTS_MAX + 1).at_least(1).required();
    }
}

section! {
    /// The body of `POST /api/solve`.
    pub SolveRequest / SolveRequestDraft as "SolveRequest" with solvable {
        /// The plan.
        request: Request = part().required();
        /// The variable.
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

/// The reason why a plan can't be solved for a variable, if there is one.
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

/// Requires that all plans of a comparison have the number of simulations and the seed of the
/// first.
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
    /// The job that compares the first plan with the others.
    pub fn into_spec(self) -> Option<JobSpec> {
        let mut specs = self.requests.into_iter().map(|request| JobSpec::new(request, Analysis::None));
        let first = specs.next()?;
        let others: Vec<_> = specs.collect();
        let analysis = if others.is_empty() { Analysis::None } else { Analysis::Compare(others) };
        Some(JobSpec::new(first.request, analysis))
    }
}

impl SolveRequest {
    /// The job that solves for the variable.
    pub fn into_spec(self) -> JobSpec {
        let Self { request, variable, probability } = self;
        JobSpec::new(request, Analysis::Solve(Solve { variable, probability }))
    }
}
