//! Making text of strangers fit to be shown: no control characters, nothing that reorders a line,
//! no more than a screen can bear.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The most bytes of a stranger's string that are shown.
pub const MAX_SHOWN: usize = 8 * 1024;

/// Escapes control and bidirectional characters as `\n`, `\t` or `\u{202e}`, so that a terminal
/// shows them instead of obeying them. Text without any comes back as it is.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_dangerous(character) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// The first [`MAX_SHOWN`] bytes of a text, escaped; `…` tells that it was cut.
#[must_use]
pub fn shown(text: &str) -> String {
    cut_and_escape(text, MAX_SHOWN)
}

/// The first `most` bytes of a text, escaped; `…` tells that it was cut.
pub(super) fn cut_and_escape(text: &str, most: usize) -> String {
    if text.len() <= most {
        return escape(text).into_owned();
    }
    let mut kept = escape(&text[..text.floor_char_boundary(most)]).into_owned();
    kept.push('…');
    kept
}

/// Whether a character would move the cursor, end the line or reorder what is around it.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{MAX_SHOWN, escape, shown};

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(escape("größe 1 → 2"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        assert_eq!(escape("a\n\u{1b}[2J\u{202e}b\u{9b}"), "a\\n\\u{1b}[2J\\u{202e}b\\u{9b}");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = "ü".repeat(MAX_SHOWN);
        let cut = shown(&text);
        assert_eq!(cut.len(), MAX_SHOWN + '…'.len_utf8());
        assert!(cut.ends_with("ü…"), "cut inside a character or not marked");
    }
}
