#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use super::*;
use crate::lanes::{Register, Task, WIDTH_MAX};
use crate::level::Level;

/// Every function of these numbers, one row a function.
struct Functions<'a>(&'a [f32]);

impl Task for Functions<'_> {
    type Output = [Vec<f32>; 5];

    #[inline(always)]
    fn run<L: Register>(self, lanes: L) -> Self::Output {
        let mut rows = [const { Vec::new() }; 5];
        for numbers in self.0.chunks(L::WIDTH) {
            let mut bits = [ONE; WIDTH_MAX];
            for (bits, x) in bits.iter_mut().zip(numbers) {
                *bits = x.to_bits();
            }
            let words = lanes.words(&bits);
            let x = lanes.with_bits(words);
            let magnitude = lanes.with_bits(lanes.and(words, lanes.word(0x7fff_ffff)));
            let uniform = lanes.right(words, 8);
            let results = [
                expm1(lanes, x),
                ln(lanes, lanes.larger(magnitude, lanes.float(f32::MIN_POSITIVE))),
                twelfth_root_rate(lanes, lanes.larger(x, lanes.float(-0.99))),
                choice(lanes, uniform, 2_400.0),
                lanes.number(whole_word(lanes, choice(lanes, uniform, 2_400.0))),
            ];
            for (row, result) in rows.iter_mut().zip(results) {
                let mut out = [0.0; WIDTH_MAX];
                lanes.store(result, &mut out);
                row.extend(&out[..numbers.len()]);
            }
        }
        rows
    }
}

/// Numbers of every size that the functions meet, with both signs, and uniforms of every kind.
fn numbers() -> Vec<f32> {
    let mut numbers = vec![0.0, -0.0, 1.0, -1.0, 88.0, -87.0, 200.0, -200.0, f32::MIN_POSITIVE];
    for i in 0..60_000_u16 {
        let x = f32::from(i) / 500.0;
        numbers.extend([x, -x, x / 4_096.0, -x / 4_096.0, 1.0 + x / 65_536.0]);
        numbers.push(f32::from_bits(u32::from(i) << 15 | 0x7fff));
    }
    numbers.retain(|x| x.is_finite());
    numbers
}

#[test]
fn every_level_gives_the_bits_of_the_scalar_twin() {
    let numbers = numbers();
    for level in Level::available() {
        let [exp, log, root, which, word] = level.run(Functions(&numbers));
        for (i, &x) in numbers.iter().enumerate() {
            let found = [exp[i], log[i], root[i], which[i], word[i]];
            let uniform = x.to_bits() >> 8;
            let expected = [
                scalar::expm1(x),
                scalar::ln(x.abs().max(f32::MIN_POSITIVE)),
                scalar::twelfth_root_rate(x.max(-0.99)),
                scalar::choice(uniform, 2_400.0),
                scalar::choice(uniform, 2_400.0),
            ];
            assert_eq!(found.map(f32::to_bits), expected.map(f32::to_bits), "{level}: {x}: {found:?}");
        }
    }
}

#[test]
fn errors_are_as_small_as_stated() {
    for x in numbers() {
        let exact = f64::from(x.clamp(EXP_MIN, EXP_MAX)).exp_m1();
        let error = (f64::from(scalar::expm1(x)) - exact).abs();
        let bound = 1.2e-7 * exact.abs().max(if x < -0.35 { 1.0 } else { 0.0 });
        assert!(error <= bound, "exp({x}) - 1 is {exact}, {error} off");

        let positive = x.abs().max(f32::MIN_POSITIVE);
        let exact = f64::from(positive).ln();
        let error = (f64::from(scalar::ln(positive)) - exact).abs();
        assert!(error <= 1.2e-7 * exact.abs().max(1.0), "ln({positive}) is {exact}, {error} off");

        let rate = x.clamp(-0.7, 5.0);
        let exact = (f64::from(rate).ln_1p() / 12.0).exp_m1();
        let error = (f64::from(scalar::twelfth_root_rate(rate)) - exact).abs();
        assert!(error <= 1e-8 + 2e-7 * exact.abs(), "root of 1 + {rate} is 1 + {exact}, {error} off");
    }
    assert_eq!(scalar::twelfth_root_rate(0.0), 0.0);
    assert_eq!(scalar::expm1(0.0), 0.0);
}

#[test]
fn every_choice_is_as_likely_as_the_others() {
    for count in [1_u16, 2, 3, 97, 120, 2_400] {
        let mut chosen = vec![0_u32; usize::from(count)];
        for uniform in (0..1 << 24).step_by(3) {
            let which = scalar::choice(uniform, f32::from(count));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the count")]
            let which = which as usize;
            chosen[which] += 1;
        }
        let expected = f64::from((1_u32 << 24).div_ceil(3)) / f64::from(count);
        for (which, &found) in chosen.iter().enumerate() {
            // An end of a step may round either way.
            assert!(
                (f64::from(found) - expected).abs() <= 2.0,
                "{which} of {count}: {found}, not {expected}"
            );
        }
    }
}
