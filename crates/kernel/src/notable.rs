//! The indices of simulations that are worth replaying: the worst, the best, and one near each of a
//! few balances.
//!
//! These balances are the *aims*: the 5th, 50th and 95th percentile of the job's first 4,096
//! simulations, and the target. Every node knows them before the job starts, while the job's own
//! percentiles are only known at its end. A simulation near an aim lies within two percent of the
//! rank that it stands for. Distances are computed in single precision. Among equally near
//! simulations, and among equal extremes, the one with the lowest index is taken, so that merging
//! is associative and commutative to the bit.
#![expect(clippy::inline_always, reason = "vectorised with the caller's instructions")]

use carlo_types::results;

/// The number of balances near which simulations are sought: three percentiles of the pilot, and
/// the target.
pub(crate) const AIMS: usize = 4;
/// The number of balances that are compared together.
const LANES: usize = 16;

/// A simulation and its final balance, dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Bits of the balance.
    pub(crate) balance: u32,
    pub(crate) index: u64,
}

impl Seen {
    pub(crate) fn balance(self) -> f32 {
        f32::from_bits(self.balance)
    }
}

/// The notable simulations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notable {
    /// Bits of the aims, dollars.
    pub(crate) aims: [u32; AIMS],
    /// The worst, the best, and the nearest to each aim; `None` if there are no simulations.
    pub(crate) seen: Option<[Seen; 2 + AIMS]>,
}

impl Notable {
    /// Without simulations. `pilot` has the balances of the job's first simulations, ascending.
    pub(crate) fn of_pilot(pilot: &[f32], target: f32) -> Self {
        let at = |percent: usize| pilot[(pilot.len() - 1) * percent / 100];
        Self { aims: [at(5), at(50), at(95), target].map(|aim| (aim + 0.0).to_bits()), seen: None }
    }

    /// The distance of a simulation from the `which`-th aim; the lowest distance wins.
    fn distance(&self, which: usize, balance: f32) -> f32 {
        match which {
            0 => balance,
            1 => -balance,
            aim => distance(balance, f32::from_bits(self.aims[aim - 2])),
        }
    }

    /// Adds a batch of simulations, the first of which has this index.
    #[inline(always)]
    pub(crate) fn add(&mut self, first: u64, balances: &[f32]) {
        let Some(&any) = balances.first() else { return };
        let seen = self.seen.get_or_insert([Seen { balance: (any + 0.0).to_bits(), index: first }; 2 + AIMS]);
        let seen = *seen;
        let least = least_distances(balances, self.aims.map(f32::from_bits));
        for which in 0..2 + AIMS {
            // Most batches have no nearer simulation.
            if least[which] <= self.distance(which, seen[which].balance()) {
                self.look(which, first, balances, least[which]);
            }
        }
    }

    /// Finds the first simulation of a batch with this distance.
    #[cold]
    fn look(&mut self, which: usize, first: u64, balances: &[f32], least: f32) {
        let place = (0..).zip(balances).find(|&(_, &balance)| self.distance(which, balance) == least);
        if let Some((place, &balance)) = place {
            self.offer(which, Seen { balance: (balance + 0.0).to_bits(), index: first + place });
        }
    }

    /// Takes a simulation if it is nearer, or equally near with a lower index.
    fn offer(&mut self, which: usize, other: Seen) {
        let Some(mut seen) = self.seen else { return };
        let mine = seen[which];
        let (near, nearer) = (self.distance(which, mine.balance()), self.distance(which, other.balance()));
        if nearer < near || nearer == near && other.index < mine.index {
            seen[which] = other;
            self.seen = Some(seen);
        }
    }

    /// Merges the notable simulations of another part of the job, with the same aims.
    pub(crate) fn merge(&mut self, other: &Self) {
        match (self.seen, other.seen) {
            (None, _) => self.seen = other.seen,
            (_, None) => {}
            (Some(_), Some(others)) => {
                others.into_iter().enumerate().for_each(|(which, other)| self.offer(which, other));
            }
        }
    }

    /// The results' form, if there are any simulations. `first_short` comes from a plan.
    pub(crate) fn summary(&self, first_short: Option<results::FirstShort>) -> Option<results::Notable> {
        let [worst, best, p5, p50, p95, goal] = self
            .seen?
            .map(|seen| results::NotableSimulation { index: seen.index, balance: seen.balance().into() });
        Some(results::Notable { worst, best, p5, p50, p95, goal, first_short })
    }
}

#[inline(always)]
fn distance(balance: f32, aim: f32) -> f32 {
    (balance - aim).abs()
}

/// The lowest distance in a batch for each aim.
#[inline(always)]
fn least_distances(balances: &[f32], aims: [f32; AIMS]) -> [f32; 2 + AIMS] {
    let mut least = [[f32::INFINITY; LANES]; 2 + AIMS];
    let (groups, rest) = balances.as_chunks::<LANES>();
    for group in groups {
        for (lane, &x) in group.iter().enumerate() {
            keep(&mut least, lane, x, aims);
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        keep(&mut least, lane, x, aims);
    }
    least.map(|lanes| lanes.into_iter().fold(f32::INFINITY, f32::min))
}

#[inline(always)]
fn keep(least: &mut [[f32; LANES]; 2 + AIMS], lane: usize, x: f32, aims: [f32; AIMS]) {
    let distances =
        [x, -x, distance(x, aims[0]), distance(x, aims[1]), distance(x, aims[2]), distance(x, aims[3])];
    for (least, distance) in least.iter_mut().zip(distances) {
        least[lane] = if distance < least[lane] { distance } else { least[lane] };
    }
}

#[cfg(test)]
mod tests;
