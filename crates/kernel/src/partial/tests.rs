use carlo_types::limits::PARTIAL_BYTES_MAX;
use proptest::prelude::*;

use super::*;
use crate::grid::BINS;
use crate::lifetime::tally::Counts;
use crate::notable::Seen;
use crate::paired::PairedCounts;

/// A possible partial result. All of them have the same grid.
fn partial() -> impl Strategy<Value = Partial> {
    let bin = (0..u16::try_from(BINS).unwrap(), 1..1_000_000_u64);
    let near = (18_900..19_100_u16, 1..100_u64);
    proptest::collection::btree_map(
        prop_oneof![bin.prop_map(|x| x), near.prop_map(|x| x)].prop_map(|(bin, _)| bin),
        1..1_000_000_u64,
        0..200,
    )
    .prop_flat_map(|bins| {
        let simulations: u64 = bins.values().sum();
        (Just(bins), 0..=simulations, -1e6..0.0_f32, 0.0..1e6_f32, any::<i32>(), any::<u32>())
    })
    .prop_map(|(bins, successes, least, most, sum, squares)| {
        let simulations = bins.values().sum();
        let empty = simulations == 0;
        Partial {
            grid: Grid::from_bits(100.0_f32.to_bits(), 10.0_f32.to_bits()).unwrap(),
            simulations,
            successes,
            least: if empty { f32::INFINITY } else { least },
            most: if empty { f32::NEG_INFINITY } else { most },
            sum: if empty { 0 } else { sum.into() },
            squares: if empty { 0 } else { squares.into() },
            bins: bins.into_iter().collect(),
            notable: Notable {
                aims: nothing().notable.aims,
                seen: (!empty).then(|| {
                    let seen =
                        |balance: f32, index: u32| Seen { balance: balance.to_bits(), index: index.into() };
                    let middle = |index| seen(if squares % 2 == 0 { least } else { most }, squares % index);
                    [
                        seen(least, squares % 3),
                        seen(most, squares % 5),
                        middle(7),
                        middle(11),
                        middle(13),
                        middle(17),
                    ]
                }),
            },
            variants: [1.5_f64, 2.5]
                .map(|value| {
                    let pairs = PairedCounts { gained: (simulations - successes) / 2, lost: successes / 3 };
                    (Some(value.to_bits()), pairs)
                })
                .into_iter()
                .filter_map(|bits| VariantCounts::from_bits(bits, None))
                .collect(),
            is_limited: squares % 2 == 1,
            ..nothing()
        }
    })
}

/// A partial result without simulations.
fn nothing() -> Partial {
    Partial {
        grid: Grid::from_bits(100.0_f32.to_bits(), 10.0_f32.to_bits()).unwrap(),
        simulations: 0,
        successes: 0,
        least: f32::INFINITY,
        most: f32::NEG_INFINITY,
        sum: 0,
        squares: 0,
        bins: Vec::new(),
        sensitivity: ScenarioCounts::default(),
        scales: Vec::new(),
        chart: Vec::new(),
        notable: Notable { aims: [-5e5, 0.0, 5e5, 1e5].map(f32::to_bits), seen: None },
        variants: Vec::new(),
        plan: Counts::default(),
        is_limited: false,
    }
}

fn sum(left: &Partial, right: &Partial) -> Partial {
    let mut sum = left.clone();
    sum.merge(right);
    sum
}

proptest! {
    #[test]
    fn merging_is_associative_and_commutative(a in partial(), b in partial(), c in partial()) {
        prop_assert_eq!(sum(&a, &b), sum(&b, &a));
        prop_assert_eq!(sum(&sum(&a, &b), &c), sum(&a, &sum(&b, &c)));
        prop_assert_eq!(sum(&a, &b).simulations(), a.simulations() + b.simulations());
    }

    #[test]
    fn bytes_are_read_back(partial in partial()) {
        prop_assert_eq!(Partial::decode(&partial.encode()), Ok(partial));
    }

    #[test]
    fn damaged_bytes_are_refused_or_are_another_partial(
        partial in partial(),
        at: prop::sample::Index,
        flip in 1..=255_u8,
        cut: prop::sample::Index,
    ) {
        let bytes = partial.encode();
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] ^= flip;
        if let Ok(other) = Partial::decode(&damaged) {
            prop_assert_ne!(&other, &partial);
            prop_assert_eq!(other.encode(), damaged);
        }
        let cut = &bytes[..cut.index(bytes.len())];
        let is_only_unlimited = partial.is_limited && cut.len() + 1 == bytes.len();
        prop_assert!(Partial::decode(cut).is_err() || is_only_unlimited);
        let longer = [bytes.as_slice(), &[0]].concat();
        prop_assert!(Partial::decode(&longer).is_err());
    }

    #[test]
    fn noise_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(partial) = Partial::decode(&bytes) {
            prop_assert_eq!(partial.encode(), bytes);
        }
    }
}

#[test]
fn what_is_too_long_is_refused_unread() {
    assert!(Partial::decode(&vec![0; PARTIAL_BYTES_MAX + 1]).is_err());
}

#[test]
fn another_grid_adds_nothing() {
    let grid = |center: f32| Grid::from_bits(center.to_bits(), 1.0_f32.to_bits()).unwrap();
    let one = |center: f32| Partial {
        grid: grid(center),
        simulations: 1,
        successes: 1,
        least: center,
        most: center,
        sum: 0,
        squares: 0,
        bins: vec![(18_944, 1)],
        notable: Notable {
            seen: Some([Seen { balance: center.to_bits(), index: 0 }; 6]),
            ..nothing().notable
        },
        ..nothing()
    };
    assert!(!one(1.0).fits(&one(2.0)));
    assert_eq!(sum(&one(1.0), &one(2.0)), one(1.0));
}
