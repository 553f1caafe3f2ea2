//! The outcomes of single simulations, for users who need the distribution rather than the results.

use carlo_types::BLOCK_SIMULATIONS;

use crate::chart::Observation;
use crate::job::Job;
use crate::lifetime::outcomes::Outcomes;
use crate::lifetime::rules::NEVER;
use crate::lifetime::tally::whole;
use crate::pipeline::Walk;
use crate::prepared::{self, Prepared};

/// The outcomes of consecutive simulations. Every list that isn't absent has one number per
/// simulation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    /// Final balances in dollars, as they are counted in the results.
    pub final_balances: Vec<f32>,
    /// Whether each simulation reached the goal.
    pub succeeded: Vec<bool>,
    /// The first short month, from 1; 0 if there was none. Absent unless the goal is never to be
    /// short.
    pub first_short_months: Option<Vec<u16>>,
    /// The number of months in which somebody was alive, at most the timeline. Absent in a plan
    /// without people.
    pub months_lived: Option<Vec<u16>>,
    /// The lowest multiplier of planned spending. Absent in a plan without a spending rule.
    pub lowest_multipliers: Option<Vec<f32>>,
}

impl Samples {
    /// Appends the next simulations of the same job.
    pub fn append(&mut self, mut next: Self) {
        fn add<T>(list: &mut Option<Vec<T>>, next: Option<Vec<T>>) {
            match (list, next) {
                (Some(list), Some(mut next)) => list.append(&mut next),
                (list, next) => *list = next,
            }
        }
        self.final_balances.append(&mut next.final_balances);
        self.succeeded.append(&mut next.succeeded);
        add(&mut self.first_short_months, next.first_short_months);
        add(&mut self.months_lived, next.months_lived);
        add(&mut self.lowest_multipliers, next.lowest_multipliers);
    }
}

impl Job {
    /// The outcomes of the simulations from index `first` on, up to the end of its block and at
    /// most `most`. Like in a replay, indices can be any below 10¹², including ones beyond the
    /// job's end.
    pub fn samples(&self, first: u64, most: u64) -> Samples {
        let count = most.min(BLOCK_SIMULATIONS - first % BLOCK_SIMULATIONS);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let threshold = self.plan().threshold;
        let mut outcomes = [Outcomes::default()];
        let lifetime = match self.prepared() {
            Prepared::Savings(plan) => {
                let mut finals = vec![0.0; count];
                self.level().run(Walk::alone(plan, first, &mut finals));
                let succeeded = finals.iter().map(|&balance| balance >= threshold).collect();
                return Samples { final_balances: finals, succeeded, ..Samples::default() };
            }
            Prepared::Lifetime(lifetime) => lifetime,
        };
        outcomes[0].resize(count);
        prepared::walk(self.level(), first, &[lifetime], &mut outcomes, &[], Observation::None);
        let [outcomes] = outcomes;
        let mut scores = vec![0.0; count];
        outcomes.score(lifetime.never_short, &mut scores);
        let Outcomes { finals, first_short, lowest_multiplier, horizon, .. } = outcomes;
        let short = |&month: &f32| if month < NEVER { whole(month) } else { 0 };
        Samples {
            final_balances: finals,
            succeeded: scores.into_iter().map(|score| score >= threshold).collect(),
            first_short_months: lifetime.never_short.then(|| first_short.iter().map(short).collect()),
            months_lived: (!lifetime.alive.is_empty())
                .then(|| horizon.iter().map(|&months| whole(months)).collect()),
            lowest_multipliers: lifetime.rule.is_some().then_some(lowest_multiplier),
        }
    }
}
