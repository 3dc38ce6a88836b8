//! Makes text from elsewhere (lists, registries, plugins) safe to show on a terminal and in a log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What a continuation line of a log record is moved in by.
const INDENT: &str = "    ";

/// Shows `text` on one line: control characters and line breaks become escapes, and so do the
/// characters that turn the direction of writing around (Unicode TR 36, "Bidirectional Text
/// Spoofing").
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push(&mut shown, character);
    }
    Cow::Owned(shown)
}

/// The same for text of several lines, whose line breaks stay.
///
/// A line that starts with neither white space nor a bracket is moved in, so that no text can
/// forge a log record of its own.
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(needs_escape) {
        return Cow::Borrowed(text);
    }
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut shown = String::with_capacity(text.len() + 16);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            shown.push('\n');
            if !line.starts_with([' ', '\t', '[', ']', '{', '}']) {
                shown.push_str(INDENT);
            }
        }
        for character in line.strip_suffix('\r').unwrap_or(line).chars() {
            // A tab moves in what it begins; it can hide nothing.
            if character == '\t' {
                shown.push(character);
            } else {
                push(&mut shown, character);
            }
        }
    }
    Cow::Owned(shown)
}

/// Is it a control character, a separator of lines, or one that changes the direction of writing?
pub(super) const fn needs_escape(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

fn push(shown: &mut String, character: char) {
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        other if needs_escape(other) => {
            // Writing into a string cannot fail.
            let _ok = write!(shown, "\\u{{{:x}}}", u32::from(other));
        }
        other => shown.push(other),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{escape, escape_lines};

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escape("größer → 日本 \\n"), Cow::Borrowed(_)));
        assert!(matches!(escape_lines("größer → 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_reaches_the_terminal_that_steers_it() {
        assert_eq!(escape("a\u{1b}[2Jb\u{9b}c\u{7f}"), "a\\u{1b}[2Jb\\u{9b}c\\u{7f}");
        assert_eq!(escape("x\r\ny\t\0"), "x\\r\\ny\\t\\u{0}");
        assert_eq!(escape("a\u{202e}b\u{2066}c\u{200f}"), "a\\u{202e}b\\u{2066}c\\u{200f}");
    }

    #[test]
    fn line_breaks_stay_but_forge_no_record() {
        assert_eq!(escape_lines("spec: [\n  {}\n]\n"), "spec: [\n  {}\n]");
        assert_eq!(
            escape_lines("denied\r\n11:22:33 [INFO] all is well\u{1b}"),
            "denied\n    11:22:33 [INFO] all is well\\u{1b}",
        );
    }
}
