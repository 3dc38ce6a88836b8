//! Escapes and cuts untrusted text for display. The command line escapes with it too.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The maximum size of the shown part of an untrusted string, in bytes.
pub const MAX_SHOWN: usize = 8 * 1024;

/// Escapes control and bidirectional characters as `\n`, `\t` or `\u{202e}`, so that a terminal
/// shows them and does not act on them. Returns text without such characters unchanged.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !is_unsafe_text(text) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Returns the first [`MAX_SHOWN`] bytes of a text, escaped. `…` marks a cut.
#[must_use]
pub fn shown(text: &str) -> String {
    cut_and_escape(text, MAX_SHOWN)
}

/// Returns the first `most` bytes of a text, escaped. `…` marks a cut.
pub(crate) fn cut_and_escape(text: &str, most: usize) -> String {
    if text.len() <= most {
        return escape(text).into_owned();
    }
    let mut kept = escape(&text[..text.floor_char_boundary(most)]).into_owned();
    kept.push('…');
    kept
}

/// Returns whether a character moves the cursor, ends the line or reorders the text around it: the
/// controls of C0 and C1, DEL, the separators of lines and paragraphs, and the bidirectional controls
/// (Unicode TR 36, "Bidirectional Text Spoofing").
#[must_use]
pub const fn is_unsafe(character: char) -> bool {
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

/// Returns whether [`escape`] changes a text.
#[must_use]
pub fn is_unsafe_text(text: &str) -> bool {
    // Most of a text is printable ASCII, which is passed over without decoding.
    let is_odd = |byte: &u8| !(b' '..=b'~').contains(byte);
    let mut rest = text;
    while let Some(at) = rest.as_bytes().iter().position(is_odd) {
        let mut from_there = rest[at..].chars();
        if from_there.next().is_some_and(is_unsafe) {
            return true;
        }
        rest = from_there.as_str();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{MAX_SHOWN, escape, is_unsafe_text, shown};

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(escape("größe 1 → 2"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_unsafe_character_is_found_wherever_it_stands() {
        for text in ["", "a", "größe 1 → 2", "→→", "é", "a\u{2192}b\u{2197}", "\u{10ffff}"]
        {
            assert!(!is_unsafe_text(text), "{text:?}");
            for odd in ['\0', '\n', '\u{7f}', '\u{85}', '\u{61c}', '\u{200e}', '\u{2066}'] {
                assert!(is_unsafe_text(&format!("{text}{odd}")), "{text:?} {odd:?}");
                assert!(is_unsafe_text(&format!("{odd}{text}")), "{odd:?} {text:?}");
                assert!(is_unsafe_text(&format!("→{odd}{text}ü")), "{odd:?} {text:?}");
            }
        }
    }

    #[test]
    fn control_and_bidirectional_characters_are_escaped() {
        assert_eq!(escape("a\n\u{1b}[2J\u{202e}b\u{9b}"), "a\\n\\u{1b}[2J\\u{202e}b\\u{9b}");
        assert_eq!(escape("x\r\ny\t\0\u{7f}"), "x\\r\\ny\\t\\u{0}\\u{7f}");
        assert_eq!(escape("a\u{85}b\u{2028}c\u{2066}"), "a\\u{85}b\\u{2028}c\\u{2066}");
        assert_eq!(escape("a\u{61c}b\u{200f}"), "a\\u{61c}b\\u{200f}");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = "ü".repeat(MAX_SHOWN);
        let cut = shown(&text);
        assert_eq!(cut.len(), MAX_SHOWN + '…'.len_utf8());
        assert!(cut.ends_with("ü…"), "cut inside a character or not marked");
    }
}
