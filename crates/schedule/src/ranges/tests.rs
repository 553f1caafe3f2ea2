use proptest::prelude::*;

use super::*;

fn range(start: u64, end: u64) -> BlockRange {
    BlockRange::new(start, end).unwrap()
}

#[test]
fn history_follows_blocks_when_ranges_are_split_and_is_never_diluted() {
    let mut ranges = Ranges::new(range(0, 100), &[]).unwrap();
    assert_eq!(ranges.lease(50, LeaseId(1)), Some((range(0, 50), 1)));
    let (history, holders) = ranges.release(0, LeaseId(1), Release::Fault(NodeId::from_random(1))).unwrap();
    assert_eq!((history.faults, holders), (1, vec![]));
    // The failed blocks are leased again on their own, not joined with those that never failed.
    assert_eq!(ranges.lease(80, LeaseId(2)), Some((range(0, 50), 2)));
    ranges.release(0, LeaseId(2), Release::Loss).unwrap();
    assert_eq!(ranges.lease(10, LeaseId(3)), Some((range(0, 10), 3)));
    assert_eq!(ranges.lease(10, LeaseId(4)), Some((range(10, 20), 3)));
    let (history, _) = ranges.release(10, LeaseId(4), Release::Fault(NodeId::from_random(1))).unwrap();
    assert_eq!(history.faults, 2);
    ranges.verify(range(0, 100));
}

#[test]
fn the_first_of_two_holders_to_give_up_leaves_the_range_open() {
    let mut ranges = Ranges::new(range(0, 4), &[]).unwrap();
    ranges.lease(4, LeaseId(1)).unwrap();
    assert_eq!(ranges.lease_again(0, LeaseId(2)), Some((range(0, 4), 2)));
    assert_eq!(ranges.lease_again(0, LeaseId(3)), None);
    let (history, holders) = ranges.release(0, LeaseId(1), Release::Loss).unwrap();
    assert_eq!((history.losses, holders), (1, vec![LeaseId(2)]));
    assert_eq!(ranges.first_pending(), None);
    assert_eq!(ranges.finish(0).unwrap().holders, [LeaseId(2)]);
    assert_eq!(ranges.done(), [range(0, 4)]);
}

#[test]
fn done_blocks_that_are_not_ascending_or_outside_are_no_checkpoint() {
    for done in [vec![range(3, 5), range(0, 1)], vec![range(0, 3), range(2, 4)], vec![range(8, 11)]] {
        assert!(Ranges::new(range(0, 10), &done).is_none());
    }
}

proptest! {
    #[test]
    fn every_block_is_pending_open_or_done(steps in prop::collection::vec((0u8..5, 0u64..64, 1u64..20), 0..80)) {
        let whole = range(0, 64);
        let mut ranges = Ranges::new(whole, &[]).unwrap();
        let mut done = std::collections::BTreeSet::new();
        for (number, (step, block, blocks)) in steps.into_iter().enumerate() {
            let id = LeaseId(number as u64);
            let open = ranges.open_ranges().nth(usize::try_from(block).unwrap() % 5).cloned();
            match (step, open) {
                (0, _) => drop(ranges.lease(blocks, id)),
                (1, Some(open)) => {
                    ranges.finish(open.range.start()).unwrap();
                    done.extend(open.range.start()..open.range.end());
                }
                (2, Some(open)) => drop(ranges.release(open.range.start(), open.holders[0], Release::Loss)),
                (3, Some(open)) => drop(ranges.lease_again(open.range.start(), id)),
                _ => {
                    let wanted = range(block, (block + blocks).min(64));
                    let within = |open: &&Open| wanted.contains(open.range);
                    let inside: Vec<Open> = ranges.open_ranges().filter(within).cloned().collect();
                    let pending = ranges.pending.values().map(|pending| pending.range);
                    let free: std::collections::BTreeSet<u64> = pending
                        .chain(inside.iter().map(|open| open.range))
                        .flat_map(|range| range.start()..range.end())
                        .collect();
                    let mut blocks = wanted.start()..wanted.end();
                    let fits = blocks.clone().all(|block| free.contains(&block));
                    let holders = inside.into_iter().flat_map(|open| open.holders).collect();
                    prop_assert_eq!(ranges.accept_stale(wanted), fits.then_some(holders));
                    if fits {
                        done.extend(&mut blocks);
                    }
                }
            }
            ranges.verify(whole);
            let listed = ranges.done().into_iter().flat_map(|range| range.start()..range.end());
            prop_assert!(listed.eq(done.iter().copied()));
        }
    }
}
