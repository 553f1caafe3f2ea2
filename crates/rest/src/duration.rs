//! Durations as text.

/// `"12 s"`, `"3 min"`, `"2 h 5 min"`, `"4 d"`: rounded up to whole seconds, then to the shown
/// unit. `None` if the number is no duration.
pub fn text(seconds: f64) -> Option<String> {
    let seconds = whole(seconds)?;
    let minutes = (seconds + 30) / 60;
    let hours = (minutes + 30) / 60;
    Some(if seconds < 60 {
        format!("{seconds} s")
    } else if minutes < 60 {
        format!("{minutes} min")
    } else if minutes < 24 * 60 {
        two((minutes / 60, "h"), (minutes % 60, "min"))
    } else {
        two((hours / 24, "d"), (hours % 24, "h"))
    })
}

fn two((large, large_unit): (u64, &str), (small, small_unit): (u64, &str)) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

fn whole(seconds: f64) -> Option<u64> {
    /// More than any job takes, and small enough that the sums above can't overflow.
    const SECONDS_MAX: f64 = 1e15;
    let seconds = seconds.ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in range")]
    (0.0..=SECONDS_MAX).contains(&seconds).then_some(seconds as u64)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_duration_is_written_in_the_unit_that_matters() {
        let cases = [
            (0.0, "0 s"),
            (0.2, "1 s"),
            (12.0, "12 s"),
            (59.0, "59 s"),
            (59.5, "1 min"),
            (180.0, "3 min"),
            (3_569.0, "59 min"),
            (3_570.0, "1 h"),
            (7_500.0, "2 h 5 min"),
            (86_369.0, "23 h 59 min"),
            (86_370.0, "1 d"),
            (129_600.0, "1 d 12 h"),
            (345_600.0, "4 d"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(text(seconds).as_deref(), Some(expected), "{seconds}");
        }
    }

    #[test]
    fn what_is_no_duration_has_no_text() {
        for seconds in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert_eq!(text(seconds), None, "{seconds}");
        }
    }
}
