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
    a: [u32; LANES],
    b: [u32; LANES],
    c: [u32; LANES],
}

impl Task for Operations {
    type Output = Vec<[u32; LANES]>;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Self::Output {
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
            lanes.word(self.a[0]),
        ];
        let [x, y, z] = [a, b, c].map(|words| lanes.signed(lanes.or(words, lanes.word(1))));
        let y = lanes.mul(y, lanes.float(1.0 / 65_536.0));
        let mask = lanes.at_most(a, b);
        let floats = [
            x,
            lanes.add(x, y),
            lanes.sub(x, y),
            lanes.mul(x, y),
            lanes.fma(x, y, z),
            lanes.sqrt(lanes.mul(x, x)),
            lanes.max(x, y),
            lanes.min(x, y),
            lanes.max(lanes.float(-0.0), lanes.float(0.0)),
            lanes.exponent(x),
            lanes.mantissa(x),
            lanes.flip(y, a),
            lanes.sub_where(mask, x, y),
            lanes.select(mask, x, y),
        ];
        let mut out = vec![[0; LANES]; words.len()];
        for (out, word) in out.iter_mut().zip(words) {
            lanes.store_words(word, out);
        }
        for float in floats {
            let mut numbers = [0.0; LANES];
            lanes.store(float, &mut numbers);
            out.push(numbers.map(f32::to_bits));
        }
        out
    }
}

proptest! {
    #[test]
    fn every_operation_gives_the_same_bits_on_every_level(a: [u32; LANES], b: [u32; LANES], c: [u32; LANES]) {
        let expected = Portable.run(Operations { a, b, c });
        for level in Level::available() {
            let found = level.run(Operations { a, b, c });
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                prop_assert_eq!(found, expected, "{}, operation {}", level, i);
            }
        }
    }
}
