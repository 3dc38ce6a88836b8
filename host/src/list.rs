//! Reading an image list: the text, its format, its entries and diagnostics.

mod error;
mod format;
mod input;

pub use error::{ListError, line_hint};
pub use format::{Choice, choose, parse};
pub use input::{ListText, read_file, read_stdin};

use crate::plugin::contract::{Diagnostic, Entry};

/// Is an entry in the format of this name one line?
fn is_line_format(format: &str) -> bool {
    ["mirror", "default"].contains(&format)
}

/// The format of the failed list of a list in `format`: its own if an entry is one line, which is
/// repeated as it stood, else `mirror`.
pub fn failed_list_format(format: &str) -> &str {
    if is_line_format(format) { format } else { "mirror" }
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
}
