//! The order in which simulations of a plan end, with the last death of its people.
//!
//! The lanes of a tile are computed until the last of them ends. So tiles of simulations that end
//! at
//! about the same time need fewer months than tiles by index. The results of a simulation don't
//! depend
//! on its lane.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use super::Lifetime;
use super::shocks::Blocks;
use crate::draws::{LIVES, UNIFORM_BITS, field};
use crate::keystream::Streams;
use crate::lanes::{Register, WIDTH_MAX};

/// The number of bits of a uniform that determine the upper bound of a lifetime.
const BITS: u32 = 11;

/// Simulations sorted by their end.
pub(crate) struct Order {
    /// Their numbers within the walk, with those that end first in front.
    numbers: Vec<u32>,
    /// For each month, a lower bound of the number of simulations that have ended at its beginning.
    ended: Vec<u32>,
}

impl Order {
    /// The order of `count` simulations. `first` is the low half of the index of the first one.
    /// `None`
    /// for a plan without people.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "uniforms of 24 bits")]
    pub(crate) fn new<L: Register>(
        lanes: L,
        plan: &Lifetime,
        blocks: &Blocks,
        first: u32,
        count: u32,
    ) -> Option<Self> {
        let uniform = blocks.lives()?;
        let tables: Vec<Vec<u16>> = plan.alive.iter().map(|alive| months_at_most(alive)).collect();
        let mut months = Vec::with_capacity(count as usize);
        for at in (0..count).step_by(L::WIDTH) {
            let streams = Streams::new(lanes, &plan.plan.key, uniform, first.wrapping_add(at));
            let words = streams.block(lanes, uniform);
            let mut most = [0; WIDTH_MAX];
            for (table, life) in tables.iter().zip(LIVES) {
                let mut uniforms = [0.0; WIDTH_MAX];
                lanes.store(lanes.number(field(lanes, &words, life)), &mut uniforms);
                for (most, uniform) in most.iter_mut().zip(uniforms) {
                    let lived = table[(uniform as u32 >> (UNIFORM_BITS - BITS)) as usize];
                    *most = lived.max(*most);
                }
            }
            months.extend_from_slice(&most[..L::WIDTH.min((count - at) as usize)]);
        }
        Some(Self::of(&months, plan.months()))
    }

    /// The order of simulations that end after at most these numbers of months.
    fn of(months: &[u16], timeline: usize) -> Self {
        // Counting sort: first the number that end before each month, then the place of the next
        // one.
        let mut ended = vec![0; timeline + 2];
        for &month in months {
            ended[usize::from(month) + 1] += 1;
        }
        for month in 1..ended.len() {
            ended[month] += ended[month - 1];
        }
        let mut places = ended.clone();
        let mut numbers = vec![0; months.len()];
        for (number, &month) in (0..).zip(months) {
            let place = &mut places[usize::from(month)];
            numbers[*place as usize] = number;
            *place += 1;
        }
        ended.remove(0);
        Self { numbers, ended }
    }

    /// The numbers of up to `count` simulations, from the `at`-th to end on.
    pub(crate) fn numbers(&self, at: usize, count: usize) -> &[u32] {
        let len = self.numbers.len();
        &self.numbers[at.min(len)..len.min(at + count)]
    }

    /// Whether the first `until` simulations to end have ended at the beginning of a month.
    pub(crate) fn has_ended(&self, until: usize, month: usize) -> bool {
        self.ended[month] as usize >= until.min(self.numbers.len())
    }
}

/// For each value of the highest bits of a person's uniform, the maximum number of months that the
/// person lives. `alive` has the uniforms below which the person lives in each month, descending.
#[expect(clippy::cast_possible_truncation, reason = "at most 1,212 months")]
fn months_at_most(alive: &[u32]) -> Vec<u16> {
    let least = |value: u32| value << (UNIFORM_BITS - BITS);
    (0..1 << BITS).map(|value| alive.partition_point(|&below| least(value) < below) as u16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulations_are_in_the_order_of_their_ends() {
        let order = Order::of(&[3, 1, 4, 1, 5, 2, 0], 5);
        assert_eq!(order.numbers(0, 100), [6, 1, 3, 5, 0, 2, 4]);
        assert_eq!(order.numbers(2, 3), [3, 5, 0]);
        assert!(order.numbers(8, 3).is_empty());
        // One lives no month, two live the first only.
        for (until, month, has_ended) in [
            (1, 0, true),
            (2, 0, false),
            (3, 1, true),
            (4, 1, false),
            (4, 2, true),
            (100, 4, false),
            (100, 5, true),
        ] {
            assert_eq!(order.has_ended(until, month), has_ended, "{until} in month {month}");
        }
    }

    #[test]
    fn nobody_lives_longer_than_the_table_says() {
        let alive: Vec<u32> = (0..300).map(|month| (1 << UNIFORM_BITS) - month * 55_000).collect();
        let table = months_at_most(&alive);
        for uniform in (0..1_u32 << UNIFORM_BITS).step_by(997) {
            let lived = alive.iter().take_while(|&&below| uniform < below).count();
            let most = usize::from(table[(uniform >> (UNIFORM_BITS - BITS)) as usize]);
            assert!(lived <= most && most <= lived + 1, "{uniform}: {lived}, {most}");
        }
    }
}
