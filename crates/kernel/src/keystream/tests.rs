use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::lanes::Task;
use crate::level::Level;

/// Block counters of two sources of chance.
const COUNTERS: [[u64; 3]; 2] = [[0, 1, 2], [4 << 32, (4 << 32) + 1, (5 << 32) - 1]];

/// Three blocks of the streams from `first` on, word by word.
struct Words {
    key: [u32; 8],
    first: u64,
    counters: [u64; 3],
}

impl Task for Words {
    type Output = Vec<Vec<u32>>;

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    fn run<L: Register>(self, lanes: L) -> Self::Output {
        let high = (self.first >> 32) as u32;
        let uniform = Uniform::new(&self.key, self.counters[0], high);
        let streams = Streams::new(lanes, &self.key, &uniform, self.first as u32);
        let mut all = Vec::new();
        for counter in self.counters {
            for word in streams.block(lanes, &Uniform::new(&self.key, counter, high)) {
                let mut out = [0; WIDTH_MAX];
                lanes.store_words(word, &mut out);
                all.push(out[..L::WIDTH].to_vec());
            }
        }
        all
    }
}

proptest! {
    #[test]
    fn every_lane_is_a_stream_of_rand_chacha(seed: u64, group in 0..(1_u64 << 36)) {
        let generator = ChaCha8Rng::seed_from_u64(seed);
        let key = crate::plan::key(seed);
        let first = group * WIDTH_MAX as u64;
        for (level, counters) in Level::available().into_iter().flat_map(|level| COUNTERS.map(|counters| (level, counters))) {
            let words = level.run(Words { key, first, counters });
            for lane in 0..words[0].len() {
                let mut stream = generator.clone();
                stream.set_stream(first + lane as u64);
                for (block, counter) in words.chunks(WORDS).zip(counters) {
                    stream.set_word_pos(16 * u128::from(counter));
                    for (i, word) in block.iter().enumerate() {
                        prop_assert_eq!(word[lane], stream.next_u32(), "{} lane {} word {}", level, lane, i);
                    }
                }
            }
        }
    }
}
