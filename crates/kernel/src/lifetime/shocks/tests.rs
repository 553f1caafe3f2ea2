use serde_json::{Value, json};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT, Uniform as Even};

use super::*;
use crate::draws::Field;
use crate::lanes::{Task, WIDTH_MAX};
use crate::level::Level;
use crate::lifetime::pipeline::indices;
use crate::lifetime::pipeline::tests::spec;

/// Months whose draws are looked at: those of two years.
const MONTHS: usize = 2 * YEAR;
/// Years whose innovations of inflation are looked at: more than a block has.
const YEARS: usize = 20;

/// The market's draw of each month, the inflation of each year as a deviation, and the uniforms of
/// lives, of the first simulations.
struct Draws<'a> {
    plan: &'a Lifetime,
    count: u32,
}

impl Task for Draws<'_> {
    type Output = Vec<Vec<f32>>;

    #[inline(always)]
    fn run<L: Register>(self, lanes: L) -> Self::Output {
        let Self { plan, count } = self;
        let key = &plan.plan.key;
        let blocks = Blocks::new(plan, YEARS * YEAR, 0);
        let mut shocks = Shocks::new(lanes, key);
        let mut all = vec![Vec::new(); MONTHS + YEARS + 2];
        let width = u32::try_from(REGISTERS * L::WIDTH).unwrap();
        for first in (0..count).step_by(width as usize) {
            let indices = indices(lanes, 0, first as usize, None);
            shocks.begin(lanes, key, &blocks, &indices);
            for month in 0..YEARS * YEAR {
                if month % YEAR == 0 {
                    shocks.year(lanes, plan, &blocks, month / YEAR);
                    store(lanes, &shocks.deviation, &mut all[MONTHS + month / YEAR]);
                }
                shocks.month(lanes, &plan.market, month);
                if month < MONTHS {
                    store(lanes, &shocks.draw, &mut all[month]);
                }
            }
            for (person, lives) in shocks.lives.iter().enumerate() {
                let mut numbers = Tile::filled(lanes.float(0.0));
                for (number, &life) in numbers.iter_mut().zip(lives.iter()) {
                    *number = lanes.number(life);
                }
                store(lanes, &numbers, &mut all[MONTHS + YEARS + person]);
            }
        }
        all
    }
}

#[inline(always)]
fn store<L: Register>(lanes: L, tile: &Tile<L::Float>, out: &mut Vec<f32>) {
    for &numbers in tile.iter() {
        let mut lane = [0.0; WIDTH_MAX];
        lanes.store(numbers, &mut lane);
        out.extend_from_slice(&lane[..L::WIDTH]);
    }
}

fn draws(plan: &Value, count: u32) -> Vec<Vec<f32>> {
    let spec = spec(&json!({
        "financialProfile": { "liquidAssets": 1, "monthlySpending": 1 },
        "userInputs": { "monthlyIncome": 1 },
        "goal": { "targetAmount": 1, "timelineMonths": YEARS * YEAR },
        "simulationParams": { "seed": 41 },
        "plan": plan,
    }));
    Level::available()[0].run(Draws { plan: &Lifetime::new(&spec), count })
}

/// Asserts that numbers have a distribution, by Kolmogorov and Smirnov's test. A statistic this
/// large comes once in 10⁸ tests.
fn assert_distribution(what: &str, numbers: &[f32], cdf: impl Fn(f64) -> f64) {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable_by(f32::total_cmp);
    let n = numbers.len() as f64;
    let bound = ((1e8_f64 * 2.0).ln() / 2.0 / n).sqrt();
    let mut largest = 0.0_f64;
    for (rank, &x) in numbers.iter().enumerate() {
        let (p, below) = (cdf(x.into()), rank as f64 / n);
        largest = largest.max(p - below).max(below + 1.0 / n - p);
    }
    assert!(largest < bound, "{what}: {largest} of {bound}");
}

#[test]
fn draws_have_their_distributions_and_are_uncorrelated() {
    const COUNT: u32 = 1 << 14;
    let standard = Normal::new(0.0, 1.0).unwrap();
    let person = json!({ "age": 60, "modalAge": 85, "dispersion": 10 });
    let prices = json!({ "mean": 0.02, "std": 0.5, "persistence": 0 });
    for (model, is_t) in [("lognormal", false), ("studentT", true)] {
        let mut returns = json!({ "model": model });
        if is_t {
            returns["degreesOfFreedom"] = 4.into();
        }
        let plan = json!({ "returns": returns, "prices": prices, "people": [person, person] });
        let draws = draws(&plan, COUNT);
        let t = StudentsT::new(0.0, 1.0, 4.0).unwrap();
        for (month, draws) in draws[..MONTHS].iter().enumerate() {
            let cdf = |x| if is_t { t.cdf(x) } else { standard.cdf(x) };
            assert_distribution(&format!("{model}, month {month}"), draws, cdf);
        }
        for (year, draws) in draws[MONTHS..MONTHS + YEARS].iter().enumerate() {
            assert_distribution(&format!("inflation of year {year}"), draws, |x| standard.cdf(2.0 * x));
        }
        let even = Even::new(0.0, f64::from(1 << 24)).unwrap();
        for lives in &draws[MONTHS + YEARS..] {
            assert_distribution("lives", lives, |x| even.cdf(x));
        }
        // Signs have every moment, which Student's t hasn't.
        let middle = |i: usize| if i < MONTHS + YEARS { 0.0 } else { f64::from(1 << 23) };
        let sign = |i: usize, x: f32| (f64::from(x) - middle(i)).signum();
        for i in 0..draws.len() {
            for j in 0..i {
                let pairs = draws[i].iter().zip(&draws[j]);
                let sum: f64 = pairs.map(|(&a, &b)| sign(i, a) * sign(j, b)).sum();
                let correlation = sum / draws[i].len() as f64;
                assert!(correlation.abs() < 6.0 / f64::from(COUNT).sqrt(), "{i}, {j}: {correlation}");
            }
        }
    }
}

/// Each source reads blocks of its own, so one that is switched on moves no draw of another.
#[test]
fn a_source_that_is_added_leaves_the_draws_of_the_others() {
    let people = json!([{ "age": 60, "modalAge": 85, "dispersion": 10 }, { "age": 58, "modalAge": 88, "dispersion": 9 }]);
    let prices = json!({ "mean": 0.02, "std": 0.01, "persistence": 0.5 });
    let lives = MONTHS + YEARS..MONTHS + YEARS + 2;
    let rows: Vec<[f64; 1]> = vec![[0.01]; 50];
    let regime = json!({ "mean": 0, "std": 0.1 });
    for returns in [
        json!({ "model": "lognormal" }),
        json!({ "model": "studentT", "degreesOfFreedom": 4 }),
        json!({ "model": "regimes", "calm": regime, "stress": regime, "calmToStress": 0.1, "stressToCalm": 0.2 }),
        json!({ "model": "bootstrap", "rows": rows, "meanBlockMonths": 8 }),
    ] {
        let all = draws(&json!({ "returns": returns, "prices": prices, "people": people }), 500);
        let alone = draws(&json!({ "returns": returns }), 500);
        assert_eq!(all[..MONTHS], alone[..MONTHS], "{returns}");
        assert!(all[0].iter().any(|&draw| draw != all[0][0]), "{returns}: chance decides");
        let alone = draws(&json!({ "prices": prices }), 500);
        assert_eq!(all[MONTHS..lives.start], alone[MONTHS..lives.start], "{returns}: prices");
        let alone = draws(&json!({ "people": people }), 500);
        assert_eq!(all[lives.clone()], alone[lives.clone()], "{returns}: lives");
    }
}

#[test]
fn regimes_begin_and_stay_stationary() {
    let regime = json!({ "mean": 0, "std": 0.1 });
    let plan = json!({ "returns": {
        "model": "regimes", "calm": regime, "stress": regime, "calmToStress": 0.03, "stressToCalm": 0.12,
    }});
    for (month, draws) in draws(&plan, 1 << 16)[..MONTHS].iter().enumerate() {
        let share = f64::from(draws.iter().sum::<f32>()) / draws.len() as f64;
        let error = (0.2 * 0.8 / draws.len() as f64).sqrt();
        assert!((share - 0.2).abs() < 5.0 * error, "month {month}: {share}");
    }
}

#[test]
fn blocks_of_a_bootstrap_are_geometric() {
    const ROWS: u16 = 97;
    let rows: Vec<[f64; 1]> = vec![[0.01]; ROWS.into()];
    let plan = json!({ "returns": { "model": "bootstrap", "rows": rows, "meanBlockMonths": 8 } });
    let draws = draws(&plan, 1 << 15);
    let last = f32::from(ROWS - 1);
    for month in 0..MONTHS {
        let even = draws[month].iter().map(|&row| f64::from(row) / f64::from(last)).sum::<f64>();
        let n = draws[month].len() as f64;
        assert!((even / n - 0.5).abs() < 5.0 * (1.0 / 12.0 / n).sqrt(), "month {month}: rows are uniform");
        if month > 0 {
            let next = |row: f32| if row < last { row + 1.0 } else { 0.0 };
            let breaks = draws[month - 1].iter().zip(&draws[month]);
            let breaks = breaks.filter(|&(&before, &now)| now != next(before)).count() as f64;
            let expected = 96.0 / 97.0 / 8.0;
            let error = (expected * (1.0 - expected) / n).sqrt();
            assert!((breaks / n - expected).abs() < 5.0 * error, "month {month}: {}", breaks / n);
        }
    }
}

/// Asserts that these parts of a block have no bit in common.
fn assert_disjoint(what: &str, parts: impl IntoIterator<Item = Bits>) {
    let mut owned = [0_u32; WORDS];
    for Bits { word, shift, width } in parts {
        let bits = u32::MAX >> (32 - width) << shift;
        assert_eq!(owned[word] & bits, 0, "{what}: word {word}, shift {shift}");
        owned[word] |= bits;
    }
}

#[test]
fn no_bit_serves_two_draws_of_a_source() {
    let parts = |fields: &[Field]| fields.concat();
    assert_disjoint("prices", parts(PRICE_PAIRS.as_flattened()));
    assert_disjoint("lives", parts(&LIVES));
    assert_disjoint("log-normal returns", parts(LOGNORMAL_PAIRS.as_flattened()));
    for (what, block) in
        [("radii", STUDENT_RADII), ("angles", STUDENT_ANGLES), ("changes", CHANGES), ("choices", CHOICES)]
    {
        assert_disjoint(what, block);
    }
    for [radius, angle] in PRICE_PAIRS.into_iter().chain(LOGNORMAL_PAIRS) {
        let widths = [radius, angle].map(|field| field.iter().map(|bits| bits.width).sum::<u32>());
        assert_eq!(widths, [28, 20]);
    }
}

#[test]
fn no_block_serves_two_sources() {
    let sources = [Source::Household, Source::Market, Source::Prices, Source::Lives, Source::Replay];
    let mut blocks: Vec<u64> =
        sources.iter().flat_map(|source| (0..1_300).map(|index| source.block(index))).collect();
    blocks.sort_unstable();
    assert!(blocks.is_sorted_by(|a, b| a < b));
}
