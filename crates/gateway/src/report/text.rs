//! Numbers in reports, formatted the same on every machine.

use carlo_types::merge::Z_95;

/// 1234567 as "1,234,567".
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whole dollars: "−$1,234". Less than a dollar is in cents, and less than a cent in scientific
/// notation.
pub(super) fn money(dollars: f64) -> String {
    if !dollars.is_finite() {
        return "–".to_owned();
    }
    let size = dollars.abs();
    let sign = if dollars < 0.0 { "−" } else { "" };
    if size != 0.0 && size < 0.009_95 {
        return format!("{sign}${size:.1e}").replace("e-", "e−");
    }
    if size != 0.0 && size < 0.995 {
        return format!("{sign}${size:.2}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "money lies within 2^47 dollars, and the sign is off"
    )]
    let whole = size.round() as u64;
    format!("{sign}${}", count(whole))
}

/// For the ticks of an axis: "$70k", "$1.5M".
pub(super) fn short_money(dollars: f64) -> String {
    let (size, unit) = match dollars.abs() {
        size if size >= 1e9 => (1e9, "B"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let text = format!("{:.2}", dollars.abs() / size);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let sign = if dollars < 0.0 { "−" } else { "" };
    format!("{sign}${text}{unit}")
}

/// The decimals of a percentage whose share has this standard error.
pub(super) fn digits(error: f64) -> usize {
    if error.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
        return 1;
    }
    [(1, 0.1), (2, 0.01), (3, 0.001)]
        .into_iter()
        .find(|(_, smallest)| 100.0 * error >= *smallest)
        .map_or(4, |(digits, _)| digits)
}

/// The standard error that a 95 % interval stands for. Unlike that of an estimated share, it isn't
/// 0 where none or all were counted.
pub(super) fn error_of([low, high]: [f64; 2]) -> f64 {
    (high - low) / (2.0 * Z_95)
}

/// A share as a percentage, with as many decimals as its error justifies.
pub(super) fn percent(share: f64, error: f64) -> String {
    format!("{:.*} %", digits(error), 100.0 * share)
}

/// A difference in percentage points, with its sign.
pub(super) fn points(share: f64, error: f64) -> String {
    format!("{:+.*}", digits(error), 100.0 * share).replace('-', "−")
}

/// 40 as "3 years 4 months".
pub(super) fn months(months: u64) -> String {
    let unit = |number: u64, name: &str| match number {
        0 => None,
        1 => Some(format!("1 {name}")),
        _ => Some(format!("{} {name}s", count(number))),
    };
    let parts: Vec<String> =
        [unit(months / 12, "year"), unit(months % 12, "month")].into_iter().flatten().collect();
    if parts.is_empty() { "0 months".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_the_same_everywhere() {
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([money(-1234.5), money(-0.0), money(70_000.0)], ["−$1,235", "$0", "$70,000"]);
        assert_eq!([money(-0.2), money(0.999), money(0.0042)], ["−$0.20", "$1", "$4.2e−3"]);
        assert_eq!(
            [short_money(70_000.0), short_money(-1.5e6), short_money(950.0)],
            ["$70k", "−$1.5M", "$950"]
        );
        assert_eq!(
            [percent(0.4795, 0.000_29), percent(0.5, 0.003), percent(1.0, 0.0)],
            ["47.95 %", "50.0 %", "100.0 %"]
        );
        assert_eq!([points(-0.351, 0.004), points(0.1, 0.01)], ["−35.1", "+10.0"]);
        assert_eq!(
            [months(36), months(40), months(1), months(0)],
            ["3 years", "3 years 4 months", "1 month", "0 months"]
        );
    }
}
