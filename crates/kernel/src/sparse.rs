//! Sparse histograms: the counts that aren't 0, with their numbers, in ascending order.

/// Takes the non-zero counts with their indices, and sets all counts to 0.
pub(crate) fn drained(counts: &mut [u64]) -> Vec<(u16, u64)> {
    let mut filled = Vec::with_capacity(counts.iter().filter(|&&count| count > 0).count());
    for (number, count) in (0..).zip(counts) {
        if *count > 0 {
            filled.push((number, std::mem::take(count)));
        }
    }
    filled
}

/// Adds a sparse histogram to another one. A job's fold soon has nearly all bins, so most counts
/// are added in place, as far from the previous one as the bins' numbers are apart.
pub(crate) fn add(whole: &mut Vec<(u16, u64)>, part: &[(u16, u64)]) {
    let mut missing = Vec::new();
    let Some(&(mut here, _)) = whole.first() else { return whole.extend(part) };
    // The place of `here` in `whole`.
    let mut at = 0;
    for &(bin, count) in part {
        let far = at + usize::from(bin.saturating_sub(here));
        if let Some((there, sum)) = whole.get_mut(far)
            && *there == bin
        {
            *sum = sum.saturating_add(count);
            (at, here) = (far, bin);
            continue;
        }
        // Bins are missing between.
        at += whole[at..whole.len().min(far)].partition_point(|&(before, _)| before < bin);
        match whole.get_mut(at) {
            Some((same, sum)) if *same == bin => *sum = sum.saturating_add(count),
            _ => missing.push((bin, count)),
        }
        here = whole.get(at).map_or(u16::MAX, |&(there, _)| there);
    }
    if !missing.is_empty() {
        *whole = merged(whole, &missing);
    }
}

/// The union of two sparse histograms without common bins.
fn merged(left: &[(u16, u64)], right: &[(u16, u64)]) -> Vec<(u16, u64)> {
    let mut bins = Vec::with_capacity(left.len() + right.len());
    let mut left = left.iter().copied().peekable();
    for &entry in right {
        while let Some(before) = left.next_if(|before| before.0 < entry.0) {
            bins.push(before);
        }
        bins.push(entry);
    }
    bins.extend(left);
    bins
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn histograms_add_up_bin_by_bin(
            mut whole: BTreeMap<u16, u64>,
            parts in prop::collection::vec(prop::collection::btree_map(0..60_u16, 1..9_u64, 0..50), 1..5),
        ) {
            let mut added: Vec<(u16, u64)> = whole.clone().into_iter().collect();
            for part in parts {
                add(&mut added, &part.clone().into_iter().collect::<Vec<_>>());
                for (bin, count) in part {
                    let sum = whole.entry(bin).or_default();
                    *sum = sum.saturating_add(count);
                }
                prop_assert_eq!(&added, &whole.clone().into_iter().collect::<Vec<_>>());
            }
        }
    }
}
