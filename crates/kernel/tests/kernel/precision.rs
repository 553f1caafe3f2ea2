//! Single precision against double precision, on the same draws.

use carlo_kernel::{Job, reference, threshold};
use carlo_types::BLOCK_SIMULATIONS;
use carlo_types::results::PERCENTILES;

use crate::{golden, level};

/// Simulations of each case that are compared.
const COUNT: u64 = 12 * BLOCK_SIMULATIONS;

#[test]
fn single_precision_moves_next_to_nothing() {
    for case in golden::cases() {
        let spec = case.spec(COUNT, 17);
        let job = Job::new(&spec, level());
        let mut single: Vec<f32> = (0..12).flat_map(|block| job.final_balances(block)).collect();
        let mut double: Vec<f64> =
            (0..COUNT).map(|index| reference::final_balance_f64(&spec, index)).collect();
        let target = spec.goal.target_amount;
        let differ = single
            .iter()
            .zip(&double)
            .filter(|&(&x, &y)| (x >= threshold(target)) != (y >= threshold(target).into()))
            .count();
        assert!(differ as f64 <= 1e-5 * COUNT as f64, "{}: {differ} of {COUNT} decisions", case.name);

        single.sort_unstable_by(f32::total_cmp);
        double.sort_unstable_by(f64::total_cmp);
        for percent in PERCENTILES {
            let rank = (COUNT * u64::from(percent)).div_ceil(100) as usize - 1;
            let moved = f64::from(single[rank]) / double[rank] - 1.0;
            assert!(moved.abs() <= 1e-5, "{}: p{percent} moves by {moved:.1e}", case.name);
        }
    }
}
