//! Plain tables: a head, aligned columns two spaces apart, nothing behind the last word of a line.

use std::fmt;

/// The side of its column that a cell stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// A table of texts, displayed without a line end after its last row.
#[derive(Debug)]
pub struct Table<const COLUMNS: usize> {
    align: [Align; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table with this head and no rows yet.
    pub fn new(head: [(&str, Align); COLUMNS]) -> Self {
        Self { align: head.map(|(_, align)| align), rows: vec![head.map(|(name, _)| name.to_owned())] }
    }

    /// Adds a row below.
    pub fn push(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row);
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| self.width(column));
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(widths).zip(self.align).map(|((cell, width), align)| match align {
                Align::Left => format!("{cell:<width$}  "),
                Align::Right => format!("{cell:>width$}  "),
            });
            let line: String = cells.collect();
            let end = if number == 0 { "" } else { "\n" };
            write!(f, "{end}{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_last_word() {
        let mut table = Table::new([("node", Align::Left), ("speed", Align::Right), ("state", Align::Left)]);
        table.push(["müller".to_owned(), "7".to_owned(), "busy".to_owned()]);
        table.push(["b".to_owned(), "1,000,000".to_owned(), String::new()]);
        let expected = "node        speed  state\nmüller          7  busy\nb       1,000,000";
        assert_eq!(table.to_string(), expected);
    }
}
