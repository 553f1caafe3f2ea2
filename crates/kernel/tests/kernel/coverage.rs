//! Over many seeds, 95 % intervals contain the true value in 93 to 97 % of the cases.

use carlo_kernel::{Level, results};
use carlo_types::results::PERCENTILES;

use crate::{golden, level, whole};

/// Jobs of each case.
const SEEDS: u32 = 1_000;
/// Simulations of each job.
const COUNT: u64 = 4_096;
/// The scenario whose difference is tested.
const SCENARIO: usize = 0;

/// How many of the jobs' intervals contain the true value: of the probability, each percentile, and
/// a scenario's difference.
fn coverage(case: &golden::Case, level: Level) -> [u32; 9] {
    // The difference of a million pairs, which is 16 times more certain than a job's.
    let long = case.spec(1_000_000, 1 << 40);
    let difference = results(&long, &whole(&long, level)).sensitivity.unwrap().scenarios[SCENARIO].delta;
    let mut holding = [0; 9];
    for seed in 0..u64::from(SEEDS) {
        let spec = case.spec(COUNT, seed);
        let answer = results(&spec, &whole(&spec, level));
        let mut hold = |i: usize, low: f64, value: f64, high: f64| {
            holding[i] += u32::from((low..=high).contains(&value));
        };
        let [low, high] = answer.confidence_interval_95;
        hold(0, low, case.success_probability, high);
        for i in 0..PERCENTILES.len() {
            let [low, high] = answer.percentile_intervals_95[i];
            hold(1 + i, low, case.percentiles[i], high);
        }
        let scenario = answer.sensitivity.unwrap().scenarios[SCENARIO];
        let half = 1.96 * scenario.standard_error;
        hold(8, scenario.delta - half, difference, scenario.delta + half);
    }
    holding
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let case = &golden::cases()[0];
    let held = coverage(case, level());
    assert!(held.iter().all(|held| (930..=970).contains(held)), "{}: {held:?} of {SEEDS}", case.name);
}
