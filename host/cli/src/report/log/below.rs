//! Rows below the log lines, at a terminal.
//!
//! The bars of indicatif leave lines behind when a terminal becomes narrower, because they count the lines of
//! the old width.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How long the width of the terminal must stay the same before rows are removed. A terminal may wrap its lines
/// before it tells the new width: tmux does so for 250 ms after an earlier change. With the old width, too few
/// lines would be removed.
const SETTLING: Duration = Duration::from_millis(400);

/// The most bytes of records that wait until the width has settled.
const WAITING: usize = 64 * 1024;

/// The rows that stand below the log lines.
#[derive(Debug, Default)]
pub(super) struct Below {
    rows: Vec<String>,
    /// The width of the terminal when something was last written.
    columns: Option<usize>,
    /// When the width changed last.
    changed: Option<Instant>,
    /// Records that wait until the width has settled.
    waiting: String,
}

impl Below {
    /// Replaces the rows, and writes `records` above them, in a terminal of `columns` columns. `None` keeps
    /// the rows. Only rows need the columns. While a terminal changes its width, records and rows wait for a later
    /// call; the call that removes the rows does not.
    ///
    /// Everything is one write, so that nothing flickers and no other program writes into its middle.
    pub(super) fn write(
        &mut self,
        sink: &mut dyn Write,
        records: &str,
        rows: Option<Vec<String>>,
        columns: impl FnOnce() -> usize,
        now: Instant,
    ) -> io::Result<()> {
        let ends = rows.as_ref().is_some_and(Vec::is_empty);
        if self.rows.is_empty() && (ends || rows.is_none()) {
            return match records {
                "" => Ok(()),
                records => sink.write_all(records.as_bytes()).and_then(|()| sink.flush()),
            };
        }
        let columns = columns();
        if !ends && self.waits(columns, now) && self.waiting.len() < WAITING {
            self.waiting.push_str(records);
            return Ok(());
        }
        let mut text = self.removal(columns);
        text.push_str(&std::mem::take(&mut self.waiting));
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

    /// Whether the width has changed since the rows were written, and may change again.
    fn waits(&mut self, columns: usize, now: Instant) -> bool {
        let before = self.columns.replace(columns);
        if self.rows.is_empty() {
            return false;
        }
        if before.is_some_and(|before| before != columns) {
            self.changed = Some(now);
        }
        self.changed.is_some_and(|changed| now.duration_since(changed) < SETTLING)
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
    use std::time::{Duration, Instant};

    use super::{Below, SETTLING, WAITING};

    fn written_at(
        below: &mut Below,
        records: &str,
        rows: Option<&[&str]>,
        columns: usize,
        now: Instant,
    ) -> String {
        let mut bytes = Vec::new();
        let rows = rows.map(|rows| rows.iter().map(|&row| row.to_owned()).collect());
        below.write(&mut bytes, records, rows, || columns, now).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn written(below: &mut Below, records: &str, rows: Option<&[&str]>, columns: usize) -> String {
        written_at(below, records, rows, columns, Instant::now())
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

    #[test]
    fn rows_and_records_wait_until_the_width_has_settled() {
        let (mut below, start) = (Below::default(), Instant::now());
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut write = |records: &str, rows: &[&str], columns: usize, millis: u64| {
            written_at(&mut below, records, Some(rows), columns, at(millis))
        };
        assert_eq!(write("", &["head"], 80, 0), "head\n");
        assert_eq!(write("a\n", &["one"], 60, 100), "", "it may become narrower still");
        assert_eq!(write("b\n", &["two"], 3, 350), "");
        assert_eq!(write("", &["two"], 3, 350 + 399), "");
        assert_eq!(write("c\n", &["two"], 3, 350 + 400), format!("{}a\nb\nc\ntwo\n", removed(2)));
        assert_eq!(write("", &["ten"], 80, 2000), "");
        assert_eq!(write("d\n", &[], 80, 2001), format!("{}d\n", removed(1)), "the end does not");
        assert_eq!(write("", &["new"], 60, 3002), "new\n", "there was nothing to remove");
        assert_eq!(write("e\n", &["new"], 60, 3003), format!("{}e\nnew\n", removed(1)));
        let long = "x".repeat(WAITING);
        assert_eq!(write(&long, &["new"], 40, 3004), "");
        assert!(write("", &["new"], 40, 3005).contains(&long), "not too much waits");
        assert!(SETTLING > Duration::from_millis(250), "tmux");
    }
}
