//! Lines and columns of bytes in a text.

use std::cell::Cell;

/// Finds the line and column of a byte.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    text: &'a str,
    /// Where each line starts.
    starts: Vec<usize>,
    /// The byte that was asked for last, and its column: in a document of one long line the next
    /// one is counted from there.
    last: Cell<(usize, u32)>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let after_breaks = text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n');
        let starts = std::iter::once(0).chain(after_breaks.map(|(_, next)| next)).collect();
        Self { text, starts, last: Cell::new((0, 1)) }
    }

    /// The line and the column, both from 1; the end of the text is behind its last character.
    pub(crate) fn of(&self, at: usize) -> (u32, u32) {
        let trimmed = self.text.trim_end_matches(['\n', '\r']).len();
        let at = self.text.floor_char_boundary(at.min(trimmed));
        let line = self.starts.partition_point(|&start| start <= at);
        let start = self.starts[line - 1];
        let (last, column) = self.last.get();
        let (from, column) = if (start..=at).contains(&last) { (last, column) } else { (start, 1) };
        let column = column + number(self.text[from..at].chars().count());
        self.last.set((at, column));
        (number(line), column)
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn columns_count_characters_from_wherever_one_was_asked_last() {
        let text = "ab\näöü x\r\n\nlast\n";
        for order in [[0, 9, 10, 17], [17, 10, 9, 0]] {
            let places = Places::new(text);
            let mut found = order.map(|at| places.of(at));
            found.sort_unstable();
            assert_eq!(found, [(1, 1), (2, 4), (2, 5), (4, 4)], "{order:?}");
        }
    }

    #[test]
    fn the_end_is_in_the_last_line_that_says_something() {
        for (text, end) in [("a\nbc\n\n", (2, 3)), ("", (1, 1)), ("\n", (1, 1)), ("a", (1, 2))] {
            assert_eq!(Places::new(text).of(99), end, "{text:?}");
        }
    }
}
