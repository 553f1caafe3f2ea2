//! A prepared request: a savings goal or a plan over a lifetime.
//!
//! The job's own request, its scenarios, compared plans and the candidates of a solution are all
//! prepared here, so that the same request has the same results in each of these roles.

use carlo_types::JobSpec;

use crate::chart::Observation;
use crate::level::Level;
use crate::lifetime::outcomes::Outcomes;
use crate::lifetime::pipeline::Walk as LifetimeWalk;
use crate::lifetime::{Lifetime, is_lifetime};
use crate::paired::PairedCounts;
use crate::pipeline::Walk;
use crate::plan::Plan;

/// The most plans that are simulated side by side. Their state fits into the second-level cache.
pub(crate) const TOGETHER_MAX: usize = 16;

/// The constants of a request.
#[derive(Debug, Clone)]
pub(crate) enum Prepared {
    Savings(Box<Plan>),
    Lifetime(Box<Lifetime>),
}

impl Prepared {
    pub(crate) fn new(spec: &JobSpec) -> Self {
        if is_lifetime(spec) {
            Self::Lifetime(Box::new(Lifetime::new(spec)))
        } else {
            Self::Savings(Box::new(Plan::new(spec)))
        }
    }

    /// The constants that both kinds of request have.
    pub(crate) fn plan(&self) -> &Plan {
        match self {
            Self::Savings(plan) => plan,
            Self::Lifetime(lifetime) => &lifetime.plan,
        }
    }

    pub(crate) fn lifetime(&self) -> Option<&Lifetime> {
        match self {
            Self::Savings(_) => None,
            Self::Lifetime(lifetime) => Some(lifetime),
        }
    }

    /// Computes the scores of the simulations from `first` on, as many as `scores` has room for. A
    /// simulation succeeds if its score is at least the plan's threshold. Returns whether any met a
    /// limit of the model.
    pub(crate) fn scores(&self, level: Level, first: u64, scores: &mut [f32]) -> bool {
        match self {
            Self::Savings(plan) => level.run(Walk::alone(plan, first, scores)),
            Self::Lifetime(lifetime) => {
                let mut outcomes = [Outcomes::brief(scores.len())];
                walk(level, first, &[lifetime], &mut outcomes, &[], Observation::None);
                outcomes[0].score(lifetime.never_short, scores);
                outcomes[0].is_limited
            }
        }
    }
}

impl Prepared {
    /// Counts, for each month, the pairs of the job's own scores and those of this plan with a
    /// timeline that ends with the month, of the simulations from `first` on. `own` has the job's
    /// scores and the lowest score that reaches its goal. `room` is a buffer of the same length.
    /// Returns whether any simulation met a limit of the model.
    pub(crate) fn reach(
        &self,
        level: Level,
        first: u64,
        own: (&[f32], f32),
        room: &mut [f32],
        counts: &mut [PairedCounts],
    ) -> bool {
        let observed: Vec<u32> = (1..).take(self.plan().months).collect();
        let observation = Observation::Reach { own, threshold: self.plan().threshold, counts };
        match self {
            Self::Savings(plan) => {
                let (scenarios, observed) = (&mut [][..], &observed[..]);
                level.run(Walk { plan, first, finals: room, scenarios, observed, observation })
            }
            Self::Lifetime(lifetime) => {
                let mut outcomes = [Outcomes::brief(room.len())];
                walk(level, first, &[lifetime], &mut outcomes, &observed, observation);
                outcomes[0].is_limited
            }
        }
    }
}

/// Walks any plans on the same draws. Only the outcomes on which success depends are computed.
pub(crate) fn walk_all<'a>(
    level: Level,
    first: u64,
    plans: impl Iterator<Item = &'a Prepared> + Clone,
    outcomes: &mut [Outcomes],
) {
    let lifetimes: Vec<&Lifetime> = plans.clone().filter_map(Prepared::lifetime).collect();
    let mut walked: Vec<Outcomes> = Vec::with_capacity(lifetimes.len());
    for (plan, outcomes) in plans.clone().zip(&mut *outcomes) {
        match plan {
            Prepared::Savings(plan) => {
                outcomes.is_limited = level.run(Walk::alone(plan, first, &mut outcomes.finals));
            }
            Prepared::Lifetime(_) => walked.push(std::mem::take(outcomes)),
        }
    }
    walk(level, first, &lifetimes, &mut walked, &[], Observation::None);
    let mut walked = walked.into_iter();
    for (plan, outcomes) in plans.zip(outcomes) {
        if plan.lifetime().is_some() {
            *outcomes = walked.next().unwrap_or_default();
        }
    }
}

/// Walks plans on the same draws. Plans that share their shocks are walked side by side. `observed`
/// has the observed months of the first plan.
pub(crate) fn walk(
    level: Level,
    first: u64,
    plans: &[&Lifetime],
    outcomes: &mut [Outcomes],
    observed: &[u32],
    observation: Observation<'_>,
) {
    let mut observation = Some(observation);
    let mut left: Vec<usize> = (0..plans.len()).collect();
    while let Some(&leader) = left.first() {
        let (mut together, mut others) = (Vec::new(), Vec::new());
        for i in left {
            let fits = together.len() < TOGETHER_MAX && plans[leader].shares_shocks(plans[i]);
            (if fits { &mut together } else { &mut others }).push(i);
        }
        let chosen: Vec<&Lifetime> = together.iter().map(|&i| plans[i]).collect();
        let mut results: Vec<Outcomes> = together.iter().map(|&i| std::mem::take(&mut outcomes[i])).collect();
        // The first plan is the first one of the first group.
        let (observed, observation) = match observation.take() {
            Some(observation) => (observed, observation),
            None => (&[][..], Observation::None),
        };
        level.run(LifetimeWalk { plans: &chosen, first, outcomes: &mut results, observed, observation });
        for (&i, result) in together.iter().zip(results) {
            outcomes[i] = result;
        }
        left = others;
    }
}
