//! The text of a list, and its lines.

use bytes::Bytes;

/// The start of a line of a failed list that names a part of another list, which could not be read. It
/// fails in every run until it is removed.
pub const UNREADABLE: &str = "? ";

/// A position in a text: line and column, both from 1.
pub type Place = (u32, u32);

/// The text of a list, and its name for messages.
#[derive(Debug)]
pub struct ListText {
    /// The file's name, or `-` for standard input.
    pub name: String,
    /// The text, without a byte-order mark. Bytes that are not UTF-8 are U+FFFD here.
    pub text: String,
    /// The number of its first line: 1, except for a part of a prompt session.
    pub first_line: u32,
    /// Whether others may not read the list: then they may not read what is copied from it either.
    pub is_private: bool,
    /// The lines that start with [`UNREADABLE`] in a failed list.
    unreadable: Vec<u32>,
    /// The original bytes, without a byte-order mark.
    bytes: Bytes,
    /// For each line that is not UTF-8, the first bad position; in order.
    broken: Vec<Place>,
}

impl ListText {
    /// Makes a list text from its name and bytes.
    pub fn new(name: &str, mut bytes: Vec<u8>) -> Self {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        let name = name.to_owned();
        let (text, bytes, broken) = match String::from_utf8(bytes) {
            Ok(text) => {
                let bytes = Bytes::copy_from_slice(text.as_bytes());
                (text, bytes, Vec::new())
            }
            Err(error) => {
                let bytes = Bytes::from(error.into_bytes());
                let broken = broken(&bytes);
                (String::from_utf8_lossy(&bytes).into_owned(), bytes, broken)
            }
        };
        let unreadable = Vec::new();
        Self { name, text, first_line: 1, is_private: false, unreadable, bytes, broken }
    }

    /// Makes comments of the lines that start with [`UNREADABLE`], for the format. The original lines
    /// stay.
    pub fn hide_unreadable(&mut self) {
        let mut shown = String::with_capacity(self.text.len() + 16);
        for (number, line) in (self.first_line..).zip(self.text.split_inclusive('\n')) {
            if line.starts_with(UNREADABLE) {
                self.unreadable.push(number);
                shown.push('#');
            }
            shown.push_str(line);
        }
        self.text = shown;
    }

    /// The lines of a failed list that name unreadable parts of another list, in order.
    pub fn unreadable(&self) -> &[u32] {
        &self.unreadable
    }

    /// The first bad position of each line that is not UTF-8, in order.
    pub fn broken(&self) -> &[Place] {
        &self.broken
    }

    /// The first 64 KiB at most, cut after a line, for format detection. In a longer text, empty lines and
    /// comments at its start do not count.
    pub fn head(&self) -> &str {
        self.head_of(64 * 1024)
    }

    /// Like [`Self::head`], with 4 MiB: for a text whose first words come late, such as a document in one
    /// line. `None` if that is no more than the head.
    pub fn long_head(&self) -> Option<&str> {
        let long = self.head_of(4 * 1024 * 1024);
        (long.len() > self.head().len()).then_some(long)
    }

    /// The first `most` bytes at most, cut after a line.
    pub fn start(&self, most: usize) -> &str {
        cut_after_line(&self.text, most)
    }

    fn head_of(&self, most: usize) -> &str {
        if self.text.len() <= most {
            return &self.text;
        }
        let comments = self.text.split_inclusive('\n').take_while(|line| says_nothing(line));
        cut_after_line(&self.text[comments.map(str::len).sum()..], most)
    }

    /// Whether each line is empty, or a comment in every format of lines.
    pub fn says_nothing(&self) -> bool {
        self.text.lines().all(says_nothing)
    }

    /// The start of a message about a line: `list.txt:3: `. It is empty for a list without a name, which was
    /// not read from a text.
    pub fn place_of(&self, line: u32) -> String {
        if self.name.is_empty() { String::new() } else { format!("{}:{line}: ", self.name) }
    }

    /// The original lines.
    pub fn lines(&self) -> Lines {
        let mut ends: Vec<usize> =
            (0..).zip(&*self.bytes).filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
        ends.push(self.bytes.len());
        Lines { bytes: self.bytes.clone(), ends, first: self.first_line }
    }
}

/// The lines of a list, which may not be UTF-8.
#[derive(Debug)]
pub struct Lines {
    bytes: Bytes,
    /// The end of each line, in bytes.
    ends: Vec<usize>,
    first: u32,
}

impl Lines {
    /// The line with this number, trimmed; it shares the list's memory.
    pub fn get(&self, number: u32) -> Option<Bytes> {
        let at = number.checked_sub(self.first)? as usize;
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        Some(self.bytes.slice_ref(self.bytes[start..end].trim_ascii()))
    }
}

/// Returns the first `most` bytes of a text at most, cut after a line.
fn cut_after_line(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let whole_lines = text.as_bytes()[..most].iter().rposition(|&byte| byte == b'\n');
    // A newline byte is never inside a character; a first line that is too long is cut between
    // characters.
    let end = whole_lines.map_or_else(|| text.floor_char_boundary(most), |at| at + 1);
    &text[..end]
}

/// Whether a line is empty, or a comment in every format of lines.
fn says_nothing(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#') || line.starts_with("//")
}

/// Finds the first bad position of each line that is not UTF-8.
fn broken(bytes: &[u8]) -> Vec<Place> {
    let line = |(number, line): (u32, &[u8])| {
        let valid = std::str::from_utf8(line).err()?.valid_up_to();
        let column = String::from_utf8_lossy(&line[..valid]).chars().count() + 1;
        Some((number, u32::try_from(column).unwrap_or(u32::MAX)))
    };
    (1..).zip(bytes.split(|byte| *byte == b'\n')).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::ListText;

    #[test]
    fn the_byte_order_mark_goes_and_bad_bytes_are_placed() {
        let text = ListText::new("l", b"\xef\xbb\xbfa\n".to_vec());
        assert_eq!((&*text.text, text.broken()), ("a\n", &[][..]));
        let text = ListText::new("l", "a\nä \u{1}".bytes().chain(*b"\xffb\xff\n\xff").collect());
        assert_eq!(text.text, "a\nä \u{1}\u{fffd}b\u{fffd}\n\u{fffd}");
        assert_eq!(text.broken(), [(2, 4), (3, 1)]);
    }

    #[test]
    fn lines_are_kept_as_they_were_read() {
        let mut text = ListText::new("l", b"a b\r\n\n \xff\t\nend".to_vec());
        let lines = |text: &ListText| -> Vec<_> {
            let lines = text.lines();
            (0..7).map(|number| lines.get(number).map(|line| line.to_vec())).collect()
        };
        let expected = [&b"a b"[..], b"", b"\xff", b"end"].map(|line| Some(line.to_vec()));
        assert_eq!(lines(&text)[1..5], expected);
        assert_eq!((&lines(&text)[0], &lines(&text)[5]), (&None, &None));
        text.first_line = 3;
        assert_eq!(lines(&text)[3..], expected);
        assert_eq!(lines(&text)[2], None);
    }

    #[test]
    fn the_head_ends_with_a_line() {
        let text = ListText::new("l", "0123456789\n".repeat(10_000).into_bytes());
        assert!(text.head().len() <= 65_536 && text.head().ends_with('\n'));
        let long = ListText::new("l", "ä".repeat(65_536).into_bytes());
        assert_eq!(long.head().len(), 65_536);
        assert_eq!(long.long_head().map(str::len), Some(131_072));
        assert_eq!(ListText::new("l", b"a\n".to_vec()).long_head(), None);
        let comments = format!("#{}\n\n", "x".repeat(70_000));
        for (text, head) in [
            (format!("{comments}kind: Pod\n"), "kind: Pod\n"),
            (format!("{comments}{comments}// a\nb\n# c\n"), "b\n# c\n"),
            (comments.clone(), ""),
            ("# a\nb\n".to_owned(), "# a\nb\n"),
        ] {
            assert_eq!(ListText::new("l", text.into_bytes()).head(), head);
        }
    }
}
