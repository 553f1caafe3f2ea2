//! The grid of a job's histogram and of its exact sums: a pure function of the job.
//!
//! Around the median `c` of the job's first 4,096 simulations, scaled by their spread s = p95 − p5,
//! a balance x has z = 1 + |x − c| / s. Its bin is made of the bits of z as a single-precision
//! number: 4,096 linear bins for z in [1, 2), then 512 for each doubling up to 2³⁰, on each side.
//! So the middle is resolved to s/4096, and every tail to a fraction of its own distance. Rounding
//! is monotone, so bins are intervals.
//!
//! Sums are of q = (x − c) · 2¹⁶ / s₂ rounded to an integer, where s₂ is the power of two at or
//! above s; |q| is clamped to 2⁴³, so that the sum of 10¹² squares fits into 128 bits.

/// Bins that are linear near a center and logarithmic far from it, on both sides. A bin's number
/// grows with the value.
pub(crate) struct LogLinear {
    /// Bins of a distance below one unit, on one side: a power of two.
    pub(crate) linear: u32,
    /// Bins of each doubling of 1 + distance after that: a power of two.
    pub(crate) octave: u32,
    /// Doublings.
    pub(crate) octaves: u32,
}

const FRACTION_BITS: u32 = 23;
const ONE: u32 = 1.0_f32.to_bits();

impl LogLinear {
    /// Bins on one side. This is also the number of the first bin above the center.
    const fn side(&self) -> u32 {
        self.linear + self.octaves * self.octave
    }

    /// All bins.
    pub(crate) const fn bins(&self) -> usize {
        2 * self.side() as usize
    }

    /// The bin of a value, in units from the center.
    #[expect(clippy::inline_always, reason = "vectorised with the caller's instructions")]
    #[inline(always)]
    pub(crate) fn bin(&self, y: f32) -> u32 {
        let side = self.side();
        let k = (1.0 + y.abs()).to_bits() - ONE;
        let k = if k < 1 << FRACTION_BITS {
            k >> (FRACTION_BITS - self.linear.ilog2())
        } else {
            let far = (k - (1 << FRACTION_BITS)) >> (FRACTION_BITS - self.octave.ilog2());
            let far = self.linear + far;
            if far < side { far } else { side - 1 }
        };
        if y < 0.0 { side - 1 - k } else { side + k }
    }

    /// The lower and upper edge of a bin, in units from the center.
    pub(crate) fn edges(&self, bin: usize) -> [f64; 2] {
        let bin = u32::try_from(bin).expect("below the number of bins");
        if let Some(k) = bin.checked_sub(self.side()) {
            [k, k + 1].map(|k| self.distance(k))
        } else {
            let k = self.side() - bin;
            [k, k - 1].map(|k| -self.distance(k))
        }
    }

    /// The distance of a side's `k`-th edge from the center, in units.
    fn distance(&self, k: u32) -> f64 {
        let bits = if k <= self.linear {
            k << (FRACTION_BITS - self.linear.ilog2())
        } else {
            (1 << FRACTION_BITS) + ((k - self.linear) << (FRACTION_BITS - self.octave.ilog2()))
        };
        f64::from(f32::from_bits(ONE + bits)) - 1.0
    }
}

/// The bins of final balances.
const BALANCES: LogLinear = LogLinear { linear: 4096, octave: 512, octaves: 29 };
pub(crate) const BINS: usize = BALANCES.bins();

/// The largest magnitude of a fixed-point balance.
pub(crate) const FIXED_MAX: i64 = 1 << 43;
/// Fixed-point steps of s₂.
const FIXED_UNIT: f64 = 65_536.0;

/// Adding this to a number below 2⁵¹ in magnitude rounds the number to an integer, which is then in
/// the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Center and scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Bits of the center in dollars.
    center: u32,
    /// Bits of the scale in dollars.
    scale: u32,
}

impl Grid {
    /// The grid of a job. `pilot` has the final balances of the job's first simulations, at least
    /// one. `magnitude` is the largest amount of money in the request, in dollars. The scale is at
    /// least a millionth of magnitude and center, near the resolution of single precision.
    pub(crate) fn of_pilot(pilot: &mut [f32], magnitude: f32) -> Self {
        pilot.sort_unstable_by(f32::total_cmp);
        let at = |percent: usize| pilot[(pilot.len() - 1) * percent / 100];
        let center = at(50);
        let floor = magnitude.max(center.abs()).max(1.0) / 1_048_576.0;
        Self { center: center.to_bits(), scale: (at(95) - at(5)).max(floor).to_bits() }
    }

    /// The grid with this center and scale; `None` if no job can have it.
    pub(crate) fn from_bits(center: u32, scale: u32) -> Option<Self> {
        let possible = |x: f32, least: f32| (least..=1e24).contains(&x);
        (possible(f32::from_bits(center).abs(), 0.0) && possible(f32::from_bits(scale), 1e-7))
            .then_some(Self { center, scale })
    }

    /// The bits of the center and the scale.
    pub(crate) fn to_bits(self) -> (u32, u32) {
        (self.center, self.scale)
    }

    /// The center in dollars.
    pub(crate) fn center(self) -> f32 {
        f32::from_bits(self.center)
    }

    /// The factor that converts a distance to units of the scale.
    pub(crate) fn inverse(self) -> f32 {
        1.0 / f32::from_bits(self.scale)
    }

    /// Fixed-point steps in a dollar: a power of two.
    pub(crate) fn fixed_per_dollar(self) -> f64 {
        let scale = f64::from(f32::from_bits(self.scale));
        // A number's bits without its fraction are the power of two at or below it.
        let below = f64::from_bits(scale.to_bits() & !((1 << 52) - 1));
        FIXED_UNIT / if below == scale { below } else { 2.0 * below }
    }

    /// The lower and upper edge of a bin, dollars.
    pub(crate) fn edges(self, bin: usize) -> [f64; 2] {
        let unit = 1.0 / f64::from(self.inverse());
        BALANCES.edges(bin).map(|distance| f64::from(self.center()) + distance * unit)
    }
}

/// The bin of a balance, from its distance to the center in units of the scale.
#[expect(clippy::inline_always, reason = "vectorised with the caller's instructions")]
#[inline(always)]
pub(crate) fn bin(y: f32) -> u32 {
    BALANCES.bin(y)
}

/// A balance in fixed-point steps from the grid's center.
#[inline(always)]
pub(crate) fn fixed(x: f32, center: f32, per_dollar: f64) -> i64 {
    const BOUND: f64 = FIXED_MAX as f64;
    let q = (f64::from(x) - f64::from(center)) * per_dollar;
    let q = if q < BOUND { q } else { BOUND };
    let q = if q > -BOUND { q } else { -BOUND };
    (q + ROUND).to_bits().cast_signed() - ROUND.to_bits().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid::of_pilot(&mut [40.0, 50.0, 60.0, 70.0, 80.0], 0.0)
    }

    #[test]
    fn a_balance_lies_within_the_edges_of_its_bin() {
        let grid = grid();
        let mut last = 0;
        for i in -200_000..200_000_i32 {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let x = (i as f32 / 37_000.0).powi(11) + 60.0;
            let number = bin((x - grid.center()) * grid.inverse()) as usize;
            assert!(number >= last, "the numbers of bins increase with the balances");
            last = number;
            let [low, high] = grid.edges(number);
            let slack = 1e-6 * (high - low).max(f64::from(x).abs());
            assert!(low - slack <= f64::from(x) && f64::from(x) <= high + slack, "{x} in {low}..{high}");
        }
        assert!(last > (BALANCES.linear + BALANCES.side()) as usize);
    }

    #[test]
    fn bins_meet() {
        let grid = grid();
        for number in 1..BINS {
            assert_eq!(grid.edges(number - 1)[1], grid.edges(number)[0]);
        }
    }

    #[test]
    fn the_farthest_balances_share_the_last_bin() {
        assert_eq!(bin(f32::MAX) as usize, BINS - 1);
        assert_eq!(bin(-f32::MAX), 0);
        assert_eq!(bin(0.0), BALANCES.side());
    }

    #[test]
    fn steps_are_a_power_of_two_of_the_scale() {
        for (scale, steps) in [(1.0_f32, 65_536.0), (1.5, 32_768.0), (2.0, 32_768.0), (0.75, 65_536.0)] {
            assert_eq!(Grid::from_bits(0, scale.to_bits()).unwrap().fixed_per_dollar(), steps);
        }
    }
}
