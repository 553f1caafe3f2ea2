#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]
#![expect(clippy::many_single_char_names, reason = "operands of operations")]

use proptest::prelude::*;

use super::*;
use crate::level::Level;

/// The bits of all operations' results for these words.
struct Operations {
    a: [u32; WIDTH_MAX],
    b: [u32; WIDTH_MAX],
    c: [u32; WIDTH_MAX],
}

impl Task for Operations {
    type Output = Vec<Vec<u32>>;

    #[inline(always)]
    fn run<L: Register>(self, lanes: L) -> Self::Output {
        let (a, b, c) = (lanes.words(&self.a), lanes.words(&self.b), lanes.words(&self.c));
        let words = [
            lanes.add_words(a, b),
            lanes.xor(a, b),
            lanes.and(a, b),
            lanes.or(a, b),
            lanes.rotate::<16>(a),
            lanes.rotate::<12>(a),
            lanes.rotate::<8>(a),
            lanes.rotate::<7>(a),
            lanes.left(a, 12),
            lanes.left(a, 0),
            lanes.right(a, 20),
            lanes.right(a, 0),
            lanes.word(7),
            lanes.bits(lanes.number(a)),
        ];
        let [x, y, z] = [a, b, c].map(|words| lanes.number(lanes.or(words, lanes.word(1))));
        let y = lanes.mul(y, lanes.float(1.0 / 65_536.0));
        let positive = lanes.number(lanes.or(lanes.right(a, 1), lanes.word(1)));
        let mask = lanes.below(a, b);
        let pairs = lanes.gather_pairs(&[[1.5, 2.5], [-2.0, 8.0], [7.0, -9.0]], lanes.right(a, 30));
        let (zero, minus_zero) = (lanes.float(0.0), lanes.float(-0.0));
        let floats = [
            x,
            lanes.add(x, y),
            lanes.sub(x, y),
            lanes.mul(x, y),
            lanes.fma(x, y, z),
            lanes.sqrt(lanes.mul(x, x)),
            lanes.larger(x, y),
            lanes.smaller(x, y),
            lanes.larger(x, zero),
            lanes.larger(zero, minus_zero),
            lanes.larger(minus_zero, zero),
            lanes.smaller(zero, minus_zero),
            lanes.smaller(minus_zero, zero),
            lanes.exponent(positive),
            lanes.mantissa(positive),
            lanes.flip(y, a),
            lanes.masked(mask, y),
            lanes.div(x, lanes.add(y, lanes.float(0.5))),
            lanes.select(mask, x, y),
            lanes.masked(lanes.less(x, y), x),
            lanes.masked(lanes.less(minus_zero, zero), x),
            lanes.masked(lanes.both(mask, lanes.less(x, z)), x),
            lanes.masked(lanes.either(mask, lanes.less(x, z)), x),
            lanes.with_bits(lanes.bits(y)),
            lanes.gather(&[1.5, -2.0, 7.0], lanes.right(a, 30)),
            lanes.gather(&[3.0], a),
            pairs[0],
            pairs[1],
        ];
        let mut out = Vec::new();
        for word in words {
            let mut words = [0; WIDTH_MAX];
            lanes.store_words(word, &mut words);
            out.push(words[..L::WIDTH].to_vec());
        }
        for float in floats {
            let mut numbers = [0.0; WIDTH_MAX];
            lanes.store(float, &mut numbers);
            out.push(numbers[..L::WIDTH].iter().map(|x| x.to_bits()).collect());
        }
        out
    }
}

/// The results of [`Portable`], register by register.
fn expected(a: &[u32; WIDTH_MAX], b: &[u32; WIDTH_MAX], c: &[u32; WIDTH_MAX]) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = Vec::new();
    for first in (0..WIDTH_MAX).step_by(Portable::WIDTH) {
        let part = |words: &[u32; WIDTH_MAX]| {
            let mut words = *words;
            words.rotate_left(first);
            words
        };
        let lanes = Portable.run(Operations { a: part(a), b: part(b), c: part(c) });
        all.resize(lanes.len(), Vec::new());
        all.iter_mut().zip(lanes).for_each(|(all, lanes)| all.extend(lanes));
    }
    all
}

proptest! {
    #[test]
    fn every_operation_gives_the_same_bits_on_every_level(a: [u32; WIDTH_MAX], b: [u32; WIDTH_MAX], c: [u32; WIDTH_MAX]) {
        let expected = expected(&a, &b, &c);
        for level in Level::available() {
            let found = level.run(Operations { a, b, c });
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                prop_assert_eq!(found.as_slice(), &expected[..found.len()], "{}, operation {}", level, i);
            }
        }
    }
}
