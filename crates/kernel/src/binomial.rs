//! Central intervals of binomial counts: the number of `n` simulations that lie below a quantile,
//! or that reach a goal with a known probability. The intervals of percentiles and of solved values
//! are read off at such counts.

/// A confidence level: the probability of each tail, and the normal quantile at which it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Confidence {
    tail: f64,
    z: f64,
}

/// 95 %.
pub(crate) const PERCENT_95: Confidence = Confidence { tail: 0.025, z: carlo_types::merge::Z_95 };
/// Four standard deviations, so that 1 in 16,000 lies outside.
pub(crate) const FOUR_SIGMA: Confidence = Confidence { tail: 3.167e-5, z: 4.0 };

/// From this variance on, the normal approximation is used, with ranks rounded outwards.
const NORMAL_VARIANCE: f64 = 1e4;
/// Probabilities below this fraction of the largest one are neglected. They are far smaller than
/// any tail.
const NEGLIGIBLE: f64 = 1e-18;

/// The central interval of the number of successes among `n` trials with probability `p`. The
/// probability of fewer successes than the first number is at most the tail, and so is that of more
/// successes than the second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and n, which is at most 10¹²"
)]
pub(crate) fn central_counts(n: u64, p: f64, confidence: Confidence) -> [u64; 2] {
    let (count, odds) = (n as f64, p / (1.0 - p));
    let variance = count * p * (1.0 - p);
    if variance > NORMAL_VARIANCE {
        let half = confidence.z * variance.sqrt();
        let [low, high] = [(count * p - half).floor(), (count * p + half).ceil()];
        return [low.max(0.0) as u64, high.min(count) as u64];
    }
    // Probabilities relative to the largest one, from their ratios. Logarithms would have
    // platform-dependent last bits.
    let most_likely = (((count + 1.0) * p).floor() as u64).min(n);
    let mut first = most_likely;
    let mut weights = std::collections::VecDeque::from([1.0]);
    let mut weight = 1.0;
    while first > 0 && weight > NEGLIGIBLE {
        weight *= first as f64 / ((n - first + 1) as f64 * odds);
        weights.push_front(weight);
        first -= 1;
    }
    let mut last = most_likely;
    weight = 1.0;
    while last < n && weight > NEGLIGIBLE {
        weight *= (n - last) as f64 * odds / (last + 1) as f64;
        weights.push_back(weight);
        last += 1;
    }
    let tail = confidence.tail * weights.iter().sum::<f64>();
    let left_out = |weights: &mut dyn Iterator<Item = &f64>| {
        let mut sum = 0.0;
        weights
            .take_while(|&weight| {
                sum += weight;
                sum <= tail
            })
            .count() as u64
    };
    [first + left_out(&mut weights.iter()), last - left_out(&mut weights.iter().rev())]
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Binomial, DiscreteCDF};

    use super::*;

    #[test]
    fn counts_leave_out_what_the_confidence_says() {
        for n in [1, 2, 10, 100, 1_000, 4_096, 100_000] {
            for p in [0.001, 0.05, 0.25, 0.5, 0.9, 0.999] {
                let binomial = Binomial::new(p, n).unwrap();
                for confidence in [PERCENT_95, FOUR_SIGMA] {
                    let [low, high] = central_counts(n, p, confidence);
                    let below = |k: u64| if k == 0 { 0.0 } else { binomial.cdf(k - 1) };
                    let is_exact = n as f64 * p * (1.0 - p) <= NORMAL_VARIANCE;
                    let tail = confidence.tail * if is_exact { 1.0 + 1e-9 } else { 1.02 };
                    assert!(below(low) <= tail, "{n}, {p}: fewer than {low}");
                    assert!(1.0 - binomial.cdf(high) <= tail, "{n}, {p}: more than {high}");
                    if is_exact {
                        assert!(below(low + 1) > tail, "{n}, {p}: {low} could be higher");
                        assert!(
                            high == 0 || 1.0 - binomial.cdf(high - 1) > tail,
                            "{n}, {p}: {high} could be less"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_trillion_is_no_more_work_than_a_million() {
        let [low, high] = central_counts(1_000_000_000_000, 0.5, PERCENT_95);
        assert_eq!([low, high], [499_999_020_018, 500_000_979_982]);
        let [low, high] = central_counts(1_000_000_000_000, 1e-9, PERCENT_95);
        assert!((938..=940).contains(&low) && (1_061..=1_063).contains(&high), "{low} {high}");
    }
}
