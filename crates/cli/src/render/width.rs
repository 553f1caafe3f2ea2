//! How wide a terminal is, and how texts are made to fit.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The width of a terminal that doesn't say.
pub const DEFAULT: usize = 80;
/// What stands in place of what was cut away.
const CUT: char = '…';

/// The columns of the terminal that stderr, or else stdout, is; `None` where neither is one.
pub fn terminal() -> Option<usize> {
    columns(terminal_size::terminal_size_of(std::io::stderr())).or_else(stdout)
}

/// The columns of the terminal that stdout is; `None` where it is none: then nothing needs to fit.
pub fn stdout() -> Option<usize> {
    columns(terminal_size::terminal_size_of(std::io::stdout()))
}

fn columns(size: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    // A terminal of no width doesn't know its own.
    size.map(|(columns, _)| if columns.0 == 0 { DEFAULT } else { usize::from(columns.0) })
}

/// The line within the terminal that stdout is; as it is where it is none.
pub fn fitted(line: &str) -> String {
    stdout().map_or_else(|| line.to_owned(), |columns| cut(line, columns))
}

/// How many columns a text takes.
pub fn of(text: &str) -> usize {
    text.width()
}

/// The text in at most so many columns.
pub fn cut(text: &str, most: usize) -> String {
    if of(text) <= most {
        return text.to_owned();
    }
    let mut taken = 1;
    let mut cut: String = text
        .chars()
        .take_while(|letter| {
            taken += letter.width().unwrap_or(0);
            taken <= most
        })
        .collect();
    if most > 0 {
        cut.push(CUT);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_columns() {
        for (text, most, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("漢字漢字", 5, "漢字…"),
            ("漢字漢字", 4, "漢…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ] {
            let cut = cut(text, most);
            assert_eq!(cut, expected);
            assert!(of(&cut) <= most);
        }
    }
}
