//! Reading an image list: the text, its format, its entries and diagnostics.

mod error;
mod format;
mod input;

pub use error::{ListError, line_hint};
pub use format::{Choice, choose, parse};
pub use input::{Lines, ListText, read_file, read_stdin};

use bytes::Bytes;

use crate::plugin::contract::{Diagnostic, Entry};

/// The format whose comments may say of an entry what three columns cannot.
pub const MIRROR_FORMAT: &str = "mirror";

/// Is an entry in the format of this name one line?
fn is_line_format(format: &str) -> bool {
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
