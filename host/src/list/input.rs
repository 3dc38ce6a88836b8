//! The text of a list: from a file, or from standard input.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::ListError;

/// The largest list that is read, in bytes: what a plugin can be given.
const LIMIT: u64 = 64 * 1024 * 1024;

/// A list's text and the name under which it is spoken of.
#[derive(Clone, Debug)]
pub struct ListText {
    /// The file's name, or `-` for standard input.
    pub name: String,
    /// The text, without a byte-order mark.
    pub text: Arc<str>,
}

impl ListText {
    /// A text from somewhere.
    ///
    /// # Errors
    /// Where it is no UTF-8.
    pub fn new(name: &str, mut bytes: Vec<u8>) -> Result<Self, ListError> {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid].iter().filter(|&&byte| byte == b'\n').count() + 1;
            ListError::NotText { name: name.to_owned(), line }
        })?;
        Ok(Self { name: name.to_owned(), text: text.into() })
    }

    /// The first 64 KiB at most, cut after a line, for probes.
    pub fn head(&self) -> &str {
        const HEAD: usize = 64 * 1024;
        if self.text.len() <= HEAD {
            return &self.text;
        }
        let whole_lines = self.text.as_bytes()[..HEAD].iter().rposition(|&byte| byte == b'\n');
        // A newline is never inside a character; a first line that is longer is cut at one.
        let end = whole_lines.map_or_else(|| self.text.floor_char_boundary(HEAD), |at| at + 1);
        &self.text[..end]
    }

    /// The lines, from line 1 on, without their ends.
    pub fn lines(&self) -> Vec<&str> {
        self.text.lines().collect()
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// Where it is no readable text file.
pub fn read_file(path: &Path) -> Result<ListText, ListError> {
    let unreadable = |error| ListError::Read { path: path.to_owned(), error };
    if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Err(ListError::Folder(path.to_owned()));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    read(path, file)
}

/// Reads standard input to its end.
///
/// # Errors
/// Where it cannot be read or is no text.
pub fn read_stdin() -> Result<ListText, ListError> {
    read(Path::new("-"), std::io::stdin().lock())
}

fn read(path: &Path, from: impl Read) -> Result<ListText, ListError> {
    let mut bytes = Vec::new();
    from.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ListError::Read { path: path.to_owned(), error })?;
    if bytes.len() as u64 > LIMIT {
        return Err(ListError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    ListText::new(&path.display().to_string(), bytes)
}

#[cfg(test)]
mod tests {
    use super::ListText;
    use crate::list::ListError;

    #[test]
    fn the_byte_order_mark_goes_and_bad_bytes_are_placed() {
        assert_eq!(&*ListText::new("l", b"\xef\xbb\xbfa\n".to_vec()).unwrap().text, "a\n");
        let error = ListText::new("l", b"a\nb\n\xff".to_vec()).unwrap_err();
        assert!(matches!(error, ListError::NotText { line: 3, .. }), "{error}");
    }

    #[test]
    fn the_head_ends_with_a_line() {
        let text = ListText::new("l", "0123456789\n".repeat(10_000).into_bytes()).unwrap();
        assert!(text.head().len() <= 65_536 && text.head().ends_with('\n'));
        let long = ListText::new("l", "ä".repeat(65_536).into_bytes()).unwrap();
        assert_eq!(long.head().len(), 65_536);
    }
}
