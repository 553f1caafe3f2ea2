#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]
#![expect(clippy::many_single_char_names, reason = "operands of operations")]

use proptest::prelude::*;

use super::*;
use crate::level::Level;

/// What every operation makes of these words, as bits.
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
            lanes.left::<22>(a),
            lanes.word(7),
        ];
        let [x, y, z] = [a, b, c].map(|words| lanes.signed(lanes.or(words, lanes.word(1))));
        let y = lanes.mul(y, lanes.float(1.0 / 65_536.0));
        let mask = lanes.at_most(a, b);
        let floats = [
            x,
            lanes.with_bits(a),
            lanes.add(x, y),
            lanes.sub(x, y),
            lanes.mul(x, y),
            lanes.fma(x, y, z),
            lanes.sqrt(lanes.mul(x, x)),
            lanes.fma_if(lanes.positive(x), x, y, z),
            lanes.within(x, lanes.float(1e9)),
            lanes.within(x, lanes.float(f32::INFINITY)),
            lanes.fma_if(lanes.positive(lanes.float(0.0)), x, y, z),
            lanes.fma_if(lanes.positive(lanes.float(-0.0)), x, y, z),
            lanes.exponent(x),
            lanes.mantissa(x),
            lanes.flip(y, a),
            lanes.fma_word_if(mask, a, y, z, x),
            lanes.fma_if(mask, x, y, z),
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

/// What [`Portable`] makes of them, a register at a time.
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
