use super::*;
use crate::tests::marks::Marks;

const N: u64 = 1_000_000;

fn segments(target: Option<f64>) -> Segments {
    Segments::new(N, target).unwrap()
}

fn add(fold: &mut Fold<Marks>, start: u64, end: u64) {
    let range = BlockRange::new(start, end).unwrap();
    fold.add(range, Marks::of(range, N));
}

#[test]
fn checkpoints_are_65536_simulations_and_every_doubling_up_to_all() {
    let ends: Vec<u64> =
        (0..9).map_while(|number| segments(Some(0.1)).segment(number)).map(BlockRange::end).collect();
    assert_eq!(ends, [4, 8, 16, 32, 62]);
    for block in 0..62 {
        let around = segments(Some(0.1)).around(block).unwrap();
        assert!((around.start()..around.end()).contains(&block));
    }
    assert_eq!(segments(None).around(61), BlockRange::new(0, 62));
    assert_eq!(Segments::new(5, Some(0.1)).unwrap().around(0), BlockRange::new(0, 1));
}

#[test]
fn a_fold_is_complete_at_the_first_checkpoint_that_meets_the_target_whatever_came_in_before() {
    // √(p(1−p)/n) is below 0.0012 from n = 145,000 on, which is at the third checkpoint.
    let mut fold = Fold::new(segments(Some(0.0012)));
    add(&mut fold, 16, 32);
    add(&mut fold, 8, 16);
    add(&mut fold, 2, 4);
    assert!(!fold.is_complete());
    add(&mut fold, 4, 8);
    assert!(!fold.is_complete());
    add(&mut fold, 0, 2);
    assert!(fold.is_complete());
    assert_eq!(fold.into_prefix(), Some(Marks::of(BlockRange::new(0, 16).unwrap(), N)));
}

#[test]
fn a_target_that_is_never_met_takes_every_simulation() {
    let mut fold = Fold::new(segments(Some(1e-9)));
    for (start, end) in [(0, 4), (4, 8), (8, 16), (16, 32), (32, 62)] {
        assert!(!fold.is_complete());
        add(&mut fold, start, end);
    }
    assert!(fold.is_complete());
    assert_eq!(fold.simulations(), N);
}

#[test]
fn leases_may_run_one_checkpoint_ahead_unless_the_first_open_one_is_certainly_enough() {
    let mut fold = Fold::new(segments(Some(0.0012)));
    assert_eq!(fold.horizon(), 8);
    add(&mut fold, 0, 4);
    assert_eq!(fold.horizon(), 16);
    add(&mut fold, 4, 8);
    // ¼ / 0.0012² = 173,611 simulations are enough for any probability, and this checkpoint is at
    // 262,144.
    assert_eq!(fold.horizon(), 16);
    assert_eq!(Fold::<Marks>::new(segments(None)).horizon(), 62);
}

#[test]
fn a_fold_comes_back_from_its_parts() {
    for target in [None, Some(0.0001)] {
        let mut fold = Fold::new(segments(target));
        for (start, end) in [(0, 4), (4, 8), (9, 12), (20, 30)] {
            add(&mut fold, start, end);
        }
        let done: Vec<_> =
            [(0, 8), (9, 12), (20, 30)].into_iter().map(|(s, e)| BlockRange::new(s, e).unwrap()).collect();
        let back = Fold::restore(segments(target), &done, fold.parts()).unwrap();
        assert_eq!(back.parts(), fold.parts());
        assert_eq!(back.merged(), fold.merged());
        assert_eq!(back.horizon(), fold.horizon());
        // A checkpoint whose blocks contradict its parts is refused.
        assert!(Fold::restore(segments(target), &done[..2], fold.parts()).is_none());
        assert!(Fold::restore(segments(target), &done, fold.parts()[1..].to_vec()).is_none());
    }
}
