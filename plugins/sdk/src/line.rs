//! Lines of a hand-written list, with their comments, fields and positions.

use crate::diagnostic::{Diagnostic, Severity};
use crate::list::Confidence;

/// A byte-order mark, which some editors write at the start of a file. Files that were joined have more.
const BOM: char = '\u{feff}';

/// One non-blank line without its line ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Line number, counted from 1.
    pub number: u32,
    /// The line as it was written.
    pub text: &'a str,
}

/// A run of non-blank characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The text of the field.
    pub text: &'a str,
    /// Byte offset of the field in its line.
    pub start: usize,
}

/// Iterates over the non-blank lines, comments included. Skips byte-order marks before them.
pub fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    (1..)
        .zip(text.lines())
        .map(|(number, text)| Line { number, text: text.strip_prefix(BOM).unwrap_or(text) })
        .filter(|line| !line.trimmed().is_empty())
}

/// Derives a confidence from which lines fit. A text without lines gives [`Confidence::No`].
pub fn confidence(fits: impl Iterator<Item = bool>) -> Confidence {
    let (mut some, mut all) = (false, true);
    for fits in fits {
        some |= fits;
        all &= fits;
    }
    match (some, all) {
        (true, true) => Confidence::Certain,
        (true, false) => Confidence::Maybe,
        (false, _) => Confidence::No,
    }
}

impl<'a> Line<'a> {
    /// Returns the line without leading and trailing blanks.
    #[must_use]
    pub fn trimmed(&self) -> &'a str {
        self.text.trim_matches([' ', '\t'])
    }

    /// Reports whether the line starts with `#` or `//` after optional blanks.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        let text = self.trimmed();
        text.starts_with('#') || text.starts_with("//")
    }

    /// Splits the line at runs of spaces and tabs.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields { text: self.text, at: 0 }
    }

    /// Creates an error at the byte `offset` of this line.
    #[must_use]
    pub fn error(&self, offset: usize, message: String) -> Diagnostic {
        self.diagnostic(Severity::Error, offset, message)
    }

    /// Creates a warning at the byte `offset` of this line.
    #[must_use]
    pub fn warning(&self, offset: usize, message: String) -> Diagnostic {
        self.diagnostic(Severity::Warning, offset, message)
    }

    fn diagnostic(&self, severity: Severity, offset: usize, message: String) -> Diagnostic {
        let before = self.text.char_indices().take_while(|&(at, _)| at < offset).count();
        Diagnostic {
            severity,
            line: self.number,
            column: u32::try_from(before).map_or(u32::MAX, |before| before.saturating_add(1)),
            message,
        }
    }
}

/// An iterator over the fields of a line.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let skipped = bytes[self.at..].iter().position(|byte| !is_blank(*byte))?;
        let start = self.at + skipped;
        let end = bytes[start..]
            .iter()
            .position(|byte| is_blank(*byte))
            .map_or(bytes.len(), |length| start + length);
        self.at = end;
        Some(Field { text: &self.text[start..end], start })
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::{Line, confidence, lines};
    use crate::list::Confidence;

    fn numbered(text: &str) -> Vec<(u32, &str)> {
        lines(text).map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn blank_lines_are_counted_and_line_endings_and_the_mark_are_removed() {
        assert_eq!(numbered("\u{feff}a\r\n \t\r\n\nb \n"), [(1, "a"), (4, "b ")],);
        assert_eq!(numbered("\u{feff}\n"), []);
        // Files that were joined.
        assert_eq!(
            numbered("a\n\u{feff}b\n\u{feff}\r\n\u{feff}# c\n"),
            [(1, "a"), (2, "b"), (4, "# c")]
        );
    }

    #[test]
    fn fields_are_split_at_runs_of_blanks() {
        let line = Line { number: 1, text: "\t a  ä\tc " };
        let fields: Vec<_> = line.fields().map(|field| (field.start, field.text)).collect();
        assert_eq!(fields, [(2, "a"), (5, "ä"), (8, "c")]);
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        let line = Line { number: 7, text: "ä€ x" };
        let field = line.fields().nth(1).expect("a second field");
        let diagnostic = line.error(field.start, "bad".into());
        assert_eq!((diagnostic.line, diagnostic.column), (7, 4));
        assert_eq!(line.error(line.text.len(), "end".into()).column, 5);
        assert_eq!(line.error(0, "start".into()).column, 1);
    }

    #[test]
    fn comments_may_be_indented() {
        for (text, comment) in [("# a", true), (" \t// a", true), ("/a", false), ("a # b", false)] {
            assert_eq!(Line { number: 1, text }.is_comment(), comment, "{text:?}");
        }
    }

    #[test]
    fn confidence_needs_a_line() {
        assert_eq!(confidence([].into_iter()), Confidence::No);
        assert_eq!(confidence([false].into_iter()), Confidence::No);
        assert_eq!(confidence([false, true].into_iter()), Confidence::Maybe);
        assert_eq!(confidence([true, true].into_iter()), Confidence::Certain);
    }
}
