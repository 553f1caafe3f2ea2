//! Numbers for people. Units follow a space; thousands are grouped by commas.

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Groups the digits of a whole number by thousands: `5,000,000`.
pub fn grouped(number: u64) -> String {
    group(&number.to_string())
}

/// Dollars, rounded to whole ones: `$71,234`, `-$1,200`. Less than a dollar is in cents: `$0.42`,
/// and less than a cent in scientific notation, so that no sum but nothing is `$0`.
pub fn dollars(amount: f64) -> String {
    let size = amount.abs();
    let digits = if size == 0.0 {
        "0".to_owned()
    } else if size < 0.009_95 {
        format!("{size:.1e}")
    } else if size < 0.995 {
        format!("{size:.2}")
    } else if size < 1e15 {
        group(&format!("{size:.0}"))
    } else {
        format!("{size:.3e}")
    };
    format!("{}${digits}", if amount < 0.0 { "-" } else { "" })
}

/// Dollars and cents: `$71,234.50`, `-$0.07`.
pub fn cents(amount: f64) -> String {
    let digits = format!("{:.2}", amount.abs());
    let sign = if amount < 0.0 && digits != "0.00" { "-" } else { "" };
    format!("{sign}${}", group(&digits))
}

/// A share of 1 in percent: `63.14 %`.
pub fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", share * 100.0)
}

/// The useful number of decimals of a percentage with the 95 % interval `low` to `high`: up to the
/// second digit of its standard error.
pub fn percent_decimals([low, high]: [f64; 2]) -> usize {
    /// Standard errors in a 95 % interval.
    const WIDTH: f64 = 3.92;
    let error_percent = (high - low) / WIDTH * 100.0;
    let decimals = 1.0 - error_percent.log10().floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped, and NaN becomes 0")]
    let decimals = decimals.clamp(1.0, 7.0) as usize;
    decimals
}

/// A speed or another large quantity in three digits: `35.2 million`, `980`.
pub fn short(number: f64) -> String {
    const NAMES: [(f64, &str); 3] = [(1e12, "trillion"), (1e9, "billion"), (1e6, "million")];
    for (size, name) in NAMES {
        // 999,950 would be printed as 1,000 thousand, so a number that three digits round up gets
        // the larger name.
        if number >= size * 0.9995 {
            return format!("{} {name}", three_digits(number / size));
        }
    }
    group(&format!("{number:.0}"))
}

/// A duration given in seconds: `0.8 ms`, `12 ms`, `1.23 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 0.000_05 {
        return "0 ms".to_owned();
    }
    if seconds < 0.000_95 {
        return format!("{:.1} ms", seconds * 1e3);
    }
    if seconds < 0.0995 {
        return format!("{:.0} ms", seconds * 1e3);
    }
    if seconds < 59.95 {
        return format!("{} s", three_digits(seconds));
    }
    whole_duration(seconds.round())
}

/// A duration in whole seconds or longer units: `12 s`, `3 min 4 s`.
pub fn whole_duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let seconds = seconds as u64;
    if seconds < MINUTE {
        format!("{seconds} s")
    } else if seconds < HOUR {
        format!("{} min {} s", seconds / MINUTE, seconds % MINUTE)
    } else if seconds < DAY {
        format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE)
    } else {
        format!("{} d {} h", grouped(seconds / DAY), seconds % DAY / HOUR)
    }
}

fn three_digits(number: f64) -> String {
    let decimals = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    group(&format!("{number:.decimals$}"))
}

/// Groups the digits before the point, if there is one.
fn group(digits: &str) -> String {
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut grouped = String::with_capacity(digits.len() + whole.len() / 3);
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 7, 999, 1_000, 123_456, 5_000_000].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "123,456", "5,000,000"]);
    }

    #[test]
    fn money_is_whole_dollars_with_its_sign_in_front() {
        let texts = [70_000.4, -1_234.5, 0.0, -0.0, 1e12, 2.5e20].map(dollars);
        assert_eq!(texts, ["$70,000", "-$1,234", "$0", "$0", "$1,000,000,000,000", "$2.500e20"]);
        let texts = [70_000.4, -1_234.567, -0.004].map(cents);
        assert_eq!(texts, ["$70,000.40", "-$1,234.57", "$0.00"]);
    }

    #[test]
    fn a_sum_below_a_dollar_is_not_nothing() {
        let texts = [0.999, 0.994, -0.3, 0.01, 0.0042, -1e-320].map(dollars);
        assert_eq!(texts, ["$1", "$0.99", "-$0.30", "$0.01", "$4.2e-3", "-$1.0e-320"]);
    }

    #[test]
    fn a_percentage_has_the_digits_that_its_error_allows() {
        // Standard errors of 0.022, 0.5 and 1.2 points; and certainty after a million simulations.
        let decimals = [[0.631, 0.631_86], [0.62, 0.64], [0.6, 0.647], [1.0 - 3.84e-6, 1.0], [0.5, 0.5]];
        assert_eq!(decimals.map(percent_decimals), [3, 2, 1, 6, 7]);
        assert_eq!(percent(0.631_416, 3), "63.142 %");
    }

    #[test]
    fn speeds_have_three_digits() {
        let texts =
            [0.0, 980.4, 35_200.0, 999_900.0, 35_210_000.0, 1.204e9, 99.96e9, 4.5e12, 5e15].map(short);
        let expected = [
            "0",
            "980",
            "35,200",
            "1.00 million",
            "35.2 million",
            "1.20 billion",
            "100 billion",
            "4.50 trillion",
            "5,000 trillion",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn durations_have_the_units_that_a_person_would_choose() {
        let texts = [0.000_2, 0.012_4, 0.123, 1.234, 12.34, 59.96, 184.0, 7_500.0, 273_600.0].map(duration);
        let expected = [
            "0.2 ms",
            "12 ms",
            "0.12 s",
            "1.23 s",
            "12.3 s",
            "1 min 0 s",
            "3 min 4 s",
            "2 h 5 min",
            "3 d 4 h",
        ];
        assert_eq!(texts, expected);
        assert_eq!(duration(-1.0), "0 ms");
        assert_eq!([0.0, 2.8, 61.0].map(whole_duration), ["0 s", "2 s", "1 min 1 s"]);
    }
}
