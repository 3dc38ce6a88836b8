//! Rows below the log lines, at a terminal.
//!
//! The bars of indicatif leave lines behind when a terminal becomes narrower, because they count the lines of
//! the old width.

use std::io::{self, Write};

/// The rows that stand below the log lines.
#[derive(Debug, Default)]
pub(super) struct Below {
    rows: Vec<String>,
}

impl Below {
    /// Replaces the rows, and writes `records` above them, in a terminal of `columns` columns. `None` keeps
    /// the rows. Only rows need the columns.
    ///
    /// Everything is one write, so that nothing flickers and no other program writes into its middle.
    pub(super) fn write(
        &mut self,
        sink: &mut dyn Write,
        records: &str,
        rows: Option<Vec<String>>,
        columns: impl FnOnce() -> usize,
    ) -> io::Result<()> {
        if self.rows.is_empty() && rows.as_ref().is_none_or(Vec::is_empty) {
            return match records {
                "" => Ok(()),
                records => sink.write_all(records.as_bytes()).and_then(|()| sink.flush()),
            };
        }
        let mut text = match self.rows.is_empty() {
            true => String::new(),
            false => self.removal(columns()),
        };
        text.push_str(records);
        if let Some(rows) = rows {
            self.rows = rows;
        }
        for row in &self.rows {
            text.push_str(row);
            text.push('\n');
        }
        sink.write_all(text.as_bytes())?;
        sink.flush()
    }

    /// Returns what removes the rows. A terminal that became narrower since has wrapped long rows into
    /// several lines.
    fn removal(&self, columns: usize) -> String {
        let lines = |row: &String| row.chars().count().div_ceil(columns.max(1)).max(1);
        match self.rows.iter().map(lines).sum::<usize>() {
            0 => String::new(),
            // Up to the first line, and clear everything from there. tmux moves a screen that is cleared from its
            // first cell to the history, so the first line is cleared alone. There is always a line below it.
            lines => format!("\x1b[{lines}A\r\x1b[K\x1b[B\x1b[J\x1b[A"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Below;

    fn written(below: &mut Below, records: &str, rows: Option<&[&str]>, columns: usize) -> String {
        let mut bytes = Vec::new();
        let rows = rows.map(|rows| rows.iter().map(|&row| row.to_owned()).collect());
        below.write(&mut bytes, records, rows, || columns).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// What removes this many lines, without a `J` in the first cell of a screen.
    fn removed(lines: usize) -> String {
        format!("\x1b[{lines}A\r\x1b[K\x1b[B\x1b[J\x1b[A")
    }

    #[test]
    fn records_come_above_the_rows() {
        let mut below = Below::default();
        assert_eq!(written(&mut below, "a\n", None, 80), "a\n", "there are no rows");
        assert_eq!(written(&mut below, "", Some(&["head", "one"]), 80), "head\none\n");
        let both = removed(2);
        assert_eq!(written(&mut below, "b\n", None, 80), format!("{both}b\nhead\none\n"));
        assert_eq!(written(&mut below, "", Some(&["head"]), 80), format!("{both}head\n"));
        assert_eq!(written(&mut below, "", Some(&[]), 80), removed(1));
        assert_eq!(written(&mut below, "", Some(&[]), 80), "", "nothing is drawn again");
    }

    #[test]
    fn rows_that_a_narrow_terminal_wrapped_are_removed_whole() {
        for (columns, lines) in [(80, 2), (40, 2), (39, 3), (20, 3), (10, 6), (1, 56), (0, 56)] {
            let mut below = Below::default();
            written(&mut below, "", Some(&["x".repeat(40).as_str(), "x".repeat(16).as_str()]), 80);
            let text = written(&mut below, "", Some(&[]), columns);
            assert_eq!(text, removed(lines), "{columns}");
        }
    }
}
