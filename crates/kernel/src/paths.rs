//! The balances of single simulations after every month, for users who need paths rather than
//! results.

use carlo_types::BLOCK_SIMULATIONS;

use crate::chart::Observation;
use crate::job::Job;
use crate::lifetime::outcomes::Outcomes;
use crate::pipeline::Walk;
use crate::prepared::{self, Prepared};

impl Job {
    /// The number of months of the timeline.
    pub fn timeline(&self) -> usize {
        self.plan().months
    }

    /// Writes the balances of the simulations from index `first` on, as many as `rows` has room
    /// for. Each simulation is a row of [`timeline`](Self::timeline) numbers: the balance after
    /// each month, in the dollars of the goal, less card debt. The last number of a row has the
    /// bits of the final balance. Like in a replay, indices can be any below 10¹², including ones
    /// beyond the job's end.
    pub fn paths(&self, mut first: u64, mut rows: &mut [f32]) {
        let timeline = self.timeline();
        while rows.len() >= timeline {
            // Cut like blocks, so that no walk crosses a multiple of 2³².
            let room = (rows.len() / timeline) as u64;
            let count = room.min(BLOCK_SIMULATIONS - first % BLOCK_SIMULATIONS);
            let written;
            (written, rows) = rows.split_at_mut(usize::try_from(count).unwrap_or_default() * timeline);
            self.paths_within_block(first, written);
            first += count;
        }
    }

    fn paths_within_block(&self, first: u64, rows: &mut [f32]) {
        let timeline = self.timeline();
        let count = rows.len() / timeline;
        let stops: Vec<u32> = (1..).take(timeline).collect();
        let mut kept = vec![Vec::with_capacity(count); timeline];
        let observation = Observation::Keep(&mut kept);
        match self.prepared() {
            Prepared::Savings(plan) => {
                let mut finals = vec![0.0; count];
                let (finals, scenarios) = (&mut finals, &mut [][..]);
                self.level().run(Walk { plan, first, finals, scenarios, observed: &stops, observation });
            }
            Prepared::Lifetime(lifetime) => {
                let mut outcomes = [Outcomes::brief(count)];
                prepared::walk(self.level(), first, &[lifetime], &mut outcomes, &stops, observation);
            }
        }
        for (month, balances) in kept.iter().enumerate() {
            for (row, balance) in rows.chunks_exact_mut(timeline).zip(balances) {
                row[month] = *balance;
            }
        }
    }
}
