//! Exact amounts of money in whole billionths of a dollar. Floating point is only used for JSON,
//! which has dollars as numbers. Costs are computed in [`crate::metering`].

use std::fmt;
use std::ops::Mul;
use std::str::FromStr;

use crate::limits::NUMBER_MAX;

const NANOS_PER_DOLLAR: u128 = 1_000_000_000;
const DECIMALS: usize = 9;

/// An amount of US dollars, never negative, in steps of 10⁻⁹ dollars.
///
/// Additions and products saturate at 3.4 × 10²⁹ dollars, which can't be reached: prices are at
/// most 10⁶ dollars per token and the largest job has 1.2 × 10⁹ tokens, so more than 10¹⁴ such jobs
/// would be needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money {
    nanos: u128,
}

/// The reason why a number or a text is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a number, or not finite.
    #[error("must be a number of dollars")]
    NotANumber,
    /// The number is negative.
    #[error("must not be negative")]
    Negative,
    /// The number is larger than the limit of requests.
    #[error("must be at most {NUMBER_MAX} dollars")]
    TooLarge,
}

impl Money {
    /// Zero dollars.
    pub const ZERO: Self = Self { nanos: 0 };

    /// This number of billionths of a dollar.
    pub const fn from_nanos(nanos: u128) -> Self {
        Self { nanos }
    }

    /// This number of millionths of a dollar.
    pub const fn from_micros(micros: u64) -> Self {
        Self { nanos: micros as u128 * 1_000 }
    }

    /// This number of whole dollars.
    pub const fn from_whole_dollars(dollars: u64) -> Self {
        Self { nanos: dollars as u128 * NANOS_PER_DOLLAR }
    }

    /// The amount of a JSON number of dollars: its shortest decimal form, cut after nine decimals.
    /// So 0.3 is exactly three tenths of a dollar although the nearest floating-point number is a
    /// little less, and caps are never rounded up.
    pub fn from_dollars(dollars: f64) -> Result<Self, MoneyError> {
        if !dollars.is_finite() {
            Err(MoneyError::NotANumber)
        } else if dollars < 0.0 {
            Err(MoneyError::Negative)
        } else if dollars > NUMBER_MAX {
            Err(MoneyError::TooLarge)
        } else {
            let text = dollars.abs().to_string();
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            parse_parts(whole, &fraction[..fraction.len().min(DECIMALS)]).ok_or(MoneyError::NotANumber)
        }
    }

    /// The JSON number nearest to the amount.
    pub fn to_dollars(self) -> f64 {
        // The text of an amount always is a number.
        self.to_string().parse().unwrap_or(f64::MAX)
    }

    /// Billionths of a dollar.
    pub const fn nanos(self) -> u128 {
        self.nanos
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_add(other.nanos) }
    }

    /// The difference, or zero if `other` is larger.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_sub(other.nanos) }
    }
}

impl Mul<u64> for Money {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self { nanos: self.nanos.saturating_mul(times.into()) }
    }
}

/// The exact decimal number of dollars without a currency sign and trailing zeros: `0.0001`, `12`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.nanos / NANOS_PER_DOLLAR, self.nanos % NANOS_PER_DOLLAR);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{fraction:0DECIMALS$}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

/// Parses the output of [`Display`](fmt::Display), of any size. Records have this form.
impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_complete = !fraction.is_empty() && fraction.len() <= DECIMALS;
        is_complete.then(|| parse_parts(whole, fraction)).flatten().ok_or(MoneyError::NotANumber)
    }
}

/// `whole` dollars and `fraction`, at most nine decimals.
fn parse_parts(whole: &str, fraction: &str) -> Option<Money> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let fraction: u128 = format!("{fraction:0<DECIMALS$}").parse().ok()?;
    Some(Money { nanos: whole.checked_mul(NANOS_PER_DOLLAR)?.checked_add(fraction)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_of_dollars_means_its_decimals() {
        for (dollars, nanos) in [
            (0.0, 0),
            (-0.0, 0),
            (0.3, 300_000_000),
            (0.1 + 0.2, 300_000_000),
            (0.0001, 100_000),
            (1e-9, 1),
            (1.999e-9, 1),
            (5e-324, 0),
            (1e12, 1_000_000_000_000_000_000_000),
        ] {
            assert_eq!(Money::from_dollars(dollars), Ok(Money::from_nanos(nanos)), "{dollars}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for (dollars, error) in [
            (f64::NAN, MoneyError::NotANumber),
            (f64::INFINITY, MoneyError::NotANumber),
            (-1e-9, MoneyError::Negative),
            (1.1e12, MoneyError::TooLarge),
        ] {
            assert_eq!(Money::from_dollars(dollars), Err(error), "{dollars}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000000001", "1.2.3", "1,5", &"9".repeat(40)]
        {
            assert_eq!(text.parse::<Money>(), Err(MoneyError::NotANumber), "{text}");
        }
    }

    #[test]
    fn the_largest_job_at_the_highest_price_is_exact() {
        let price = Money::from_whole_dollars(1_000_000);
        assert_eq!((price * 1_200_000_000).to_string(), "1200000000000000");
        assert_eq!(Money::from_nanos(u128::MAX).plus(Money::from_nanos(1)).nanos(), u128::MAX);
        assert_eq!(Money::from_nanos(1).less(Money::from_nanos(2)), Money::ZERO);
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_what_it_prints(nanos: u128) {
            let money = Money::from_nanos(nanos);
            prop_assert_eq!(money.to_string().parse(), Ok(money));
        }

        #[test]
        fn an_amount_of_up_to_a_million_dollars_survives_json(nanos in 0_u128..1_000_000_000_000_000) {
            let money = Money::from_nanos(nanos);
            prop_assert_eq!(Money::from_dollars(money.to_dollars()), Ok(money));
        }
    }
}
