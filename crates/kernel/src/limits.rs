//! Which simulations of a tile met a limit of the model: balances, incomes and spendings are
//! clamped. Results that met it have a warning.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::lanes::{Lanes, Register, WIDTH_MAX};
use crate::plan::Range;
use crate::tile::{REGISTERS, Tile};

/// The simulations of a tile that met a limit so far.
#[derive(Clone, Copy)]
pub(crate) struct Limits<L: Lanes> {
    /// 1 for those that did, 0 for the others.
    met: Tile<L::Float>,
    /// Whether any lane did.
    is_any: bool,
}

impl<L: Lanes> Limits<L> {
    /// None of the simulations.
    #[inline(always)]
    pub(crate) fn new(lanes: L) -> Self {
        Self { met: Tile::filled(lanes.float(0.0)), is_any: false }
    }

    /// Adds the simulations whose values are at an end of the range to which they were clamped.
    /// `value` and `counts` have a register's values, and the lanes that count (`None`: all). As
    /// hardly any simulation ever does, only the extremes of the tile are compared at first.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        lanes: L,
        range: Range,
        value: impl Fn(usize) -> L::Float,
        counts: impl Fn(usize) -> Option<L::Mask>,
    ) {
        let (low, high) = (range.low.next_up(), range.high.next_down());
        let is_met = |least, most| {
            lanes.either(lanes.less(least, lanes.float(low)), lanes.less(lanes.float(high), most))
        };
        let (mut least, mut most) = (value(0), value(0));
        for register in 1..REGISTERS {
            least = lanes.smaller(value(register), least);
            most = lanes.larger(value(register), most);
        }
        if !lanes.holds(is_met(least, most)) {
            return;
        }
        for (register, met) in self.met.iter_mut().enumerate() {
            let mut now = is_met(value(register), value(register));
            if let Some(counts) = counts(register) {
                now = lanes.both(now, counts);
            }
            *met = lanes.select(now, lanes.float(1.0), *met);
            self.is_any |= lanes.holds(now);
        }
    }

    /// Whether any of these simulations or of `others` did that `is_counted`, by their place in the
    /// tile.
    #[inline(always)]
    pub(crate) fn any(&self, lanes: L, others: Option<&Self>, is_counted: impl Fn(usize) -> bool) -> bool
    where
        L: Register,
    {
        [Some(self), others].into_iter().flatten().filter(|limits| limits.is_any).any(|limits| {
            limits.met.iter().enumerate().any(|(register, &met)| {
                let mut numbers = [0.0; WIDTH_MAX];
                lanes.store(met, &mut numbers);
                let numbers = numbers[..L::WIDTH].iter().enumerate();
                numbers.filter(|(_, met)| **met > 0.0).any(|(lane, _)| is_counted(register * L::WIDTH + lane))
            })
        })
    }
}
