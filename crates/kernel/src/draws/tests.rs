use statrs::distribution::{ContinuousCDF, Normal, Uniform};

use super::*;
use crate::keystream::{Streams, Uniform as Shared};
use crate::lanes::{Register, Task, WIDTH_MAX};
use crate::level::Level;
use crate::normals::Axes;
use crate::plan::{Bernoulli, key};
use crate::reference::polar;

/// Half years whose draws are tested: two years.
const HALF_YEARS: usize = 4;
/// Fields of a half year.
const FIELDS: usize = 3 * PAIRS;

#[test]
fn no_bit_serves_two_draws() {
    let mut owner: [[Option<(usize, usize)>; 32]; WORDS] = [[None; 32]; WORDS];
    let tables = [(&RADII, RADIUS_BITS), (&ANGLES, ANGLE_BITS), (&UNIFORMS, UNIFORM_BITS)];
    let mut used = 0;
    for (kind, (table, width)) in tables.into_iter().enumerate() {
        for (number, field) in table.iter().enumerate() {
            assert_eq!(field.iter().map(|bits| bits.width).sum::<u32>(), width);
            for bits in *field {
                for bit in bits.shift..bits.shift + bits.width {
                    let before = owner[bits.word][bit as usize].replace((kind, number));
                    assert_eq!(before, None, "word {}, bit {bit}", bits.word);
                    used += 1;
                }
            }
        }
    }
    assert_eq!(used, 7 * (28 + 20 + 24), "of 512");
}

#[test]
fn no_block_serves_two_half_years_or_sources() {
    // A timeline of 1,200 months and its extensions have 202 half years; replays read a block for
    // every month.
    let household = (0..202).map(household_block);
    let replay = (0..1200).map(|month| Source::Replay.block(month));
    let mut blocks: Vec<u64> = household.chain(replay).collect();
    blocks.sort_unstable();
    assert!(blocks.is_sorted_by(|a, b| a < b));
}

/// The fields of every simulation from 0 to `count`, in two years: half year by half year radii,
/// angles, uniforms.
struct Fields {
    seed: u64,
    count: u32,
}

impl Task for Fields {
    type Output = Vec<Vec<u32>>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled with the level's instructions")]
    fn run<L: Register>(self, lanes: L) -> Self::Output {
        let key = key(self.seed);
        let mut all = vec![Vec::new(); HALF_YEARS * FIELDS];
        for (half, fields) in all.chunks_mut(FIELDS).enumerate() {
            let shared = Shared::new(&key, household_block(half), 0);
            for first in (0..self.count).step_by(L::WIDTH) {
                let streams = Streams::new(lanes, &key, &shared, first);
                let Draws { radius, angle, uniform } = Draws::of(lanes, &streams.block(lanes, &shared));
                for (field, word) in fields.iter_mut().zip(radius.into_iter().chain(angle).chain(uniform)) {
                    let mut values = [0; WIDTH_MAX];
                    lanes.store_words(word, &mut values);
                    field.extend_from_slice(&values[..L::WIDTH]);
                }
            }
        }
        all
    }
}

fn fields(seed: u64, count: u32) -> Vec<Vec<u32>> {
    Level::available()[0].run(Fields { seed, count })
}

/// The number of bits of the `i`-th field.
fn width(i: usize) -> u32 {
    [RADIUS_BITS, ANGLE_BITS, UNIFORM_BITS][i % FIELDS / PAIRS]
}

/// All draws of two years in the form that the model reads: 14 normals and 7 uniforms per half
/// year.
fn draws(seed: u64, count: u32) -> Vec<(bool, Vec<f32>)> {
    let fields = fields(seed, count);
    let mut draws = Vec::new();
    for half in fields.chunks(FIELDS) {
        for pair in 0..PAIRS {
            let mut normals = [const { Vec::new() }; 2];
            for (&radius, &angle) in half[pair].iter().zip(&half[PAIRS + pair]) {
                let polar = polar(&Axes::UNIT, radius, angle);
                for (normals, direction) in normals.iter_mut().zip(polar.direction) {
                    normals.push(polar.square.sqrt() * direction);
                }
            }
            draws.extend(normals.map(|normals| (true, normals)));
        }
        for field in &half[2 * PAIRS..] {
            let scale = 1.0 / Bernoulli::CERTAIN.below as f32;
            draws.push((false, field.iter().map(|&x| (x as f32 + 0.5) * scale).collect()));
        }
    }
    draws
}

/// Kolmogorov and Smirnov's test of every draw against the distribution function of `statrs`.
#[test]
fn draws_have_their_distributions() {
    const COUNT: u32 = 1 << 16;
    // A correct layout exceeds this bound once in 10⁸ tests.
    let bound = ((1e8_f64 * 2.0).ln() / 2.0 / f64::from(COUNT)).sqrt();
    let (normal, uniform) = (Normal::new(0.0, 1.0).unwrap(), Uniform::new(0.0, 1.0).unwrap());
    for (i, (is_normal, mut draws)) in draws(31, COUNT).into_iter().enumerate() {
        draws.sort_unstable_by(f32::total_cmp);
        let mut largest = 0.0_f64;
        for (rank, &x) in draws.iter().enumerate() {
            let p = if is_normal { normal.cdf(x.into()) } else { uniform.cdf(x.into()) };
            let [below, up_to] = [rank, rank + 1].map(|rank| rank as f64 / f64::from(COUNT));
            largest = largest.max(p - below).max(up_to - p);
        }
        assert!(largest < bound, "draw {i}: {largest} of {bound}");
    }
}

/// All draws of two years are uncorrelated, and so are the normals' squares with everything.
#[test]
fn draws_are_uncorrelated() {
    const COUNT: u32 = 1_000_000;
    const LANES: usize = 16;
    let mut draws: Vec<Vec<f32>> = Vec::new();
    for (is_normal, mut values) in self::draws(37, COUNT) {
        let (mean, scale) = if is_normal { (0.0, 1.0) } else { (0.5, 12_f32.sqrt()) };
        for x in &mut values {
            *x = (*x - mean) * scale;
        }
        draws.push(values);
    }
    let n = f64::from(COUNT);
    for (i, a) in draws.iter().enumerate() {
        for (j, b) in draws[..=i].iter().enumerate() {
            let (a, b) = (a.as_chunks::<LANES>().0, b.as_chunks::<LANES>().0);
            let mut sum = 0.0;
            // Short sums in single precision, of which many in double.
            for (a, b) in a.chunks(64).zip(b.chunks(64)) {
                let mut sums = [0.0_f32; LANES];
                for (a, b) in a.iter().zip(b) {
                    for lane in 0..LANES {
                        sums[lane] += a[lane] * b[lane];
                    }
                }
                sum += f64::from(sums.iter().sum::<f32>());
            }
            let correlation = sum / n;
            let expected = f64::from(u8::from(i == j));
            assert!(
                (correlation - expected).abs() < 6.0 / n.sqrt() * (1.0 + expected),
                "{i}, {j}: {correlation}"
            );
        }
    }
}

/// Every field is uniform in its highest and in its lowest bits, and so is every pair of fields.
#[test]
fn fields_and_pairs_of_fields_are_uniform() {
    const COUNT: u32 = 1 << 15;
    /// Bits of a field that are counted together.
    const BITS: u32 = 4;
    const CELLS: usize = 1 << (2 * BITS);
    // Chi-squared with 255 degrees of freedom exceeds this once in 10⁹ tests.
    const BOUND: f64 = 405.0;
    let ends: Vec<Vec<u8>> = fields(41, COUNT)
        .iter()
        .enumerate()
        .flat_map(|(i, field)| {
            [width(i) - BITS, 0]
                .map(|shift| field.iter().map(|x| (x >> shift & ((1 << BITS) - 1)) as u8).collect())
        })
        .collect();
    let expected = f64::from(COUNT) / CELLS as f64;
    for (i, a) in ends.iter().enumerate() {
        for (j, b) in ends[..i].iter().enumerate() {
            let mut counts = [0_u32; CELLS];
            for (&a, &b) in a.iter().zip(b) {
                counts[usize::from(a) << BITS | usize::from(b)] += 1;
            }
            let chi: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
            assert!(chi < BOUND, "ends {i} and {j}: {chi}");
        }
    }
}

/// All pairs of bits of two years are uncorrelated: they agree in half of the simulations. Two
/// draws that shared a single bit of the keystream would fail this test.
#[test]
fn bits_of_fields_are_pairwise_independent() {
    const COUNT: u32 = 1 << 13;
    let rows: Vec<Vec<u64>> = fields(43, COUNT)
        .iter()
        .enumerate()
        .flat_map(|(i, field)| {
            (0..width(i)).map(move |bit| {
                field
                    .chunks(64)
                    .map(|chunk| chunk.iter().fold(0, |row, x| row << 1 | u64::from(x >> bit & 1)))
                    .collect()
            })
        })
        .collect();
    // There are two million pairs, and 7 standard errors are exceeded once in 4 × 10¹¹.
    let (half, bound) = (f64::from(COUNT) / 2.0, 7.0 * f64::from(COUNT).sqrt() / 2.0);
    for (i, a) in rows.iter().enumerate() {
        let ones: u32 = a.iter().map(|row| row.count_ones()).sum();
        assert!((f64::from(ones) - half).abs() < bound, "bit {i}: {ones} ones");
        for (j, b) in rows[..i].iter().enumerate() {
            let differ: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert!((f64::from(differ) - half).abs() < bound, "bits {i} and {j}: {differ} differ");
        }
    }
}
