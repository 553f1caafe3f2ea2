//! Plain tables: a head, aligned columns with two spaces in between, and no spaces at the end of
//! lines. On a terminal they are fitted to its width: words are cut, and columns that still don't
//! fit
//! follow in further blocks below.

use std::fmt;

use super::{visible, width};

/// The alignment of the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
    /// For ids: to the left, and never cut so much that two of them look the same.
    Id,
}

/// Columns of words are not made narrower than this.
const WORDS_MIN: usize = 8;

/// Blanks between two columns.
const GAP: usize = 2;

/// A table of texts, displayed without a line end after its last row.
#[derive(Debug)]
pub struct Table<const COLUMNS: usize> {
    align: [Align; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
    /// The columns of the terminal; as many as it takes where absent.
    most: Option<usize>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table with this head and no rows yet.
    pub fn new(head: [(&str, Align); COLUMNS]) -> Self {
        let rows = vec![head.map(|(name, _)| name.to_owned())];
        Self { align: head.map(|(_, align)| align), rows, most: None }
    }

    /// Adds a row below. Control characters in a cell are made visible.
    pub fn push(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row.map(|cell| visible::line(&cell).into_owned()));
    }

    /// The table cut to the width of the terminal; unchanged if stdout is not a terminal.
    #[must_use]
    pub fn fitted(self) -> Self {
        match width::stdout() {
            Some(columns) => self.within(columns),
            None => self,
        }
    }

    /// The table fitted to a width: cells of words are cut, the widest first. If that isn't enough,
    /// the
    /// last columns get their own blocks.
    #[must_use]
    pub fn within(mut self, most: usize) -> Self {
        let mut widths = self.widths();
        let least = std::array::from_fn::<_, COLUMNS, _>(|column| match self.align[column] {
            Align::Left => WORDS_MIN,
            Align::Right => usize::MAX,
            Align::Id => WORDS_MIN.max(self.distinct(column) + 1),
        });
        let gaps = GAP * widths.iter().filter(|wide| **wide > 0).count().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > most {
            let words = (0..COLUMNS).filter(|column| widths[*column] > least[*column]);
            let Some(widest) = words.max_by_key(|column| widths[*column]) else { break };
            widths[widest] -= 1;
        }
        for row in &mut self.rows {
            for (cell, most) in row.iter_mut().zip(widths) {
                *cell = width::cut(cell, most);
            }
        }
        self.most = Some(most);
        self
    }

    /// The columns of each block. With several rows each block begins with the first column, which
    /// distinguishes the rows.
    fn blocks(&self, widths: [usize; COLUMNS]) -> Vec<Vec<usize>> {
        let Some(most) = self.most else { return vec![(0..COLUMNS).collect()] };
        let repeated: &[usize] = if self.rows.len() > 2 { &[0] } else { &[] };
        let (mut blocks, mut block) = (Vec::new(), Vec::new());
        for column in 0..COLUMNS {
            let taken: usize = block.iter().map(|column| widths[*column] + GAP).sum();
            if taken + widths[column] > most && block != repeated && !block.is_empty() {
                blocks.push(std::mem::replace(&mut block, repeated.to_vec()));
            }
            block.push(column);
        }
        blocks.push(block);
        blocks
    }

    /// The number of characters that distinguish the cells of a column.
    fn distinct(&self, column: usize) -> usize {
        let mut cells: Vec<&str> = self.rows.iter().skip(1).map(|row| row[column].as_str()).collect();
        cells.sort_unstable();
        cells.dedup();
        let shared =
            |[one, other]: [&str; 2]| one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        cells.windows(2).map(|pair| shared([pair[0], pair[1]]) + 1).max().unwrap_or(0)
    }

    fn widths(&self) -> [usize; COLUMNS] {
        std::array::from_fn(|column| self.rows.iter().map(|row| width::of(&row[column])).max().unwrap_or(0))
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let mut lines = Vec::new();
        for (number, block) in self.blocks(widths).iter().enumerate() {
            if number > 0 {
                lines.push(String::new());
            }
            for row in &self.rows {
                let cells = block.iter().map(|&column| {
                    let cell = &row[column];
                    let blanks = " ".repeat(widths[column].saturating_sub(width::of(cell)));
                    match self.align[column] {
                        // A column without a head and without texts is not shown.
                        _ if widths[column] == 0 => String::new(),
                        Align::Left | Align::Id => format!("{cell}{blanks}  "),
                        Align::Right => format!("{blanks}{cell}  "),
                    }
                });
                lines.push(cells.collect::<String>().trim_end().to_owned());
            }
        }
        f.write_str(&lines.join("\n"))
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

    #[test]
    fn a_table_is_made_narrower_where_there_are_words() {
        let mut table = Table::new([("node", Align::Left), ("speed", Align::Right), ("name", Align::Left)]);
        table.push(["node_0123456789abcdef".to_owned(), "1,000,000".to_owned(), "a".to_owned()]);
        let text = table.within(30).to_string();
        assert!(text.lines().all(|line| width::of(line) <= 30), "{text}");
        assert!(text.contains("node_01234") && text.contains('…') && text.contains("1,000,000"), "{text}");
    }

    #[test]
    fn columns_without_room_follow_below() {
        let numbers = [("at", Align::Right), ("mean", Align::Right), ("median", Align::Right)];
        let mut table = Table::new(numbers);
        table.push(["1".to_owned(), "1,000,000".to_owned(), "2,000,000".to_owned()]);
        // The only row needs no name.
        assert_eq!(table.within(14).to_string(), "at       mean\n 1  1,000,000\n\n   median\n2,000,000");
        let mut table = Table::new(numbers);
        for at in ["1", "2"] {
            table.push([at.to_owned(), "1,000,000".to_owned(), "2,000,000".to_owned()]);
        }
        let expected =
            "at       mean\n 1  1,000,000\n 2  1,000,000\n\nat     median\n 1  2,000,000\n 2  2,000,000";
        assert_eq!(table.within(14).to_string(), expected);
    }

    #[test]
    fn a_column_that_is_wider_than_the_terminal_stands_alone() {
        let mut table = Table::new([("a", Align::Right), ("b", Align::Right)]);
        table.push(["1,000,000".to_owned(), "2".to_owned()]);
        assert_eq!(table.within(4).to_string(), "        a\n1,000,000\n\nb\n2");
    }

    #[test]
    fn ids_are_cut_as_long_as_they_differ() {
        let mut table = Table::new([("id", Align::Id), ("name", Align::Left)]);
        for id in ["job_0123456789aaaaaaaa", "job_0123456789bbbbbbbb", "job_f"] {
            table.push([id.to_owned(), "a rather long name".to_owned()]);
        }
        let text = table.within(20).to_string();
        assert!(text.contains("job_0123456789a…  ") && text.contains("job_0123456789b…  "), "{text}");
        assert!(text.contains("a rathe…"), "{text}");
    }

    #[test]
    fn wide_letters_count_twice_and_controls_are_visible() {
        let mut table = Table::new([("name", Align::Left), ("jobs", Align::Right)]);
        table.push(["漢字".to_owned(), "1".to_owned()]);
        table.push(["a\u{1b}\n".to_owned(), "2".to_owned()]);
        assert_eq!(table.to_string(), "name       jobs\n漢字          1\na\\u{1b}\\n     2");
    }
}
