//! How far the clocks of workers are from the coordinator's.
//!
//! A heartbeat says what its worker's clock showed when it was sent. The difference to the clock
//! here is the skew, less the time that the message took. Of several heartbeats the one that took
//! least is closest to the truth, so one late message makes no skew.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use carlo_service::clock::SKEW_MAX;
use carlo_types::{NodeId, Timestamp};

/// Heartbeats that are compared.
const WINDOW: usize = 8;

/// The skew of one worker's clock.
#[derive(Debug, Default)]
pub(crate) struct SkewMeter {
    differences_ms: VecDeque<i64>,
    has_warned: bool,
}

impl SkewMeter {
    /// Takes a heartbeat into account. Returns how many milliseconds the worker's clock is ahead
    /// (or behind, if negative), once enough heartbeats have come.
    pub(crate) fn observe(&mut self, theirs: Timestamp, ours: Timestamp) -> Option<i64> {
        let signed = |time: Timestamp| i64::try_from(time.0).unwrap_or(i64::MAX);
        if self.differences_ms.len() == WINDOW {
            self.differences_ms.pop_front();
        }
        self.differences_ms.push_back(signed(theirs).saturating_sub(signed(ours)));
        let closest = self.differences_ms.iter().max().copied();
        closest.filter(|_| self.differences_ms.len() == WINDOW)
    }

    /// Whether to warn of this skew: once, until the clocks agree again.
    pub(crate) fn warns(&mut self, skew_ms: i64) -> bool {
        let is_large = u128::from(skew_ms.unsigned_abs()) > SKEW_MAX.as_millis();
        let had_warned = std::mem::replace(&mut self.has_warned, is_large);
        is_large && !had_warned
    }
}

/// The skews of all workers that are connected.
#[derive(Debug, Default)]
pub(crate) struct ClockSkews(Mutex<BTreeMap<NodeId, i64>>);

impl ClockSkews {
    pub(crate) fn set(&self, node: NodeId, skew_ms: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node, skew_ms);
    }

    pub(crate) fn remove(&self, node: NodeId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }

    /// The largest, whichever way, in seconds.
    pub(crate) fn largest_seconds(&self) -> f64 {
        let skews = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        skews.values().map(|skew| skew.unsigned_abs()).max().unwrap_or(0) as f64 / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The skew after heartbeats that took so long each, from a clock that is ahead by `ahead`.
    fn measured(meter: &mut SkewMeter, ahead: i64, delays: &[u64]) -> Option<i64> {
        let mut skew = None;
        for (beat, delay) in delays.iter().enumerate() {
            let sent = 1_000_000 + beat as u64 * 500;
            skew = meter.observe(Timestamp(sent.saturating_add_signed(ahead)), Timestamp(sent + delay));
        }
        skew
    }

    #[test]
    fn late_messages_make_no_skew() {
        let mut meter = SkewMeter::default();
        assert_eq!(measured(&mut meter, 0, &[9_000; WINDOW - 1]), None, "too few");
        assert_eq!(
            measured(&mut meter, 0, &[2_500, 3_000, 40, 7_000, 2_900, 2_800, 2_700, 5_000]),
            Some(-40)
        );
    }

    #[test]
    fn a_clock_that_is_off_is_warned_of_once_until_it_agrees_again() {
        let mut meter = SkewMeter::default();
        let delays = [30, 10, 20, 10, 30, 900, 20, 10];
        for (ahead, warns) in
            [(0, false), (1_900, false), (3_000, true), (3_100, false), (0, false), (-2_100, true)]
        {
            let skew = measured(&mut meter, ahead, &delays).unwrap();
            assert!((ahead - skew).abs() <= 10, "{ahead}: {skew}");
            assert_eq!(meter.warns(skew), warns, "{ahead}");
        }
    }

    #[test]
    fn the_largest_skew_counts_until_its_worker_is_gone() {
        let skews = ClockSkews::default();
        assert_eq!(skews.largest_seconds(), 0.0);
        let (one, other) = (NodeId::from_random(1), NodeId::from_random(2));
        skews.set(one, 1_500);
        skews.set(other, -2_500);
        assert_eq!(skews.largest_seconds(), 2.5);
        skews.remove(other);
        assert_eq!(skews.largest_seconds(), 1.5);
    }
}
