//! Escapes untrusted text (of lists, registries and plugins) for terminals and logs.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The indent of continuation lines in a log record.
const INDENT: &str = "    ";

/// Escapes `text` to one line: control characters, line breaks, and characters that change the direction
/// of writing (Unicode TR 36, "Bidirectional Text Spoofing").
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

/// Escapes text of several lines, and keeps its line breaks.
///
/// Indents each line that starts with neither white space nor a bracket, so that no text can forge a log
/// record.
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
            // A tab cannot hide text.
            if character == '\t' {
                shown.push(character);
            } else {
                push(&mut shown, character);
            }
        }
    }
    Cow::Owned(shown)
}

/// Says whether a character is a control character, separates lines, or changes the direction of writing.
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
    fn control_characters_do_not_reach_the_terminal() {
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
