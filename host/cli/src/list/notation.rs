//! The notation of failed lists for what their format cannot hold: lines with control characters, and parts
//! of other lists that could not be read.
//!
//! A failed list is a text that people `cat`, so no byte of a foreign line may steer their terminal. A line
//! must also be repeated as it was, byte by byte, because a remark or a column of an unknown format may hold
//! anything. So such a line is written with escapes below a comment that says so, and is read back exactly.
//! A list counts as a failed list by its first line, so the escapes never change the meaning of other lists.

use std::io::Write as _;

use longshore_engine::list::{ListText, UNREADABLE};
use longshore_plugin_host::escape::is_unsafe;

/// The start of the first line of each failed list of longshore.
pub(crate) const MARK: &str = "# failed list of longshore;";

/// Stands in this line before the run whose list it is. To a shell, that is a comment.
pub(crate) const RUN: &str = " # run: ";
/// Stands in this line before the command.
pub(crate) const REPEAT: &str = " repeat the run with: ";

/// The comment above a line with escapes.
const ESCAPED: &str =
    "# longshore escaped the next line: \\xHH is a byte of it, and \\\\ is a backslash";

/// What a person can do about an unreadable part of a list.
pub(crate) const UNREADABLE_HINT: &str =
    "it could not be read from the list that it is in; correct it there, then remove this line";

/// Returns the command in the first line of a failed list of longshore.
pub(crate) fn command_of_failed_list(text: &ListText) -> Option<&str> {
    let first = text.text.lines().next()?.strip_prefix(MARK)?;
    first.split(RUN).next()?.strip_prefix(REPEAT)
}

/// Returns the format that a failed list of longshore names in the command of its first line.
pub(crate) fn format_of_failed_list(text: &ListText) -> Option<&str> {
    let command = command_of_failed_list(text)?;
    command.split_whitespace().rev().find_map(|word| word.strip_prefix("--list-format="))
}

/// Appends a line to a failed list.
pub(crate) fn push_line(list: &mut Vec<u8>, line: &[u8]) {
    if is_safe(line) {
        list.extend_from_slice(line);
    } else {
        list.extend_from_slice(ESCAPED.as_bytes());
        list.push(b'\n');
        push_escaped(list, line);
    }
    list.push(b'\n');
}

/// Says whether a terminal may get the line, and it cannot be mistaken for one with escapes.
fn is_safe(line: &[u8]) -> bool {
    line.utf8_chunks().all(|chunk| {
        // A tab cannot hide text, and separates columns.
        chunk.valid().chars().all(|character| character == '\t' || !is_unsafe(character))
            && !chunk.invalid().iter().any(|byte| steers(*byte))
    }) && line != ESCAPED.as_bytes()
}

/// Says whether a byte is a control character for a terminal that does not read UTF-8.
const fn steers(byte: u8) -> bool {
    matches!(byte, 0x80..=0x9f)
}

fn push_escaped(list: &mut Vec<u8>, line: &[u8]) {
    let push_hex = |list: &mut Vec<u8>, bytes: &[u8]| {
        for byte in bytes {
            // Writing into a vector cannot fail.
            let _ok = write!(list, "\\x{byte:02x}");
        }
    };
    for chunk in line.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            match character {
                '\\' => list.extend_from_slice(b"\\\\"),
                '\t' => list.push(b'\t'),
                character if is_unsafe(character) => push_hex(list, bytes),
                _ => list.extend_from_slice(bytes),
            }
        }
        for byte in chunk.invalid() {
            match byte {
                byte if steers(*byte) => push_hex(list, &[*byte]),
                byte => list.push(*byte),
            }
        }
    }
}

/// Makes the text of a list from its bytes. Of a failed list it reads the notation.
pub(crate) fn list_text(name: &str, bytes: Vec<u8>) -> ListText {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if !start.starts_with(MARK.as_bytes()) {
        return ListText::new(name, bytes);
    }
    let mut text = ListText::new(name, read_back(&bytes));
    text.hide_unreadable();
    text
}

/// Replaces lines with escapes by the lines that they stand for. Keeps the number of lines.
fn read_back(list: &[u8]) -> Vec<u8> {
    let mut read = Vec::with_capacity(list.len());
    let mut is_escaped = false;
    for (number, line) in list.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            read.push(b'\n');
        }
        if is_escaped {
            push_unescaped(&mut read, line);
        } else {
            read.extend_from_slice(line);
        }
        is_escaped = !is_escaped && line.trim_ascii() == ESCAPED.as_bytes();
    }
    read
}

fn push_unescaped(read: &mut Vec<u8>, mut line: &[u8]) {
    while let Some((first, rest)) = line.split_first() {
        let (byte, rest) = match (first, rest) {
            (b'\\', [b'\\', rest @ ..]) => (b'\\', rest),
            (b'\\', [b'x', high, low, rest @ ..]) => match hex(*high, *low) {
                // A line break would make two lines of one.
                Some(byte) if byte != b'\n' => (byte, rest),
                _ => (b'\\', &line[1..]),
            },
            (first, rest) => (*first, rest),
        };
        read.push(byte);
        line = rest;
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Says whether a line of a failed list can be repeated: it is neither a comment nor an unreadable part of
/// another list.
pub(crate) fn is_repeatable(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(UNREADABLE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{ESCAPED, MARK, is_repeatable, list_text, push_line};

    fn written(line: &[u8]) -> Vec<u8> {
        let mut list = format!("{MARK} …\n").into_bytes();
        push_line(&mut list, line);
        list
    }

    #[test]
    fn a_harmless_line_stands_as_it_is() {
        for line in ["a\tb 1", "a b 1 # größe → 日本 \\x1b \\\\", "team/app:1"] {
            let list = written(line.as_bytes());
            assert_eq!(list, format!("{MARK} …\n{line}\n").into_bytes());
            let read = list_text("l", list).lines().get(2).unwrap();
            assert_eq!(read, line.as_bytes());
        }
        let latin1 = b"team/\xe4pp team/a 1";
        assert!(written(latin1).ends_with(b"\nteam/\xe4pp team/a 1\n"), "it steers no terminal");
    }

    #[test]
    fn a_line_with_control_characters_is_read_back_byte_by_byte() {
        let lines: [&[u8]; 9] = [
            b"a b 1 # \x1b]0;owned\x07",
            b"a\rb\x0bc\x0c 1",
            "\u{85}\u{9b}31m\u{2028}\u{2029}".as_bytes(),
            "a \u{202e}b\u{2066} c\u{200f}\u{61c}".as_bytes(),
            b"\x7f\\x1b\\\\n\x00",
            b"a \x9b31m \xff b\xc3",
            b"\\\\\\\x01",
            ESCAPED.as_bytes(),
            "ü\t\u{1b}\\".as_bytes(),
        ];
        for line in lines {
            let list = written(line);
            let shown = String::from_utf8_lossy(&list);
            let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            assert!(!shown.contains(bad), "{shown:?}");
            assert!(!shown.contains(['\u{202e}', '\u{2028}', '\u{2066}']), "{shown:?}");
            let read = list_text("l", list.clone()).lines().get(3).unwrap();
            assert_eq!(read, line.trim_ascii(), "{shown}");
            let mut again = format!("{MARK} …\n").into_bytes();
            push_line(&mut again, &read);
            assert_eq!(list_text("l", again).lines().get(3).unwrap(), line.trim_ascii());
        }
    }

    #[test]
    fn only_a_failed_list_has_escapes() {
        let list = format!("# mine\n{ESCAPED}\na\\x41 b 1\n? x\n");
        let text = list_text("l", list.clone().into_bytes());
        assert_eq!(text.text, list);
        assert_eq!(text.unreadable(), [0; 0]);
    }

    #[test]
    fn broken_escapes_and_line_breaks_stay_escaped() {
        let list = format!("{MARK}\n{ESCAPED}\r\n\\x4\\xzz\\n\\x0a\\\r\na \\x41\n");
        let text = list_text("l", list.into_bytes());
        assert_eq!(text.lines().get(3).unwrap(), "\\x4\\xzz\\n\\x0a\\");
        assert_eq!(text.lines().get(4).unwrap(), "a \\x41", "the comment is for one line");
    }

    #[test]
    fn unreadable_parts_are_hidden_from_the_format_and_kept() {
        let list = format!("\u{feff}{MARK}\n? pods.yaml:6:12: a b c\na b 1\n");
        let text = list_text("l", list.into_bytes());
        assert_eq!(text.unreadable(), [2]);
        assert!(text.text.lines().nth(1).unwrap().starts_with('#'), "{}", text.text);
        assert_eq!(text.lines().get(2).unwrap(), "? pods.yaml:6:12: a b c");
    }

    #[test]
    fn comments_and_unreadable_parts_cannot_be_repeated() {
        assert!(is_repeatable(b"a b 1") && is_repeatable(b"?a b 1"));
        for line in [&b""[..], b"# a", b"  # a", b"? pods.yaml:6: a"] {
            assert!(!is_repeatable(line), "{}", line.escape_ascii());
        }
    }
}
