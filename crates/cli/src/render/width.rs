//! The width of the terminal and of texts.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The width of a terminal that doesn't report one.
pub const DEFAULT: usize = 80;
/// Replaces the part of a text that is cut off.
const CUT: char = '…';

/// The width of the terminal at stderr, or else at stdout; `None` if neither is a terminal.
pub fn terminal() -> Option<usize> {
    columns(terminal_size::terminal_size_of(std::io::stderr())).or_else(stdout)
}

/// The width of the terminal at stdout; `None` if it is not a terminal.
pub fn stdout() -> Option<usize> {
    columns(terminal_size::terminal_size_of(std::io::stdout()))
}

fn columns(size: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    // A terminal that doesn't know its width reports 0.
    size.map(|(columns, _)| if columns.0 == 0 { DEFAULT } else { usize::from(columns.0) })
}

/// The line cut to the width of the terminal; unchanged if stdout is not a terminal.
pub fn fitted(line: &str) -> String {
    stdout().map_or_else(|| line.to_owned(), |columns| cut(line, columns))
}

/// The width of a text in columns.
pub fn of(text: &str) -> usize {
    text.width()
}

/// The text cut to a width.
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
