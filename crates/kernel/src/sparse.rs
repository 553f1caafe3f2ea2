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
/// are added in place.
pub(crate) fn add(whole: &mut Vec<(u16, u64)>, part: &[(u16, u64)]) {
    let mut missing = Vec::new();
    let mut at = 0;
    for &(bin, count) in part {
        while whole.get(at).is_some_and(|&(before, _)| before < bin) {
            at += 1;
        }
        match whole.get_mut(at) {
            Some((same, sum)) if *same == bin => *sum = sum.saturating_add(count),
            _ => missing.push((bin, count)),
        }
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
