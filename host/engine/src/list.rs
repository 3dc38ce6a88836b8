//! An image list that was read: its text, its entries, and remarks on it.

mod entry;
mod text;

use bytes::Bytes;

pub use entry::{Attribute, Diagnostic, Entry, Filter, Pinned, Selection, Severity};
pub use text::{Lines, ListText, Place};

/// The format whose comments may say of an entry what three columns cannot.
pub const MIRROR_FORMAT: &str = "mirror";

/// Is an entry in the format of this name one line?
pub fn is_line_format(format: &str) -> bool {
    [MIRROR_FORMAT, "default"].contains(&format)
}

/// The format of the failed list of a list in `format`: its own if an entry is one line, which is
/// repeated as it stood, else `mirror`.
pub fn failed_list_format(format: &str) -> &str {
    if is_line_format(format) { format } else { MIRROR_FORMAT }
}

/// A list that was read.
#[derive(Debug)]
pub struct List {
    /// The format's name.
    pub format: String,
    /// The text, for the lines that go into the failed list.
    pub text: ListText,
    /// What is to be mirrored.
    pub entries: Vec<Entry>,
    /// What a person should know of the input; an error is a line that became no entry.
    pub diagnostics: Vec<Diagnostic>,
}

impl List {
    /// Is an entry of this list one line, which the failed list repeats as it stood?
    pub fn is_line_format(&self) -> bool {
        is_line_format(&self.format)
    }

    /// What comments `# longshore: KEY=VALUE …` say of the malformed line with this number, so that it
    /// is still said when the line is mended.
    pub fn terms_above(&self, lines: &Lines, number: u32) -> Option<String> {
        if self.format != MIRROR_FORMAT {
            return None;
        }
        let above = (1..number).rev().map_while(|number| lines.get(number));
        let is_comment = |line: &Bytes| line.starts_with(b"#") || line.starts_with(b"//");
        let comments = above.take_while(|line| line.is_empty() || is_comment(line));
        let terms = comments.filter_map(|line| terms_of(std::str::from_utf8(&line).ok()?));
        let mut terms: Vec<String> = terms.collect();
        terms.reverse();
        (!terms.is_empty()).then(|| terms.join(" "))
    }
}

/// What stands behind `# longshore:`.
fn terms_of(comment: &str) -> Option<String> {
    let terms = comment.strip_prefix('#')?.trim_start().strip_prefix("longshore:")?.trim();
    (!terms.is_empty()).then(|| terms.to_owned())
}

/// What a line of `format` is, for who wrote another one.
pub fn line_hint(format: &str) -> Option<&'static str> {
    match format {
        "mirror" => Some("a line is \"SOURCE DESTINATION TAG\"; # and // start comments"),
        "default" => Some("a line is one reference, such as registry.example.com/team/app:1.0"),
        _ => None,
    }
}
