use proptest::prelude::*;

use super::*;

const NONE: Notable = Notable { aims: [0, 0, 0, 0], seen: None };

fn notable(aims: [f32; AIMS]) -> Notable {
    Notable { aims: aims.map(f32::to_bits), ..NONE }
}

/// What a plain search finds.
fn expected(notable: &Notable, balances: &[f32]) -> Vec<(f32, u64)> {
    let nearest = |distance: &dyn Fn(f32) -> f32| {
        let mut best = 0;
        for i in 1..balances.len() {
            if distance(balances[i]) < distance(balances[best]) {
                best = i;
            }
        }
        (balances[best], best as u64)
    };
    let mut all = vec![nearest(&|x| x), nearest(&|x| -x)];
    for aim in notable.aims.map(f32::from_bits) {
        all.push(nearest(&|x| (x - aim).abs()));
    }
    all
}

proptest! {
    #[test]
    fn batches_in_any_order_find_what_a_plain_search_finds(
        // Few values, so that many are equal.
        balances in proptest::collection::vec((-6..6_i8).prop_map(|x| f32::from(x) * 1.5), 1..200),
        aims in proptest::array::uniform4(-10.0..10.0_f32),
        size in 1..50_usize,
        backwards: bool,
    ) {
        let empty = notable(aims);
        let mut parts: Vec<Notable> = Vec::new();
        for (at, batch) in (0..).step_by(size).zip(balances.chunks(size)) {
            let mut part = empty;
            part.add(at, batch);
            parts.push(part);
        }
        if backwards {
            parts.reverse();
        }
        let mut merged = empty;
        for part in &parts {
            merged.merge(part);
        }
        let found: Vec<(f32, u64)> = merged.seen.unwrap().iter().map(|seen| (seen.balance(), seen.index)).collect();
        prop_assert_eq!(found, expected(&empty, &balances));
        let mut at_once = empty;
        at_once.add(0, &balances);
        prop_assert_eq!(at_once, merged);
    }
}

#[test]
fn nothing_has_no_answer() {
    assert_eq!(NONE.summary(None), None);
    let mut none = NONE;
    none.add(0, &[]);
    none.merge(&NONE);
    assert_eq!(none, NONE);
}
