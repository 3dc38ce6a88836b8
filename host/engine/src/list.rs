//! An image list that was read: its text, its entries, and remarks on it.

mod entry;
mod format;
mod text;

use bytes::Bytes;

pub use entry::{Attribute, Diagnostic, Entry, Filter, Pinned, Selection, Severity};
pub use format::{Format, STANDARD_FORMAT};
pub use text::{Lines, ListText, Place, UNREADABLE};

/// A list that was read.
#[derive(Debug)]
pub struct List {
    /// The format, and what is true of it.
    pub format: Format,
    /// The text, for the lines that go into the failed list.
    pub text: ListText,
    /// What is to be mirrored.
    pub entries: Vec<Entry>,
    /// What a person should know of the input; an error is a line that became no entry.
    pub diagnostics: Vec<Diagnostic>,
}

impl List {
    /// Returns the terms of the comments `# longshore: KEY=VALUE …` above the malformed line with this
    /// number, so that they still apply when the line is corrected.
    pub fn terms_above(&self, lines: &Lines, number: u32) -> Option<String> {
        if !self.format.directives {
            return None;
        }
        let above = (1..number).rev().map_while(|number| lines.get(number));
        let is_comment = |line: &Bytes| line.starts_with(b"#") || line.starts_with(b"//");
        let comments = above.take_while(|line| line.is_empty() || is_comment(line));
        let terms = comments
            .filter_map(|line| Some(terms_of(std::str::from_utf8(&line).ok()?)?.to_owned()));
        let mut terms: Vec<String> = terms.collect();
        terms.reverse();
        (!terms.is_empty()).then(|| terms.join(" "))
    }
}

/// Returns the text after `# longshore:` in a comment.
pub fn terms_of(comment: &str) -> Option<&str> {
    let terms = comment.strip_prefix('#')?.trim_start().strip_prefix("longshore:")?.trim();
    (!terms.is_empty()).then_some(terms)
}
